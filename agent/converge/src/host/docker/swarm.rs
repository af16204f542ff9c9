//! What the Swarm of the engine keeps. Only its managers know, and only the one that leads acts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use holdfast_schema::Sha256;
use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Docker, FAILED_LABEL, HostError, RESOURCE_LABEL,
    client::{Refused, SLOWLY},
    now::or_default,
};

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
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Config => "/configs",
            Self::Secret => "/secrets",
        }
    }

    pub(super) fn list(self) -> &'static str {
        match self {
            Self::Config => "Configs",
            Self::Secret => "Secrets",
        }
    }

    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Config => "ConfigID",
            Self::Secret => "SecretID",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Config => "ConfigName",
            Self::Secret => "SecretName",
        }
    }

    pub(crate) const ALL: [Self; 2] = [Self::Config, Self::Secret];

    /// For people.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Secret => "secret",
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Version {
    index: u64,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ListedNode {
    #[serde(rename = "ID")]
    id: String,
    version: Version,
    spec: Value,
    description: Value,
    status: Value,
    manager_status: Option<Value>,
}

/// What the engine says of a service.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListedService {
    #[serde(rename = "ID")]
    id: String,
    version: Version,
    spec: Value,
    #[serde(deserialize_with = "or_default")]
    previous_spec: Value,
    #[serde(deserialize_with = "or_default")]
    update_status: UpdateStatus,
    #[serde(deserialize_with = "or_default")]
    service_status: ServiceStatus,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct UpdateStatus {
    state: String,
    message: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ServiceStatus {
    running_tasks: u64,
    desired_tasks: u64,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ListedObject {
    #[serde(rename = "ID")]
    id: String,
    spec: ObjectSpec,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ObjectSpec {
    name: String,
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
    /// In base64; of a secret it is never told.
    #[serde(deserialize_with = "or_default")]
    data: String,
}

impl ListedObject {
    /// What it is, and its name.
    fn read(self) -> (String, ObjectNow) {
        let ObjectSpec { name, labels, data } = self.spec;
        let theirs = !data.is_empty() && !labels.contains_key(RESOURCE_LABEL);
        let content = theirs.then(|| STANDARD.decode(data).ok()).flatten();
        (name, ObjectNow { id: self.id, labels, content: content.map(|bytes| Sha256::of(&bytes)) })
    }
}

impl ListedService {
    /// What it is, and its name; `networks` are names by ids.
    pub(super) fn read(self, networks: &BTreeMap<String, String>) -> (String, ServiceNow) {
        let mut before = BTreeSet::new();
        let previous = ServiceNow { spec: self.previous_spec, ..ServiceNow::default() };
        for object in SwarmObject::ALL {
            before.extend(previous.uses(object));
        }
        let mut spec = self.spec;
        name_networks(&mut spec, networks);
        for object in SwarmObject::ALL {
            let list =
                spec.pointer_mut("/TaskTemplate/ContainerSpec").and_then(|all| all.get_mut(object.list()));
            for one in list.and_then(Value::as_array_mut).into_iter().flatten() {
                one.as_object_mut().map(|one| one.remove(object.id()));
            }
        }
        let name = spec.get("Name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let labels = spec.get("Labels").cloned().unwrap_or_default();
        let now = ServiceNow {
            id: self.id,
            index: self.version.index,
            labels: serde_json::from_value(labels).unwrap_or_default(),
            spec,
            before,
            update: self.update_status.state,
            running: self.service_status.running_tasks,
            desired: self.service_status.desired_tasks,
        };
        (name, now)
    }

    pub(super) fn is_in_a_network(&self) -> bool {
        let networks = self.spec.pointer("/TaskTemplate/Networks").and_then(Value::as_array);
        networks.is_some_and(|networks| !networks.is_empty())
    }

    /// What the Swarm says of its last change.
    pub(super) fn message(&self) -> &str {
        &self.update_status.message
    }
}

fn name_networks(spec: &mut Value, networks: &BTreeMap<String, String>) {
    let list = spec.pointer_mut("/TaskTemplate/Networks").and_then(Value::as_array_mut);
    for network in list.into_iter().flatten() {
        let name = network.get("Target").and_then(Value::as_str).and_then(|id| networks.get(id));
        if let (Some(name), Some(network)) = (name.cloned(), network.as_object_mut()) {
            network.insert("Target".to_owned(), Value::String(name));
        }
    }
}

impl Docker {
    /// What this node is to its Swarm.
    pub(in crate::host) async fn swarm(&self) -> Result<Arc<SwarmNow>, HostError> {
        if let Some(known) = &*self.swarm.borrow() {
            return Ok(Arc::clone(known));
        }
        let told = Arc::new(self.ask_swarm().await?);
        *self.swarm.borrow_mut() = Some(Arc::clone(&told));
        Ok(told)
    }

    /// The same, asked anew.
    pub(super) async fn ask_swarm(&self) -> Result<SwarmNow, HostError> {
        let listed: Vec<ListedNode> = match self.ask_manager("/nodes").await {
            Ok(nodes) => nodes,
            Err(Unwilling::NoManager) => return self.worker().await,
            Err(Unwilling::Other(error)) => return Err(error),
        };
        let known = self.node_id.borrow().clone();
        let own = match known.filter(|id| listed.iter().any(|node| node.id == *id)) {
            Some(id) => id,
            None => self.info().await?.swarm.node_id,
        };
        *self.node_id.borrow_mut() = Some(own.clone());
        let text = |value: &Value, pointer: &str| {
            value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let leads = |node: &&ListedNode| {
            let status = node.manager_status.as_ref();
            status.and_then(|status| status.get("Leader")).and_then(Value::as_bool) == Some(true)
        };
        let role = match listed.iter().find(leads) {
            Some(leader) if leader.id == own => SwarmRole::Leader,
            Some(leader) => SwarmRole::Manager { leader: text(&leader.description, "/Hostname") },
            None => return Err(HostError::NoQuorum { reason: "no manager leads".to_owned() }),
        };
        let mut nodes: BTreeMap<String, NodeNow> = BTreeMap::new();
        for node in listed {
            let name = text(&node.description, "/Hostname");
            // A host that joined anew leaves its former self behind.
            if text(&node.status, "/State") == "ready" || !nodes.contains_key(&name) {
                nodes.insert(name, NodeNow { id: node.id, index: node.version.index, spec: node.spec });
            }
        }
        Ok(SwarmNow { role, nodes })
    }

    /// What a node is that is no manager.
    async fn worker(&self) -> Result<SwarmNow, HostError> {
        let swarm = self.info().await?.swarm;
        if swarm.local_node_state != "active" {
            let reason = if swarm.error.is_empty() { swarm.local_node_state } else { swarm.error };
            return Err(HostError::NoSwarm { reason });
        }
        // A manager that has just been started is not one yet, and no worker either.
        let mut others = swarm.remote_managers.iter().map(|manager| &manager.node_id);
        if swarm.remote_managers.is_empty() || others.any(|other| *other == swarm.node_id) {
            let reason = "this manager is not up yet".to_owned();
            return Err(HostError::NoQuorum { reason });
        }
        let managers = swarm.remote_managers.into_iter().map(|manager| manager.addr).collect();
        Ok(SwarmNow { role: SwarmRole::Worker { managers }, nodes: BTreeMap::new() })
    }

    async fn info(&self) -> Result<Info, HostError> {
        self.client.get("/info").await
    }

    /// Every service, by name.
    pub(in crate::host) async fn services(&self) -> Result<Arc<BTreeMap<String, ServiceNow>>, HostError> {
        if let Some(known) = &*self.services.borrow() {
            return Ok(Arc::clone(known));
        }
        let listed: Vec<ListedService> = self.managed("/services?status=true").await?;
        let connected = listed.iter().any(ListedService::is_in_a_network);
        let networks = if connected { self.network_ids().await? } else { BTreeMap::new() };
        let told: Arc<BTreeMap<String, ServiceNow>> =
            Arc::new(listed.into_iter().map(|one| one.read(&networks)).collect());
        *self.services.borrow_mut() = Some(Arc::clone(&told));
        Ok(told)
    }

    /// Every config or secret, by name.
    pub(in crate::host) async fn objects(
        &self,
        object: SwarmObject,
    ) -> Result<Arc<BTreeMap<String, ObjectNow>>, HostError> {
        if let Some(known) = self.objects.borrow().get(&object) {
            return Ok(Arc::clone(known));
        }
        let listed: Vec<ListedObject> = self.managed(object.path()).await?;
        let told: Arc<BTreeMap<_, _>> = Arc::new(listed.into_iter().map(ListedObject::read).collect());
        self.objects.borrow_mut().insert(object, Arc::clone(&told));
        Ok(told)
    }

    /// Forgets what the Swarm said.
    pub(super) fn forget_swarm(&self) {
        self.swarm.take();
        self.services.take();
        self.objects.borrow_mut().clear();
    }

    /// Asks for something that only managers know.
    pub(super) async fn managed<T: DeserializeOwned>(&self, path: &str) -> Result<T, HostError> {
        match self.ask_manager(path).await {
            Ok(answer) => Ok(answer),
            Err(Unwilling::Other(error)) => Err(error),
            Err(Unwilling::NoManager) => {
                self.worker().await?;
                Err(HostError::Changed { what: "this node's part in its Swarm".to_owned() })
            }
        }
    }

    async fn ask_manager<T: DeserializeOwned>(&self, path: &str) -> Result<T, Unwilling> {
        let answer = self.client.call_patiently(Method::GET, path, None, None, SLOWLY).await;
        let answer = match answer {
            // It answers at once unless it waits for managers that do not.
            Err(HostError::DockerGone { source, .. }) if source.kind() == std::io::ErrorKind::TimedOut => {
                let reason = "the other managers do not answer".to_owned();
                return Err(Unwilling::Other(HostError::NoQuorum { reason }));
            }
            answer => answer.map_err(Unwilling::Other)?,
        };
        let bytes = answer.map_err(|refused| unwilling(refused, &format!("GET {path}")))?;
        super::client::read(path, &bytes).map_err(Unwilling::Other)
    }

    /// The names of networks, by their ids.
    pub(super) async fn network_ids(&self) -> Result<BTreeMap<String, String>, HostError> {
        let networks = self.all_networks().await?;
        Ok(networks.iter().map(|(name, network)| (network.id.clone(), name.clone())).collect())
    }
}

/// Why a question that only managers answer was not.
enum Unwilling {
    NoManager,
    Other(HostError),
}

fn unwilling(refused: Refused, tried: &str) -> Unwilling {
    if refused.status == StatusCode::SERVICE_UNAVAILABLE && refused.message.contains("not a swarm manager") {
        return Unwilling::NoManager;
    }
    Unwilling::Other(refused_by_swarm(refused, tried))
}

/// The error of something that the Swarm refused.
pub(super) fn refused_by_swarm(refused: Refused, tried: &str) -> HostError {
    // There are no codes: see swarmkit's manager/controlapi and the engine's daemon/cluster/errors.go.
    const LEADERLESS: [&str; 4] =
        ["does not have a leader", "no elected", "DeadlineExceeded", "context deadline exceeded"];
    if LEADERLESS.iter().any(|words| refused.message.contains(words)) {
        return HostError::NoQuorum { reason: refused.message };
    }
    if refused.message.contains("update out of sequence") || refused.message.contains("not a swarm manager") {
        return HostError::Changed { what: "something in the Swarm".to_owned() };
    }
    refused.into_error(tried)
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Info {
    swarm: InfoSwarm,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct InfoSwarm {
    #[serde(rename = "NodeID")]
    node_id: String,
    local_node_state: String,
    error: String,
    #[serde(deserialize_with = "or_default")]
    remote_managers: Vec<RemoteManager>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RemoteManager {
    #[serde(rename = "NodeID")]
    node_id: String,
    addr: String,
}
