//! dnf 4, and dnf 5 as far as its manual says.
//!
//! A transaction of dnf 4 is a script of its shell, the only way to install, move and remove in one go; its exit code tells
//! nothing, so its words are gone by. What nobody has declared absent is protected for the length of the transaction: then
//! dnf itself refuses whatever would remove or obsolete it.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use holdfast_schema::{id::RepositoryName, spec::RepositoryPlace};

use super::{ENVIRONMENT, Holds, NATIVE, Rpm, complaint, dotted, named};
use crate::host::{
    ConfigFile, HostError, Offered,
    packages::{
        complaint::Complaint,
        database::{Database, Line, Stamp},
        manager::Manager,
        plan::{Job, Plan, bare},
        repository::is_key,
        version,
    },
};

const PROGRAM: &str = "/usr/bin/dnf";

/// Where dnf 4 and 5 keep what they have fetched.
const CACHES: [&str; 2] = ["/var/cache/dnf", "/var/cache/libdnf5"];

/// What dnf is asked of each package of its sources; its lists of what is protected by others come first.
const FORMAT: &str = "offered\\t%{name}\\t%{arch}\\t%{epoch}:%{version}-%{release}\\n";
const PROTECTED: &str = "dnf,glob:/etc/yum/protected.d/*.conf,glob:/etc/dnf/protected.d/*.conf";

/// Which dnf it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Generation {
    Four,
    /// Written after its manual and not run.
    Five,
}

/// A host with dnf.
#[derive(Debug)]
pub(in crate::host::packages) struct Dnf {
    rpm: Rpm,
    generation: Generation,
}

/// The dnf of this host.
pub(super) fn of_host() -> Option<Generation> {
    let program = fs::canonicalize(PROGRAM).ok()?;
    Some(if program.ends_with("dnf5") { Generation::Five } else { Generation::Four })
}

impl Dnf {
    pub(super) fn new(rpm: Rpm, generation: Generation) -> Self {
        Self { rpm, generation }
    }

    /// A run of dnf.
    fn dnf(&self, arguments: &[&str]) -> Vec<String> {
        // dnf 5 waits for a lock, and has neither option.
        let options: &[&str] = match self.generation {
            Generation::Four => &["--color=never", "--setopt=exit_on_lock=True"],
            Generation::Five => &[],
        };
        let common = [PROGRAM, "--assumeyes", "--setopt=clean_requirements_on_remove=False"];
        common.iter().chain(options).chain(arguments).map(|word| (*word).to_owned()).collect()
    }

    /// The run that does what the lines of `script` say, such as `install nginx-0:1.0-1`.
    fn transaction(&self, options: &[&str], script: &[String]) -> Job {
        let protected =
            format!("--setopt=protected_packages={PROTECTED},glob:{}", self.protected().display());
        let options: Vec<&str> = options.iter().copied().chain([protected.as_str()]).collect();
        if self.generation == Generation::Five {
            let mut command = self.dnf(&[&options[..], &["do"]].concat());
            for line in script {
                if let Some((action, package)) = line.split_once(' ') {
                    command.extend([format!("--action={action}"), package.to_owned()]);
                }
            }
            return Job::of(command);
        }
        let path = self.rpm.state.join("packages.dnf");
        let mut job = Job::of(self.dnf(&[&options[..], &["shell", &path.to_string_lossy()]].concat()));
        job.inputs.push((path, lines(script.iter().map(String::as_str).chain(["run"]))));
        job
    }

    fn protected(&self) -> PathBuf {
        self.rpm.state.join("packages.protected")
    }

    /// Protects all that is installed and is not to go.
    fn protecting(&self, plan: &Plan, database: &Database, mut job: Job) -> Job {
        let goes: BTreeSet<&str> = plan.remove.iter().map(|name| bare(name)).collect();
        let names: BTreeSet<&str> =
            database.packages().map(|line| line.name).filter(|name| !is_key(name)).collect();
        job.inputs.push((self.protected(), lines(names.difference(&goes).copied())));
        job
    }

    fn query(&self, options: &[&str], packages: impl Iterator<Item = String>) -> Vec<String> {
        // dnf 4's plugin hides what it locks here too.
        let unlocked: &[&str] = match self.generation {
            Generation::Four => &["--disableplugin=versionlock", "--showduplicates"],
            Generation::Five => &["--showduplicates"],
        };
        let command: &[&str] = &["--quiet", "repoquery", "--queryformat", FORMAT];
        let query = self.dnf(&[options, command, unlocked].concat());
        query.into_iter().chain(packages).collect()
    }
}

