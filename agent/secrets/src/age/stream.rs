//! The content: pieces of 64 KiB, each sealed with its number and whether it is the last. See "STREAM" in the specification.

use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, aead::AeadInOut as _};
use zeroize::Zeroizing;

use super::{FileKey, LONGEST_CONTENT, OpenError, derive};
use crate::Secret;

const NONCE: usize = 16;
const TAG: usize = 16;
const PIECE: usize = 64 << 10;
const SEALED_PIECE: usize = PIECE + TAG;

/// A nonce and the sealed pieces.
pub(super) fn encrypt(content: &[u8], file_key: &FileKey) -> Result<Vec<u8>, getrandom::Error> {
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce)?;
    let cipher = cipher(file_key, &nonce);
    let mut sealed = nonce.to_vec();
    // Even no content has one piece.
    let pieces: Vec<&[u8]> = if content.is_empty() { vec![b""] } else { content.chunks(PIECE).collect() };
    for (number, piece) in (0_u64..).zip(&pieces) {
        let last = number + 1 == pieces.len() as u64;
        let mut piece = piece.to_vec();
        // A piece is far from the longest message that the cipher takes.
        if cipher.encrypt_in_place(&piece_nonce(number, last).into(), b"", &mut piece).is_ok() {
            sealed.extend(piece);
        }
    }
    Ok(sealed)
}

/// Opens what follows a header.
pub(super) fn decrypt(sealed: &[u8], file_key: &FileKey) -> Result<Secret, OpenError> {
    check_length(sealed)?;
    let (nonce, sealed) = sealed.split_at_checked(NONCE).ok_or(OpenError::Damaged)?;
    let cipher = cipher(file_key, nonce);
    // As large as it will get: moving it would leave a copy behind.
    let mut content = Zeroizing::new(Vec::with_capacity(sealed.len()));
    let mut rest = sealed;
    for number in 0_u64.. {
        let (piece, after) = rest.split_at_checked(SEALED_PIECE.min(rest.len())).ok_or(OpenError::Damaged)?;
        let last = after.is_empty();
        let mut piece = Zeroizing::new(piece.to_vec());
        cipher
            .decrypt_in_place(&piece_nonce(number, last).into(), b"", &mut *piece)
            .map_err(|_differs| OpenError::Damaged)?;
        if last && piece.is_empty() && number > 0 {
            return Err(OpenError::Damaged);
        }
        content.extend_from_slice(&piece);
        if last {
            break;
        }
        rest = after;
    }
    Ok(Secret::new(std::mem::take(&mut *content)))
}

/// Whether there can be content of a length that is allowed.
pub(super) fn check_length(sealed: &[u8]) -> Result<(), OpenError> {
    let tags = sealed.len().div_ceil(SEALED_PIECE) * TAG;
    match sealed.len() {
        0..32 => Err(OpenError::Damaged),
        length if length > LONGEST_CONTENT + tags + NONCE => Err(OpenError::TooLarge),
        _ => Ok(()),
    }
}

fn cipher(file_key: &FileKey, nonce: &[u8]) -> ChaCha20Poly1305 {
    let key = derive(&**file_key, nonce, b"payload");
    ChaCha20Poly1305::new((&*key).into())
}

/// Eleven bytes of counter, and one that marks the last piece.
fn piece_nonce(number: u64, last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    if let Some(counter) = nonce.get_mut(3..11) {
        counter.copy_from_slice(&number.to_be_bytes());
    }
    if let Some(mark) = nonce.last_mut() {
        *mark = u8::from(last);
    }
    nonce
}
