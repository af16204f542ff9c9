//! What Git no longer has, and what becomes of it.
//!
//! The inventory is the ledger's: local, versioned, and never rebuilt from what happens to be on the host. The rules:
//!
//! 1. A path that Holdfast made and that is as Holdfast left it is removed: a file, a symlink, a drop-in, an empty directory.
//! 2. A unit whose unit file Holdfast wrote is stopped, disabled and removed. Of any other unit only Holdfast's drop-ins go.
//! 3. What was there before Holdfast, what somebody changed since Holdfast wrote it, a directory that holds other people's
//!    things, and every package are *released*: left as they are, said so once, and forgotten.
//! 4. A directory that still holds something declared or owned stays owned until that is gone.
//! 5. An entry leaves the inventory only when its removal was seen, or when it is released. A removal that fails, that the
//!    guard holds, or that waits for something stays owned and is tried again.
//! 6. A path that another declared resource speaks for now is handed over to that: see [`crate::ledger::Ledger::hand_over`].

use holdfast_schema::{HostState, ResourceId, state::RemovalGuard};

use crate::ledger::Ledger;

/// From how many owned resources on the share is looked at.
const SHARE_FROM: usize = 10;

/// What is owned and no longer declared.
pub(crate) fn leaving(state: &HostState, ledger: &Ledger) -> Vec<ResourceId> {
    ledger.owned().keys().filter(|id| !state.resources.contains_key(*id)).cloned().collect()
}

/// Why a pass removes nothing at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Excess {
    /// How many resources the pass would remove.
    pub(crate) removals: usize,
    /// How many resources are owned.
    pub(crate) owned: usize,
}

/// Whether removing what is leaving would be more than the guard lets through. What would only be released does not count.
pub(crate) fn excess(guard: RemovalGuard, ledger: &Ledger, leaving: &[ResourceId]) -> Option<Excess> {
    let owned = ledger.owned().len();
    let made = |id: &&ResourceId| ledger.entry(id).is_some_and(crate::ledger::Entry::made_something);
    let removals = leaving.iter().filter(made).count();
    let count = u32::try_from(removals).unwrap_or(u32::MAX);
    if count <= guard.allowed {
        return None;
    }
    let too_many = count > guard.max_removals;
    let too_large =
        owned >= SHARE_FROM && removals * 100 > owned.saturating_mul(usize::from(guard.max_removal_percent));
    (too_many || too_large).then_some(Excess { removals, owned })
}
