//! What a resource of each kind should be: the resolved, defaulted form of its TOML table.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{AbsolutePath, FileMode, KindName, ResourceId, Sha256, UnitName, id::SecretName};

mod docker;
mod repository;
mod swarm;

pub use docker::*;
pub use repository::*;
pub use swarm::*;

/// A resource's wanted state, one variant a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spec {
    /// See [`FileSpec`].
    File(FileSpec),
    /// See [`DirectorySpec`].
    Directory(DirectorySpec),
    /// See [`SymlinkSpec`].
    Symlink(SymlinkSpec),
    /// See [`RepositorySpec`].
    Repository(RepositorySpec),
    /// See [`PackageSpec`].
    Package(PackageSpec),
    /// See [`UnitSpec`].
    Unit(UnitSpec),
    /// See [`ImageSpec`].
    Image(ImageSpec),
    /// See [`NetworkSpec`].
    Network(NetworkSpec),
    /// See [`VolumeSpec`].
    Volume(VolumeSpec),
    /// See [`ContainerSpec`].
    Container(Box<ContainerSpec>),
    /// See [`ServiceSpec`].
    Service(Box<ServiceSpec>),
    /// See [`ConfigSpec`].
    Config(ConfigSpec),
    /// See [`SecretSpec`].
    Secret(SecretSpec),
    /// See [`NodeSpec`].
    Node(NodeSpec),
    /// See [`RegistrySpec`].
    Registry(RegistrySpec),
    /// See [`ComposeSpec`].
    Compose(ComposeSpec),
    /// See [`StackSpec`].
    Stack(StackSpec),
}

impl Spec {
    /// The kind that this is a state of.
    pub const fn kind(&self) -> KindName {
        match self {
            Self::File(_) => KindName::File,
            Self::Directory(_) => KindName::Directory,
            Self::Symlink(_) => KindName::Symlink,
            Self::Repository(_) => KindName::Repository,
            Self::Package(_) => KindName::Package,
            Self::Unit(_) => KindName::Unit,
            Self::Image(_) => KindName::Image,
            Self::Network(_) => KindName::Network,
            Self::Volume(_) => KindName::Volume,
            Self::Container(_) => KindName::Container,
            Self::Service(_) => KindName::Service,
            Self::Config(_) => KindName::Config,
            Self::Secret(_) => KindName::Secret,
            Self::Node(_) => KindName::Node,
            Self::Registry(_) => KindName::Registry,
            Self::Compose(_) => KindName::Compose,
            Self::Stack(_) => KindName::Stack,
        }
    }

    /// The paths that belong to the resource alone, whether anything shall be there or not.
    pub fn paths(&self) -> Vec<AbsolutePath> {
        match self {
            Self::File(file) => vec![file.path.clone()],
            Self::Directory(directory) => vec![directory.path.clone()],
            Self::Symlink(link) => vec![link.path.clone()],
            Self::Repository(repository) => repository.paths(),
            Self::Unit(unit) => unit.paths(),
            Self::Package(_)
            | Self::Image(_)
            | Self::Network(_)
            | Self::Volume(_)
            | Self::Container(_)
            | Self::Service(_)
            | Self::Config(_)
            | Self::Secret(_)
            | Self::Node(_)
            | Self::Registry(_)
            | Self::Compose(_)
            | Self::Stack(_) => Vec::new(),
        }
    }

    /// Whether the resource is declared to be absent.
    pub fn is_absent(&self) -> bool {
        let ensure = match self {
            Self::Package(package) => return package.ensure != PackageEnsure::Present,
            Self::Compose(_) | Self::Stack(_) => return false,
            Self::File(file) => file.ensure,
            Self::Directory(directory) => directory.ensure,
            Self::Symlink(link) => link.ensure,
            Self::Repository(repository) => repository.ensure,
            Self::Unit(unit) => unit.ensure,
            Self::Image(image) => image.ensure,
            Self::Network(network) => network.ensure,
            Self::Volume(volume) => volume.ensure,
            Self::Container(container) => container.ensure,
            Self::Service(service) => service.ensure,
            Self::Config(config) => config.ensure,
            Self::Secret(secret) => secret.ensure,
            Self::Node(_) => Ensure::Present,
            Self::Registry(registry) => registry.ensure,
        };
        ensure == Ensure::Absent
    }
}

/// Whether the thing should be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ensure {
    /// It should exist as described.
    #[default]
    Present,
    /// It should not exist.
    Absent,
}

/// Bytes by their digest; the bytes themselves are in [`crate::Contents`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Content {
    /// The digest of the bytes.
    pub sha256: Sha256,
    /// How many bytes there are.
    pub size: u64,
}

/// A secret of the fleet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SecretReference {
    /// Its name.
    pub name: SecretName,
    /// Its encrypted file, as Git has it. The secret's own bytes and their digest are told nowhere.
    pub sealed: Content,
}

