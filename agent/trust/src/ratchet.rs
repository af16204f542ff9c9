//! What a host keeps of the last verified revision, so that nobody can take it back behind that.

use serde::{Deserialize, Serialize};

use crate::{FleetId, ObjectId, PayloadDigest, UnixTime, rules::Texts};

/// The last verified revision. Whoever keeps it must keep it where only root writes, and before the first change is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratchet {
    /// Which fleet.
    pub fleet: FleetId,
    /// The commit.
    pub commit: ObjectId,
    /// What names the revision whatever signature it carries.
    pub payload: PayloadDigest,
    /// When it was committed.
    pub time: UnixTime,
    /// The latest commit time of all that was verified: nothing that follows may be much older.
    pub newest: UnixTime,
    /// Who signed it.
    pub people: Vec<String>,
    /// What they said, by `State-SHA256`, that its files are.
    #[serde(default)]
    pub states: Vec<String>,
    /// Who may change what from there on, to judge a reset when the commit itself can no longer be had.
    #[serde(default)]
    pub rules: Option<Texts>,
}
