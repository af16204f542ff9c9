//! OpenPGP public keys, as far as package sources need them: what they are called, and in one form that every package
//! manager reads. See RFC 9580. Nothing is verified here.

use std::{collections::BTreeSet, fmt::Write as _};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha1_checked::{Digest as _, Sha1};

#[cfg(test)]
mod tests;

const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";

/// How many bytes of a key are in a line of armour.
const LINE: usize = 48;

/// The packets that keys consist of.
const SECRET_KEYS: [u8; 2] = [5, 7];
const PUBLIC_KEY: u8 = 6;

/// Public keys.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PublicKeys {
    /// All of them in one block of ASCII armour, the one form that apt, rpm, dnf and zypper all read; `None` if they were
    /// read from just that.
    pub(crate) armour: Option<String>,
    /// The names under which rpm keeps them, `gpg-pubkey-ID-TIME`.
    pub(crate) names: BTreeSet<String>,
}

/// Reads keys, with or without ASCII armour.
///
/// # Errors
/// Why they are no public keys, as the end of a sentence.
pub(crate) fn read(bytes: &[u8]) -> Result<PublicKeys, &'static str> {
    let (packets, is_plain) = match bytes.first() {
        Some(first) if *first & 0x80 != 0 => (bytes.to_vec(), false),
        _ => dearmour(str::from_utf8(bytes).map_err(|_not_text| "it is neither ASCII armour nor binary")?)?,
    };
    let names = names(&packets)?;
    Ok(PublicKeys { armour: (!is_plain).then(|| armour(&packets)), names })
}

/// The packets in every block of a text, and whether it is one block as all package managers read it.
fn dearmour(text: &str) -> Result<(Vec<u8>, bool), &'static str> {
    let (mut packets, mut blocks) = (Vec::new(), 0_u32);
    let mut is_plain = text.starts_with(BEGIN) && !text.contains('\r');
    let mut lines = text.lines().map(str::trim_end);
    while let Some(line) = lines.next() {
        match line.strip_prefix("-----BEGIN PGP ") {
            Some(_) if line == BEGIN => blocks += 1,
            Some(what) if what.starts_with("PRIVATE") => return Err("it holds a private key"),
            Some(_) => return Err("it holds something else than public keys"),
            None => continue,
        }
        let (mut data, mut checksum, mut ended) = (String::new(), None, false);
        for line in lines.by_ref() {
            if line == END {
                ended = true;
                break;
            }
            match line.strip_prefix('=') {
                Some(sum) => checksum = Some(sum),
                // A header, such as `Version: …`.
                None if line.contains(':') => {}
                None => data.push_str(line.trim()),
            }
        }
        let block = BASE64_STANDARD.decode(&data).ok().filter(|_| ended);
        let block = block.ok_or("its ASCII armour is damaged or cut off")?;
        match checksum {
            Some(sum) if sum != crc24(&block) => {
                return Err("its ASCII armour is damaged: the checksum differs");
            }
            Some(_) => {}
            // Older rpms insist on it.
            None => is_plain = false,
        }
        packets.extend(block);
    }
    if blocks == 0 { Err("it holds no public key") } else { Ok((packets, is_plain && blocks == 1)) }
}

fn armour(packets: &[u8]) -> String {
    let mut text = format!("{BEGIN}\n\n");
    for line in packets.chunks(LINE) {
        BASE64_STANDARD.encode_string(line, &mut text);
        text.push('\n');
    }
    // Writing to a String cannot fail.
    writeln!(text, "={}\n{END}", crc24(packets)).unwrap_or_default();
    text
}

/// The checksum of armour, in base64; RFC 9580, section 6.1.1.
fn crc24(bytes: &[u8]) -> String {
    let mut crc: u32 = 0x00B7_04CE;
    for byte in bytes {
        crc ^= u32::from(*byte) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= 0x0186_4CFB;
            }
        }
    }
    let [_, sum @ ..] = crc.to_be_bytes();
    BASE64_STANDARD.encode(sum)
}

/// What rpm calls the keys in these packets.
fn names(mut packets: &[u8]) -> Result<BTreeSet<String>, &'static str> {
    let mut names = BTreeSet::new();
    while !packets.is_empty() {
        let (tag, body, rest) = packet(packets).ok_or("it is damaged or cut off")?;
        if SECRET_KEYS.contains(&tag) {
            return Err("it holds a private key");
        }
        if tag == PUBLIC_KEY {
            names.insert(name(body)?);
        }
        packets = rest;
    }
    if names.is_empty() { Err("it holds no public key") } else { Ok(names) }
}

/// The first packet's tag and body, and what comes after it.
fn packet(packets: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (head, rest) = packets.split_first()?;
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number: usize, byte| number << 8 | usize::from(*byte));
    let (tag, (length, rest)) = if head & 0xC0 == 0xC0 {
        let (first, rest) = rest.split_first()?;
        let length = match first {
            0..192 => (usize::from(*first), rest),
            192..224 => {
                let (second, rest) = rest.split_first()?;
                (((usize::from(*first) - 192) << 8) + usize::from(*second) + 192, rest)
            }
            255 => rest.split_at_checked(4).map(|(length, rest)| (number(length), rest))?,
            // Of parts, which keys are not made of.
            224..255 => return None,
        };
        (head & 0x3F, length)
    } else if head & 0x80 != 0 && head & 3 != 3 {
        let (length, rest) = rest.split_at_checked(1 << (head & 3))?;
        (head >> 2 & 0x0F, (number(length), rest))
    } else {
        return None;
    };
    let (body, rest) = rest.split_at_checked(length)?;
    Some((tag, body, rest))
}

/// What rpm calls a key: the end of its id and the time at which it was made.
fn name(body: &[u8]) -> Result<String, &'static str> {
    let (Some((4, [a, b, c, d, ..])), Ok(length)) = (body.split_first(), u16::try_from(body.len())) else {
        return Err("it is of a version that package managers do not read: they read version 4");
    };
    let mut hash = Sha1::new();
    hash.update([0x99]);
    hash.update(length.to_be_bytes());
    hash.update(body);
    let fingerprint = hash.finalize();
    let mut name = "gpg-pubkey-".to_owned();
    for byte in fingerprint.iter().skip(16) {
        write!(name, "{byte:02x}").unwrap_or_default();
    }
    write!(name, "-{a:02x}{b:02x}{c:02x}{d:02x}").unwrap_or_default();
    Ok(name)
}

/// The packets of armoured keys.
#[cfg(test)]
pub(crate) fn binary(armoured: &str) -> Vec<u8> {
    dearmour(armoured).unwrap().0
}
