//! What dnf and zypper have in common: rpm, which keeps the packages.
//!
//! rpm has no state for a package that is half there. An upgrade that was interrupted shows in that both versions are in the
//! database, or only in files of the new version under the old one's name; a scriptlet that did not come to its end shows
//! nowhere. So the names of what a transaction is about are on disk while it runs. Where it was interrupted their files are
//! looked at, and what is torn is installed once more, as is whatever was installed since the transaction began.
//!
//! An answer of rpm is still true while the files of the database and those of the locks are the same, if they had not been
//! changed within the last [`SETTLED`] seconds: the clock of a filesystem has ticks.

#![expect(clippy::disallowed_methods, reason = "part of the room that owns rpm's database")]

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    env, fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use super::{
    complaint::Complaint,
    database::{Database, Line, Stamp},
    lock,
    manager::words,
    plan::{Job, Plan},
    version,
};
use crate::host::{ConfigFile, HostError, clock};

mod complaint;
mod dnf;
mod holds;
mod zypper;

pub(super) use dnf::Dnf;
use holds::Holds;
pub(super) use zypper::Zypper;

#[cfg(test)]
mod tests;

/// Where rpm keeps its database, by age of the distribution.
const DATABASES: [&str; 2] = ["/usr/lib/sysimage/rpm", "/var/lib/rpm"];

/// The files that it can be in, by format.
const FILES: [&str; 4] = ["rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages.db", "Packages"];

/// The files in which other programs write that they are at work on packages.
const PID_FILES: [&str; 4] = [
    "/var/lib/dnf/rpmdb_lock.pid",
    "/var/cache/dnf/metadata_lock.pid",
    "/var/cache/dnf/download_lock.pid",
    "/run/zypp.pid",
];

/// rpm runs scripts from here.
const SCRIPT: &str = "/var/tmp/rpm-tmp.";

/// What rpm calls the keys that it trusts.
pub(super) const KEY: &str = "gpg-pubkey";

/// What is asked of rpm for each package.
const FORMAT: &str = "%{NAME}\\t%{ARCH}\\t%{EVR}\\t%{INSTALLTIME}\\n";

/// Tells for each of some packages, after its name, how its files differ from what the database says; then which packages
/// were installed since a time.
const VERIFY: &str = "since=$1; shift
for package; do
  echo \"$package\"
  rpm --verify --nodeps --noscripts --nomtime --nomode --nouser --nogroup --nocaps --nordev -- \"$package\"
done
rpm --query --all --queryformat '%{INSTALLTIME} %{NAME}.%{ARCH}\n' | while read -r time package; do
  [ \"$time\" -lt \"$since\" ] || printf '%s\nmissing /\n' \"$package\"
done
exit 0";

/// For so long, in seconds, a file must have been left alone before its times tell that it is the same.
const SETTLED: i64 = 2;

const ENVIRONMENT: [(&str, &str); 4] = [
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", "/root"),
    ("LC_ALL", "C.UTF-8"),
    ("ZYPP_LOCK_TIMEOUT", "20"),
];

/// rpm's packages.
#[derive(Debug)]
pub(super) struct Rpm {
    /// Where its database is.
    database: PathBuf,
    /// The agent's own directory.
    state: PathBuf,
}

/// What works on rpm's packages here.
#[derive(Debug)]
pub(super) enum Found {
    Dnf(Dnf),
    Zypper(Zypper),
}

/// dnf or zypper, if this host has rpm's database and one of them: of both that which has package sources.
pub(super) fn of_host(state: &Path) -> Option<Found> {
    let has_database = |directory: &&Path| FILES.iter().any(|file| directory.join(file).exists());
    let database = DATABASES.iter().map(Path::new).find(has_database)?;
    let rpm = Rpm { database: database.to_owned(), state: state.to_owned() };
    let has_sources = |directory: &str| {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| entry.path().extension().is_some_and(|ending| ending == "repo"))
    };
    let zypper = Path::new(zypper::PROGRAM).exists();
    match dnf::of_host() {
        Some(generation)
            if !zypper || has_sources("/etc/yum.repos.d") || !has_sources("/etc/zypp/repos.d") =>
        {
            Some(Found::Dnf(Dnf::new(rpm, generation)))
        }
        _ => zypper.then(|| Found::Zypper(Zypper::new(rpm))),
    }
}

