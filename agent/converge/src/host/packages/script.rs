//! The maintainer script that a transaction is at: named for people, and stopped when it runs for too long.
//!
//! Only the script is stopped, never the package manager, which then takes the package for failed and ends in good order.
#![expect(clippy::disallowed_methods, reason = "part of the room that owns package transactions")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, SysconfVar, sysconf},
};

use super::manager::Manager;
use crate::host::clock;

/// After this time a script that was asked to end is made to.
const GRACE: Duration = Duration::from_secs(10);

/// What `gpg` leaves running.
const DAEMONS: [&str; 4] = ["gpg-agent", "keyboxd", "scdaemon", "dirmngr"];

/// A maintainer script that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Script {
    /// Its package, if that can be told.
    pub(super) package: Option<String>,
    /// Which of the package's scripts, such as `postinst`, as far as that can be told.
    pub(super) name: String,
    /// How long it has been running.
    pub(super) since: Duration,
    pid: i32,
    /// Its process and all that came from it.
    family: BTreeSet<i32>,
}

impl Script {
    /// The script that a unit of the system slice is at. `said` is what the package manager said last.
    pub(super) fn of(manager: &dyn Manager, unit: &str, said: &str) -> Option<Self> {
        let processes = processes(unit)?;
        let (pid, (package, name)) = processes.iter().find_map(|pid| {
            let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let words = String::from_utf8_lossy(&words);
            Some((*pid, words.split('\0').take(4).find_map(|word| manager.script(word, said))?))
        })?;
        let parents: BTreeMap<i32, i32> =
            processes.iter().filter_map(|pid| Some((*pid, stat(*pid, 4)?.try_into().ok()?))).collect();
        Some(Self { package, name, since: age(pid)?, pid, family: family(pid, &parents) })
    }

    /// Asks it to end once it has run for `limit`, and a little later makes it. Whether it was time.
    pub(super) fn bound(&self, limit: Duration) -> bool {
        let Some(over) = self.since.checked_sub(limit) else { return false };
        // It may have ended meanwhile, and its number may be another's by now.
        if age(self.pid).is_some_and(|age| age >= self.since) {
            let signal = if over < GRACE { Signal::SIGTERM } else { Signal::SIGKILL };
            for pid in &self.family {
                let _gone = kill(Pid::from_raw(*pid), signal);
            }
        }
        true
    }
}

impl fmt::Display for Script {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let package = self.package.as_deref().unwrap_or("a package");
        write!(formatter, "the {} of {package}, which has been running for {:?}", self.name, self.since)
    }
}

/// Ends the daemons of `gpg` that a package manager started and left behind, once nothing else is left of its unit: that waits
/// for them, and they for nobody.
pub(super) fn end_daemons(unit: &str) {
    let processes = processes(unit).unwrap_or_default();
    let is_daemon = |pid: &i32| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        DAEMONS.contains(&name.trim())
    };
    if processes.iter().all(is_daemon) {
        for pid in processes {
            let _gone = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
    }
}

/// The processes of a unit of the system slice; `None` if it does not run.
pub(super) fn processes(unit: &str) -> Option<Vec<i32>> {
    let group = Path::new("/sys/fs/cgroup");
    let processes = ["system.slice", "systemd/system.slice"]
        .iter()
        .find_map(|slice| fs::read_to_string(group.join(slice).join(unit).join("cgroup.procs")).ok())?;
    Some(processes.lines().filter_map(|line| line.parse().ok()).collect())
}

/// A process and its descendants.
fn family(pid: i32, parents: &BTreeMap<i32, i32>) -> BTreeSet<i32> {
    let mut family = BTreeSet::from([pid]);
    loop {
        let before = family.len();
        family.extend(
            parents
                .iter()
                .filter(|(_, parent)| family.contains(parent))
                .map(|(pid, _)| *pid)
                .collect::<Vec<_>>(),
        );
        if family.len() == before {
            return family;
        }
    }
}

/// How long a process has been running, to the second.
fn age(pid: i32) -> Option<Duration> {
    let ticks = sysconf(SysconfVar::CLK_TCK).ok()??;
    let started = stat(pid, 22)?.checked_div(ticks)?;
    Some(Duration::from_secs(clock::uptime().saturating_sub(started.try_into().ok()?)))
}

/// A field of a process' `stat`, counted from 1, see proc(5).
fn stat(pid: i32, field: usize) -> Option<i64> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, field 2, is in parentheses and may hold anything.
    let (_, rest) = line.rsplit_once(") ")?;
    rest.split(' ').nth(field.checked_sub(3)?)?.parse().ok()
}

#[cfg(test)]
mod tests;
