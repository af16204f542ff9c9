//! All effects. [`Read`] may look, [`Write`] may also change; a dry run never has a [`Write`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use holdfast_schema::{
    AbsolutePath, ContentSource, FileMode, ImageReference, Sha256, UnitName,
    id::RegistryName,
    spec::{RepositoryPlace, SecretReference},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

mod accounts;
pub mod clock;
mod command;
mod docker;
pub mod error;
mod facts;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
pub(crate) mod faulty;
mod files;
mod local;
pub(crate) mod logins;
mod outside;
mod packages;
pub mod probe;
mod rescue;
pub(crate) mod secrets;
mod systemd;
pub mod watch;

pub use docker::{
    CONFIG_LABEL, ContainerNow, ContainerWas, FAILED_LABEL, ImageNow, NetworkNow, NetworkWas, NodeNow,
    ObjectNow, RESOURCE_LABEL, SERVICE_IMAGE, ServiceNow, ServiceWas, SwarmNow, SwarmObject, SwarmRole,
    VolumeNow,
};
pub use error::{HostError, RepositoryTrouble, Retry};
pub use local::{LocalHost, ReadOnlyHost};
pub use logins::LoginNow;
pub(crate) use packages::version;
pub use rescue::Rescue;
pub use secrets::{KEY, Sealed, SecretError, SecretNow};

use crate::plan::Action;

/// Looks at a host. Answers are batched and kept for one pass.
///
/// Futures need not be `Send`: a pass runs on one thread.
#[expect(async_fn_in_trait, reason = "called with static dispatch on one thread only")]
pub trait Read {
    /// Says what the pass will ask, so that it is asked of the host in one go. Forgets the last pass's answers.
    ///
    /// The engine goes on after an error: whoever asks for what could not be had gets it again.
    async fn prepare(&self, wanted: &Wanted) -> Result<(), HostError>;

    /// What is at `path`; symlinks in its parents are followed only as `openat2(RESOLVE_IN_ROOT)` allows, the last part
    /// never.
    async fn node(&self, path: &AbsolutePath, look: Look) -> Result<Node, HostError>;

    /// The names in a directory, sorted; a name that is not UTF-8 comes back escaped and marked.
    async fn entries(&self, path: &AbsolutePath) -> Result<Vec<Entry>, HostError>;

    /// A file's bytes, for a diff: at most `limit` of them; `None` if it is no regular file.
    async fn bytes(&self, path: &AbsolutePath, limit: u64) -> Result<Option<Arc<[u8]>>, HostError>;

    /// What can be told of a secret of the fleet, if this host can read it; `contents` has its encrypted file.
    async fn secret(
        &self,
        reference: &SecretReference,
        contents: &dyn ContentSource,
    ) -> Result<Arc<SecretNow>, HostError>;

    /// A file's bytes encrypted to this host alone, to keep what may be a secret; `None` if it is no regular file.
    async fn sealed(&self, path: &AbsolutePath, limit: u64) -> Result<Option<Sealed>, HostError>;

    /// Who root is logged in as at a registry of images.
    async fn login(&self, server: &RegistryName) -> Result<LoginNow, HostError>;

    /// The uid of a user by name or decimal number; `None` if there is no such user.
    async fn user(&self, name: &str) -> Result<Option<u32>, HostError>;

    /// The gid of a group by name or decimal number; `None` if there is no such group.
    async fn group(&self, name: &str) -> Result<Option<u32>, HostError>;

    /// A package's state, from one query for all packages. What rpm calls a key that it trusts counts as one.
    async fn package(&self, name: &str) -> Result<PackageNow, HostError>;

    /// Every package that the package manager knows of, by name, with `:ARCH` for a foreign architecture.
    async fn packages(&self) -> Result<BTreeMap<String, PackageNow>, HostError>;

    /// Where this host's package manager looks for its sources.
    async fn repository_place(&self) -> Result<RepositoryPlace, HostError>;

