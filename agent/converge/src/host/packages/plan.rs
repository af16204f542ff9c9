//! A transaction, reduced to what there is to do, and what a complaint means for its packages.

use std::{collections::BTreeSet, path::PathBuf};

use holdfast_schema::UnitName;

use super::{
    complaint::Complaint,
    database::{Database, Line},
    manager::{Manager, words},
    version,
};
use crate::{
    host::{HostError, PackageNow},
    plan::step::PackageTransaction,
};

/// Where drop-ins of units are that a reboot takes away, see systemd.unit(5).
const RUNTIME_UNITS: &str = "/run/systemd/system";

/// While it is there, units that are held back do not start.
const NOT_YET: &str = "/run/holdfast/not-yet";

/// What one run of a unit is to do, and what it does in the end even if that fails.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Job {
    /// What the commands read, written before they are run.
    pub(super) inputs: Vec<(PathBuf, String)>,
    pub(super) commands: Vec<Vec<String>>,
    pub(super) finally: Vec<Vec<String>>,
}

impl Job {
    pub(super) fn of(command: Vec<String>) -> Self {
        Self { commands: vec![command], ..Self::default() }
    }

    /// A command, after another.
    pub(super) fn after(first: Option<Vec<String>>, then: Vec<String>) -> Self {
        Self { commands: first.into_iter().chain([then]).collect(), ..Self::default() }
    }

    /// Commands, and one that comes even if they fail or nobody waits for them any more: a hold that was lifted for a change.
    pub(super) fn ending_with(commands: Vec<Vec<String>>, last: Option<Vec<String>>) -> Self {
        if commands.is_empty() {
            Self { commands: last.into_iter().collect(), ..Self::default() }
        } else {
            Self { commands, finally: last.into_iter().collect(), ..Self::default() }
        }
    }

    /// The same while these units do not start, whatever a package's scripts say. Whoever starts one meanwhile is told that all
    /// is well, as with any condition that is not met, so no script fails. What is in /run does not outlive a reboot.
    pub(super) fn holding_back(mut self, units: &BTreeSet<UnitName>) -> Self {
        if units.is_empty() {
            return self;
        }
        let directories: Vec<String> = units.iter().map(|unit| format!("{RUNTIME_UNITS}/{unit}.d")).collect();
        let drop_ins: Vec<String> =
            directories.iter().map(|directory| format!("{directory}/holdfast-not-yet.conf")).collect();
        let text = format!("[Unit]\nConditionPathExists=!{NOT_YET}\n");
        self.inputs.extend(drop_ins.iter().map(|drop_in| (drop_in.into(), text.clone())));
        let reload = words(["/usr/bin/systemctl", "daemon-reload"]);
        // The agent's own files are for nobody else to read, of which the service manager complains.
        let open = [words(["/bin/chmod", "a+rX", "--"]), directories.clone(), drop_ins.clone()].concat();
        self.commands.splice(0..0, [words(["/usr/bin/touch", NOT_YET]), open, reload.clone()]);
        self.finally.extend([
            [words(["/bin/rm", "-f", "--", NOT_YET]), drop_ins].concat(),
            [words(["/bin/rmdir", "--ignore-fail-on-non-empty", "--"]), directories].concat(),
            reload,
        ]);
        self
    }
}

/// A transaction, reduced to what there is to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// What is to be installed: the name, and the version or a glob over versions.
    pub(super) install: Vec<(String, Option<String>)>,
    /// Those whose new configuration files take the place of changed ones.
    pub(super) replace_config: BTreeSet<String>,
    /// What is to be removed.
    pub(super) remove: Vec<String>,
    /// What is to be purged afterwards.
    pub(super) purge: Vec<String>,
    pub(super) hold: Vec<String>,
    pub(super) unhold: Vec<String>,
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
        let is_there = |name: &&String| {
            matches!(database.state(name), PackageNow::Installed { .. } | PackageNow::Broken { .. })
        };
        let is_known = |name: &&String| database.state(name) != PackageNow::Absent;
        let PackageTransaction { install, replace_config, remove, purge, hold, unhold, .. } = transaction;
        Self {
            install: install.iter().map(|(name, version)| (name.clone(), version.clone())).collect(),
            replace_config: replace_config.clone(),
            remove: remove.union(purge).filter(is_there).cloned().collect(),
            purge: purge.iter().filter(is_known).cloned().collect(),
            hold: hold.iter().cloned().collect(),
            unhold: unhold.iter().cloned().collect(),
        }
    }

    /// Every package that is to be installed or removed, with its word on the command line.
    pub(super) fn each(&self, manager: &dyn Manager) -> impl Iterator<Item = (&str, String)> {
        let install = self.install.iter();
        let install = install.map(|(name, version)| (name.as_str(), manager.word(name, version.as_deref())));
        install.chain(self.remove.iter().map(|name| (name.as_str(), manager.removal(name))))
    }

    pub(super) fn words(&self, manager: &dyn Manager) -> Vec<String> {
        self.each(manager).map(|(_, word)| word).collect()
    }

    /// Those that are to be installed at the version that they have, for that was left torn.
    pub(super) fn reinstalls(&self, database: &Database) -> BTreeSet<&str> {
        let is_torn = |(name, version): &&(String, Option<String>)| {
            database.get(name).filter(Line::needs_reinstall).is_some_and(|line| {
                version.as_ref().is_none_or(|version| version::matches(version, line.version))
            })
        };
        self.install.iter().filter(is_torn).map(|(name, _)| name.as_str()).collect()
    }

    /// Those of `removals` that nobody has declared to be removed.
    pub(super) fn undeclared(&self, removals: BTreeSet<String>) -> BTreeSet<String> {
        let declared = |name: &String| self.remove.iter().any(|declared| bare(declared) == name);
        removals.into_iter().filter(|name| !declared(name)).collect()
    }

    /// Those of the transaction's packages that a text speaks of.
    fn spoken_of(&self, text: &str) -> Vec<String> {
        let words: BTreeSet<&str> = text
            .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')' | '\''))
            .flat_map(|word| [word, name_of(word)])
            .collect();
        let ours = self.install.iter().map(|(name, _)| name).chain(&self.remove);
        ours.filter(|name| words.contains(bare(name))).cloned().collect()
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
            Complaint::Problem(why) => match self.spoken_of(why).as_slice() {
                [only] => Attributed::To(only.clone(), package(only, why.clone())),
                _ => Attributed::Somebody,
            },
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
pub(super) fn bare(name: &str) -> &str {
    name.split(':').next().unwrap_or_default()
}

/// The name in what rpm calls a package: `nginx-1:1.22.1-9.x86_64`, with or without its parts.
pub(super) fn name_of(nevra: &str) -> &str {
    let without_architecture = match nevra.rsplit_once('.') {
        Some((rest, architecture)) if !architecture.contains(['-', ':']) => rest,
        _ => nevra,
    };
    let mut parts = without_architecture.rsplitn(3, '-');
    let (_release, _version) = (parts.next(), parts.next());
    parts.next().unwrap_or(nevra)
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