impl Rpm {
    fn stamp(&self) -> Result<Option<Stamp>, HostError> {
        if self.unfinished().exists() {
            return Ok(None);
        }
        let files: Vec<PathBuf> = FILES.iter().map(|file| self.database.join(file)).collect();
        let stamp = Stamp::of(files.iter().map(PathBuf::as_path).chain(holds::FILES.map(Path::new)));
        let stamp = stamp.map_err(|source| HostError::Io {
            tried: format!("look at {}", self.database.display()),
            source,
        })?;
        let now = clock::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let age = i64::try_from(now).unwrap_or(i64::MAX).saturating_sub(stamp.newest());
        Ok((age > SETTLED).then_some(stamp))
    }

    fn holder(&self) -> Result<Option<i32>, HostError> {
        if let Some(writer) = lock::writer(PID_FILES.map(Path::new)) {
            return Ok(Some(writer));
        }
        lock::holder([self.database.join(".rpm.lock").as_path()])
    }

    /// Where the names are of what a transaction under way is about.
    fn unfinished(&self) -> PathBuf {
        self.state.join("packages.unfinished")
    }

    /// Looks at what an interrupted transaction was about.
    fn verify(&self) -> Option<Vec<String>> {
        let names = fs::read_to_string(self.unfinished()).ok()?;
        let begun = fs::metadata(self.unfinished()).ok()?.mtime();
        let verify = words(["/bin/sh", "-c", VERIFY, "sh", &begun.to_string()]);
        Some(verify.into_iter().chain(names.lines().map(str::to_owned)).collect())
    }

    fn forget_unfinished(&self) {
        let _gone = fs::remove_file(self.unfinished());
    }

    /// Makes a transaction leave its names behind if it is interrupted.
    fn noted(&self, plan: &Plan, mut job: Job) -> Job {
        let names: BTreeSet<String> =
            plan.install.iter().map(|(name, _)| name).chain(&plan.remove).map(|name| dotted(name)).collect();
        let text = names.into_iter().map(|name| name + "\n").collect();
        job.inputs.push((self.unfinished(), text));
        self.ending(job)
    }

    /// Has a run itself forget, when it went well, what an interrupted one left: it may restart the agent that waits for it.
    fn ending(&self, mut job: Job) -> Job {
        let unfinished = self.unfinished().to_string_lossy().into_owned();
        job.commands.push(words(["/bin/rm", "-f", "--", &unfinished]));
        job
    }
}

/// The command that removes these directories.
fn remove(directories: impl Iterator<Item = PathBuf>) -> Option<Vec<String>> {
    let directories: Vec<String> = directories.map(|path| path.to_string_lossy().into_owned()).collect();
    (!directories.is_empty())
        .then(|| words(["/bin/rm", "-rf", "--"]).into_iter().chain(directories).collect())
}

fn query() -> Vec<String> {
    words(["rpm", "--query", "--all", "--queryformat", FORMAT])
}