    /// The versions of these packages that the package sources have, as far as the host's lists tell.
    async fn offered(&self, packages: &BTreeSet<String>) -> Result<Offered, HostError>;

    /// A unit's state, from batched reads.
    async fn unit(&self, name: &UnitName) -> Result<UnitNow, HostError>;

    /// A container by its name, from one list of all; `None` if there is none.
    async fn container(&self, name: &str) -> Result<Option<ContainerNow>, HostError>;

    /// All that the Docker engine says of a container, as its API has it. Kept while the list tells the same.
    async fn inspect(&self, listed: &ContainerNow) -> Result<Arc<Value>, HostError>;

    /// The containers that carry this label with this value, by their names, from one list of all.
    async fn labelled_containers(
        &self,
        label: &str,
        value: &str,
    ) -> Result<BTreeMap<String, ContainerNow>, HostError>;

    /// A network of the Docker engine by its name, from one list of all.
    async fn network(&self, name: &str) -> Result<Option<NetworkNow>, HostError>;

    /// The networks that carry this label with this value, by their names, from one list of all.
    async fn labelled_networks(
        &self,
        label: &str,
        value: &str,
    ) -> Result<BTreeMap<String, NetworkNow>, HostError>;

    /// The names of the containers that are in a network, running or not.
    async fn network_users(&self, name: &str) -> Result<BTreeSet<String>, HostError>;

    /// A volume of the Docker engine by its name, from one list of all.
    async fn volume(&self, name: &str) -> Result<Option<VolumeNow>, HostError>;

    /// An image, if the Docker engine has it, from one list of all.
    async fn image(&self, reference: &ImageReference) -> Result<Option<ImageNow>, HostError>;

    /// What this host's engine is to its Swarm, and the Swarm's nodes.
    async fn swarm(&self) -> Result<Arc<SwarmNow>, HostError>;

    /// Every service of the Swarm by its name, from one list. Only managers know.
    async fn services(&self) -> Result<Arc<BTreeMap<String, ServiceNow>>, HostError>;

    /// What the Swarm keeps for its services, by name, from one list. Only managers know.
    async fn objects(&self, object: SwarmObject) -> Result<Arc<BTreeMap<String, ObjectNow>>, HostError>;

    /// Ends a pass: closes what it kept open on the host, such as directories, which would keep a filesystem from being
    /// unmounted. What it knows stays until the next [`Read::prepare`].
    fn finish(&self) {}
}

/// Changes a host.
#[expect(async_fn_in_trait, reason = "called with static dispatch on one thread only")]
pub trait Write: Read {
    /// Does one action, durably: when it returns, a power cut no longer undoes it. What `expects` does not match is
    /// refused with [`HostError::Changed`] and nothing is done. Cached answers it makes untrue are forgotten.
    ///
    /// The engine runs several [`Action::ControlUnit`] and [`Action::AwaitHealth`] at once, and drops the futures of these and
    /// of [`Action::Packages`] when it is told to stop: that only ends the waiting.
    async fn run(
        &self,
        action: &Action,
        expects: &Expected,
        contents: &dyn ContentSource,
    ) -> Result<(), HostError>;

    /// The configuration files over which the last [`Action::Packages`] had to decide; told once.
    fn config_files(&self) -> Vec<ConfigFile> {
        Vec::new()
    }

    /// Removes what a killed run left half-made in these directories. Worth calling once in the life of a process,
    /// before its first pass, with every directory that holds something managed; a later [`Write::run`] also does it for
    /// its own directory. A directory that is not there is no error.
    async fn sweep(&self, _directories: &BTreeSet<AbsolutePath>) -> Result<(), HostError> {
        Ok(())
    }
}

/// A package's configuration file that was changed on the host and of which the package brought another version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// Whose it is.
    pub package: String,
    /// Where it lies.
    pub path: String,
    /// Whether it stayed and the package's own was put beside it, or the other way round.
    pub kept: bool,
    /// Where the other one lies.
    pub beside: String,
}

/// The versions of packages that can be installed, by the packages' names.
pub type Offered = BTreeMap<String, BTreeSet<String>>;

