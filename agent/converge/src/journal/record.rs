//! The records: what was there before, what is to be done, and what was.

use std::collections::BTreeMap;

use holdfast_schema::{
    AbsolutePath, ResourceId, Sha256, UnitName, id::RepositoryName, spec::SecretReference,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    host::{ContainerWas, NetworkWas, PackageNow, ServiceWas, UnitNow, logins},
    plan::{Action, Step, step::Owned},
};

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
