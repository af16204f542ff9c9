//! A transaction as command lines, and what a complaint means for its packages.

use std::collections::BTreeSet;

use super::{complaint::Complaint, database::Database};
use crate::{
    host::{HostError, PackageNow},
    plan::step::PackageTransaction,
};

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

/// A run of apt-get.
pub(super) fn apt(words: &[&str]) -> Vec<String> {
    apt_with(&KEEP, words)
}

fn apt_with(options: &[&str], words: &[&str]) -> Vec<String> {
    APT.iter().chain(options).chain(words).map(|word| (*word).to_owned()).collect()
}

/// What one run of a unit is to do, and what it does in the end even if that fails.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) commands: Vec<Vec<String>>,
    pub(super) finally: Vec<Vec<String>>,
}

/// A transaction, reduced to what there is to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// What apt is to install: the name, and the word for it on the command line.
    install: Vec<(String, String)>,
    /// Those whose new configuration files take the place of changed ones; they need a run of their own.
    replace_config: BTreeSet<String>,
    /// What apt is to remove.
    pub(super) remove: Vec<String>,
    /// What dpkg is to purge afterwards.
    purge: Vec<String>,
    hold: Vec<String>,
    unhold: Vec<String>,
}

/// Whom a complaint is about.
#[derive(Debug)]
pub(super) enum Attributed {
    /// This package of the transaction.
    To(String, HostError),
    /// One that only a closer look can tell.
    Somebody,
    /// None of them: the complaint in words.
    Nobody(String),
    /// It adds nothing.
    Ignored,
}

impl Plan {
    pub(super) fn of(transaction: &PackageTransaction, database: &Database) -> Self {
        let word = |(name, version): (&String, &Option<String>)| {
            let word = match version {
                // apt takes the newest version that fits a pattern.
                Some(version) => format!("{name}={version}"),
                None => name.clone(),
            };
            (name.clone(), word)
        };
        let is_there = |name: &&String| {
            matches!(database.state(name), PackageNow::Installed { .. } | PackageNow::Broken { .. })
        };
        let is_known = |name: &&String| database.state(name) != PackageNow::Absent;
        let PackageTransaction { install, replace_config, remove, purge, hold, unhold, .. } = transaction;
        Self {
            install: install.iter().map(word).collect(),
            replace_config: replace_config.clone(),
            remove: remove.union(purge).filter(is_there).cloned().collect(),
            purge: purge.iter().filter(is_known).cloned().collect(),
            hold: hold.iter().cloned().collect(),
            unhold: unhold.iter().cloned().collect(),
        }
    }

    /// Every package that apt is to install or remove, with its word on the command line.
    pub(super) fn each(&self) -> impl Iterator<Item = (&str, String)> {
        let install = self.install.iter().map(|(name, word)| (name.as_str(), word.clone()));
        install.chain(self.remove.iter().map(|name| (name.as_str(), format!("{name}-"))))
    }

    pub(super) fn words(&self) -> Vec<String> {
        self.each().map(|(_, word)| word).collect()
    }

    /// Those of `removals` that nobody has declared to be removed.
    pub(super) fn undeclared(&self, removals: BTreeSet<String>) -> BTreeSet<String> {
        let declared = |name: &String| self.remove.iter().any(|declared| bare(declared) == name);
        removals.into_iter().filter(|name| !declared(name)).collect()
    }

