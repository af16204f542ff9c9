//! Public keys and their fingerprints.

use std::{fmt, str::FromStr};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::wire::{self, Wire};

#[cfg(test)]
mod tests;

pub(crate) const ED25519: &str = "ssh-ed25519";
pub(crate) const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com";

/// A key that signatures are checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// `ssh-ed25519`; see RFC 8709.
    Ed25519(VerifyingKey),
    /// `sk-ssh-ed25519@openssh.com`: the secret half never leaves a FIDO device; see PROTOCOL.u2f in OpenSSH.
    SecurityKey {
        /// The point.
        key: VerifyingKey,
        /// What the device was told that the key is for, such as `ssh:`.
        application: String,
    },
}

/// Why something is not a public key that is accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is not written as a public key at all.
    #[error("a public key is written `ssh-ed25519 BASE64 comment`")]
    Line,
    /// It is of another type.
    #[error("keys of type {0:?} are not accepted, only ssh-ed25519 and sk-ssh-ed25519@openssh.com")]
    Type(String),
    /// It is no base64, or not the one right way to write those bytes.
    #[error("the key is not canonical base64")]
    Base64,
    /// Its bytes are not those of its type.
    #[error("the key is damaged: its bytes are not those of its type")]
    Bytes,
    /// Its bytes are no point of the curve, or one that is known to be unsafe.
    #[error("the key is damaged: it is no safe ed25519 point")]
    Point,
}

impl PublicKey {
    /// The key with these 32 bytes.
    pub fn from_ed25519(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        point(bytes).map(Self::Ed25519)
    }

    /// Reads the wire form, from first byte to last.
    pub fn from_wire(bytes: &[u8]) -> Result<Self, KeyError> {
        let mut wire = Wire(bytes);
        let kind = wire.string().ok_or(KeyError::Bytes)?;
        let is_security_key = kind == SK_ED25519.as_bytes();
        if kind != ED25519.as_bytes() && !is_security_key {
            return Err(KeyError::Type(shown(kind)));
        }
        let bytes = wire.array().ok_or(KeyError::Bytes)?;
        let application = if is_security_key { wire.string() } else { Some(&b""[..]) };
        let application = application.ok_or(KeyError::Bytes)?;
        wire.end().ok_or(KeyError::Bytes)?;
        let key = point(bytes)?;
        if !is_security_key {
            return Ok(Self::Ed25519(key));
        }
        // OpenSSH asks for `ssh:` and lets people add to it.
        match str::from_utf8(application) {
            Ok(text) if text.starts_with("ssh:") && text.len() <= 100 => {
                Ok(Self::SecurityKey { key, application: text.to_owned() })
            }
            _ => Err(KeyError::Bytes),
        }
    }

    /// The wire form.
    pub fn to_wire(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        wire::put(&mut bytes, self.kind().as_bytes());
        match self {
            Self::Ed25519(key) => wire::put(&mut bytes, key.as_bytes()),
            Self::SecurityKey { key, application } => {
                wire::put(&mut bytes, key.as_bytes());
                wire::put(&mut bytes, application.as_bytes());
            }
        }
        bytes
    }

    /// The type's name, as key files have it.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => ED25519,
            Self::SecurityKey { .. } => SK_ED25519,
        }
    }

    /// Whether both have one secret half, whatever else is said of them.
    pub(crate) fn has_secret_of(&self, other: &Self) -> bool {
        let point = |key: &Self| match key {
            Self::Ed25519(key) | Self::SecurityKey { key, .. } => *key.as_bytes(),
        };
        point(self) == point(other)
    }

    /// Reads type and base64, as in `allowed_signers`.
    pub(crate) fn from_parts(kind: &str, base64: &str) -> Result<Self, KeyError> {
        if kind != ED25519 && kind != SK_ED25519 {
            return Err(KeyError::Type(shown(kind.as_bytes())));
        }
        let bytes = STANDARD.decode(base64).map_err(|_bad_base64| KeyError::Base64)?;
        Self::from_wire(&bytes)
            .and_then(|key| if key.kind() == kind { Ok(key) } else { Err(KeyError::Bytes) })
    }

    /// The SHA-256 of the wire form.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(Sha256::digest(self.to_wire()).into())
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;
    /// Reads the line of a `.pub` file; its comment is dropped.
    fn from_str(line: &str) -> Result<Self, KeyError> {
        let mut words = line.trim_end_matches('\n').splitn(3, ' ');
        let (Some(kind), Some(base64)) = (words.next(), words.next()) else { return Err(KeyError::Line) };
        Self::from_parts(kind, base64)
    }
}

impl fmt::Display for PublicKey {
    /// The line of a `.pub` file, without a comment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), STANDARD.encode(self.to_wire()))
    }
}

fn point(bytes: &[u8; 32]) -> Result<VerifyingKey, KeyError> {
    let key = VerifyingKey::from_bytes(bytes).map_err(|_no_point| KeyError::Point)?;
    // Anybody can sign with a key of small order.
    if key.is_weak() { Err(KeyError::Point) } else { Ok(key) }
}

/// Text from outside, short enough for a message; print it with `{:?}`, which escapes it.
pub(crate) fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(60).collect()
}

/// A key's SHA-256; `SHA256:` and base64 as text, as `ssh-keygen -l` prints it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; 32]);

/// Why a text is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a key fingerprint: it is `SHA256:` and 43 characters of base64")]
pub struct InvalidFingerprint(String);

impl Fingerprint {
    /// The form that can stand in an address or a file name, without `SHA256:`.
    pub(crate) fn to_url(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Reads the form that [`Self::to_url`] writes.
    pub(crate) fn from_url(text: &str) -> Option<Self> {
        Some(Self(URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?))
    }
}

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;
    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        let parse = |text: &str| STANDARD_NO_PAD.decode(text.strip_prefix("SHA256:")?).ok()?.try_into().ok();
        parse(text).map(Self).ok_or_else(|| InvalidFingerprint(shown(text.as_bytes())))
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = InvalidFingerprint;
    fn try_from(text: String) -> Result<Self, InvalidFingerprint> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> String {
        fingerprint.to_string()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SHA256:{}", STANDARD_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}
