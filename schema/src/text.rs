//! Text that strangers wrote, made safe to show.

use std::{borrow::Cow, fmt::Write as _};

/// Whether a character could move a terminal's cursor or turn text around: control characters and the invisible
/// characters that steer direction, line ends and width (CVE-2021-42574 and its kin).
fn deceives(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// The text with every character that could deceive a reader written as `\u{…}`.
///
/// ```
/// assert_eq!(holdfast_schema::text::escape("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
/// ```
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(deceives) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if deceives(character) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// The text as a TOML basic string, with every character that could deceive a reader escaped. Lossless.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            // Writing to a string cannot fail.
            _ if deceives(character) => write!(quoted, "\\U{:08x}", u32::from(character)).unwrap_or_default(),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// A whole number that is written in decimal digits alone: a sign, which Rust takes for a part of a number, is none.
pub(crate) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The name among `known` that was probably meant by `text`.
pub(crate) fn near<'k>(text: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let lower = text.to_lowercase();
    let allowed = (text.chars().count() / 3).clamp(1, 4);
    known
        .into_iter()
        .map(|name| {
            let distance = strsim::damerau_levenshtein(&lower, &name.to_lowercase());
            // "enable" for "enabled", "dir" for "directory": one is the beginning of the other.
            let begins = lower.len() >= 3 && (name.starts_with(&lower) || lower.starts_with(name));
            (if begins { distance.min(1) } else { distance }, name)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