/// What rpm said, in the form of the database.
fn normal(said: &str, holds: &Holds) -> String {
    let mut packages: BTreeMap<(&str, &str), Vec<(u64, &str)>> = BTreeMap::new();
    for line in said.lines() {
        let mut fields = line.split('\t');
        if let (Some(name), Some(architecture), Some(version), Some(time)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        {
            let version = version.strip_prefix("0:").unwrap_or(version);
            packages
                .entry((name, architecture))
                .or_default()
                .push((time.parse().unwrap_or_default(), version));
        }
    }
    let mut text = String::new();
    for ((name, architecture), mut versions) in packages {
        // Keys of package sources, side by side under one name.
        if name == KEY {
            let names = versions.iter().filter_map(|(_, version)| super::repository::key_name(version));
            text.extend(names.map(|name| format!("{name}\tall\tii \t0\n")));
            continue;
        }
        versions.sort_by(|one, other| {
            Reverse(one.0).cmp(&Reverse(other.0)).then_with(|| version::compare(other.1, one.1))
        });
        // Several kernels lie side by side: the newest counts.
        if name.starts_with("kernel") {
            versions.truncate(1);
        }
        let held = versions.iter().any(|(_, version)| holds.hold(name, version, architecture));
        let state = match (versions.len(), held) {
            (1, false) => "ii ",
            (1, true) => "hi ",
            (_, false) => "iD ",
            (_, true) => "hD ",
        };
        let versions: Vec<&str> = versions.into_iter().map(|(_, version)| version).collect();
        let architecture = if architecture == "noarch" { "all" } else { architecture };
        text.extend([name, "\t", architecture, "\t", state, "\t", &versions.join(" "), "\n"]);
    }
    text
}

/// Marks those packages of which files that are no configuration are missing or another's. What has two versions is marked
/// already.
fn mark_torn(packages: &str, found: &str) -> String {
    let mut torn = BTreeSet::new();
    let mut package = "";
    for line in found.lines() {
        let mut words = line.split_whitespace();
        let (Some(first), second) = (words.next(), words.next()) else { continue };
        if second.is_none() {
            package = first;
        } else if second.is_some_and(|second| second.starts_with('/'))
            && (first == "missing"
                || first.len() == 9 && first.starts_with(['S', '.', '?']) && first.contains(['S', '5', 'L']))
        {
            torn.insert(package);
        }
    }
    let is_torn = |line: &Line<'_>| {
        let architecture = architecture_of(line);
        line.letter(1) == b'i'
            && (torn.contains(line.name) || torn.contains(format!("{}.{architecture}", line.name).as_str()))
    };
    let mut text = String::with_capacity(packages.len());
    for line in packages.lines() {
        match Line::parse(line) {
            Some(package) if is_torn(&package) => {
                text.extend([package.name, "\t", package.architecture, "\tiH \t", package.version, "\n"]);
            }
            _ => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

/// Older versions that stayed behind go as they would have: without a look at what needs them, for the newer one is there.
fn repairs(database: &Database) -> Vec<Job> {
    let mut behind = Vec::new();
    for line in database.packages() {
        for version in line.version.split(' ').skip(1) {
            let version = version.split_once(':').map_or(version, |(_, version)| version);
            let architecture = architecture_of(&line);
            behind.push(format!("{}-{version}.{architecture}", line.name));
        }
    }
    let erase = words(["/usr/bin/rpm", "--erase", "--nodeps", "--"]);
    if behind.is_empty() { Vec::new() } else { vec![Job::of([erase, behind].concat())] }
}

/// Puts configuration files where the plan wants them: rpm leaves it to the package whether a changed one stays.
fn settle(plan: &Plan, files: &mut Vec<ConfigFile>) -> Job {
    let mut job = Job::default();
    files.retain_mut(|file| {
        let of = |names: &[String]| names.iter().any(|name| super::plan::bare(name) == file.package);
        if of(&plan.purge) {
            job.commands.push(vec!["/bin/rm".into(), "-f".into(), "--".into(), file.beside.clone()]);
        }
        if fs::symlink_metadata(&file.path).is_err() {
            return false;
        }
        let keep = !plan.replace_config.contains(&file.package);
        if file.kept != keep {
            let ending = if keep { "rpmnew" } else { "rpmsave" };
            let (aside, beside) = (file.beside.clone(), format!("{}.{ending}", file.path));
            let mv = |from: &str, to: &str| words(["/bin/mv", "-f", "--", from, to]);
            job.commands.extend([mv(&file.path, &beside), mv(&aside, &file.path)]);
            (file.kept, file.beside) = (keep, beside);
        }
        true
    });
    job
}

/// The scriptlet that `path` is.
fn script(path: &str, said: &str) -> Option<(Option<String>, String)> {
    path.strip_prefix(SCRIPT)?;
    let package = said.lines().rev().find_map(complaint::at_work);
    Some((package.map(str::to_owned), "scriptlet".to_owned()))
}

/// The architecture of an entry, as rpm calls it.
fn architecture_of<'a>(line: &Line<'a>) -> &'a str {
    if line.architecture == "all" { "noarch" } else { line.architecture }
}

/// A name as documents have it, with `:ARCH` for a foreign architecture.
fn named(name: &str, architecture: &str) -> String {
    match architecture {
        "noarch" | NATIVE => name.to_owned(),
        foreign => format!("{name}:{foreign}"),
    }
}

/// A name as rpm has it, with `.ARCH` for a foreign architecture.
fn dotted(name: &str) -> String {
    name.replacen(':', ".", 1)
}

/// The architecture of packages that are named without one.
const NATIVE: &str = env::consts::ARCH;

/// Whether nothing is wrong with a run but what was told about older lists.
fn is_in_order(found: &[Complaint]) -> bool {
    found.iter().all(|complaint| matches!(complaint, Complaint::NotRefreshed(_)))
}
