//! What is inside a secret's file: the secret, and in front of it what it is called and where it may go.
//!
//! Whoever may change a role can name any secret of the host in it. Where a secret may end up is therefore not theirs to say:
//! it was sealed in by whoever encrypted it, and a host puts it nowhere else.

use std::fmt::{self, Write as _};

use holdfast_schema::{FileMode, ResourceId, Sha256, id::SecretName, spec::Access};
use zeroize::Zeroizing;

use crate::{Secret, keyed_digest};

#[cfg(test)]
mod tests;

/// The first line, and the version of all that follows.
const FIRST: &str = "secret 1";
/// The line before the secret itself.
const LAST: &str = "---";
/// No envelope is longer, in bytes.
const LONGEST: usize = 16 << 10;

/// Where a secret may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Its name: a file that was put under another name is refused.
    pub name: SecretName,
    /// The resources that may hold it: `file:/etc/nginx/tls/key.pem`.
    pub destinations: Vec<String>,
    /// Who may own a file that holds it, as `user:group`.
    pub owner: String,
    /// The widest permissions that a file may have that holds it.
    pub greatest_mode: FileMode,
    /// How often it was given new content.
    pub generation: u32,
    /// Random: lets those who can read the secret, and nobody else, agree on a digest of it.
    pub salt: Salt,
}

/// What a secret's shared digest is keyed with. It is not told: with it a weak secret could be guessed from its digest.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt([u8; 32]);

impl Salt {
    /// A salt that nobody has yet.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt)?;
        Ok(Self(salt))
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

/// Why a secret may not be used so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// What was encrypted has no envelope.
    #[error("what is encrypted in it is no secret of Holdfast's")]
    Malformed,
    /// The file was copied or renamed.
    #[error("it was encrypted under the name {found}")]
    OtherName {
        /// The name inside.
        found: SecretName,
    },
    /// It may go elsewhere only.
    #[error("it may not go to {wanted}, only to {allowed}")]
    Destination {
        /// Where it should go.
        wanted: ResourceId,
        /// Where it may go.
        allowed: String,
    },
    /// Others would own it.
    #[error("the file would belong to {wanted}, and it may only belong to {allowed}")]
    Owner {
        /// Who would own it.
        wanted: String,
        /// Who may.
        allowed: String,
    },
    /// Too many could read it.
    #[error("the file would have mode {wanted}, and it may have {allowed} at most")]
    Mode {
        /// What it would have.
        wanted: FileMode,
        /// What it may have.
        allowed: FileMode,
    },
}

impl Envelope {
    /// The envelope with a secret in it, to be encrypted.
    pub fn enclose(&self, secret: &Secret) -> Zeroizing<Vec<u8>> {
        let mut text = format!("{FIRST}\nname {}\n", self.name);
        for destination in &self.destinations {
            let _infallible = writeln!(text, "dest {destination}");
        }
        let salt = Sha256::from_bytes(self.salt.0);
        let _infallible = write!(
            text,
            "owner {}\nmode-max {}\ngen {}\nsalt {salt}\n{LAST}\n",
            self.owner, self.greatest_mode, self.generation
        );
        let mut enclosed = Zeroizing::new(Vec::with_capacity(text.len() + secret.expose().len()));
        enclosed.extend_from_slice(text.as_bytes());
        enclosed.extend_from_slice(secret.expose());
        enclosed
    }

    /// Takes what was decrypted apart.
    pub fn disclose(decrypted: &Secret) -> Result<(Self, Secret), EnvelopeError> {
        let bytes = decrypted.expose();
        let mark = format!("\n{LAST}\n");
        let length = bytes
            .windows(mark.len())
            .take(LONGEST)
            .position(|window| window == mark.as_bytes())
            .ok_or(EnvelopeError::Malformed)?;
        let (text, rest) = bytes.split_at_checked(length).ok_or(EnvelopeError::Malformed)?;
        let secret = rest.strip_prefix(mark.as_bytes()).ok_or(EnvelopeError::Malformed)?;
        let envelope = str::from_utf8(text).ok().and_then(Self::parse).ok_or(EnvelopeError::Malformed)?;
        Ok((envelope, Secret::new(secret.to_vec())))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split('\n').peekable();
        if lines.next()? != FIRST {
            return None;
        }
        let name = lines.next()?.strip_prefix("name ")?.parse().ok()?;
        let mut destinations = Vec::new();
        while let Some(destination) = lines.peek()?.strip_prefix("dest ") {
            destinations.push(destination.to_owned());
            lines.next();
        }
        let owner = lines.next()?.strip_prefix("owner ")?.to_owned();
        let greatest_mode = lines.next()?.strip_prefix("mode-max ")?.parse().ok()?;
        let generation = lines.next()?.strip_prefix("gen ")?.parse().ok()?;
        let salt: Sha256 = lines.next()?.strip_prefix("salt ")?.parse().ok()?;
        let whole = lines.next().is_none() && !destinations.is_empty();
        let salt = Salt(*salt.as_bytes());
        whole.then_some(Self { name, destinations, owner, greatest_mode, generation, salt })
    }

    /// Whether this is the secret of that name.
    pub fn check_name(&self, name: &SecretName) -> Result<(), EnvelopeError> {
        if self.name == *name { Ok(()) } else { Err(EnvelopeError::OtherName { found: self.name.clone() }) }
    }

    /// Whether a resource may hold it.
    pub fn check_destination(&self, wanted: &ResourceId) -> Result<(), EnvelopeError> {
        if self.destinations.contains(&wanted.to_string()) {
            return Ok(());
        }
        let allowed = self.destinations.join(", ");
        Err(EnvelopeError::Destination { wanted: wanted.clone(), allowed })
    }

    /// Whether a file that holds it may belong to these and have this mode.
    pub fn check_access(&self, access: &Access) -> Result<(), EnvelopeError> {
        let owner = format!("{}:{}", access.owner, access.group);
        if owner != self.owner {
            return Err(EnvelopeError::Owner { wanted: owner, allowed: self.owner.clone() });
        }
        let (wanted, allowed) = (access.mode, self.greatest_mode);
        if wanted.bits() & !allowed.bits() == 0 {
            Ok(())
        } else {
            Err(EnvelopeError::Mode { wanted, allowed })
        }
    }

    /// A digest on which all who can read the secret agree, and of which others learn nothing.
    pub fn shared_digest(&self, secret: &Secret) -> Sha256 {
        keyed_digest(&self.salt.0, secret.expose())
    }
}
