//! What the kinds of a Swarm share: who acts, whose work something is, and the names of what cannot be changed.

use std::collections::BTreeMap;

use holdfast_schema::{ResourceId, Sha256};

use super::docker;
use crate::{
    host::{HostError, Read, SwarmRole},
    ledger::Entry,
};

/// How many hex digits of its digest the name of a config ends in.
const DIGITS: usize = 12;

/// What this host has to do with the Swarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// It acts.
    Leads,
    /// Another acts, and this one sees what becomes of it.
    Follows(String),
    /// Another acts, and only that one knows.
    Works(String),
    /// It is in no Swarm any more: only of something that Git no longer has.
    None,
}

/// What this host has to do with the Swarm; `declared` says whether anything is wanted of it.
pub(super) async fn part(declared: bool, host: &impl Read) -> Result<Part, HostError> {
    let swarm = match host.swarm().await {
        Err(HostError::NoSwarm { .. }) if !declared => return Ok(Part::None),
        swarm => swarm?,
    };
    Ok(match (&swarm.role, swarm.acts_instead()) {
        (SwarmRole::Worker { .. }, Some(by)) => Part::Works(by),
        (_, Some(by)) => Part::Follows(by),
        (_, None) => Part::Leads,
    })
}

impl Part {
    /// Who acts instead of this host.
    pub(super) fn other(&self) -> Option<&str> {
        match self {
            Self::Follows(by) | Self::Works(by) => Some(by),
            Self::Leads | Self::None => None,
        }
    }

    /// Whether it sees what there is.
    pub(super) fn sees(&self) -> bool {
        matches!(self, Self::Leads | Self::Follows(_))
    }
}

/// Whether what Git no longer has may be removed: it was declared for this host, and a Holdfast of the Swarm made it. Which of
/// its managers did is no matter.
pub(super) fn may_go(id: &ResourceId, entry: Option<&Entry>, labels: &BTreeMap<String, String>) -> bool {
    entry.is_some() && docker::is_ours(id, labels)
}

/// The name that a config with just this content has in the Swarm.
pub(super) fn generation(id: &ResourceId, content: &Sha256) -> String {
    let digest = Sha256::of(format!("{id}\n{content}").as_bytes()).to_string();
    format!("{}-{}", id.name, digest.chars().take(DIGITS).collect::<String>())
}
