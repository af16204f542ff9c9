//! Who changes what, by fanotify(7): it names the process, which inotify(7), the service manager and the Docker engine do not.
//!
//! It only bears witness. Nothing depends on it, and where the kernel is too old (before 5.9) or does not let this process ask,
//! nobody is named.

use std::io;

use rustix::thread::{CapabilitySet, capabilities, remove_capability_from_bounding_set, set_capabilities};

mod changes;
mod group;
mod runs;

pub(super) use changes::Changes;
pub(super) use group::Group;
pub(super) use runs::Runs;
pub use runs::{Command, Run};

/// What the kernel tells of who does what.
#[derive(Debug)]
pub struct Witness {
    /// In directories.
    pub(super) changes: Changes,
    /// With commands.
    pub(super) runs: Group,
}

impl Witness {
    /// Asks the kernel for a witness, and gives up for good the privilege that this takes: `CAP_SYS_ADMIN`, and what it takes
    /// to give that up. To be called while the process has one thread.
    ///
    /// # Errors
    /// If the privilege could not be given up; such a process should not go on. That there is no witness is no error.
    pub fn call() -> io::Result<Option<Self>> {
        // To anybody else the kernel does not tell who it was.
        if !capabilities(None)?.effective.contains(CapabilitySet::SYS_ADMIN) {
            return Ok(None);
        }
        let groups = (Group::new(), Group::new());
        give_up(CapabilitySet::SYS_ADMIN)?;
        give_up(CapabilitySet::SETPCAP)?;
        Ok(match groups {
            (Some(changes), Some(runs)) => Some(Self { changes: Changes::new(changes), runs }),
            _ => None,
        })
    }
}

/// Gives a capability up for good: this process does not get it back, nor do those that it starts.
fn give_up(capability: CapabilitySet) -> io::Result<()> {
    let mut sets = capabilities(None)?;
    if !sets.permitted.contains(capability) {
        return Ok(());
    }
    // Only who has `CAP_SETPCAP` may change the bounding set; it is given up last.
    if sets.effective.contains(CapabilitySet::SETPCAP) {
        remove_capability_from_bounding_set(capability)?;
    }
    for set in [&mut sets.effective, &mut sets.permitted, &mut sets.inheritable] {
        set.remove(capability);
    }
    Ok(set_capabilities(None, sets)?)
}
