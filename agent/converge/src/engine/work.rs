//! Where each resource is in a pass, and what happened to it so far.

use std::collections::BTreeSet;

use super::{Failure, Outcome, barrier::Barrier};
use crate::{
    host::HostError,
    plan::{Difference, Step},
};

/// Where a resource is in the pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Not begun, or free to go on.
    Open,
    /// Waits at a barrier.
    At(Barrier),
    /// Ended, so that what needs it can begin.
    Good,
    /// Ended, so that what needs it cannot begin.
    Bad,
}

/// What happened to a resource so far.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// The differences that were dealt with.
    pub(super) did: Vec<Difference>,
    /// What went wrong; looking again decides whether it matters.
    pub(super) error: Option<Trouble>,
    /// Whether it matters even if all looks well: what is in place but not flushed may be gone after a power cut, and what
    /// is out of sight may not be removed.
    pub(super) error_lasts: bool,
    /// The step that waits at a barrier.
    pub(super) pending: Option<Step>,
    /// Whether nothing was planned beyond the last step that was run.
    pub(super) complete: bool,
    /// The barriers that it went through.
    pub(super) passed: BTreeSet<Barrier>,
    /// How often something changed under Holdfast's hands.
    pub(super) conflicts: u8,
}

/// What went wrong, and whether it is a matter of waiting.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    Failed(Failure),
    Waiting(Failure),
    Unsupported(Failure),
}

impl From<&HostError> for Trouble {
    fn from(error: &HostError) -> Self {
        let failure = Failure::from(error);
        match error {
            error if error.is_waiting() => Self::Waiting(failure),
            HostError::Unsupported { .. } => Self::Unsupported(failure),
            _ => Self::Failed(failure),
        }
    }
}

impl From<Trouble> for Outcome {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Failed(failure) => Self::Failed(failure),
            Trouble::Waiting(failure) => Self::Waiting(failure),
            Trouble::Unsupported(failure) => Self::Unsupported(failure),
        }
    }
}
