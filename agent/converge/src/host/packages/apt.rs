//! dpkg and apt.
//!
//! dpkg keeps its database in `/var/lib/dpkg/status` and, while it works, a journal in `/var/lib/dpkg/updates`; the truth is both
//! together, which is why dpkg-query is asked and the file is not read. A change is first written to the journal. When the
//! journal is folded into a new `status`, that is a new file which takes the old one's name, while the old one stays as
//! `status-old`: two successive files cannot have the same inode number. So an answer is still true, with no time limit, while
//! `updates` is empty and `status` has the same device, inode, size and times as just before and just after the answer was
//! given. Only somebody who writes into `status` by hand, without changing its times, could deceive this.

#![expect(clippy::disallowed_methods, reason = "part of the room that owns dpkg's database")]

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use holdfast_schema::{id::RepositoryName, spec::RepositoryPlace};

use super::{
    complaint::Complaint,
    database::{Database, Line, Stamp},
    lock,
    manager::{Manager, words},
    plan::{Job, Plan},
};
use crate::host::{ConfigFile, HostError, Offered, PackageNow};

pub(super) mod complaint;
#[cfg(test)]
mod tests;

use complaint::{archive_name, complaints, config_files, installations, removals};

/// Where dpkg keeps its database.
const DPKG: &str = "/var/lib/dpkg";

/// The locks in the order in which apt and dpkg take them.
const LOCKS: [&str; 2] = ["lock-frontend", "lock"];

/// Where dpkg runs scripts of installed packages from, and those of a package that is being unpacked.
const INSTALLED: &str = "/var/lib/dpkg/info/";
const UNPACKED: &str = "/var/lib/dpkg/tmp.ci/";

/// What is asked of dpkg-query for each package; [`Line`] reads it.
const FORMAT: &str = "${Package}\\t${Architecture}\\t${db:Status-Abbrev}\\t${Version}\\n";

/// Options of every run of apt-get. A name is a name, and never a pattern that happens to fit others.
const APT: [&str; 7] = [
    "/usr/bin/apt-get",
    "--yes",
    "--quiet",
    "--option=DPkg::Lock::Timeout=20",
    "--option=Dpkg::Use-Pty=0",
    "--option=APT::Cmd::Pattern-Only=true",
    "--allow-downgrades",
];

/// What dpkg does about a configuration file that was changed here and in a package: as it stands it would ask.
const KEEP: [&str; 2] =
    ["--option=Dpkg::Options::=--force-confdef", "--option=Dpkg::Options::=--force-confold"];
const REPLACE: [&str; 1] = ["--option=Dpkg::Options::=--force-confnew"];

const ENVIRONMENT: [(&str, &str); 9] = [
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", "/root"),
    ("LC_ALL", "C.UTF-8"),
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("DEBIAN_PRIORITY", "critical"),
    ("APT_LISTCHANGES_FRONTEND", "none"),
    ("NEEDRESTART_MODE", "l"),
    ("NEEDRESTART_SUSPEND", "1"),
    ("UCF_FORCE_CONFFOLD", "1"),
];

/// The packages of a distribution that uses dpkg and apt.
#[derive(Debug)]
pub(super) struct Apt {
    /// dpkg's own directory.
    dpkg: PathBuf,
}

impl Apt {
    pub(super) fn at(dpkg: &Path) -> Self {
        Self { dpkg: dpkg.to_owned() }
    }

    /// Apt, if this host's packages are dpkg's: other distributions can have both programs too, with an empty database.
    pub(super) fn of_host() -> Option<Self> {
        let status = fs::metadata(Path::new(DPKG).join("status"));
        let has_packages = status.is_ok_and(|status| status.len() > 0);
        (has_packages && Path::new(APT[0]).exists()).then(|| Self::at(Path::new(DPKG)))
    }

