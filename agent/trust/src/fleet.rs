//! Which fleet something belongs to.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::hex;

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
