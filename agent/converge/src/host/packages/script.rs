//! The maintainer script that a transaction is at: named for people, and stopped when it runs for too long.
//!
//! Only the script is stopped, never the package manager: dpkg then takes the package for failed and ends in good order.
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

use super::complaint::archive_name;
use crate::host::clock;

/// Where dpkg runs scripts of installed packages from, and those of a package that is being unpacked.
const INSTALLED: &str = "/var/lib/dpkg/info/";
const UNPACKED: &str = "/var/lib/dpkg/tmp.ci/";

/// After this time a script that was asked to end is made to.
const GRACE: Duration = Duration::from_secs(10);

/// A maintainer script that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Script {
    /// Its package, if that can be told.
    pub(super) package: Option<String>,
    /// Which of the package's scripts, such as `postinst`.
    pub(super) name: String,
    /// How long it has been running.
    pub(super) since: Duration,
    pid: i32,
    /// Its process and all that came from it.
    family: BTreeSet<i32>,
}

impl Script {
    /// The script that a unit of the system slice is at. `said` is what the package manager said last.
    pub(super) fn of(unit: &str, said: &str) -> Option<Self> {
        let group = Path::new("/sys/fs/cgroup");
        let processes = ["system.slice", "systemd/system.slice"]
            .iter()
            .find_map(|slice| fs::read_to_string(group.join(slice).join(unit).join("cgroup.procs")).ok())?;
        let processes: Vec<i32> = processes.lines().filter_map(|line| line.parse().ok()).collect();
        let (pid, path) = processes.iter().find_map(|pid| Some((*pid, script_path(*pid)?)))?;
        let (package, name) = tell(&path, said)?;
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

/// The maintainer script among the first words of a process' command line.
fn script_path(pid: i32) -> Option<String> {
    let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = String::from_utf8_lossy(&words);
    let is_script = |word: &&str| word.starts_with(INSTALLED) || word.starts_with(UNPACKED);
    words.split('\0').take(4).find(is_script).map(str::to_owned)
}

/// The package and the name of a script by its path.
fn tell(path: &str, said: &str) -> Option<(Option<String>, String)> {
    if let Some(file) = path.strip_prefix(INSTALLED) {
        let (package, name) = file.rsplit_once('.')?;
        return Some((Some(package.split(':').next().unwrap_or(package).to_owned()), name.to_owned()));
    }
    let unpacked = said.lines().rev().find_map(|line| line.strip_prefix("Preparing to unpack "));
    let archive = unpacked.and_then(|line| line.strip_suffix(" ..."));
    Some((archive.and_then(archive_name), path.strip_prefix(UNPACKED)?.to_owned()))
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
