//! The signed bytes of a commit or tag, and their digest, which names a revision whatever signature it carries.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The raw bytes of an object without its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload<'a> {
    before: &'a [u8],
    after: &'a [u8],
}

impl<'a> Payload<'a> {
    /// What stands before and after the signature, which need not be together.
    pub const fn new(before: &'a [u8], after: &'a [u8]) -> Self {
        Self { before, after }
    }

    pub(crate) const fn parts(&self) -> [&'a [u8]; 2] {
        [self.before, self.after]
    }

    /// The SHA-256 of the bytes.
    pub fn digest(&self) -> PayloadDigest {
        PayloadDigest(Sha256::new().chain_update(self.before).chain_update(self.after).finalize().into())
    }
}

/// The SHA-256 of a payload; 64 lower-case hex digits as text.
///
/// Anybody can wrap a signature's base64 anew and so give a commit another id. The payload, and so this, stays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PayloadDigest([u8; 32]);

/// Why a text is no payload digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a payload digest: it must be 64 lower-case hex digits")]
pub struct InvalidPayloadDigest(String);

impl FromStr for PayloadDigest {
    type Err = InvalidPayloadDigest;
    fn from_str(text: &str) -> Result<Self, InvalidPayloadDigest> {
        crate::hex::parse(text)
            .map(Self)
            .ok_or_else(|| InvalidPayloadDigest(text.chars().take(100).collect()))
    }
}

impl TryFrom<String> for PayloadDigest {
    type Error = InvalidPayloadDigest;
    fn try_from(text: String) -> Result<Self, InvalidPayloadDigest> {
        text.parse()
    }
}

impl From<PayloadDigest> for String {
    fn from(digest: PayloadDigest) -> String {
        digest.to_string()
    }
}

impl fmt::Display for PayloadDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::hex::write(f, &self.0)
    }
}

impl fmt::Debug for PayloadDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PayloadDigest({self})")
    }
}
