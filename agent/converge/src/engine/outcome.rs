//! How a pass ended.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_schema::ResourceId;

use super::failure::Failure;
use crate::plan::Difference;

/// How one resource ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was in order.
    Same,
    /// It was brought in order: what differed before.
    Changed(Vec<Difference>),
    /// Git no longer has it, and now the host does not have it either.
    Removed,
    /// Git no longer has it; it stays as it is and is Holdfast's no longer: why.
    Released(&'static str),
    /// It differs and is only audited.
    Differs(Vec<Difference>),
    /// It could not be brought in order.
    Failed(Failure),
    /// It was not tried, because this one is not in order.
    Blocked {
        /// The resource at the root of it.
        by: ResourceId,
    },
    /// Something outside Holdfast must end first, or the pass was stopped.
    Waiting(Failure),
    /// A guard keeps it as it is.
    Held(Failure),
    /// Somebody undoes every repair, so that it is left alone for a while.
    Conflict(Failure),
    /// This host or this agent lacks what it needs.
    Unsupported(Failure),
    /// Another host does it, which is no failure: who.
    Elsewhere(String),
}

/// How a pass ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Every resource that is not [`Outcome::Same`].
    pub outcomes: BTreeMap<ResourceId, Outcome>,
    /// Who made it differ, where that is known.
    pub by: BTreeMap<ResourceId, String>,
    /// How many declared resources were in order.
    pub same: u32,
    /// Whether the pass was told to stop before its end.
    pub stopped: bool,
    /// Why the ledger could not be saved, if it could not: what this pass learned may be lost.
    pub unsaved: Option<Failure>,
}

impl Report {
    /// Forgets what happened once: what was changed is in order now.
    pub fn settle(&mut self) {
        let before = self.outcomes.len();
        self.outcomes.retain(|_, outcome| !matches!(outcome, Outcome::Changed(_)));
        self.same += u32::try_from(before - self.outcomes.len()).unwrap_or(u32::MAX);
        self.outcomes.retain(|_, outcome| !matches!(outcome, Outcome::Removed | Outcome::Released(_)));
        self.by.retain(|id, _| self.outcomes.contains_key(id));
    }

    /// Keeps in mind who made differ what differs as it did in an earlier pass.
    pub fn remember(&mut self, earlier: Report) {
        for (id, by) in earlier.by {
            if self.outcomes.get(&id).is_some_and(|now| earlier.outcomes.get(&id) == Some(now)) {
                self.by.entry(id).or_insert(by);
            }
        }
    }

    /// Whether another look may find something else, though nothing changes on the host: something failed, waits or is held.
    pub fn is_unsettled(&self) -> bool {
        let settled = |outcome: &Outcome| {
            matches!(
                outcome,
                Outcome::Same
                    | Outcome::Changed(_)
                    | Outcome::Removed
                    | Outcome::Released(_)
                    | Outcome::Differs(_)
            )
        };
        self.stopped || self.unsaved.is_some() || !self.outcomes.values().all(settled)
    }

    /// Takes in what a pass over only some resources found.
    pub fn update(&mut self, looked_at: &BTreeSet<ResourceId>, part: Report) {
        self.settle();
        for id in looked_at {
            self.by.remove(id);
            if self.outcomes.remove(id).is_none() {
                self.same = self.same.saturating_sub(1);
            }
        }
        self.same += part.same;
        self.outcomes.extend(part.outcomes);
        self.by.extend(part.by);
        self.stopped = part.stopped;
        self.unsaved = part.unsaved;
    }
}

impl Outcome {
    /// Whether what needs this resource can begin.
    pub(super) fn lets_others_begin(&self) -> bool {
        match self {
            Self::Same
            | Self::Changed(_)
            | Self::Removed
            | Self::Released(_)
            | Self::Differs(_)
            | Self::Elsewhere(_) => true,
            Self::Failed(_)
            | Self::Blocked { .. }
            | Self::Waiting(_)
            | Self::Held(_)
            | Self::Conflict(_)
            | Self::Unsupported(_) => false,
        }
    }

    /// One line in the log for what a person would want to know; what stays the same from pass to pass is only for debugging.
    pub(super) fn log(&self, id: &ResourceId, by: Option<&str>) {
        let failed = |failure: &Failure, what: &'static str| {
            tracing::warn!(resource = %id, code = failure.code, "{id} {what}: {}", failure.detail);
        };
        match self {
            Self::Same => {}
            Self::Changed(differences) => {
                let after = by.map(|by| format!(", after a change by {by}")).unwrap_or_default();
                tracing::info!(resource = %id, by, "{id} changed: {}{after}", list(differences));
            }
            Self::Removed => tracing::info!(resource = %id, "{id} removed"),
            Self::Released(why) => tracing::info!(resource = %id, "{id} released: {why}"),
            Self::Differs(differences) => {
                tracing::debug!(resource = %id, "{id} differs, and is only audited: {}", list(differences));
            }
            Self::Failed(failure) => failed(failure, "failed"),
            Self::Unsupported(failure) => failed(failure, "is not supported"),
            Self::Blocked { by } => tracing::debug!(resource = %id, "{id} is blocked by {by}"),
            Self::Waiting(failure) => {
                tracing::info!(resource = %id, code = failure.code, "{id} waits: {}", failure.detail);
            }
            Self::Elsewhere(by) => tracing::debug!(resource = %id, "{id} is managed by {by}"),
            Self::Held(failure) | Self::Conflict(failure) => {
                tracing::debug!(resource = %id, code = failure.code, "{id} is left alone: {}", failure.message);
            }
        }
    }
}

/// Differences in one line.
pub(crate) fn list(differences: &[Difference]) -> String {
    let words: Vec<String> = differences
        .iter()
        .map(|difference| format!("{}: {} → {}", difference.field, difference.from, difference.to))
        .collect();
    words.join("; ")
}
