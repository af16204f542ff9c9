//! The age file format, version 1, with X25519 recipients and nothing else: <https://age-encryption.org/v1>.
//!
//! Not the `age` crate: it brings message catalogues, P-256, ML-KEM, HPKE and scrypt, 140 crates and 380 kB (measured) for each
//! of two programs, one of which is root. What is used here is one page of the specification over the same primitives that
//! signatures need anyway, and it is held against the specification's own test vectors.
//!
//! Whatever is malformed is refused as a whole. Recipients of other types are skipped: somebody else can read the file too.

use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, aead::AeadInOut as _};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Secret;

mod armour;
mod header;
mod keys;
mod stream;
#[cfg(test)]
mod tests;

use header::{Header, Stanza};
pub use keys::{Identity, InvalidKey, Recipient};

/// How many recipients a file may name. Each costs the reader a scalar multiplication.
pub const MOST_RECIPIENTS: usize = 64;

/// The longest header, in bytes.
pub const LONGEST_HEADER: usize = 16 << 10;

/// The longest file that is read, armour and all, in bytes.
pub const LONGEST_FILE: u64 = 2 << 20;

/// The most bytes that a file may hold.
pub const LONGEST_CONTENT: usize = 1 << 20;

/// Names the recipient type, and in key derivation the purpose.
const X25519: &str = "X25519";
const X25519_INFO: &[u8] = b"age-encryption.org/v1/X25519";

/// What the content is encrypted with, by way of a further derivation.
type FileKey = Zeroizing<[u8; 16]>;

/// Why a file cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Larger than any secret.
    #[error("it is larger than {LONGEST_FILE} bytes")]
    TooLarge,
    /// The text form is broken.
    #[error("its armour is malformed")]
    Armour,
    /// It is no age file, or its header is broken.
    #[error("it is no age file of version 1, or its header is malformed")]
    Header,
    /// Too many recipients, or too long a header.
    #[error(
        "its header names more than {MOST_RECIPIENTS} recipients or has more than {LONGEST_HEADER} bytes"
    )]
    HeaderTooLarge,
    /// None of the keys can read it.
    #[error("it is not encrypted to this key")]
    NotForUs,
    /// The header was changed after it was written.
    #[error("its header was tampered with")]
    Tampered,
    /// The content is cut off or was changed.
    #[error("its content is damaged")]
    Damaged,
}

/// Encrypts to every recipient, in the text form.
///
/// # Errors
/// If the system has no random numbers.
pub fn seal(content: &[u8], recipients: &[Recipient]) -> Result<String, getrandom::Error> {
    let mut file_key = FileKey::default();
    getrandom::fill(&mut *file_key)?;
    let stanzas = recipients.iter().map(|recipient| wrap(&file_key, recipient));
    let mut file = Header { stanzas: stanzas.collect::<Result<_, _>>()? }.print(&mac_key(&file_key));
    file.extend(stream::encrypt(content, &file_key)?);
    Ok(armour::print(&file))
}

/// Decrypts a file with the first of the keys that can. Both the text form and the binary one are read.
pub fn open(file: &[u8], identities: &[&Identity]) -> Result<Secret, OpenError> {
    let file = unarmoured(file)?;
    let (header, rest) = Header::parse(&file)?;
    for identity in identities {
        let file_key = header.of_type(X25519).find_map(|stanza| unwrap(stanza, identity).transpose());
        let Some(file_key) = file_key else { continue };
        let file_key = file_key?;
        header::check_mac(&file, rest.len(), &mac_key(&file_key))?;
        return stream::decrypt(rest, &file_key);
    }
    // A file that is for others must be well-formed all the same.
    header.of_type(X25519).try_for_each(|stanza| parts(stanza).map(drop))?;
    Err(OpenError::NotForUs)
}

/// How many recipients with an X25519 key a file has; checks all that can be checked without a key.
pub fn count_recipients(file: &[u8]) -> Result<usize, OpenError> {
    let file = unarmoured(file)?;
    let (header, rest) = Header::parse(&file)?;
    stream::check_length(rest)?;
    header.of_type(X25519).map(parts).try_fold(0, |count, stanza| stanza.map(|_| count + 1))
}

fn unarmoured(file: &[u8]) -> Result<Vec<u8>, OpenError> {
    if file.len() as u64 > LONGEST_FILE {
        return Err(OpenError::TooLarge);
    }
    if armour::is_armoured(file) { armour::parse(file) } else { Ok(file.to_vec()) }
}

/// Encrypts the file key to one recipient.
fn wrap(file_key: &FileKey, recipient: &Recipient) -> Result<Stanza, getrandom::Error> {
    let ephemeral = Identity::generate()?;
    let share = ephemeral.recipient();
    // A recipient of low order was refused when it was read.
    let key = wrapping_key(&ephemeral.agree(recipient.as_bytes()).unwrap_or_default(), &share, recipient);
    let mut body = file_key.to_vec();
    let cipher = ChaCha20Poly1305::new((&*key).into());
    // Each key is used for one message only.
    if cipher.encrypt_in_place(&[0; 12].into(), b"", &mut body).is_err() {
        body.clear();
    }
    Ok(Stanza { words: vec![X25519.to_owned(), header::base64(share.as_bytes())], body })
}

/// The file key, if the stanza is for this identity.
fn unwrap(stanza: &Stanza, identity: &Identity) -> Result<Option<FileKey>, OpenError> {
    let (share, body) = parts(stanza)?;
    let shared = identity.agree(share.as_bytes()).ok_or(OpenError::Header)?;
    let key = wrapping_key(&shared, &share, &identity.recipient());
    let mut body = Zeroizing::new(body.to_vec());
    let cipher = ChaCha20Poly1305::new((&*key).into());
    if cipher.decrypt_in_place(&[0; 12].into(), b"", &mut *body).is_err() {
        return Ok(None);
    }
    let mut file_key = FileKey::default();
    if body.len() != file_key.len() {
        return Err(OpenError::Header);
    }
    file_key.copy_from_slice(&body);
    Ok(Some(file_key))
}

/// An X25519 stanza's ephemeral share and encrypted file key.
fn parts(stanza: &Stanza) -> Result<(Recipient, &[u8]), OpenError> {
    let [_, share] = stanza.words.as_slice() else { return Err(OpenError::Header) };
    let share = header::unbase64(share.as_bytes()).and_then(|share| <[u8; 32]>::try_from(share).ok());
    match share {
        Some(share) if stanza.body.len() == 32 => Ok((Recipient::from_bytes(share), &stanza.body)),
        Some(_) | None => Err(OpenError::Header),
    }
}

fn wrapping_key(shared: &[u8; 32], share: &Recipient, recipient: &Recipient) -> Zeroizing<[u8; 32]> {
    derive(shared, &[share.as_bytes().as_slice(), recipient.as_bytes()].concat(), X25519_INFO)
}

fn mac_key(file_key: &FileKey) -> Zeroizing<[u8; 32]> {
    derive(&**file_key, b"", b"header")
}

/// HKDF-SHA-256, see RFC 5869.
fn derive(key: &[u8], salt: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut derived = Zeroizing::new([0; 32]);
    // Only lengths beyond 8160 bytes are refused.
    let refused = Hkdf::<Sha256>::new(Some(salt), key).expand(info, &mut *derived);
    debug_assert!(refused.is_ok(), "32 bytes can be derived");
    derived
}
