//! Whose key may change a new fleet: finds the author's name and SSH key where Git and OpenSSH keep them.
#![expect(clippy::disallowed_methods, reason = "reads the author's public key")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use holdfast_trust::PublicKey;

use crate::{
    Context,
    arguments::trust,
    failure::{Code, Failure},
    stock_git::StockGit,
};

/// Somebody who signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Author {
    /// The name in the list of signers.
    pub(crate) person: String,
    /// The public key.
    pub(crate) key: PublicKey,
    /// What Git is told to sign with: the key's file or, without one, the key itself.
    pub(crate) signing_key: String,
}

/// A public key and what Git is told to sign with.
type Found = (PublicKey, String);

/// The author that the arguments name, or the one that Git and OpenSSH know.
pub(crate) fn find(arguments: &trust::Author, git: &StockGit, context: &Context) -> Result<Author, Failure> {
    let (key, signing_key) = self::key(arguments.key.as_deref(), git, context)?;
    let person = arguments.person.clone().or_else(|| git.config("user.email")).ok_or_else(|| {
        Failure::new(Code::Person, "cannot find out who you are")
            .because("Git has no user.email and --person is not given")
    })?;
    check_person(&person)?;
    Ok(Author { person, key, signing_key })
}

/// Checks that a name can stand in the list of signers.
pub(crate) fn check_person(person: &str) -> Result<(), Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-@".contains(&byte);
    if person.is_empty() || person.len() > 100 || !person.bytes().all(plain) {
        return Err(Failure::new(Code::Person, format!("{person:?} cannot be a signer's name")).remedy_is(
            "Give another name with --person: letters, digits, '.', '_', '+', '-' and '@', no spaces.",
        ));
    }
    Ok(())
}

/// The key to sign with: that of the file, or the one that Git and OpenSSH know; and what Git is told to sign with.
pub(crate) fn key(
    file: Option<&Path>,
    git: &StockGit,
    context: &Context,
) -> Result<(PublicKey, String), Failure> {
    match file {
        Some(path) => from_file(&context.directory.join(path)),
        None => known(git, context.home.as_deref()),
    }
}

/// Somebody's public key in a file.
pub(crate) fn public_key(path: &Path) -> Result<PublicKey, Failure> {
    from_file(path).map(|(key, _)| key)
}

/// The key that Git signs with, or else OpenSSH's usual one.
fn known(git: &StockGit, home: Option<&Path>) -> Result<Found, Failure> {
    if git.config("gpg.format").as_deref() == Some("ssh")
        && let Some(key) = git.config("user.signingKey")
    {
        // Git takes the key itself as well as a file that holds it.
        let literal = key.strip_prefix("key::").unwrap_or(&key);
        if literal.starts_with("ssh-") || literal.starts_with("sk-ssh-") {
            return parse(literal, "Git's user.signingKey").map(|public| (public, format!("key::{literal}")));
        }
        return from_file(Path::new(&git.config_path("user.signingKey").unwrap_or(key)));
    }
    let usual = ["id_ed25519_sk.pub", "id_ed25519.pub"];
    let mut usual = usual.iter().filter_map(|name| Some(home?.join(".ssh").join(name)));
    match usual.find(|path| path.is_file()) {
        Some(path) => from_file(&path),
        None => Err(Failure::new(Code::Key, "cannot find an SSH key to sign with")),
    }
}

/// The public key at `path`, or beside the private key there.
fn from_file(path: &Path) -> Result<Found, Failure> {
    let beside = PathBuf::from(format!("{}.pub", path.display()));
    let public = if beside.is_file() { &beside } else { path };
    let text = fs::read_to_string(public).map_err(|why| Failure::read(public, why))?;
    if text.starts_with("-----BEGIN") {
        return Err(Failure::new(Code::Key, format!("{} is a private key", public.display())).remedy_is(
            format!("Make its public half with `ssh-keygen -y -f {0} > {0}.pub`.", public.display()),
        ));
    }
    Ok((parse(&text, &public.display().to_string())?, public.display().to_string()))
}

fn parse(text: &str, from: &str) -> Result<PublicKey, Failure> {
    let line = text.lines().next().unwrap_or_default();
    line.parse().map_err(|why: holdfast_trust::key::KeyError| {
        Failure::new(Code::Key, format!("cannot take the key from {from}")).because(why)
    })
}

#[cfg(test)]
mod tests;
