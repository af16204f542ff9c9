//! Bytes that nobody may see.

use hmac::{Hmac, KeyInit as _, Mac as _};
use holdfast_schema::Sha256;
use zeroize::Zeroizing;

/// Bytes that are told to nobody: neither printed nor compared nor stored by accident, and wiped when they are dropped.
///
/// It has no `Debug`, no `Display` and no `Serialize`, so that nothing that holds one can be logged or saved.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes in.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for whoever puts them where they belong.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The digest under a key. Without the key it says nothing of the bytes, not even to somebody who can guess them.
    pub fn digest(&self, key: &[u8; 32]) -> Sha256 {
        keyed_digest(key, self.expose())
    }
}

/// The digest of bytes under a key: HMAC-SHA256, see RFC 2104.
pub fn keyed_digest(key: &[u8; 32], bytes: &[u8]) -> Sha256 {
    let mut digest = KeyedDigest::new(key);
    digest.update(bytes);
    digest.finish()
}

/// The same of bytes that come piece by piece.
pub struct KeyedDigest(Hmac<sha2::Sha256>);

impl KeyedDigest {
    /// The digest of nothing yet.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac(key))
    }

    /// Takes more bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all of them.
    pub fn finish(self) -> Sha256 {
        Sha256::from_bytes(self.0.finalize().into_bytes().into())
    }
}

/// HMAC-SHA256 with its key in place: it is filled up with zeros to a block.
pub(crate) fn hmac(key: &[u8; 32]) -> Hmac<sha2::Sha256> {
    let mut block = Zeroizing::new([0; 64]);
    if let Some(start) = block.first_chunk_mut() {
        *start = *key;
    }
    Hmac::new((&*block).into())
}
