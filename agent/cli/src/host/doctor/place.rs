//! The agent's own files: settings, key, memory, and room for more.

use std::path::{Path, PathBuf};

use holdfast_agent::settings::{Paths, Settings, SettingsError};
use nix::sys::statvfs::statvfs;

use super::Finding;
use crate::{
    failure::{Code, Failure},
    host::settings,
};

/// Below this many bytes a filesystem is as good as full.
const TOO_LITTLE: u64 = 16 << 20;
/// Below this many bytes it is time to look.
const LITTLE: u64 = 256 << 20;

/// Whether the host is enrolled, with files that only root can read.
pub(super) fn enrolment(settings: &Result<Settings, SettingsError>) -> Finding {
    match settings {
        Ok(settings) => Finding::ok(
            "enrolment",
            format!("{} follows {} of {}", settings.host, settings.branch, settings.fleet.url),
        ),
        Err(why) => Finding::fail("enrolment", &settings::unusable(why)),
    }
}

/// The key that the status is signed with.
pub(super) fn host_key(paths: &Paths) -> Finding {
    match paths.read_host_key() {
        Ok(key) => Finding::ok("host key", key.fingerprint().to_string()),
        Err(why) => Finding::fail("host key", &settings::unusable(&why)),
    }
}

/// What the agent remembers: without the last verified revision it would start over at the introduction.
pub(super) fn memory(paths: &Paths) -> Finding {
    match settings::memory(paths) {
        Ok(Some(memory)) => match &memory.ratchet {
            Some(ratchet) => Finding::ok(
                "memory",
                format!("last verified {}, signed by {}", ratchet.commit.short(), ratchet.people.join(", ")),
            ),
            None => Finding::warning(
                "memory",
                "no revision was verified yet",
                "Run `holdfast sync`; what stands in the way is in its answer.",
            ),
        },
        Ok(None) => {
            Finding::warning("memory", "the agent never ran here", "Enrol this host, or start the agent.")
        }
        Err(failure) => Finding::fail("memory", &failure),
    }
}

/// Room on the filesystems that the agent always writes to.
pub(super) fn space(paths: &Paths) -> Vec<Finding> {
    [&paths.state, &paths.config].into_iter().filter_map(|path| room(path)).collect()
}

fn room(path: &Path) -> Option<Finding> {
    // Before the first start there is only a parent.
    let there: PathBuf = path.ancestors().find(|path| path.exists())?.to_owned();
    let name = path.display();
    let found = match statvfs(&there) {
        Ok(found) => found,
        Err(why) => {
            let failure = Failure::new(Code::Read, format!("cannot ask for the room at {name}"));
            return Some(Finding::fail("disk space", &failure.because(std::io::Error::from(why))));
        }
    };
    let bytes = found.blocks_available().saturating_mul(found.fragment_size());
    let message = format!("{} MiB free at {name}", bytes >> 20);
    Some(if bytes < TOO_LITTLE {
        Finding::fail("disk space", &Failure::coded("E_DISK_FULL", message, Some("Free some space there.")))
    } else if bytes < LITTLE {
        Finding::warning("disk space", message, "Free some space there soon.")
    } else {
        Finding::ok("disk space", message)
    })
}