    pub(super) fn job(&self) -> Job {
        let command = |words: &[&str], names: &[String]| -> Option<Vec<String>> {
            let words = words.iter().map(|word| (*word).to_owned());
            (!names.is_empty()).then(|| words.chain(names.iter().cloned()).collect())
        };
        let no_remove: &[&str] = if self.remove.is_empty() { &["--no-remove"] } else { &[] };
        let change = |options: &[&str], replaces: bool| {
            let each = self.each().filter(|(name, _)| self.replace_config.contains(*name) == replaces);
            let words: Vec<String> = each.map(|(_, word)| word).collect();
            let install = apt_with(options, &[no_remove, &["install", "--"]].concat());
            (!words.is_empty()).then(|| [install, words].concat())
        };
        let (keep, replace) = (change(&KEEP, false), change(&REPLACE, true));
        let unhold = command(&["/usr/bin/apt-mark", "--quiet", "unhold"], &self.unhold);
        let purge = command(&["/usr/bin/dpkg", "--force-confold", "--purge"], &self.purge);
        let hold = command(&["/usr/bin/apt-mark", "--quiet", "hold"], &self.hold);
        let commands: Vec<Vec<String>> = unhold.into_iter().chain(keep).chain(replace).chain(purge).collect();
        // A hold that was lifted for the change comes back even if the change fails or nobody waits for it any more.
        if commands.is_empty() {
            Job { commands: hold.into_iter().collect(), finally: Vec::new() }
        } else {
            Job { commands, finally: hold.into_iter().collect() }
        }
    }

    /// Whom a complaint is about.
    pub(super) fn attribute(&self, complaint: &Complaint, not_refreshed: Option<&str>) -> Attributed {
        let ours = |name: &str| {
            let mut names = self.install.iter().map(|(name, _)| name).chain(&self.remove).chain(&self.purge);
            names.find(|ours| ours.as_str() == name || bare(ours) == bare(name)).cloned()
        };
        let reason = |name: &String, reason: String| match ours(name) {
            Some(ours) => {
                let error = package(&ours, reason);
                Attributed::To(ours, error)
            }
            None => Attributed::Somebody,
        };
        match complaint {
            Complaint::NotFound(what) => {
                let name = what.split('=').next().unwrap_or_default();
                let name = name.strip_suffix('-').unwrap_or(name);
                match (ours(name), not_refreshed) {
                    (None, _) => Attributed::Nobody(format!("there is no package {what}")),
                    (Some(ours), None) => {
                        Attributed::To(ours, HostError::PackageNotFound { package: what.clone() })
                    }
                    (Some(ours), Some(why)) => {
                        let reason =
                            format!("no {what} in the package lists, which could not be refreshed: {why}");
                        Attributed::To(ours.clone(), package(&ours, reason))
                    }
                }
            }
            Complaint::NotFetched(name, why) => reason(name, format!("it could not be fetched: {why}")),
            Complaint::Unmet(name, why) => reason(name, why.clone()),
            Complaint::NoArchive(name) => match ours(name) {
                Some(ours) => {
                    let reason =
                        "it was left half unpacked, and there is no archive to unpack again".to_owned();
                    Attributed::To(ours.clone(), package(&ours, reason))
                }
                None => Attributed::Nobody(format!(
                    "{name} was left half unpacked, and there is no archive to unpack again"
                )),
            },
            Complaint::Failed(name, why) => match ours(name) {
                Some(ours) => Attributed::To(ours.clone(), package(&ours, why.clone())),
                None => Attributed::Nobody(format!("package {name}: {why}")),
            },
            Complaint::WouldRemove(_) | Complaint::WouldMoveHeld(_) => Attributed::Somebody,
            Complaint::Other(why) => Attributed::Nobody(why.clone()),
            Complaint::Locked(_)
            | Complaint::Interrupted
            | Complaint::NoSpace
            | Complaint::NotRefreshed(_) => Attributed::Ignored,
        }
    }
}

/// A name without its architecture.
fn bare(name: &str) -> &str {
    name.split(':').next().unwrap_or_default()
}

pub(super) fn package(name: &str, reason: String) -> HostError {
    HostError::Package { package: name.to_owned(), reason }
}

pub(super) fn would_remove(name: &str, others: &BTreeSet<String>) -> HostError {
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    let reason =
        format!("the change would also remove {}, which nobody has declared absent", others.join(", "));
    package(name, reason)
}
