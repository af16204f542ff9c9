//! Who wrote something and when: the line `NAME <EMAIL> SECONDS ZONE` of commits and tags.

use crate::UnixTime;

#[cfg(test)]
mod tests;

/// An author, committer or tagger, as Git wrote it. Names and addresses are whatever their owner typed: nothing rests on
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity<'a> {
    /// The name, in the commit's encoding; without `<`, `>`, LF and NUL.
    pub name: &'a [u8],
    /// The e-mail address, likewise.
    pub email: &'a [u8],
    /// When.
    pub time: UnixTime,
    /// The time zone, such as `+0100`.
    pub zone: &'a str,
}

/// The last second of the year 9999: no calendar here goes further.
const LATEST: i64 = 253_402_300_799;

impl<'a> Identity<'a> {
    /// Somebody at a moment, in UTC.
    pub const fn new(name: &'a str, email: &'a str, time: UnixTime) -> Self {
        Self { name: name.as_bytes(), email: email.as_bytes(), time, zone: "+0000" }
    }

    /// Reads the line; `None` when it is not written exactly so.
    pub(crate) fn parse(line: &'a [u8]) -> Option<Self> {
        let (name, rest) = split(line, *b" <")?;
        let (email, rest) = split(rest, *b"> ")?;
        let (time, zone) = str::from_utf8(rest).ok()?.split_once(' ')?;
        let plain = |text: &[u8]| !text.iter().any(|byte| b"<>\n\0".contains(byte));
        if !plain(name) || !plain(email) {
            return None;
        }
        Some(Self { name, email, time: seconds(time)?, zone: checked_zone(zone)? })
    }

    /// Writes the line.
    pub(crate) fn print(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(self.name);
        to.extend_from_slice(b" <");
        to.extend_from_slice(self.email);
        to.extend_from_slice(format!("> {} {}", self.time.seconds(), self.zone).as_bytes());
    }
}

/// Splits at the first `separator`.
fn split(bytes: &[u8], separator: [u8; 2]) -> Option<(&[u8], &[u8])> {
    let at = bytes.windows(2).position(|window| window == separator)?;
    Some((bytes.get(..at)?, bytes.get(at.checked_add(2)?..)?))
}

fn seconds(text: &str) -> Option<UnixTime> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    let seconds: i64 = text.parse().ok()?;
    (digits && canonical && seconds <= LATEST).then_some(UnixTime::from_seconds(seconds))
}

fn checked_zone(text: &str) -> Option<&str> {
    let [b'+' | b'-', digits @ ..] = text.as_bytes() else { return None };
    let [b'0'..=b'2', b'0'..=b'9', b'0'..=b'5', b'0'..=b'9'] = digits else { return None };
    Some(text)
}
