//! Signed commits by a host: its status, and a first fleet repository to try; and signed tags.
//!
//! The 32 random bytes of a new key come from the caller; nothing here is random.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use zeroize::Zeroizing;

use crate::{
    Fingerprint, Object, ObjectId, ObjectKind, PublicKey,
    armour::{self, ArmourError},
    commit::{Commit, CommitError},
    identity::Identity,
    key::shown,
    payload::Payload,
    sshsig,
    tag::{Tag, TagError},
    wire::{self, Wire},
};

#[cfg(test)]
mod tests;

const LABEL: &str = "OPENSSH PRIVATE KEY";
const MAGIC: &[u8] = b"openssh-key-v1\0";
const ED25519: &[u8] = b"ssh-ed25519";
/// What the secret part of an unencrypted key file is padded to.
const BLOCK: usize = 8;

/// An ed25519 key with its secret half. It is wiped from memory when dropped, and never printed.
pub struct SecretKey {
    key: SigningKey,
    public: PublicKey,
}

/// Why a private key file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretKeyError {
    /// The text around it is not right.
    #[error("this is no OpenSSH private key file: {0}")]
    Armour(ArmourError),
    /// It needs a passphrase.
    #[error("the private key is encrypted with a passphrase, which nobody could type on a host")]
    Encrypted,
    /// It is of another type.
    #[error("the private key is of type {0:?}, not ssh-ed25519")]
    Type(String),
    /// Its bytes are not laid out as they should be.
    #[error("the private key file is damaged")]
    Damaged,
}

impl SecretKeyError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        "E_KEY_FILE"
    }
}

impl SecretKey {
    /// The key with this secret, which must be random.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let public = PublicKey::Ed25519(key.verifying_key());
        Self { key, public }
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The public half's fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        self.public.fingerprint()
    }

    /// Reads a private key file without a passphrase, as `ssh-keygen -t ed25519 -N ''` writes it.
    pub fn parse(text: &[u8]) -> Result<Self, SecretKeyError> {
        let bytes = Zeroizing::new(armour::parse(text, LABEL).map_err(SecretKeyError::Armour)?);
        let mut wire = Wire(bytes.strip_prefix(MAGIC).ok_or(SecretKeyError::Damaged)?);
        let (cipher, derivation) = (wire.string(), wire.string());
        if cipher.is_some_and(|cipher| cipher != b"none") || derivation.is_some_and(|name| name != b"none") {
            return Err(SecretKeyError::Encrypted);
        }
        let key = Self::parse_plain(wire)?.ok_or(SecretKeyError::Damaged)?;
        Ok(key)
    }

    /// Reads what follows the names of cipher and key derivation.
    fn parse_plain(mut wire: Wire<'_>) -> Result<Option<Self>, SecretKeyError> {
        let fields = (|| Some((wire.string()?, wire.number()?, wire.string()?, wire.string()?)))();
        let Some((b"", 1, public, secret)) = fields else { return Ok(None) };
        if wire.end().is_none() || !secret.len().is_multiple_of(BLOCK) {
            return Ok(None);
        }
        let mut wire = Wire(secret);
        let (one, two) = (wire.number(), wire.number());
        let Some(kind) = wire.string() else { return Ok(None) };
        if kind != ED25519 {
            return Err(SecretKeyError::Type(shown(kind)));
        }
        let fields = (|| Some((wire.array::<32>()?, wire.array::<64>()?, wire.string()?)))();
        let Some((point, pair, _comment)) = fields else { return Ok(None) };
        let padded = wire.0.len() < BLOCK && wire.0.iter().zip(1..).all(|(byte, want)| *byte == want);
        let key = SigningKey::from_keypair_bytes(pair).ok().map(|key| Self::from_seed(key.as_bytes()));
        Ok(key.filter(|key| {
            one == two
                && padded
                && key.key.verifying_key().as_bytes() == point
                && key.public.to_wire() == public
        }))
    }

    /// Writes a private key file, as `ssh-keygen` would. Whoever stores it must let nobody else read it.
    pub fn print(&self, comment: &str) -> Zeroizing<String> {
        let pair = Zeroizing::new(self.key.to_keypair_bytes());
        let mut secret = Zeroizing::new(Vec::with_capacity(256));
        // ssh-keygen puts a random number here twice, to tell a wrong passphrase. There is none.
        secret.extend_from_slice(b"holdhold");
        wire::put(&mut secret, ED25519);
        wire::put(&mut secret, self.key.verifying_key().as_bytes());
        wire::put(&mut secret, &*pair);
        wire::put(&mut secret, comment.as_bytes());
        let padding = secret.len().next_multiple_of(BLOCK).saturating_sub(secret.len());
        secret.extend((1..).take(padding));
        let mut bytes = Zeroizing::new(MAGIC.to_vec());
        bytes.reserve(secret.len().saturating_add(128));
        wire::put(&mut bytes, b"none");
        wire::put(&mut bytes, b"none");
        wire::put(&mut bytes, b"");
        bytes.extend_from_slice(&1_u32.to_be_bytes());
        wire::put(&mut bytes, &self.public.to_wire());
        wire::put(&mut bytes, &secret);
        Zeroizing::new(armour::print(&bytes, LABEL))
    }

    /// Signs bytes in Git's namespace and returns the armoured signature.
    pub(crate) fn sign(&self, payload: &Payload<'_>) -> String {
        sshsig::make(&self.public, payload, |bytes| self.key.sign(bytes))
    }

    /// A bare ed25519 signature, to build signatures that nobody should make.
    #[cfg(test)]
    pub(crate) fn sign_bytes(&self, bytes: &[u8]) -> [u8; 64] {
        self.key.sign(bytes).to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.fingerprint())
    }
}

