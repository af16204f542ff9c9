//! The journal: what passes are about to change, and what was there before.
//!
//! A pass that changes nothing writes nothing here. One that does writes, before its first change and durably, what it
//! foresees: each thing that it will touch as it is, and each step. What was not foreseen is written before its own step. A
//! step that is done is noted without waiting for the disk: a crash may forget that, and whoever goes on looks again anyway.
//!
//! With that a revision can be taken back ([`crate::engine::undo`]), and whoever comes after a crash knows what to look at
//! first. The bytes that will be overwritten are kept beside the journal, by their digest: see [`JournalStore::keep`].

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use holdfast_schema::{
    AbsolutePath, ResourceId, Sha256, UnitName, id::RepositoryName, spec::SecretReference,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    host::{ContainerWas, NetworkWas, PackageNow, ServiceWas, Stat, UnitNow, logins},
    plan::{Action, Step, step::Owned},
};

mod line;
#[cfg(test)]
mod tests;

pub use line::{Damage, encode, parse};

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// Something will be touched for the first time: what it is.
    Before(Before),
    /// Something that was written down before has changed since by other hands, and is about to be overwritten.
    Overwritten(Before),
    /// A step that is to be run.
    Intent(Box<Step>),
    /// The step that is the intent with this number, counted from 0, was run.
    Done(u32),
    /// What a transaction of the package manager changed, by the packages' names: from what to what.
    Packages(BTreeMap<String, (PackageNow, PackageNow)>),
}

/// What something is before it is touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Before {
    /// A path.
    Path {
        /// The resource that will change it.
        resource: ResourceId,
        /// Where.
        path: AbsolutePath,
        /// What is there.
        was: Was,
    },
    /// A unit.
    Unit {
        /// Which.
        unit: UnitName,
        /// What the service manager says of it.
        was: UnitNow,
    },
    /// Every package that the package manager knows, by name.
    Packages {
        /// The state of each.
        was: BTreeMap<String, PackageNow>,
    },
    /// A key that rpm may trust.
    Key {
        /// rpm's name for it.
        key: String,
        /// The file that it is or was in.
        file: AbsolutePath,
        /// Whether rpm trusts it.
        trusted: bool,
    },
    /// The lists of a source of packages. They can be fetched again.
    Repository {
        /// Its name.
        name: RepositoryName,
    },
    /// A network of the Docker engine.
    Network {
        /// Its name.
        name: String,
        /// What it was; `None` if there was none.
        was: Option<NetworkWas>,
    },
    /// A container.
    Container {
        /// Its name.
        name: String,
        /// What it was; `None` if there was none.
        was: Option<Box<ContainerWas>>,
    },
    /// A service of the Swarm.
    Service {
        /// Its name.
        name: String,
        /// What it was; `None` if there was none.
        was: Option<Box<ServiceWas>>,
    },
    /// A node of the Swarm.
    Node {
        /// Its host name.
        name: String,
        /// What it was.
        was: Value,
    },
}

/// What is at a path, as far as it can be put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Was {
    /// Nothing.
    Absent,
    /// A file, whose bytes are kept.
    File {
        /// The digest of its bytes.
        sha256: Sha256,
        /// How many there are.
        size: u64,
        /// Who owns it and who may use it.
        access: Owned,
    },
    /// A file that held a secret. Its bytes are kept encrypted to this host.
    Secret {
        /// What is kept of it, as a secret of its own.
        kept: SecretReference,
        /// The digest of its bytes under the host's own key.
        digest: Sha256,
        /// Who owns it and who may use it.
        access: Owned,
    },
    /// A directory.
    Directory {
        /// Who owns it and who may use it.
        access: Owned,
    },
    /// A symbolic link.
    Symlink {
        /// What it points at.
        target: String,
    },
    /// Something that is not kept.
    NotKept {
        /// What it is, for people.
        what: String,
    },
}

/// What a record is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A path.
    Path(AbsolutePath),
    /// A path with all that is under it.
    Tree(AbsolutePath),
    /// A unit.
    Unit(UnitName),
    /// The packages.
    Packages,
    /// A key that rpm may trust.
    Key(String),
    /// The lists of a source of packages.
    Repository(RepositoryName),
    /// A network of the Docker engine.
    Network(String),
    /// A container.
    Container(String),
    /// A service of the Swarm.
    Service(String),
    /// A node of the Swarm.
    Node(String),
}

