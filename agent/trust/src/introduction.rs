//! The one line that tells a new host whom to believe first.
//!
//! ```text
//! intro1.FLEET.COMMIT.KEY.CHECK
//! ```
//! `KEY` is the SHA-256 fingerprint of the key that signed `COMMIT`, in the base64 that addresses can hold. `CHECK` are the
//! first eight digits of the SHA-256 of all before its dot: it finds typing errors and nothing else.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Fingerprint, FleetId, ObjectId, payload::Payload};

#[cfg(test)]
mod tests;

const VERSION: &str = "intro1";

/// A fleet, one of its commits, and the key that signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Introduction {
    /// Which fleet.
    pub fleet: FleetId,
    /// The commit to begin at.
    pub commit: ObjectId,
    /// The key that signed the commit.
    pub key: Fingerprint,
}

/// Why a text is no introduction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIntroduction {
    /// It does not have the five parts.
    #[error("an introduction has five parts with dots between them, this has {0}")]
    Parts(usize),
    /// It is of another version.
    #[error("an introduction begins with \"intro1.\", this begins with {0:?}")]
    Version(String),
    /// Its check does not fit the rest.
    #[error("the introduction is mistyped or cut: its check should be {should:?} but is {is:?}")]
    Check {
        /// What fits the rest.
        should: String,
        /// What stands there.
        is: String,
    },
    /// A part is not what it should be.
    #[error("the introduction's {0} is malformed")]
    Part(&'static str),
}

impl InvalidIntroduction {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        "E_INTRODUCTION"
    }
}

impl Introduction {
    fn body(&self) -> String {
        format!("{VERSION}.{}.{}.{}", self.fleet, self.commit, self.key.to_url())
    }
}

fn check(body: &str) -> String {
    Payload::new(body.as_bytes(), b"").digest().to_string().chars().take(8).collect()
}

impl FromStr for Introduction {
    type Err = InvalidIntroduction;
    fn from_str(text: &str) -> Result<Self, InvalidIntroduction> {
        let shown = |text: &str| text.chars().take(20).collect();
        let parts: Vec<&str> = text.split('.').collect();
        let &[version, fleet, commit, key, given] = parts.as_slice() else {
            return Err(InvalidIntroduction::Parts(parts.len()));
        };
        if version != VERSION {
            return Err(InvalidIntroduction::Version(shown(version)));
        }
        let should = check(&[version, fleet, commit, key].join("."));
        if given != should {
            return Err(InvalidIntroduction::Check { should, is: shown(given) });
        }
        let part = InvalidIntroduction::Part;
        Ok(Self {
            fleet: fleet.parse().map_err(|_invalid| part("fleet id"))?,
            commit: commit.parse().map_err(|_invalid| part("commit"))?,
            key: Fingerprint::from_url(key).ok_or(part("key fingerprint"))?,
        })
    }
}

impl TryFrom<String> for Introduction {
    type Error = InvalidIntroduction;
    fn try_from(text: String) -> Result<Self, InvalidIntroduction> {
        text.parse()
    }
}

impl From<Introduction> for String {
    fn from(introduction: Introduction) -> String {
        introduction.to_string()
    }
}

impl fmt::Display for Introduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body();
        write!(f, "{body}.{}", check(&body))
    }
}
