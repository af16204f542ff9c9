//! The two halves of a key: an identity reads what is encrypted to its recipient.

use std::{fmt, str::FromStr};

use bech32::{Bech32, Hrp, primitives::decode::CheckedHrpstring};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

const RECIPIENT: &str = "age";
const IDENTITY: &str = "age-secret-key-";

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Not the public half of an X25519 key.
    #[error("it is no X25519 recipient, which begins with age1")]
    Recipient,
    /// Not the private half of one.
    #[error("it holds no line that begins with AGE-SECRET-KEY-1")]
    Identity,
}

/// The public half of a key: `age1…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recipient([u8; 32]);

impl Recipient {
    pub(super) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(super) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for Recipient {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let bytes = decode(text, RECIPIENT).filter(|_| !text.bytes().any(|byte| byte.is_ascii_uppercase()));
        let recipient = Self(*bytes.ok_or(InvalidKey::Recipient)?);
        // Nothing can be encrypted to a point of low order: see RFC 7748, section 6.1.
        let probe = Identity(StaticSecret::from([1; 32]));
        if probe.agree(&recipient.0).is_none() { Err(InvalidKey::Recipient) } else { Ok(recipient) }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hrp = Hrp::parse(RECIPIENT).map_err(|_never| fmt::Error)?;
        bech32::encode_lower_to_fmt::<Bech32, _>(f, hrp, &self.0).map_err(|_too_long| fmt::Error)
    }
}

/// The private half of a key. It is not printed by accident: it has no `Debug`.
pub struct Identity(StaticSecret);

impl Identity {
    /// A key that nobody has yet.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed)?;
        Ok(Self(StaticSecret::from(*seed)))
    }

    /// Reads an identity file, as age-keygen(1) writes it: comments, and one key. Nothing of it gets into the error.
    pub fn parse(file: &str) -> Result<Self, InvalidKey> {
        let mut lines = file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (Some(line), None) = (lines.next(), lines.next()) else { return Err(InvalidKey::Identity) };
        if line.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return Err(InvalidKey::Identity);
        }
        let seed = decode(line, IDENTITY).ok_or(InvalidKey::Identity)?;
        Ok(Self(StaticSecret::from(*seed)))
    }

    /// The identity file.
    pub fn print(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(format!("# public key: {}\n", self.recipient()));
        // Long enough that it need not be moved, which would leave a copy behind.
        text.reserve(128);
        if let Ok(hrp) = Hrp::parse(IDENTITY)
            && bech32::encode_upper_to_fmt::<Bech32, _>(&mut *text, hrp, self.0.as_bytes()).is_ok()
        {
            text.push('\n');
        }
        text
    }

    /// The public half.
    pub fn recipient(&self) -> Recipient {
        Recipient(*PublicKey::from(&self.0).as_bytes())
    }

    /// A key for another purpose, which says nothing of this one.
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        super::derive(self.0.as_bytes(), b"holdfast", purpose.as_bytes())
    }

    /// What both sides know and nobody else; `None` if the other side's half is of low order.
    pub(super) fn agree(&self, share: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
        let shared = self.0.diffie_hellman(&PublicKey::from(*share));
        shared.was_contributory().then(|| Zeroizing::new(*shared.as_bytes()))
    }
}

/// The 32 bytes of a Bech32 text, see BIP 173.
fn decode(text: &str, prefix: &str) -> Option<Zeroizing<[u8; 32]>> {
    let checked = CheckedHrpstring::new::<Bech32>(text).ok()?;
    if !checked.hrp().as_str().eq_ignore_ascii_case(prefix) {
        return None;
    }
    let mut bytes = Zeroizing::new([0; 32]);
    let mut given = checked.byte_iter();
    for byte in bytes.iter_mut() {
        *byte = given.next()?;
    }
    given.next().is_none().then_some(bytes)
}
