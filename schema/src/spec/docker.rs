//! What the Docker engine keeps.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Ensure, SecretReference};
use crate::{AbsolutePath, HostPath, ImageReference, ObjectName, ResourceId, Sha256, id::RegistryName};

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSpec {
    /// Which image.
    pub reference: ImageReference,
    /// Whether the engine has it.
    pub ensure: Ensure,
    /// Where it may come from.
    pub pull: Pull,
}

/// Where an image may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pull {
    /// From its registry, if the engine does not have it.
    #[default]
    Missing,
    /// Only from the engine itself: somebody else brings it.
    Never,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSpec {
    /// Its name.
    pub name: ObjectName,
    /// Whether it should be there.
    pub ensure: Ensure,
    /// What drives it; `None` takes the engine's default where it is made, and any where it is there.
    pub driver: Option<String>,
    /// Addresses in CIDR form.
    pub subnet: Option<String>,
    /// The gateway in it.
    pub gateway: Option<IpAddr>,
    /// Whether nothing gets out of it.
    pub internal: bool,
    /// Whether it has IPv6.
    pub ipv6: bool,
    /// Whether containers that are no service's can be in one of a Swarm.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub attachable: bool,
    /// The driver's options.
    pub options: BTreeMap<String, String>,
    /// The author's labels.
    pub labels: BTreeMap<String, String>,
}

/// A volume. It is only ever removed when it is declared absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSpec {
    /// Its name.
    pub name: ObjectName,
    /// Whether it should be there.
    pub ensure: Ensure,
    /// What drives it; `None` takes the engine's default where it is made, and any where it is there.
    pub driver: Option<String>,
    /// The driver's options.
    pub options: BTreeMap<String, String>,
    /// The author's labels.
    pub labels: BTreeMap<String, String>,
}

/// A container. Whatever is `None` is left to the image and the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerSpec {
    /// Its name.
    pub name: ObjectName,
    /// Whether it should be there.
    pub ensure: Ensure,
    /// What only a new container can change.
    pub config: ContainerConfig,
    /// Where its image may come from.
    pub pull: Pull,
    /// Whether it runs.
    pub running: bool,
    /// The networks that it is in, and no others; the engine's default if there is none.
    pub networks: BTreeSet<String>,
    /// When the engine starts it again.
    pub restart: Restart,
    /// What it may use.
    pub limits: Limits,
    /// How long it may take, once started, until its health check succeeds.
    pub healthy_within: Duration,
}

/// A compose file on one engine. What it declares are resources of their own; it only looks after what it does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComposeSpec {
    /// The project's name.
    pub name: ObjectName,
    /// Services of the file that no active profile has: their containers are left alone.
    pub asleep: BTreeSet<String>,
}

/// When the engine starts a container again that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// Never.
    No,
    /// Whenever it ends, and when the engine starts.
    Always,
    /// The same, unless somebody stopped it.
    #[default]
    UnlessStopped,
    /// When it ends with another exit code than 0.
    OnFailure,
}

/// What a container may use. The engine can change it while the container runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Billionths of a processor.
    pub nano_cpus: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u32>,
}

impl Limits {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What of a container only a new one can change. A field that is not set is not written out, so that a later version with
/// more fields writes the same.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerConfig {
    /// Its image; `None` only with [`Ensure::Absent`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageReference>,
    /// What the command is given to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// The program's arguments, or the program itself where the image has no entry point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Environment variables, besides those of the image.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Ports that are open on the host.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub ports: BTreeSet<Port>,
    /// What is mounted, by the path in the container.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mounts: BTreeMap<AbsolutePath, Mount>,
    /// More names under which its networks know it.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub aliases: BTreeSet<String>,
    /// How to know that it works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// The author's labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Who it runs as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Where it starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// The name that it takes itself for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The domain that it takes itself to be in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domainname: Option<String>,
    /// Whether it has a terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tty: Option<bool>,
    /// Whether its standard input stays open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin_open: Option<bool>,
    /// Where what it says goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
    /// Capabilities that it gets, without `CAP_`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub cap_add: BTreeSet<String>,
    /// Capabilities that it loses.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub cap_drop: BTreeSet<String>,
    /// Options of the kernel's security modules.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub security_opt: BTreeSet<String>,
    /// Whether it has all that root of the host has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub privileged: Option<bool>,
    /// Whether its own files cannot be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// Whether an init of the engine reaps its children.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    /// Limits of setrlimit(2), by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Kernel parameters of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctls: BTreeMap<String, String>,
    /// Devices of the host.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub devices: BTreeSet<Device>,
    /// More groups that it is in, by the names or numbers in the container.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub group_add: BTreeSet<String>,
    /// Whose processes it sees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<String>,
    /// Whose shared memory it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipc: Option<String>,
    /// Whose numbers of users it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userns: Option<String>,
    /// What of the engine runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// How readily the kernel ends it when memory is short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oom_score_adj: Option<i32>,
    /// Bytes of /dev/shm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<u64>,
    /// What it is told to stop with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// How long it has until it is killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_grace_period: Option<Duration>,
    /// Name servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<IpAddr>,
    /// Domains in which names without one are looked up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns_search: Vec<String>,
    /// More lines for its /etc/hosts, by the name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra_hosts: BTreeMap<String, String>,
    /// What it was made with besides: each of these resources, by its id, with a digest of what it puts on the host.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub restart_on: BTreeMap<ResourceId, Sha256>,
}