/// Who owns a path and who may do what with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The owner's name or decimal uid.
    pub owner: String,
    /// The group's name or decimal gid.
    pub group: String,
    /// The permission bits.
    pub mode: FileMode,
}

/// A regular file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSpec {
    /// Where it lies.
    pub path: AbsolutePath,
    /// Whether it should be there.
    pub ensure: Ensure,
    /// What it holds; `None` with [`Ensure::Absent`] and where it holds a secret.
    pub content: Option<Content>,
    /// The secret that it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretReference>,
    /// Owner, group and mode. By default root, root and 0644 (0600 when sensitive or a secret).
    pub access: Access,
    /// A command that must succeed on the staged file before it takes its place; the argument `{path}` stands for it.
    pub validate: Option<Vec<String>>,
    /// `false` seeds the file once and leaves its content alone afterwards.
    pub replace: bool,
    /// Its content is shown nowhere: not in a diff, an error or a log.
    pub sensitive: bool,
}

/// A directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectorySpec {
    /// Where it lies.
    pub path: AbsolutePath,
    /// Whether it should be there. Absent removes it only when it is empty, or with `purge`.
    pub ensure: Ensure,
    /// Owner, group and mode. By default root, root and 0755.
    pub access: Access,
    /// Removes entries that no resource declares.
    pub purge: bool,
    /// How many entries one pass may purge here; a pass that would remove more removes none and says so.
    pub purge_limit: u32,
}

/// A symbolic link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SymlinkSpec {
    /// Where it lies.
    pub path: AbsolutePath,
    /// Whether it should be there.
    pub ensure: Ensure,
    /// What it points at, as it is written into the link; empty only with [`Ensure::Absent`].
    pub target: String,
}

/// Whether a package should be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageEnsure {
    /// Installed.
    #[default]
    Present,
    /// Not installed; its configuration files may stay.
    Absent,
    /// Not installed, and its configuration files are gone.
    Purged,
}

/// A distribution's package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageSpec {
    /// The package's name, with `:ARCH` for a foreign architecture.
    pub name: String,
    /// Whether it should be installed.
    pub ensure: PackageEnsure,
    /// An exact version or a glob with `*` over versions; `None` takes any.
    pub version: Option<String>,
    /// Whether the package manager should hold it at its version; `None` leaves a hold as it is.
    pub hold: Option<bool>,
    /// What becomes of its configuration files that were changed here, when a new version brings others.
    #[serde(default)]
    pub config_files: ConfigFiles,
}

/// What becomes of a package's configuration file that was changed on the host, when a new version brings another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfigFiles {
    /// It stays, and the package's own is put beside it.
    #[default]
    Keep,
    /// The package's own takes its place, and it is put beside it.
    Replace,
}

/// Where systemd looks for the units of a host's administrator: see systemd.unit(5).
pub const UNIT_FILES: &str = "/etc/systemd/system";

/// A systemd unit. Whatever is `None` is left as it is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitSpec {
    /// The unit's full name.
    pub name: UnitName,
    /// Absent stops and disables it and removes the unit file and the drop-ins that Holdfast wrote.
    pub ensure: Ensure,
    /// The text of `/etc/systemd/system/<name>`.
    pub content: Option<Content>,
    /// Drop-ins by file name: `/etc/systemd/system/<name>.d/<key>`, each key ending in `.conf`.
    pub drop_ins: BTreeMap<String, Content>,
    /// Whether it starts at boot.
    pub enabled: Option<bool>,
    /// Whether it runs.
    pub active: Option<bool>,
    /// Whether it is masked.
    pub masked: Option<bool>,
    /// Resources whose change restarts the unit; its own content and drop-ins always do.
    pub restart_on: BTreeSet<ResourceId>,
    /// Resources whose change reloads the unit.
    pub reload_on: BTreeSet<ResourceId>,
    /// How to know, after a start, that it works.
    pub health: Option<Health>,
}

impl UnitSpec {
    /// The path of its own file.
    pub fn file(&self) -> String {
        format!("{UNIT_FILES}/{}", self.name)
    }

    /// What it restarts or reloads because of.
    pub fn inputs(&self) -> impl Iterator<Item = &ResourceId> {
        self.restart_on.iter().chain(&self.reload_on)
    }

    /// Its own file and its drop-ins, as far as they are declared.
    fn paths(&self) -> Vec<AbsolutePath> {
        let file = self.file();
        let drop_ins = self.drop_ins.keys().map(|name| format!("{file}.d/{name}"));
        let paths = self.content.map(|_| file.clone()).into_iter().chain(drop_ins);
        paths.filter_map(|path| path.parse().ok()).collect()
    }
}

/// How to know that a unit works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// What is tried.
    pub probe: Probe,
    /// How long it may take until the first success.
    pub within: Duration,
}

/// One health probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Probe {
    /// A GET of this `http://` address answers with a status below 400.
    Http(String),
    /// A TCP connection to this `host:port` opens.
    Tcp(String),
    /// This command ends with exit code 0.
    Command(Vec<String>),
}
