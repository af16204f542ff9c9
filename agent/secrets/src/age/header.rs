//! The header: who can read the file, and a seal over that.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use hmac::Mac as _;

use super::{LONGEST_HEADER, MOST_RECIPIENTS, OpenError};
use crate::secret::hmac;

const VERSION: &[u8] = b"age-encryption.org/v1\n";
const STANZA: &[u8] = b"-> ";
const END: &[u8] = b"---";

/// Characters in a full line of a stanza's body.
const COLUMNS: usize = 64;

/// A file's recipients.
pub(super) struct Header {
    pub(super) stanzas: Vec<Stanza>,
}

/// One recipient: type and arguments, and the encrypted file key.
pub(super) struct Stanza {
    pub(super) words: Vec<String>,
    pub(super) body: Vec<u8>,
}

impl Header {
    /// Reads the header; gives what comes after it too. Nothing is computed with before all of it is read.
    pub(super) fn parse(file: &[u8]) -> Result<(Self, &[u8]), OpenError> {
        let mut rest = file.strip_prefix(VERSION).ok_or(OpenError::Header)?;
        let mut stanzas = Vec::new();
        loop {
            if file.len() - rest.len() > LONGEST_HEADER || stanzas.len() > MOST_RECIPIENTS {
                return Err(OpenError::HeaderTooLarge);
            }
            let line = take_line(&mut rest)?;
            if let Some(mac) = line.strip_prefix(END) {
                let mac = mac.strip_prefix(b" ").and_then(unbase64).ok_or(OpenError::Header)?;
                let sound = mac.len() == 32 && !stanzas.is_empty();
                let header = Self { stanzas };
                // A passphrase lets whoever knows it add recipients: see "scrypt recipient stanza".
                let mixed = header.of_type("scrypt").next().is_some() && header.stanzas.len() > 1;
                return if sound && !mixed { Ok((header, rest)) } else { Err(OpenError::Header) };
            }
            let words = words(line.strip_prefix(STANZA).ok_or(OpenError::Header)?)?;
            stanzas.push(Stanza { words, body: body(&mut rest)? });
        }
    }

    /// The header as it stands in a file.
    pub(super) fn print(&self, mac_key: &[u8; 32]) -> Vec<u8> {
        let mut text = VERSION.to_vec();
        for stanza in &self.stanzas {
            text.extend([STANZA, stanza.words.join(" ").as_bytes(), b"\n"].concat());
            let body = base64(&stanza.body);
            for line in body.as_bytes().chunks(COLUMNS) {
                text.extend([line, b"\n"].concat());
            }
            if body.len().is_multiple_of(COLUMNS) {
                text.push(b'\n');
            }
        }
        text.extend(END);
        let mac = hmac(mac_key).chain_update(&text).finalize();
        text.extend([b" ", base64(&mac.into_bytes()).as_bytes(), b"\n"].concat());
        text
    }

    /// The stanzas of one type.
    pub(super) fn of_type<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h Stanza> {
        self.stanzas.iter().filter(move |stanza| stanza.words.first().is_some_and(|word| word == name))
    }
}

/// Checks the seal of the header of `file`, behind which `rest` bytes follow.
pub(super) fn check_mac(file: &[u8], rest: usize, mac_key: &[u8; 32]) -> Result<(), OpenError> {
    let header = file.get(..file.len().saturating_sub(rest)).unwrap_or_default();
    // What follows END has one length: a space, 43 characters, a line feed.
    let (signed, mac) = header.split_at_checked(header.len().saturating_sub(45)).ok_or(OpenError::Header)?;
    let mac = mac.trim_ascii();
    let mac = unbase64(mac).ok_or(OpenError::Header)?;
    hmac(mac_key).chain_update(signed).verify_slice(&mac).map_err(|_differs| OpenError::Tampered)
}

/// The next line, without its line feed.
fn take_line<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], OpenError> {
    let end = rest.iter().take(LONGEST_HEADER).position(|&byte| byte == b'\n').ok_or(OpenError::Header)?;
    let (line, after) = rest.split_at_checked(end).ok_or(OpenError::Header)?;
    *rest = after.strip_prefix(b"\n").ok_or(OpenError::Header)?;
    Ok(line)
}

/// Words of printable ASCII with one space between them.
fn words(line: &[u8]) -> Result<Vec<String>, OpenError> {
    let word = |word: &[u8]| {
        let plain = !word.is_empty() && word.iter().all(u8::is_ascii_graphic);
        plain.then(|| String::from_utf8_lossy(word).into_owned()).ok_or(OpenError::Header)
    };
    line.split(|&byte| byte == b' ').map(word).collect()
}

/// Lines of 64 characters, the last one shorter and perhaps empty.
fn body(rest: &mut &[u8]) -> Result<Vec<u8>, OpenError> {
    let mut text = Vec::new();
    loop {
        let line = take_line(rest)?;
        if line.len() > COLUMNS || text.len() > LONGEST_HEADER {
            return Err(OpenError::Header);
        }
        text.extend(line);
        if line.len() < COLUMNS {
            return unbase64(&text).ok_or(OpenError::Header);
        }
    }
}

/// Base64 without padding, see RFC 4648.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}

/// Only the one right way to write these bytes.
pub(super) fn unbase64(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(text).ok()
}

/// Base64 with padding.
pub(super) fn padded(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Only the one right way to write these bytes with padding.
pub(super) fn unpadded(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}
