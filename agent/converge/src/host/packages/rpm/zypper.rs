//! zypper.
//!
//! It refuses what would break another package, but lets a package that obsoletes others take their place; so every
//! transaction is looked at in a dry run first.

use std::collections::BTreeSet;

use holdfast_schema::{id::RepositoryName, spec::RepositoryPlace};

use super::{ENVIRONMENT, Holds, NATIVE, Rpm, complaint, dotted, named};
use crate::host::{
    ConfigFile, HostError, Offered,
    packages::{
        complaint::{Complaint, ended},
        database::{Database, Line, Stamp},
        manager::{Manager, words},
        plan::{Job, Plan, bare},
        version,
    },
};

pub(super) const PROGRAM: &str = "/usr/bin/zypper";

/// Exit codes that only tell that there are updates, that a reboot or a restart is called for, that a source was left out or
/// that a scriptlet failed, which its words tell too. See zypper(8).
const IN_ORDER: [&str; 6] = ["100", "101", "102", "103", "106", "107"];

/// Parts of its summary: what comes, and what goes.
const COMES: [&str; 5] = ["to-install", "to-upgrade", "to-downgrade", "to-reinstall", "to-change-arch"];
const GOES: [&str; 1] = ["to-remove"];

/// A host with zypper.
#[derive(Debug)]
pub(in crate::host::packages) struct Zypper {
    rpm: Rpm,
}

impl Zypper {
    pub(super) fn new(rpm: Rpm) -> Self {
        Self { rpm }
    }
}

/// A run of zypper.
fn zypper(arguments: &[&str]) -> Vec<String> {
    let common = [PROGRAM, "--non-interactive", "--no-color"];
    common.iter().chain(arguments).map(|word| (*word).to_owned()).collect()
}

/// Words for what is installed by its name alone, at an older version too.
const INSTALL: [&str; 4] = ["install", "--name", "--oldpackage", "--auto-agree-with-licenses"];

fn query(options: &[&str], packages: impl Iterator<Item = String>) -> Vec<String> {
    let search = ["--xmlout", "search", "--details", "--match-exact", "--type", "package", "--"];
    zypper(&[options, &search].concat()).into_iter().chain(packages).collect()
}

impl Manager for Zypper {
    fn program(&self) -> &'static str {
        "zypper"
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
        super::normal(&said, &Holds::of_zypper())
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
        // It fails when it finds nothing.
        let found = words(["/bin/sh", "-c", "\"$@\" || [ $? -eq 104 ]", "sh"]);
        let query = query(&["--no-refresh"], packages.iter().map(|name| bare(name).to_owned()));
        [found, query].concat()
    }

    fn offered(&self, said: &str) -> Offered {
        let mut offered = Offered::new();
        for mark in said.split("<solvable").skip(1).filter_map(|rest| rest.split("/>").next()) {
            let field = |name| complaint::attribute(mark, name);
            // What is installed and in no source.
            if field("repository") == Some("(System Packages)") {
                continue;
            }
            if let (Some(name), Some(version), Some(architecture)) =
                (field("name"), field("edition"), field("arch"))
            {
                offered.entry(named(name, architecture)).or_default().insert(version.to_owned());
            }
        }
        offered
    }

    fn search(&self, packages: &[&str]) -> Option<Job> {
        Some(Job::of(query(&[], packages.iter().map(|name| bare(name).to_owned()))))
    }

    fn refresh(&self) -> Job {
        Job::of(zypper(&["refresh", "--force"]))
    }

    fn place(&self) -> RepositoryPlace {
        RepositoryPlace::Zypper
    }

    fn fetch(&self, repository: &RepositoryName) -> Job {
        Job::of(zypper(&["refresh", "--force", "--", repository.as_str()]))
    }

    fn holder(&self) -> Result<Option<i32>, HostError> {
        self.rpm.holder()
    }

    fn complaints(&self, said: &str) -> Vec<Complaint> {
        complaint::complaints(said)
    }

    fn has_failed(&self, exit: bool, found: &[Complaint], said: &str) -> bool {
        let in_order = matches!(ended(said).1, Some(("exited", code)) if IN_ORDER.contains(&code));
        (exit && !in_order) || !super::is_in_order(found)
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
        let name = dotted(name);
        version.map_or_else(|| name.clone(), |version| format!("{name}={version}"))
    }

    fn removal(&self, name: &str) -> String {
        format!("-{}", dotted(name))
    }

    fn is_newer(&self, one: &str, than: &str) -> bool {
        version::compare(one, than).is_gt()
    }

    fn job(&self, plan: &Plan, database: &Database) -> Job {
        let force: &[&str] = if plan.reinstalls(database).is_empty() { &[] } else { &["--force"] };
        let command = |words: &[&str], names: Vec<String>| {
            (!names.is_empty()).then(|| zypper(words).into_iter().chain(names).collect::<Vec<_>>())
        };
        let dotted = |names: &[String]| names.iter().map(|name| dotted(name)).collect();
        let change = command(&[&INSTALL[..], force, &["--"]].concat(), plan.words(self));
        let has_change = change.is_some();
        let commands = command(&["removelock"], dotted(&plan.unhold)).into_iter().chain(change).collect();
        let job = Job::ending_with(commands, command(&["addlock"], dotted(&plan.hold)));
        if has_change { self.rpm.noted(plan, job) } else { job }
    }

    fn needs_simulation(&self, _plan: &Plan) -> bool {
        true
    }

    fn simulate(&self, words: &[String], _plan: &Plan, _database: &Database) -> Job {
        let dry = [&["--xmlout"][..], &INSTALL, &["--dry-run", "--"]].concat();
        Job::of(zypper(&dry).into_iter().chain(words.iter().cloned()).collect())
    }

    fn removals(&self, said: &str) -> BTreeSet<String> {
        complaint::summary(said, &GOES)
    }

    fn installations(&self, said: &str) -> BTreeSet<String> {
        complaint::summary(said, &COMES)
    }

    fn repairs(&self, database: &Database, _going: &[String]) -> Vec<Job> {
        super::repairs(database)
    }

    fn reinstall(&self, database: &Database) -> Option<Job> {
        let broken = database.packages().filter(Line::needs_reinstall);
        let archives: Vec<String> =
            broken.map(|line| self.word(&database.name(&line), Some(line.version))).collect();
        let reinstall = zypper(&[&INSTALL[..], &["--force", "--"]].concat());
        (!archives.is_empty()).then(|| self.rpm.ending(Job::of([reinstall, archives].concat())))
    }
}