impl Before {
    /// What it is about.
    pub fn target(&self) -> Target {
        match self {
            Self::Path { path, .. } => Target::Path(path.clone()),
            Self::Unit { unit, .. } => Target::Unit(unit.clone()),
            Self::Packages { .. } => Target::Packages,
            Self::Key { key, .. } => Target::Key(key.clone()),
            Self::Repository { name } => Target::Repository(name.clone()),
            Self::Network { name, .. } => Target::Network(name.clone()),
            Self::Container { name, .. } => Target::Container(name.clone()),
            Self::Service { name, .. } => Target::Service(name.clone()),
            Self::Node { name, .. } => Target::Node(name.clone()),
        }
    }
}

impl Target {
    /// What an action touches, if it touches anything that it does not leave as it was.
    pub fn of(action: &Action) -> Option<Self> {
        Some(match action {
            Action::WriteFile { path, .. }
            | Action::WriteSecret { path, .. }
            | Action::SetAccess { path, .. }
            | Action::MakeDirectory { path, .. }
            | Action::MakeSymlink { path, .. }
            | Action::RemovePath { path } => Self::Path(path.clone()),
            Action::SetLogin { .. } | Action::RemoveLogin { .. } => Self::Path(logins::PATH.parse().ok()?),
            Action::RemoveTree { path } => Self::Tree(path.clone()),
            Action::Packages(_) => Self::Packages,
            Action::TrustKey { key, .. } | Action::DistrustKey { key, .. } => Self::Key(key.clone()),
            Action::RefreshRepository { repository, .. } => Self::Repository(repository.clone()),
            Action::EnableUnit { unit, .. }
            | Action::MaskUnit { unit, .. }
            | Action::ControlUnit { unit, .. } => Self::Unit(unit.clone()),
            Action::Docker(action) => {
                let name = |name: &str| name.to_owned();
                let found = action.container().map(|container| Self::Container(name(container)));
                let found = found.or_else(|| action.network().map(|network| Self::Network(name(network))));
                let found = found.or_else(|| action.service().map(|service| Self::Service(name(service))));
                found.or_else(|| action.node().map(|node| Self::Node(name(node))))?
            }
            Action::ReloadManager | Action::AwaitHealth { .. } => return None,
        })
    }
}

/// Keeps a journal where a crash cannot take it.
pub trait JournalStore {
    /// Keeps bytes that are about to be overwritten, under their digest. They are durable once [`JournalStore::append`]
    /// has returned.
    ///
    /// # Errors
    /// Whatever the store's I/O says. What could not be kept is not overwritten.
    fn keep(&mut self, bytes: &[u8]) -> io::Result<Sha256>;

    /// Appends records, durably: all of them and whatever was kept so far.
    ///
    /// # Errors
    /// Whatever the store's I/O says. Nothing is changed then that the records speak of.
    fn append(&mut self, records: &[Record]) -> io::Result<()>;

    /// Appends a record that may get lost.
    fn note(&mut self, record: &Record);
}

/// What a journal holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// What everything that was touched was before, in the order in which it was written down; each thing once.
    pub befores: Vec<Before>,
    /// What was overwritten without being part of what is taken back.
    pub overwritten: Vec<Before>,
    /// Every step that was to be run.
    pub intents: Vec<Step>,
    /// The numbers of those that are known to have been run.
    pub done: BTreeSet<u32>,
    /// What transactions of the package manager changed: from what, before the first of them, to what.
    pub packages: BTreeMap<String, (PackageNow, PackageNow)>,
}

impl Recorded {
    /// What these records say together.
    pub fn of(records: impl IntoIterator<Item = Record>) -> Self {
        let mut recorded = Self::default();
        let mut known = BTreeSet::new();
        for record in records {
            match record {
                Record::Before(before) => {
                    if known.insert(before.target()) {
                        recorded.befores.push(before);
                    }
                }
                Record::Overwritten(before) => recorded.overwritten.push(before),
                Record::Intent(step) => recorded.intents.push(*step),
                Record::Done(number) => drop(recorded.done.insert(number)),
                Record::Packages(changes) => {
                    for (name, (from, to)) in changes {
                        let first = recorded.packages.remove(&name).map(|(first, _)| first);
                        recorded.packages.insert(name, (first.unwrap_or(from), to));
                    }
                }
            }
        }
        recorded
    }

