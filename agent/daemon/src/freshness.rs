//! Whether what the server shows is fresh, where the policy has somebody say so again and again. Pure.

use holdfast_schema::status::StatusProblem;
use holdfast_trust::{Beat, UnixTime};
use serde::{Deserialize, Serialize};

use crate::codes::STALE;

#[cfg(test)]
mod tests;

/// The newest beat that counted; all zero before the first one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Freshness {
    /// Its number: no older one counts any more.
    pub sequence: u64,
    /// When it is stale.
    pub until: Option<UnixTime>,
}

impl Freshness {
    /// With one more beat heard.
    #[must_use]
    pub fn heard(self, beat: Option<Beat>) -> Self {
        match beat {
            Some(Beat { sequence, until }) if sequence > self.sequence => {
                Self { sequence, until: Some(until) }
            }
            _ => self,
        }
    }

    /// What is wrong with it now. Only for a clock that is known to be right.
    pub fn problem(&self, now: UnixTime) -> Option<StatusProblem> {
        let message = match self.until {
            Some(until) if now <= until => return None,
            Some(until) => format!("nobody has said since {until} that the branch is the newest"),
            None => "nobody has said yet that the branch is the newest".to_owned(),
        };
        let remedy = Some(STALE.to_owned());
        Some(StatusProblem { code: "E_STALE".to_owned(), message, remedy, commit: None, at: None })
    }
}