    fn read_stamp(&self) -> io::Result<Option<Stamp>> {
        let status = self.dpkg.join("status");
        fs::symlink_metadata(&status)?;
        if fs::read_dir(self.dpkg.join("updates"))?.next().is_some() {
            return Ok(None);
        }
        Stamp::of([status.as_path()]).map(Some)
    }
}

impl Manager for Apt {
    fn program(&self) -> &'static str {
        "apt-get"
    }

    fn lock(&self) -> &'static str {
        "the dpkg lock"
    }

    fn environment(&self) -> &'static [(&'static str, &'static str)] {
        &ENVIRONMENT
    }

    fn native(&self) -> Option<&'static str> {
        None
    }

    fn stamp(&self) -> Result<Option<Stamp>, HostError> {
        match self.read_stamp() {
            Ok(stamp) => Ok(stamp),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(HostError::Unsupported { what: "installing packages with dpkg".into() })
            }
            Err(source) => Err(HostError::Io { tried: format!("look at {}", self.dpkg.display()), source }),
        }
    }

    fn query(&self) -> Vec<String> {
        words(["dpkg-query", "--show", "--showformat", FORMAT])
    }

    fn ask_offered(&self, packages: &BTreeSet<String>) -> Vec<String> {
        words(["apt-cache", "madison", "--"]).into_iter().chain(packages.iter().cloned()).collect()
    }

    /// Lines such as ` nginx | 1.22.1-9 | http://deb.debian.org/debian bookworm/main amd64 Packages`.
    fn offered(&self, said: &str) -> Offered {
        let mut offered = Offered::new();
        for line in said.lines() {
            let mut cells = line.split(" | ").map(str::trim);
            if let (Some(name), Some(version)) = (cells.next(), cells.next()) {
                offered.entry(name.to_owned()).or_default().insert(version.to_owned());
            }
        }
        offered
    }

    fn search(&self, _packages: &[&str]) -> Option<Job> {
        None
    }

    fn refresh(&self) -> Job {
        Job::of(apt(&["update"]))
    }

    fn place(&self) -> RepositoryPlace {
        RepositoryPlace::Apt
    }

    /// Of this source alone; then a look at whether all of them together still are what apt can read: it refuses everything
    /// where two speak of one place with different keys.
    fn fetch(&self, repository: &RepositoryName) -> Job {
        let only = format!("--option=Dir::Etc::sourcelist={}", self.place().file(repository));
        let fetch = apt(&[
            &only,
            "--option=Dir::Etc::sourceparts=-",
            "--option=APT::Get::List-Cleanup=0",
            "--option=APT::Update::Error-Mode=any",
            "update",
        ]);
        Job::after(Some(fetch), words(["/usr/bin/apt-get", "--quiet", "indextargets", "--format", "x"]))
    }

    fn holder(&self) -> Result<Option<i32>, HostError> {
        lock::holder(LOCKS.map(|lock| self.dpkg.join(lock)).iter().map(PathBuf::as_path))
    }

    fn complaints(&self, said: &str) -> Vec<Complaint> {
        complaints(said)
    }

    fn has_failed(&self, exit: bool, _found: &[Complaint], _said: &str) -> bool {
        exit
    }

    fn config_files(&self, said: &str) -> Vec<ConfigFile> {
        config_files(said)
    }

    /// dpkg was told beforehand.
    fn settle(&self, _plan: &Plan, _files: &mut Vec<ConfigFile>) -> Job {
        Job::default()
    }

    fn script(&self, path: &str, said: &str) -> Option<(Option<String>, String)> {
        if let Some(file) = path.strip_prefix(INSTALLED) {
            let (package, name) = file.rsplit_once('.')?;
            return Some((Some(package.split(':').next().unwrap_or(package).to_owned()), name.to_owned()));
        }
        let name = path.strip_prefix(UNPACKED)?;
        let unpacked = said.lines().rev().find_map(|line| line.strip_prefix("Preparing to unpack "));
        let archive = unpacked.and_then(|line| line.strip_suffix(" ..."));
        Some((archive.and_then(archive_name), name.to_owned()))
    }

    /// apt takes the newest version that fits a pattern.
    fn word(&self, name: &str, version: Option<&str>) -> String {
        version.map_or_else(|| name.to_owned(), |version| format!("{name}={version}"))
    }

    fn removal(&self, name: &str) -> String {
        format!("{name}-")
    }

    fn is_newer(&self, _one: &str, _than: &str) -> bool {
        false
    }

    fn job(&self, plan: &Plan, _database: &Database) -> Job {
        let command = |words: &[&str], names: &[String]| -> Option<Vec<String>> {
            let words = words.iter().map(|word| (*word).to_owned());
            (!names.is_empty()).then(|| words.chain(names.iter().cloned()).collect())
        };
        let no_remove: &[&str] = if plan.remove.is_empty() { &["--no-remove"] } else { &[] };
        let change = |options: &[&str], replaces: bool| {
            let each = plan.each(self).filter(|(name, _)| plan.replace_config.contains(*name) == replaces);
            let words: Vec<String> = each.map(|(_, word)| word).collect();
            let install = apt_with(options, &[no_remove, &["install", "--"]].concat());
            (!words.is_empty()).then(|| [install, words].concat())
        };
        let (keep, replace) = (change(&KEEP, false), change(&REPLACE, true));
        let unhold = command(&["/usr/bin/apt-mark", "--quiet", "unhold"], &plan.unhold);
        let purge = command(&["/usr/bin/dpkg", "--force-confold", "--purge"], &plan.purge);
        let hold = command(&["/usr/bin/apt-mark", "--quiet", "hold"], &plan.hold);
        Job::ending_with(unhold.into_iter().chain(keep).chain(replace).chain(purge).collect(), hold)
    }

    /// Without removals apt is told so.
    fn needs_simulation(&self, plan: &Plan) -> bool {
        !plan.remove.is_empty()
    }

    fn simulate(&self, words: &[String], _plan: &Plan, _database: &Database) -> Job {
        let simulate = apt(&["--simulate", "--option=Debug::NoLocking=1", "install", "--"]);
        Job::of([simulate, words.to_owned()].concat())
    }

    fn removals(&self, said: &str) -> BTreeSet<String> {
        removals(said)
    }

    fn installations(&self, said: &str) -> BTreeSet<String> {
        installations(said)
    }

    fn repairs(&self, database: &Database, going: &[String]) -> Vec<Job> {
        // A script that hangs need not be run again for a package that is to go.
        let goes = |line: &Line<'_>| {
            matches!(line.now(), PackageNow::Broken { .. }) && going.contains(&database.name(line))
        };
        let going: Vec<String> = database.packages().filter(goes).map(|line| database.name(&line)).collect();
        let remove = words(["/usr/bin/dpkg", "--remove", "--"]);
        let remove = (!going.is_empty()).then(|| Job::of([remove, going].concat()));
        let configure = ["/usr/bin/dpkg", "--force-confdef", "--force-confold", "--configure", "-a"];
        remove.into_iter().chain([Job::of(words(configure))]).collect()
    }

    fn reinstall(&self, database: &Database) -> Option<Job> {
        let broken = database.packages().filter(Line::needs_reinstall);
        let archives: Vec<String> = broken
            .map(|line| match line.architecture {
                "all" => format!("{}={}", line.name, line.version),
                architecture => format!("{}:{architecture}={}", line.name, line.version),
            })
            .collect();
        let reinstall = apt(&["--no-remove", "--reinstall", "install", "--"]);
        (!archives.is_empty()).then(|| Job::of([reinstall, archives].concat()))
    }
}

/// A run of apt-get.
fn apt(words: &[&str]) -> Vec<String> {
    apt_with(&KEEP, words)
}

fn apt_with(options: &[&str], words: &[&str]) -> Vec<String> {
    APT.iter().chain(options).chain(words).map(|word| (*word).to_owned()).collect()
}
