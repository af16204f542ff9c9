//! OpenSSH signatures as Git uses them; see PROTOCOL.sshsig in OpenSSH.

use ed25519_dalek::{Signature as Ed25519Signature, VerifyingKey};
use sha2::{Digest as _, Sha256, Sha512};

use crate::{
    armour::{self, ArmourError},
    key::{KeyError, PublicKey, shown},
    payload::Payload,
    wire::{self, Wire},
};

#[cfg(test)]
mod tests;

const LABEL: &str = "SSH SIGNATURE";
const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;
/// What a signature is for. Git has but this one, for commits and tags alike.
const NAMESPACE: &str = "git";

/// A well-formed signature: nobody has checked it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The key that the signature says it was made with.
    pub key: PublicKey,
    hash: Hash,
    ed25519: Ed25519Signature,
    /// What a FIDO device adds to what it signs.
    device: Device,
}

/// What a FIDO device says of how it came to sign; nothing for keys that are files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Device {
    flags: u8,
    counter: u32,
}

/// The flag that says that somebody touched the device.
const TOUCHED: u8 = 0x01;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha512,
}

impl Hash {
    const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn digest(self, payload: &Payload<'_>) -> Vec<u8> {
        let [before, after] = payload.parts();
        match self {
            Self::Sha256 => Sha256::new().chain_update(before).chain_update(after).finalize().to_vec(),
            Self::Sha512 => Sha512::new().chain_update(before).chain_update(after).finalize().to_vec(),
        }
    }
}

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It was not made by OpenSSH.
    #[error("it is signed with {0}, which counts as no signature here")]
    OtherSystem(&'static str),
    /// The text around it is not right.
    #[error("its signature is damaged: {0}")]
    Armour(ArmourError),
    /// The bytes are not laid out as they should be.
    #[error("its signature is damaged: {0}")]
    Layout(&'static str),
    /// The key in it is not accepted.
    #[error("its signature is not accepted: {0}")]
    Key(KeyError),
    /// It was made for something other than Git.
    #[error("its signature is for the namespace {0:?}, not for \"git\"")]
    Namespace(String),
    /// Its hash algorithm is not accepted.
    #[error("its signature uses the hash {0:?}, not sha512 or sha256")]
    HashAlgorithm(String),
    /// A FIDO device signed without anybody touching it.
    #[error("its signature was made by a security key that nobody touched")]
    NotTouched,
    /// The key did not sign these bytes.
    #[error("its signature does not match its content")]
    Mismatch,
}

impl SignatureError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OtherSystem(_) => "E_UNSIGNED",
            Self::Mismatch => "E_SIGNATURE",
            _ => "E_SIG_FORMAT",
        }
    }
}

impl Signature {
    /// Reads the armoured text, from first byte to last.
    pub fn parse(text: &[u8]) -> Result<Self, SignatureError> {
        for (begin, system) in [
            (&b"-----BEGIN PGP SIGNATURE-----"[..], "OpenPGP"),
            (&b"-----BEGIN SIGNED MESSAGE-----"[..], "X.509"),
        ] {
            if text.starts_with(begin) {
                return Err(SignatureError::OtherSystem(system));
            }
        }
        let bytes = armour::parse(text, LABEL).map_err(SignatureError::Armour)?;
        Self::from_wire(&bytes)
    }

    fn from_wire(bytes: &[u8]) -> Result<Self, SignatureError> {
        const SHORT: SignatureError = SignatureError::Layout("it ends early");
        const LONG: SignatureError = SignatureError::Layout("something follows it");
        let no_magic = SignatureError::Layout("it is no SSHSIG of version 1");
        let mut wire = Wire(bytes.strip_prefix(MAGIC).ok_or(no_magic.clone())?);
        if wire.number() != Some(VERSION) {
            return Err(no_magic);
        }
        let key = PublicKey::from_wire(wire.string().ok_or(SHORT)?).map_err(SignatureError::Key)?;
        let namespace = wire.string().ok_or(SHORT)?;
        if namespace != NAMESPACE.as_bytes() {
            return Err(SignatureError::Namespace(shown(namespace)));
        }
        if !wire.string().ok_or(SHORT)?.is_empty() {
            return Err(SignatureError::Layout("its reserved field is not empty"));
        }
        let hash = match wire.string().ok_or(SHORT)? {
            b"sha256" => Hash::Sha256,
            b"sha512" => Hash::Sha512,
            other => return Err(SignatureError::HashAlgorithm(shown(other))),
        };
        let mut inner = Wire(wire.string().ok_or(SHORT)?);
        wire.end().ok_or(LONG)?;
        if inner.string().ok_or(SHORT)? != key.kind().as_bytes() {
            return Err(SignatureError::Layout("it is of another type than its key"));
        }
        let ed25519 = inner.array().ok_or(SignatureError::Layout("it has not 64 bytes"))?;
        let ed25519 = Ed25519Signature::from_bytes(ed25519);
        let mut device = Device::default();
        if let PublicKey::SecurityKey { .. } = key {
            device.flags = inner.byte().ok_or(SHORT)?;
            device.counter = inner.number().ok_or(SHORT)?;
            if device.flags & TOUCHED == 0 {
                return Err(SignatureError::NotTouched);
            }
        }
        inner.end().ok_or(LONG)?;
        Ok(Self { key, hash, ed25519, device })
    }

    /// Checks that the key signed exactly this payload.
    pub fn verify(&self, payload: &Payload<'_>) -> Result<(), SignatureError> {
        let mut message = signed_bytes(self.hash, payload);
        let key = match &self.key {
            PublicKey::Ed25519(key) => key,
            PublicKey::SecurityKey { key, application } => {
                let digest = Sha256::digest(&message);
                message = Sha256::digest(application).to_vec();
                message.push(self.device.flags);
                message.extend_from_slice(&self.device.counter.to_be_bytes());
                message.extend_from_slice(&digest);
                key
            }
        };
        check(key, &message, &self.ed25519)
    }
}

/// The one place where a signature is checked.
fn check(key: &VerifyingKey, message: &[u8], signature: &Ed25519Signature) -> Result<(), SignatureError> {
    // Not `verify`, which accepts points of small order.
    key.verify_strict(message, signature).map_err(|_mismatch| SignatureError::Mismatch)
}

fn signed_bytes(hash: Hash, payload: &Payload<'_>) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    wire::put(&mut bytes, NAMESPACE.as_bytes());
    wire::put(&mut bytes, b"");
    wire::put(&mut bytes, hash.name().as_bytes());
    wire::put(&mut bytes, &hash.digest(payload));
    bytes
}

/// Signs a payload as `ssh-keygen -Y sign -n git` would and returns the armoured text.
///
/// `sign` makes an ed25519 signature of the bytes that it is given with the secret half of `key`.
pub(crate) fn make(
    key: &PublicKey,
    payload: &Payload<'_>,
    sign: impl FnOnce(&[u8]) -> Ed25519Signature,
) -> String {
    let hash = Hash::Sha512;
    let mut inner = Vec::new();
    wire::put(&mut inner, b"ssh-ed25519");
    wire::put(&mut inner, &sign(&signed_bytes(hash, payload)).to_bytes());
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    wire::put(&mut bytes, &key.to_wire());
    wire::put(&mut bytes, NAMESPACE.as_bytes());
    wire::put(&mut bytes, b"");
    wire::put(&mut bytes, hash.name().as_bytes());
    wire::put(&mut bytes, &inner);
    armour::print(&bytes, LABEL)
}