    /// Every path that was touched.
    pub fn paths(&self) -> impl Iterator<Item = &AbsolutePath> {
        self.befores.iter().filter_map(|before| match before {
            Before::Path { path, .. } => Some(path),
            Before::Unit { .. }
            | Before::Packages { .. }
            | Before::Key { .. }
            | Before::Repository { .. }
            | Before::Network { .. }
            | Before::Container { .. }
            | Before::Service { .. }
            | Before::Node { .. } => None,
        })
    }

    /// The steps that may have been begun and are not known to be done.
    pub fn unfinished(&self) -> impl Iterator<Item = &Step> {
        let numbered = (0_u32..).zip(&self.intents);
        numbered.filter(|(number, _)| !self.done.contains(number)).map(|(_, step)| step)
    }
}

/// When something that is about to be touched was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// In an earlier pass, or there was nothing that could be told apart later.
    Sometime,
    /// In this pass, and this was there.
    As(Stat),
}

impl Seen {
    pub(crate) fn of(stat: Option<Stat>) -> Self {
        stat.map_or(Self::Sometime, Self::As)
    }

    /// Whether what is there now is for certain what was seen.
    pub(crate) fn is_still(self, stat: Option<Stat>) -> bool {
        matches!((self, stat), (Self::As(was), Some(is)) if was == is)
    }
}

/// A journal while passes write to it.
pub struct Journal<'a> {
    store: &'a mut dyn JournalStore,
    touched: BTreeMap<Target, Seen>,
    intents: BTreeMap<ResourceId, Vec<(u32, Action)>>,
    next: u32,
    /// Something could not be written. What was to be written with it counts as touched here and is not on the disk, so that
    /// nothing more is believed to be.
    broken: bool,
}

impl<'a> Journal<'a> {
    /// Goes on with a journal that holds `recorded`.
    pub fn new(store: &'a mut dyn JournalStore, recorded: &Recorded) -> Self {
        let touched = recorded.befores.iter().map(|before| (before.target(), Seen::Sometime)).collect();
        let next = u32::try_from(recorded.intents.len()).unwrap_or(u32::MAX);
        Self { store, touched, intents: BTreeMap::new(), next, broken: false }
    }

    /// When something was written down, if it was.
    pub(crate) fn touched(&self, target: &Target) -> Option<Seen> {
        self.touched.get(target).copied()
    }

    /// Takes note that something is being written down.
    pub(crate) fn touch(&mut self, target: Target, stat: Option<Stat>) {
        self.touched.insert(target, Seen::of(stat));
    }

    /// Whether a step is written down already.
    pub(crate) fn intends(&self, step: &Step) -> bool {
        self.number(step).is_some()
    }

    /// The record for a step that is to be run.
    pub(crate) fn intend(&mut self, step: &Step) -> Record {
        self.intents.entry(step.resource.clone()).or_default().push((self.next, step.action.clone()));
        self.next += 1;
        Record::Intent(Box::new(step.clone()))
    }

    /// Notes that a step was run.
    pub(crate) fn done(&mut self, step: &Step) {
        if let Some(number) = self.number(step) {
            self.store.note(&Record::Done(number));
        }
    }

    pub(crate) fn keep(&mut self, bytes: &[u8]) -> io::Result<Sha256> {
        self.store.keep(bytes)
    }

    /// Writes records, durably. Without any, says whether all that came before was written.
    pub(crate) fn append(&mut self, records: &[Record]) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("it could not be written before in this pass"));
        }
        if records.is_empty() {
            return Ok(());
        }
        self.store.append(records).inspect_err(|_| self.broken = true)
    }

    fn number(&self, step: &Step) -> Option<u32> {
        let intents = self.intents.get(&step.resource)?;
        intents.iter().rev().find(|(_, action)| *action == step.action).map(|(number, _)| *number)
    }
}
