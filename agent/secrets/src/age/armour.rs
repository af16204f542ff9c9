//! The text form, which is what `git diff` and review can take: RFC 7468, strictly.

use super::{
    OpenError,
    header::{padded, unpadded},
};

const BEGIN: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
const END: &[u8] = b"-----END AGE ENCRYPTED FILE-----";
const COLUMNS: usize = 64;

/// Whether a file can only be in the text form, well-formed or not.
pub(super) fn is_armoured(file: &[u8]) -> bool {
    !file.is_empty() && !file.starts_with(b"age-encryption.org/")
}

/// Reads the text form. White space around it is allowed, and either kind of line end.
pub(super) fn parse(file: &[u8]) -> Result<Vec<u8>, OpenError> {
    let lines = file.trim_ascii().split(|&byte| byte == b'\n');
    let lines: Vec<&[u8]> = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    let [BEGIN, lines @ .., END] = lines.as_slice() else { return Err(OpenError::Armour) };
    let mut text = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let last = index + 1 == lines.len();
        if line.len() > COLUMNS || line.is_empty() || (!last && line.len() < COLUMNS) {
            return Err(OpenError::Armour);
        }
        text.extend(*line);
    }
    unpadded(&text).ok_or(OpenError::Armour)
}

/// Writes the text form.
pub(super) fn print(file: &[u8]) -> String {
    let text = padded(file);
    let mut armoured = String::from_utf8_lossy(BEGIN).into_owned();
    for (index, character) in text.chars().enumerate() {
        if index % COLUMNS == 0 {
            armoured.push('\n');
        }
        armoured.push(character);
    }
    armoured.push('\n');
    armoured.push_str(&String::from_utf8_lossy(END));
    armoured.push('\n');
    armoured
}
