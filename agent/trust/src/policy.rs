//! `.trust/policy.toml`: what a fleet is and which branch it is deployed from.
//!
//! ```toml
//! format = 1
//! fleet = "6f1c0d2a9b3e4f5061728394a5b6c7d8"
//! ref = "refs/heads/main"
//! time_tolerance = "10m"
//! ```
//! A key that this version does not enforce refuses the file: a rule that is skipped in silence would look as if it held.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, de::IgnoredAny};
use toml::Spanned;

use crate::{hex, place};

#[cfg(test)]
mod tests;

/// The only format there is.
const FORMAT: i64 = 1;
/// How far clocks may be apart when the policy does not say.
const TOLERANCE: u32 = 600;
const LONGEST_TOLERANCE: u32 = 86_400;

/// What every revision of a fleet's repository says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Which fleet this is, for ever.
    pub fleet: FleetId,
    /// The full name of the only branch that may be deployed, such as `refs/heads/main`.
    pub reference: String,
    /// How far the clocks of those who sign may be apart, in seconds.
    pub time_tolerance: u32,
}

/// Why a `policy.toml` is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {problem}")]
pub struct PolicyError {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, in bytes counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: PolicyProblem,
}

/// What is wrong with a `policy.toml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyProblem {
    /// It is not text.
    #[error("this is not UTF-8")]
    NotText,
    /// It is not TOML, or its keys or types are wrong.
    #[error("{0}")]
    Toml(String),
    /// It is of a format that is not known.
    #[error("format {0} is not known to this version, which knows only format 1")]
    Format(i64),
    /// It asks for something that would not be enforced.
    #[error("this version does not enforce {0:?}, so it refuses a policy that asks for it")]
    NotEnforced(&'static str),
    /// Not a fleet id.
    #[error("{0}")]
    Fleet(InvalidFleetId),
    /// Not a branch.
    #[error("ref must be the full name of a branch, such as \"refs/heads/main\"")]
    Reference,
    /// Not a duration that makes sense.
    #[error("time_tolerance must be a whole number of s, m or h, at most 24h, such as \"10m\"")]
    Tolerance,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: Spanned<i64>,
    fleet: Spanned<String>,
    #[serde(rename = "ref")]
    reference: Spanned<String>,
    time_tolerance: Option<Spanned<String>>,
    epoch: Option<Spanned<IgnoredAny>>,
    intent: Option<Spanned<IgnoredAny>>,
    role: Option<Spanned<IgnoredAny>>,
    rule: Option<Spanned<IgnoredAny>>,
}

impl Policy {
    /// Reads a file, from first byte to last.
    pub fn parse(text: &[u8]) -> Result<Self, PolicyError> {
        let at = |offset: usize, problem| {
            let (line, column) = place::of(text, offset);
            PolicyError { line, column, problem }
        };
        let toml = str::from_utf8(text).map_err(|why| at(why.valid_up_to(), PolicyProblem::NotText))?;
        let document: Document = toml::from_str(toml).map_err(|why| {
            at(why.span().map_or(0, |span| span.start), PolicyProblem::Toml(why.message().to_owned()))
        })?;
        if *document.format.get_ref() != FORMAT {
            let problem = PolicyProblem::Format(*document.format.get_ref());
            return Err(at(document.format.span().start, problem));
        }
        let later = [
            ("epoch", &document.epoch),
            ("intent", &document.intent),
            ("role", &document.role),
            ("rule", &document.rule),
        ];
        if let Some((name, value)) = later.into_iter().find_map(|(name, value)| Some((name, value.as_ref()?)))
        {
            return Err(at(value.span().start, PolicyProblem::NotEnforced(name)));
        }
        let fleet = document.fleet.get_ref().parse();
        let fleet = fleet.map_err(|why| at(document.fleet.span().start, PolicyProblem::Fleet(why)))?;
        if !is_branch(document.reference.get_ref()) {
            return Err(at(document.reference.span().start, PolicyProblem::Reference));
        }
        let time_tolerance = match &document.time_tolerance {
            None => TOLERANCE,
            Some(text) => seconds(text.get_ref())
                .filter(|&seconds| seconds <= LONGEST_TOLERANCE)
                .ok_or_else(|| at(text.span().start, PolicyProblem::Tolerance))?,
        };
        Ok(Self { fleet, reference: document.reference.into_inner(), time_tolerance })
    }
}

/// Whether this is the full name of a branch, by the rules of git-check-ref-format(1) that matter and a few more.
fn is_branch(name: &str) -> bool {
    let Some(short) = name.strip_prefix("refs/heads/") else { return false };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-@/".contains(&byte);
    let good = |part: &str| !part.is_empty() && !part.starts_with(['.', '-']) && !part.ends_with(['.', '-']);
    short.bytes().all(plain)
        && short.len() <= 200
        && short.split('/').all(|part| good(part) && part.strip_suffix(".lock").is_none())
        && !short.contains("..")
}

fn seconds(text: &str) -> Option<u32> {
    let unit = text.chars().next_back()?;
    let number = text.strip_suffix(unit)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return None,
    };
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u32>().ok()?.checked_mul(factor)
}

/// Which fleet a repository belongs to: 128 random bits, 32 lower-case hex digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FleetId([u8; 16]);

/// Why a text is no fleet id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a fleet id: it must be 32 lower-case hex digits")]
pub struct InvalidFleetId(String);

impl FleetId {
    /// The id with these bytes, which should be random.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl FromStr for FleetId {
    type Err = InvalidFleetId;
    fn from_str(text: &str) -> Result<Self, InvalidFleetId> {
        hex::parse(text).map(Self).ok_or_else(|| InvalidFleetId(text.chars().take(100).collect()))
    }
}

impl TryFrom<String> for FleetId {
    type Error = InvalidFleetId;
    fn try_from(text: String) -> Result<Self, InvalidFleetId> {
        text.parse()
    }
}

impl From<FleetId> for String {
    fn from(fleet: FleetId) -> String {
        fleet.to_string()
    }
}

impl fmt::Display for FleetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}

impl fmt::Debug for FleetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FleetId({self})")
    }
}
