//! What the agent needs of the system: the clock, the service manager, the package manager.

use std::{collections::BTreeSet, path::Path};

use holdfast_converge::host::{HostError, Read as _, ReadOnlyHost, Wanted, clock};

use super::Finding;
use crate::host::{
    look::{Host, failed},
    settings,
};

/// Signatures are judged by the clock once it is known to be right.
pub(super) fn clock() -> Finding {
    match clock::is_synchronised() {
        Some(true) => Finding::ok("clock", "synchronised"),
        Some(false) => Finding::warning(
            "clock",
            "not synchronised, so a commit that is dated in the future goes unnoticed",
            "Start a time service, such as systemd-timesyncd or chrony.",
        ),
        None => Finding::warning(
            "clock",
            "the kernel does not tell whether it is synchronised",
            "See adjtimex(2).",
        ),
    }
}

/// The service manager over D-Bus and the package manager's database.
pub(super) fn managers(root: &Path) -> Vec<Finding> {
    if !settings::is_installed(root) {
        return Vec::new();
    }
    match Host::at(root) {
        Ok(host) => host.ask(async |host| vec![service_manager(host).await, package_manager(host).await]),
        Err(failure) => vec![Finding::fail("host", &failure)],
    }
}

async fn service_manager(host: &ReadOnlyHost) -> Finding {
    let Ok(unit) = "holdfast-agent.service".parse() else { return Finding::ok("systemd", "not asked") };
    let wanted = Wanted { units: BTreeSet::from([unit]), ..Wanted::default() };
    match host.prepare(&wanted).await {
        Ok(()) => Finding::ok("systemd", "answers over D-Bus"),
        Err(why) => Finding::fail("systemd", &failed(&why)),
    }
}

async fn package_manager(host: &ReadOnlyHost) -> Finding {
    // Asking for any package makes the whole database be read.
    match host.package_manager().await {
        Ok((manager, broken)) if broken.is_empty() => Finding::ok("packages", manager),
        Ok((manager, broken)) => Finding::warning(
            "packages",
            format!("{manager} left {} in the middle", broken.join(", ")),
            "The next package transaction sets them right; on Debian `dpkg --configure -a` does it now.",
        ),
        Err(HostError::Unsupported { .. }) => Finding::warning(
            "packages",
            "neither apt, dnf nor zypper is here, so packages cannot be managed",
            "Leave packages out of this host's state.",
        ),
        Err(why) => Finding::fail("packages", &failed(&why)),
    }
}