/// What a pass will ask of the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Packages whose state is needed.
    pub packages: BTreeSet<String>,
    /// Units whose state is needed.
    pub units: BTreeSet<UnitName>,
}

/// How closely to look at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// One lstat (and readlink for a symlink).
    Metadata,
    /// Also the digest of a regular file's content.
    Content,
    /// The same, but under a key of this host: a digest that can be kept of a file that holds a secret.
    Keyed,
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Nothing.
    Absent,
    /// A regular file.
    File {
        /// What identifies it.
        stat: Stat,
        /// The digest of its content, if [`Look::Content`] or [`Look::Keyed`] was asked.
        sha256: Option<Sha256>,
    },
    /// A directory.
    Directory {
        /// What identifies it.
        stat: Stat,
    },
    /// A symbolic link.
    Symlink {
        /// What identifies it.
        stat: Stat,
        /// What it points at; bytes that are not UTF-8 are replaced.
        target: String,
    },
    /// A mount point that is not a directory, a device, a fifo or a socket: Holdfast keeps off.
    Other {
        /// What it is, for people.
        what: &'static str,
    },
}

/// What identifies a node and tells whether it changed: see inode(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Size in bytes.
    pub size: u64,
    /// Last change of content, in nanoseconds since the epoch.
    pub modified: i64,
    /// Last change of content or metadata, in nanoseconds since the epoch.
    pub changed: i64,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits.
    pub mode: FileMode,
}

/// A directory's entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The name, escaped if it is not UTF-8 or holds control characters.
    pub name: String,
    /// Whether the name can be managed at all: it is UTF-8 without control characters.
    pub plain: bool,
    /// Whether it is a directory (not a link to one).
    pub directory: bool,
}

/// What must be found at a path, a package or a unit just before an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expected {
    /// The action does not depend on it.
    Anything,
    /// Nothing at the action's path.
    Nothing,
    /// A node with just this stat at the action's path. Of a directory only identity, owner, group and mode count: its
    /// times and size change with every file in it.
    Node(Stat),
    /// A container with just this id at the action's name; a service or node with just this id and version.
    Object(String),
}

impl Expected {
    /// Whether `node` is what was expected.
    pub fn matches(&self, node: &Node) -> bool {
        match (self, node) {
            (Self::Anything, _) | (Self::Nothing, Node::Absent) => true,
            (Self::Node(was), Node::Directory { stat: now }) => {
                let identity = |stat: &Stat| (stat.device, stat.inode, stat.uid, stat.gid, stat.mode);
                identity(was) == identity(now)
            }
            (Self::Node(was), Node::File { stat: now, .. } | Node::Symlink { stat: now, .. }) => was == now,
            (Self::Nothing | Self::Node(_) | Self::Object(_), _) => false,
        }
    }
}

/// A package's state, after dpkg-query(1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageNow {
    /// Not known to the package manager, or gone without a trace.
    Absent,
    /// Removed, its configuration files still there.
    ConfigFiles,
    /// Installed and configured.
    Installed {
        /// The version.
        version: String,
        /// Whether it is held.
        held: bool,
    },
    /// Left half installed by an interrupted run.
    Broken {
        /// The package manager's own word for it, such as `half-configured`.
        state: String,
    },
}

/// A unit's state, after org.freedesktop.systemd1(5).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UnitNow {
    /// `LoadState`: `loaded`, `not-found`, `masked`, `bad-setting`, …
    pub load: String,
    /// `ActiveState`: `active`, `inactive`, `failed`, `activating`, …
    pub active: String,
    /// `SubState`, for messages.
    pub sub: String,
    /// `UnitFileState`: `enabled`, `disabled`, `static`, `masked`, … ; empty without a unit file.
    pub file_state: String,
    /// Whether the manager's copy is older than the files.
    pub needs_reload: bool,
    /// `InvocationID` in hex: another one means that it was started anew; empty if it never ran.
    pub invocation: String,
}