impl Manager for Dnf {
    fn program(&self) -> &'static str {
        "dnf"
    }

    fn lock(&self) -> &'static str {
        "the rpm lock"
    }

    fn environment(&self) -> &'static [(&'static str, &'static str)] {
        &ENVIRONMENT
    }

    fn native(&self) -> Option<&'static str> {
        Some(NATIVE)
    }

    fn stamp(&self) -> Result<Option<Stamp>, HostError> {
        self.rpm.stamp()
    }

    fn query(&self) -> Vec<String> {
        super::query()
    }

    fn normal(&self, said: String) -> String {
        super::normal(&said, &Holds::of_dnf())
    }

    fn verify(&self) -> Option<Vec<String>> {
        self.rpm.verify()
    }

    fn mark_torn(&self, packages: String, found: &str) -> String {
        super::mark_torn(&packages, found)
    }

    fn forget_unfinished(&self) {
        self.rpm.forget_unfinished();
    }

    fn ask_offered(&self, packages: &BTreeSet<String>) -> Vec<String> {
        self.query(&["--cacheonly"], packages.iter().map(|name| dotted(name)))
    }

    fn offered(&self, said: &str) -> Offered {
        let mut offered = Offered::new();
        for line in said.lines() {
            let mut fields = line.split('\t');
            if let (Some("offered"), Some(name), Some(architecture), Some(version)) =
                (fields.next(), fields.next(), fields.next(), fields.next())
            {
                let version = version.strip_prefix("0:").unwrap_or(version);
                offered.entry(named(name, architecture)).or_default().insert(version.to_owned());
            }
        }
        offered
    }

    fn search(&self, packages: &[&str]) -> Option<Job> {
        Some(Job::of(self.query(&[], packages.iter().map(|name| dotted(name)))))
    }

    fn refresh(&self) -> Job {
        Job::of(self.dnf(&["--refresh", "makecache"]))
    }

    fn place(&self) -> RepositoryPlace {
        RepositoryPlace::Dnf
    }

    /// What was kept goes first, for with it went the keys that it was checked with.
    fn fetch(&self, repository: &RepositoryName) -> Job {
        let name = repository.as_str();
        let (only, strict) = (format!("--repo={name}"), format!("--setopt={name}.skip_if_unavailable=False"));
        let fetch = self.dnf(&["--refresh", &only, &strict, "makecache"]);
        let kept = CACHES.iter().map(Path::new).flat_map(|cache| kept(cache, name));
        Job::after(super::remove(kept), fetch)
    }

    fn holder(&self) -> Result<Option<i32>, HostError> {
        self.rpm.holder()
    }

    fn complaints(&self, said: &str) -> Vec<Complaint> {
        complaint::complaints(said)
    }

    fn has_failed(&self, exit: bool, found: &[Complaint], _said: &str) -> bool {
        exit || !super::is_in_order(found)
    }

    fn config_files(&self, said: &str) -> Vec<ConfigFile> {
        complaint::config_files(said)
    }

    fn settle(&self, plan: &Plan, files: &mut Vec<ConfigFile>) -> Job {
        super::settle(plan, files)
    }

    fn script(&self, path: &str, said: &str) -> Option<(Option<String>, String)> {
        super::script(path, said)
    }

    fn word(&self, name: &str, version: Option<&str>) -> String {
        format!("install {}", specification(name, version))
    }

    fn removal(&self, name: &str) -> String {
        format!("remove {}", dotted(name))
    }

    fn is_newer(&self, one: &str, than: &str) -> bool {
        version::compare(one, than).is_gt()
    }

    fn job(&self, plan: &Plan, database: &Database) -> Job {
        let lock = |verb: &str, names: &[String]| {
            let names = names.iter().map(|name| dotted(name));
            let command = self.dnf(&["versionlock", verb]).into_iter().chain(names).collect::<Vec<_>>();
            (!names_are_none(&command)).then_some(command)
        };
        let again = plan.reinstalls(database);
        let word = |(name, word): (&str, String)| match word.strip_prefix("install ") {
            Some(package) if again.contains(name) => format!("reinstall {package}"),
            _ => word,
        };
        let script: Vec<String> = plan.each(self).map(word).collect();
        let transaction = self.transaction(&[], &script);
        let mut job = Job::ending_with(
            lock("delete", &plan.unhold)
                .into_iter()
                .chain(transaction.commands.into_iter().filter(|_| !script.is_empty()))
                .collect(),
            lock("add", &plan.hold),
        );
        if !script.is_empty() {
            job.inputs = transaction.inputs;
            job = self.rpm.noted(plan, self.protecting(plan, database, job));
        }
        job
    }

    fn needs_simulation(&self, _plan: &Plan) -> bool {
        false
    }

    fn simulate(&self, words: &[String], plan: &Plan, database: &Database) -> Job {
        self.protecting(plan, database, self.transaction(&["--assumeno"], words))
    }

    fn removals(&self, _said: &str) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn installations(&self, _said: &str) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn repairs(&self, database: &Database, _going: &[String]) -> Vec<Job> {
        super::repairs(database)
    }

    fn reinstall(&self, database: &Database) -> Option<Job> {
        let broken = database.packages().filter(Line::needs_reinstall);
        let lines: Vec<String> = broken
            .map(|line| format!("reinstall {}", specification(&database.name(&line), Some(line.version))))
            .collect();
        let job =
            || self.rpm.ending(self.protecting(&Plan::default(), database, self.transaction(&[], &lines)));
        (!lines.is_empty()).then(job)
    }
}

/// What dnf keeps of a source in a directory: `NAME-` and a digest of its address.
fn kept(cache: &Path, name: &str) -> Vec<PathBuf> {
    let of_it = |path: &PathBuf| {
        let file = path.file_name().and_then(OsStr::to_str).and_then(|file| file.strip_prefix(name));
        let digest = file.and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
        digest.len() == 16 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let entries = fs::read_dir(cache).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(of_it).collect()
}

/// Lines of a file.
fn lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    lines.into_iter().flat_map(|line| [line, "\n"]).collect()
}

/// Whether nothing follows the verb of a command.
fn names_are_none(command: &[String]) -> bool {
    command.last().is_some_and(|last| last == "add" || last == "delete")
}

/// A package as dnf wants it named: the whole of a version, so that nothing else fits.
fn specification(name: &str, version: Option<&str>) -> String {
    let Some(version) = version else { return dotted(name) };
    let version = if version.contains(':') { version.to_owned() } else { format!("0:{version}") };
    match name.split_once(':') {
        Some((name, architecture)) => format!("{name}-{version}.{architecture}"),
        None => format!("{name}-{version}"),
    }
}
