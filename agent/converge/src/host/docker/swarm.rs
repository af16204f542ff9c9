//! Asks what the Swarm of the engine keeps. Only its managers know, and only the one that leads acts.

use std::{collections::BTreeMap, sync::Arc};

use hyper::{Method, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Docker, HostError,
    client::{Refused, SLOWLY},
    now::or_default,
};

mod listed;
mod now;

pub(super) use listed::ListedService;
pub use now::{NodeNow, ObjectNow, ServiceNow, ServiceWas, SwarmNow, SwarmObject, SwarmRole};

use listed::{ListedNode, ListedObject};

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
        let leads = |node: &&ListedNode| {
            let status = node.manager_status.as_ref();
            status.and_then(|status| status.get("Leader")).and_then(Value::as_bool) == Some(true)
        };
        let role = match listed.iter().find(leads) {
            Some(leader) if leader.id == own => SwarmRole::Leader,
            Some(leader) => SwarmRole::Manager { leader: leader.host_name().to_owned() },
            None => return Err(HostError::NoQuorum { reason: "no manager leads".to_owned() }),
        };
        Ok(SwarmNow { role, nodes: listed::nodes_by_name(listed) })
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
