//! The permission bits of a file.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::InvalidName;

/// Permission bits, setuid, setgid and sticky included: at most `0o7777`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileMode(u16);

impl FileMode {
    /// The mode with these bits; higher bits are dropped.
    pub const fn new(bits: u16) -> Self {
        Self(bits & 0o7777)
    }

    /// The permission bits.
    pub const fn bits(self) -> u16 {
        self.0
    }
}
impl FromStr for FileMode {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let fail = |why| InvalidName { what: "file mode", text: text.to_owned(), why };
        if !matches!(text.len(), 3 | 4) || !text.bytes().all(|b| (b'0'..=b'7').contains(&b)) {
            return Err(fail("write three or four octal digits in quotes, as in \"0644\""));
        }
        u16::from_str_radix(text, 8).map(Self).map_err(|_overflow| fail("it is too large"))
    }
}
impl TryFrom<String> for FileMode {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}
impl From<FileMode> for String {
    fn from(mode: FileMode) -> String {
        mode.to_string()
    }
}
impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}
impl fmt::Debug for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileMode({self})")
    }
}