/// A commit to be made.
#[derive(Debug, Clone)]
pub struct NewCommit<'a> {
    /// The root tree.
    pub tree: ObjectId,
    /// The parents.
    pub parents: Vec<ObjectId>,
    /// Who makes it and when.
    pub author: Identity<'a>,
    /// The message, with its last line feed.
    pub message: &'a str,
}

impl NewCommit<'_> {
    /// Makes the commit and signs it, as `git commit -S` would.
    ///
    /// # Errors
    /// When the author's name or the message cannot stand in a commit.
    pub fn sign(&self, key: &SecretKey) -> Result<Object, CommitError> {
        let unsigned = self.print("");
        let signature = key.sign(&Commit::parse(&unsigned)?.payload);
        let folded = signature.trim_end().replace('\n', "\n ");
        Ok(Object { kind: ObjectKind::Commit, data: self.print(&format!("gpgsig {folded}\n")) })
    }

    fn print(&self, signature: &str) -> Vec<u8> {
        let mut to = format!("tree {}\n", self.tree).into_bytes();
        for parent in &self.parents {
            to.extend_from_slice(format!("parent {parent}\n").as_bytes());
        }
        for role in ["author", "committer"] {
            to.extend_from_slice(format!("{role} ").as_bytes());
            self.author.print(&mut to);
            to.push(b'\n');
        }
        to.extend_from_slice(signature.as_bytes());
        to.push(b'\n');
        to.extend_from_slice(self.message.as_bytes());
        to
    }
}

/// An annotated tag of a commit, to be made.
#[derive(Debug, Clone)]
pub struct NewTag<'a> {
    /// The commit.
    pub target: ObjectId,
    /// Its name without `refs/tags/`.
    pub name: &'a str,
    /// Who makes it and when.
    pub tagger: Identity<'a>,
    /// The message, with its last line feed.
    pub message: &'a str,
}

impl NewTag<'_> {
    /// Makes the tag and signs it, as `git tag -s` would.
    ///
    /// # Errors
    /// When the name, the tagger's name or the message cannot stand in a tag.
    pub fn sign(&self, key: &SecretKey) -> Result<Object, TagError> {
        let mut data =
            format!("object {}\ntype commit\ntag {}\ntagger ", self.target, self.name).into_bytes();
        self.tagger.print(&mut data);
        data.extend_from_slice(format!("\n\n{}", self.message).as_bytes());
        let signature = key.sign(&Tag::parse(&data)?.payload);
        data.extend_from_slice(signature.as_bytes());
        Ok(Object { kind: ObjectKind::Tag, data })
    }
}
