//! Moments as Git and OpenSSH write them. The clock itself is somebody else's.

use std::fmt;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(i64);

impl UnixTime {
    /// The moment this many seconds after the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// This moment and so many seconds, or the last moment there is.
    #[must_use]
    pub const fn plus(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(seconds as i64))
    }

    /// Reads a moment of `allowed_signers`: `YYYYMMDDZ`, `YYYYMMDDHHMMZ` or `YYYYMMDDHHMMSSZ`; see ssh-keygen(1).
    ///
    /// The forms without `Z` are refused: they mean another moment in each time zone.
    pub(crate) fn parse_ssh(text: &str) -> Option<Self> {
        let digits = text.strip_suffix('Z')?;
        if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let part = |from: usize, to: usize| match digits.get(from..to) {
            None => Some(0),
            Some(part) => part.parse::<i8>().ok(),
        };
        let year = digits.get(..4)?.parse().ok()?;
        let (month, day) = (part(4, 6)?, part(6, 8)?);
        let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
        let civil = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
        Some(Self(TimeZone::UTC.to_timestamp(civil).ok()?.as_second()))
    }

    /// Writes a moment of `allowed_signers`.
    pub(crate) fn print_ssh(self) -> String {
        self.to_string().chars().filter(|char| char.is_ascii_digit() || *char == 'Z').collect()
    }
}

impl fmt::Display for UnixTime {
    /// RFC 3339 in UTC, or the plain number where no calendar reaches.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_second(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "{} seconds", self.0),
        }
    }
}
