//! What a node is to its Swarm, and what the Swarm keeps.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_schema::Sha256;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::host::docker::FAILED_LABEL;

/// What a node is to its Swarm, and what the Swarm's nodes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwarmNow {
    /// What this node is.
    pub role: SwarmRole,
    /// Every node by its host name; only a manager knows them.
    pub nodes: BTreeMap<String, NodeNow>,
}

/// What this node is to its Swarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SwarmRole {
    /// The manager that leads.
    Leader,
    /// Another manager.
    Manager {
        /// The host name of the one that leads.
        leader: String,
    },
    /// No manager.
    Worker {
        /// The addresses of the managers.
        managers: BTreeSet<String>,
    },
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeNow {
    /// Its id.
    pub id: String,
    /// How often it was changed.
    pub index: u64,
    /// Its labels, role and availability, as the engine has them.
    pub spec: Value,
    /// The id of another node that is ready and has the same host name.
    pub namesake: Option<String>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceNow {
    /// Its id.
    pub id: String,
    /// How often it was changed.
    pub index: u64,
    /// What it is; its networks, configs and secrets by their names alone.
    pub spec: Value,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The names of the configs and secrets that it had before its last change.
    pub before: BTreeSet<String>,
    /// How far its last change has come, as the engine says: `updating`, `completed`, `paused`, `rollback_completed`, …; empty
    /// if nothing had to be done.
    pub update: String,
    /// How many of its tasks run.
    pub running: u64,
    /// How many should.
    pub desired: u64,
}

/// What a service was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceWas {
    /// What it was; its networks, configs and secrets by their names alone.
    pub body: Value,
}

/// What a Swarm keeps for its services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SwarmObject {
    /// Configs.
    Config,
    /// Secrets.
    Secret,
}

/// A config or secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectNow {
    /// Its id.
    pub id: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The digest of what a config holds that others made; the name of Holdfast's own tells as much.
    pub content: Option<Sha256>,
}

impl SwarmNow {
    /// Who acts in the place of this node; `None` if it does itself.
    pub fn acts_instead(&self) -> Option<String> {
        match &self.role {
            SwarmRole::Leader => None,
            SwarmRole::Manager { leader } => Some(format!("manager {leader}")),
            SwarmRole::Worker { managers } => {
                let managers: Vec<_> = managers.iter().map(String::as_str).collect();
                Some(format!("manager {}", managers.join(" or ")))
            }
        }
    }
}

impl NodeNow {
    /// Which node it is, and what is said of it.
    pub(crate) fn version(&self) -> String {
        version(&self.id, &self.spec)
    }
}

impl ServiceNow {
    /// Which service it is, and what it is. The engine's own index also counts how far its tasks have come.
    pub(crate) fn version(&self) -> String {
        version(&self.id, &self.spec)
    }

    /// Whether the Swarm is about to bring a change to its tasks, or to take one back.
    pub(crate) fn is_changing(&self) -> bool {
        matches!(self.update.as_str(), "updating" | "rollback_started")
    }

    /// Whether the Swarm has stopped in the middle of a change.
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self.update.as_str(), "paused" | "rollback_paused")
    }

    /// The digest of the declaration that failed last, if one did.
    pub(crate) fn failed(&self) -> Option<&String> {
        self.labels.get(FAILED_LABEL)
    }

    /// The names of the configs or secrets that it has.
    pub(crate) fn uses(&self, object: SwarmObject) -> BTreeSet<String> {
        let container = self.spec.pointer("/TaskTemplate/ContainerSpec");
        let list = container.and_then(|container| container.get(object.list())).and_then(Value::as_array);
        let name = |one: &Value| one.get(object.name()).and_then(Value::as_str).map(str::to_owned);
        list.into_iter().flatten().filter_map(name).collect()
    }

    /// The names of its networks.
    pub(crate) fn networks(&self) -> BTreeSet<String> {
        let list = self.spec.pointer("/TaskTemplate/Networks").and_then(Value::as_array);
        let name = |one: &Value| one.get("Target").and_then(Value::as_str).map(str::to_owned);
        list.into_iter().flatten().filter_map(name).collect()
    }
}

fn version(id: &str, spec: &Value) -> String {
    format!("{id}@{}", Sha256::of(spec.to_string().as_bytes()))
}

impl ServiceWas {
    /// From what there is.
    pub fn of(now: &ServiceNow) -> Self {
        Self { body: now.spec.clone() }.without_mark()
    }

    fn without_mark(mut self) -> Self {
        if let Some(labels) = self.body.get_mut("Labels").and_then(Value::as_object_mut) {
            labels.remove(FAILED_LABEL);
        }
        self
    }

    /// The same, with a mark of what failed.
    pub(crate) fn marked(&self, failed: Option<&String>) -> Value {
        let mut body = self.body.clone();
        if let (Some(failed), Some(body)) = (failed, body.as_object_mut()) {
            let labels = body.entry("Labels").or_insert_with(|| json!({}));
            if let Some(labels) = labels.as_object_mut() {
                labels.insert(FAILED_LABEL.to_owned(), json!(failed));
            }
        }
        body
    }
}

impl SwarmObject {
    pub(in crate::host::docker) fn path(self) -> &'static str {
        match self {
            Self::Config => "/configs",
            Self::Secret => "/secrets",
        }
    }

    pub(in crate::host::docker) fn list(self) -> &'static str {
        match self {
            Self::Config => "Configs",
            Self::Secret => "Secrets",
        }
    }

    pub(in crate::host::docker) fn id(self) -> &'static str {
        match self {
            Self::Config => "ConfigID",
            Self::Secret => "SecretID",
        }
    }

    pub(in crate::host::docker) fn name(self) -> &'static str {
        match self {
            Self::Config => "ConfigName",
            Self::Secret => "SecretName",
        }
    }

    pub(crate) const ALL: [Self; 2] = [Self::Config, Self::Secret];

    /// For people.
    pub(in crate::host::docker) fn word(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Secret => "secret",
        }
    }
}