/// A port that is open on the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Port {
    /// In the container.
    pub target: u16,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// On the host; `None` lets the engine choose.
    pub published: Option<u16>,
    /// The address of the host; `None` for all.
    pub address: Option<IpAddr>,
}

/// How a port is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// As the engine writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

/// Something that is mounted in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// What.
    pub source: MountSource,
    /// Whether it cannot be written through.
    pub read_only: bool,
    /// Whether a directory is made where a path of the host is missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub create: bool,
    /// Whether mounts beneath a path of the host are seen on the other side; `None` leaves it to the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propagation: Option<Propagation>,
    /// What drives a volume that is made where it is missing; `None` for the engine's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// The driver's options.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

impl Mount {
    /// A mount of which nothing else is said.
    pub const fn of(source: MountSource) -> Self {
        Self {
            source,
            read_only: false,
            create: false,
            propagation: None,
            driver: None,
            options: BTreeMap::new(),
        }
    }
}

/// Whether mounts that are made beneath a mount are seen on its other side; see `mount_namespaces(7)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Propagation {
    /// On neither side.
    Rprivate,
    /// In the container.
    Rslave,
    /// On both sides.
    Rshared,
    /// On neither side, but for mounts that are there.
    Private,
    /// In the container, but for mounts that are there.
    Slave,
    /// On both sides, but for mounts that are there.
    Shared,
}

impl Propagation {
    /// As the engine writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rprivate => "rprivate",
            Self::Rslave => "rslave",
            Self::Rshared => "rshared",
            Self::Private => "private",
            Self::Slave => "slave",
            Self::Shared => "shared",
        }
    }
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountSource {
    /// A volume of the engine.
    Volume(ObjectName),
    /// A path of the host.
    Bind(HostPath),
    /// Memory, at most this many bytes; 0 for as much as the kernel allows.
    Tmpfs(u64),
}

/// How to know that a container works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healthcheck {
    /// `CMD` and its words, `CMD-SHELL` and a line, or `NONE`.
    pub test: Vec<String>,
    /// How often it is asked.
    pub interval: Option<Duration>,
    /// How long an answer may take.
    pub timeout: Option<Duration>,
    /// How many failures in a row count.
    pub retries: Option<u32>,
    /// How long failures do not count after a start.
    pub start_period: Option<Duration>,
}

/// Where what a container says goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logging {
    /// The log driver.
    pub driver: String,
    /// Its options.
    pub options: BTreeMap<String, String>,
}

/// A limit of setrlimit(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// What holds at first.
    pub soft: i64,
    /// How far it can be raised.
    pub hard: i64,
}

/// A device of the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Device {
    /// On the host.
    pub host: AbsolutePath,
    /// In the container.
    pub container: AbsolutePath,
    /// What it may do with it: some of `r`, `w`, `m`.
    pub permissions: String,
}

/// A login at a registry of images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrySpec {
    /// Which registry.
    pub server: RegistryName,
    /// Whether the host is logged in there.
    pub ensure: Ensure,
    /// The user; empty only with [`Ensure::Absent`].
    pub user: String,
    /// The user's password or token; `None` only with [`Ensure::Absent`].
    pub password: Option<SecretReference>,
}
