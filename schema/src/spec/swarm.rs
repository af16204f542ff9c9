//! What a Swarm of Docker engines keeps.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Content, Ensure, Healthcheck, Limits, Logging, Mount, Port, SecretReference, Ulimit};
use crate::{AbsolutePath, FileMode, ImageReference, ObjectName};

/// A compose file in a Swarm. What it declares are resources of their own; it only looks after what it does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackSpec {
    /// The stack's name.
    pub name: ObjectName,
    /// Services of the file that no active profile has: they are left alone.
    pub asleep: BTreeSet<String>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// Its name.
    pub name: ObjectName,
    /// Whether it should be there.
    pub ensure: Ensure,
    /// What it is.
    pub config: ServiceConfig,
    /// How long it may take, once made or changed, until all its tasks run and are healthy.
    pub healthy_within: Duration,
}

/// What a service is. Whatever is not set is left to the image and the engine, and not written out, so that a later version
/// with more fields writes the same.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceConfig {
    /// Its image; `None` only with [`Ensure::Absent`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageReference>,
    /// How many tasks there are.
    pub mode: ServiceMode,
    /// What the command is given to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// The program's arguments, or the program itself where the image has no entry point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Environment variables, besides those of the image.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Ports that are open on every node of the Swarm.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub ports: BTreeSet<Port>,
    /// Ports that are open on the nodes that its tasks run on.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub host_ports: BTreeSet<Port>,
    /// How its name is resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_mode: Option<EndpointMode>,
    /// What is mounted, by the path in the container.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mounts: BTreeMap<AbsolutePath, Mount>,
    /// The networks that it is in.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub networks: BTreeSet<String>,
    /// More names under which its networks know it.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub aliases: BTreeSet<String>,
    /// Configs that its containers see as files, by the names of the resources.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub configs: BTreeMap<ObjectName, Attached>,
    /// Secrets that its containers see as files, by the names of the resources.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<ObjectName, Attached>,
    /// How to know that a container works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// The author's labels of the service.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The author's labels of its containers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub container_labels: BTreeMap<String, String>,
    /// Who its containers run as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Where they start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// The name that they take themselves for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Where what they say goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
    /// Capabilities that they get, without `CAP_`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub cap_add: BTreeSet<String>,
    /// Capabilities that they lose.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub cap_drop: BTreeSet<String>,
    /// Whether their own files cannot be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// Whether an init of the engine reaps their children.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    /// Limits of setrlimit(2), by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Kernel parameters of their own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctls: BTreeMap<String, String>,
    /// What they are told to stop with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// How long they have until they are killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_grace_period: Option<Duration>,
    /// Name servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<IpAddr>,
    /// More lines for their /etc/hosts: addresses by names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra_hosts: BTreeMap<String, String>,
    /// What each task may use.
    #[serde(skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// What a node must have free for a task.
    #[serde(skip_serializing_if = "Limits::is_empty")]
    pub reservations: Limits,
    /// What must hold of a node that runs a task, such as `node.labels.disk==ssd`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub constraints: BTreeSet<String>,
    /// What tasks are spread over, the most important first, such as `node.labels.rack`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spread: Vec<String>,
    /// The most tasks on one node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_replicas_per_node: Option<u32>,
    /// When the Swarm replaces a task that ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<TaskRestart>,
    /// How a change is brought to the tasks.
    #[serde(skip_serializing_if = "UpdatePolicy::is_empty")]
    pub update: UpdatePolicy,
    /// How a change is taken back.
    #[serde(skip_serializing_if = "UpdatePolicy::is_empty")]
    pub rollback: UpdatePolicy,
}

/// How many tasks a service has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceMode {
    /// So many, wherever there is room.
    Replicated(u32),
    /// One on each node that it may run on.
    Global,
}

impl Default for ServiceMode {
    fn default() -> Self {
        Self::Replicated(1)
    }
}

/// How a service's name is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointMode {
    /// To one address that stands for all tasks.
    Vip,
    /// To the addresses of the tasks.
    Dnsrr,
}

/// A config or secret as the containers of a service see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// Where: an absolute path, or for a secret a name under /run/secrets.
    pub target: String,
    /// Who owns it, by number.
    pub uid: u32,
    /// The group that owns it, by number.
    pub gid: u32,
    /// Its permission bits.
    pub mode: FileMode,
}

/// When the Swarm replaces a task that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRestart {
    /// Which ends count.
    pub condition: RestartCondition,
    /// How long it waits before.
    pub delay: Option<Duration>,
    /// How often at most; `None` for ever.
    pub max_attempts: Option<u32>,
    /// Within which time attempts are counted.
    pub window: Option<Duration>,
}

/// Which ends of a task count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartCondition {
    /// None.
    None,
    /// Those with another exit code than 0.
    OnFailure,
    /// All.
    #[default]
    Any,
}

impl RestartCondition {
    /// As the engine writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::OnFailure => "on-failure",
            Self::Any => "any",
        }
    }
}

/// How a change is brought to the tasks of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdatePolicy {
    /// How many at once; 0 for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<u32>,
    /// How long to wait between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Duration>,
    /// What becomes of a change that fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_action: Option<FailureAction>,
    /// How long a task is watched after it was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monitor: Option<Duration>,
    /// Which share of the tasks may fail, in billionths.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_failure_ratio: Option<u64>,
    /// Whether a new task is started before the old one stops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<UpdateOrder>,
}

impl UpdatePolicy {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What becomes of a change that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureAction {
    /// The Swarm goes back to what the service was.
    Rollback,
    /// It stays as far as it came.
    Pause,
    /// It goes on.
    Continue,
}

impl FailureAction {
    /// As the engine writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rollback => "rollback",
            Self::Pause => "pause",
            Self::Continue => "continue",
        }
    }
}

/// Which of two tasks comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateOrder {
    /// The old one is stopped before the new one is started.
    StopFirst,
    /// The new one runs before the old one is stopped.
    StartFirst,
}

impl UpdateOrder {
    /// As the engine writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StopFirst => "stop-first",
            Self::StartFirst => "start-first",
        }
    }
}

/// A config: a text that the Swarm keeps for its services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigSpec {
    /// What its names in the Swarm begin with.
    pub name: ObjectName,
    /// Whether it should be there.
    pub ensure: Ensure,
    /// What it holds; `None` only with [`Ensure::Absent`].
    pub content: Option<Content>,
    /// The author's labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A secret: bytes that the Swarm keeps for its services, and tells nobody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretSpec {
    /// What its names in the Swarm begin with.
    pub name: ObjectName,
    /// Whether it should be there.
    pub ensure: Ensure,
    /// The secret of the fleet that it holds; `None` only with [`Ensure::Absent`].
    pub secret: Option<SecretReference>,
    /// The author's labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A node of the Swarm: what is declared of it. It is never added or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// Its host name, as the Swarm has it.
    pub name: ObjectName,
    /// Labels; others stay as they are.
    pub labels: BTreeMap<String, String>,
    /// Whether tasks run on it; `None` leaves that as it is.
    pub availability: Option<Availability>,
}

/// Whether tasks run on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Availability {
    /// They do.
    Active,
    /// Those that run go on, and no others are started.
    Pause,
    /// None does: they move to other nodes.
    Drain,
}

impl Availability {
    /// As the engine writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pause => "pause",
            Self::Drain => "drain",
        }
    }
}
