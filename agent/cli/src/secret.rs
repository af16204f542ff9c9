//! `holdfast secret`: what an author does to secrets. Hosts decrypt by themselves.

pub(crate) mod check;
pub(crate) mod edit;
pub(crate) mod encrypt;
mod fleet;
mod index;
mod input;
pub(crate) mod recovery;
pub(crate) mod rekey;

use holdfast_secrets::{Envelope, EnvelopeError, OpenError};

use crate::{
    arguments::secret::Terms,
    failure::{Code, Failure},
};

/// What this command asks of its arguments.
fn wrong(message: impl Into<String>, remedy: &str) -> Failure {
    Failure::new(Code::Arguments, message).remedy_is(remedy)
}

/// A secret that cannot be read.
fn unreadable(name: &impl std::fmt::Display, why: OpenError) -> Failure {
    let remedy = match why {
        OpenError::NotForUs => "name the private half of a key that secrets/index.toml lists as `recovery`",
        _ => "put back what Git had, or encrypt it anew",
    };
    Failure::coded("E_SECRET", format!("cannot decrypt the secret {name}"), Some(remedy)).because(why)
}

/// A secret whose envelope is not what it should be.
fn misplaced(name: &impl std::fmt::Display, why: EnvelopeError) -> Failure {
    let remedy = "put back what Git had, or encrypt it anew";
    Failure::coded("E_SECRET", format!("cannot use the secret {name}"), Some(remedy)).because(why)
}

/// Takes over what the arguments say of where a secret may go. Whether they say anything.
fn apply(terms: &Terms, envelope: &mut Envelope) -> Result<bool, Failure> {
    let files = terms.file.iter().map(|path| format!("file:{path}"));
    let destinations: Vec<String> = files.chain(terms.destination.iter().map(ToString::to_string)).collect();
    let before = envelope.clone();
    if !destinations.is_empty() {
        envelope.destinations = destinations;
    }
    if let Some(owner) = &terms.owner {
        let parts: Vec<&str> = owner.split(':').collect();
        let plain =
            |part: &&str| !part.is_empty() && !part.chars().any(|c| c.is_control() || c.is_whitespace());
        if parts.len() != 2 || !parts.iter().all(plain) {
            return Err(wrong(format!("{owner:?} is no owner"), "write USER:GROUP, as in root:www-data"));
        }
        envelope.owner.clone_from(owner);
    }
    if let Some(mode) = terms.mode {
        envelope.greatest_mode = mode;
    }
    if envelope.destinations.is_empty() {
        return Err(wrong("nothing says where the secret may go", "name a file with --file PATH"));
    }
    Ok(*envelope != before)
}
