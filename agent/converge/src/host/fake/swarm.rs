//! The Swarm of a host in memory: one manager's view, as far as kinds and engine can tell.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Value, json};

use super::docker::{FakeDocker, refused};
use crate::{
    host::{
        CONFIG_LABEL, Expected, FAILED_LABEL, HostError, NodeNow, ObjectNow, ServiceNow, SwarmNow,
        SwarmObject, SwarmRole,
    },
    plan::DockerAction,
};

/// What the Swarm keeps.
#[derive(Debug, Clone)]
pub(crate) struct FakeSwarm {
    /// What this node is; `None` if it is in no Swarm.
    pub(crate) role: Option<SwarmRole>,
    /// Too few managers are up.
    pub(crate) leaderless: bool,
    pub(crate) services: BTreeMap<String, ServiceNow>,
    pub(crate) configs: BTreeMap<String, ObjectNow>,
    pub(crate) secrets: BTreeMap<String, ObjectNow>,
    pub(crate) nodes: BTreeMap<String, NodeNow>,
    /// Images whose tasks end at once, so that the Swarm takes a change to them back.
    pub(crate) broken: BTreeSet<String>,
    /// How many tasks were started.
    pub(crate) tasks: u64,
}

impl Default for FakeSwarm {
    fn default() -> Self {
        Self {
            role: Some(SwarmRole::Leader),
            leaderless: false,
            services: BTreeMap::new(),
            configs: BTreeMap::new(),
            secrets: BTreeMap::new(),
            nodes: BTreeMap::new(),
            broken: BTreeSet::new(),
            tasks: 0,
        }
    }
}

impl FakeSwarm {
    pub(super) fn picture(&self) -> Vec<(String, String)> {
        let services = self.services.iter();
        let services = services.map(|(name, service)| (format!("service {name}"), service.spec.to_string()));
        let nodes = self.nodes.iter().map(|(name, node)| (format!("node {name}"), node.spec.to_string()));
        services.chain(nodes).collect()
    }

    /// What somebody does to a service by hand.
    pub(crate) fn update_by_hand(&mut self, name: &str, change: impl FnOnce(&mut Value)) {
        let service = self.services.get_mut(name).unwrap();
        change(&mut service.spec);
        service.index += 1;
        let labels = service.spec.get("Labels").cloned().unwrap_or_default();
        service.labels = serde_json::from_value(labels).unwrap_or_default();
    }
}

impl FakeDocker {
    pub(super) fn swarm(&self) -> Result<Arc<SwarmNow>, HostError> {
        self.answers()?;
        if self.swarm.leaderless {
            return Err(HostError::NoQuorum { reason: "the swarm does not have a leader".to_owned() });
        }
        let Some(role) = self.swarm.role.clone() else {
            return Err(HostError::NoSwarm { reason: "inactive".to_owned() });
        };
        let nodes = match role {
            SwarmRole::Worker { .. } => BTreeMap::new(),
            _ => self.swarm.nodes.clone(),
        };
        Ok(Arc::new(SwarmNow { role, nodes }))
    }

    pub(super) fn services(&self) -> Result<Arc<BTreeMap<String, ServiceNow>>, HostError> {
        self.manages()?;
        Ok(Arc::new(self.swarm.services.clone()))
    }

    pub(super) fn objects(&self, object: SwarmObject) -> Result<Arc<BTreeMap<String, ObjectNow>>, HostError> {
        self.manages()?;
        match object {
            SwarmObject::Config => Ok(Arc::new(self.swarm.configs.clone())),
            SwarmObject::Secret => Ok(Arc::new(self.swarm.secrets.clone())),
        }
    }

    fn manages(&self) -> Result<(), HostError> {
        match self.swarm()?.role {
            SwarmRole::Worker { .. } => Err(refused("ask a worker", "this node is not a swarm manager")),
            SwarmRole::Leader | SwarmRole::Manager { .. } => Ok(()),
        }
    }

    pub(super) fn act_in_swarm(
        &mut self,
        action: &DockerAction,
        expects: &Expected,
    ) -> Result<(), HostError> {
        let changed = |what: &str| HostError::Changed { what: what.to_owned() };
        if self.swarm()?.role != SwarmRole::Leader {
            return Err(changed("the leader of the Swarm"));
        }
        self.made += 1;
        let made = u64::from(self.made);
        let swarm = &mut self.swarm;
        if let Some(name) = action.service().or(action.node()) {
            let service = swarm.services.get(name).map(ServiceNow::version);
            let now = service.or_else(|| swarm.nodes.get(name).map(NodeNow::version));
            let same = match expects {
                Expected::Anything => true,
                Expected::Nothing => now.is_none(),
                Expected::Object(expected) => now.as_ref() == Some(expected),
                Expected::Node(_) => false,
            };
            if !same {
                return Err(changed(name));
            }
        }
        match action {
            DockerAction::PutService(new) => {
                let old = swarm.services.get(&new.name).cloned();
                let mut now = service(made, new.body.clone());
                for config in now.uses(SwarmObject::Config) {
                    if !swarm.configs.contains_key(&config) {
                        return Err(refused(&format!("make the service {}", new.name), "no such config"));
                    }
                }
                let image = new.body.pointer("/TaskTemplate/ContainerSpec/Image").and_then(Value::as_str);
                let template = |service: &ServiceNow| service.spec.get("TaskTemplate").cloned();
                if old.as_ref().and_then(template) != template(&now) {
                    swarm.tasks += 1;
                }
                let fails = swarm.broken.contains(image.unwrap_or_default());
                match old {
                    Some(old) if fails => {
                        let digest = now.labels.get(CONFIG_LABEL).cloned().unwrap_or_default();
                        let mut back = service(made, old.spec);
                        back.spec["Labels"][FAILED_LABEL] = json!(digest);
                        back.labels.insert(FAILED_LABEL.to_owned(), digest);
                        back.update = "rollback_completed".to_owned();
                        swarm.services.insert(new.name.clone(), back);
                    }
                    old => {
                        now.running = if fails { 0 } else { now.desired };
                        now.before = old.map(|old| old.uses(SwarmObject::Config)).unwrap_or_default();
                        swarm.services.insert(new.name.clone(), now);
                    }
                }
                if fails {
                    let (what, said) =
                        ("the Swarm took the change back".to_owned(), "secret words".to_owned());
                    return Err(HostError::Service { service: new.name.clone(), what, said });
                }
            }
            DockerAction::AwaitService { name, .. } => {
                let service =
                    swarm.services.get_mut(name).ok_or_else(|| refused("wait", "no such service"))?;
                (service.update, service.running) = ("completed".to_owned(), service.desired);
            }
            DockerAction::RemoveService { name } => drop(swarm.services.remove(name)),
            DockerAction::CreateConfig { name, labels, .. } => {
                let labels = serde_json::from_value(labels.clone()).unwrap_or_default();
                swarm.configs.insert(name.clone(), object(made, labels));
            }
            DockerAction::RemoveConfig { name, .. } => {
                if swarm.services.values().any(|service| service.uses(SwarmObject::Config).contains(name)) {
                    return Err(refused(&format!("remove the config {name}"), "it is in use"));
                }
                swarm.configs.remove(name);
            }
            DockerAction::CreateSecret { name, labels, .. } => {
                let labels = serde_json::from_value(labels.clone()).unwrap_or_default();
                swarm.secrets.insert(name.clone(), object(made, labels));
            }
            DockerAction::RemoveSecret { name, .. } => {
                if swarm.services.values().any(|service| service.uses(SwarmObject::Secret).contains(name)) {
                    return Err(refused(&format!("remove the secret {name}"), "it is in use"));
                }
                swarm.secrets.remove(name);
            }
            DockerAction::LabelConfig { name, labels } => {
                let config = swarm.configs.get_mut(name).ok_or_else(|| changed(name))?;
                config.labels = serde_json::from_value(labels.clone()).unwrap_or_default();
            }
            DockerAction::LabelSecret { name, labels } => {
                let secret = swarm.secrets.get_mut(name).ok_or_else(|| changed(name))?;
                secret.labels = serde_json::from_value(labels.clone()).unwrap_or_default();
            }
            DockerAction::UpdateNode { name, body } => {
                let node = swarm.nodes.get_mut(name).ok_or_else(|| changed(name))?;
                (node.spec, node.index) = (body.clone(), made);
            }
            _ => {}
        }
        Ok(())
    }
}

/// A config or secret that Holdfast made.
fn object(made: u64, labels: BTreeMap<String, String>) -> ObjectNow {
    ObjectNow { id: format!("id-{made}"), labels, content: None }
}

/// A service whose tasks run.
fn service(made: u64, spec: Value) -> ServiceNow {
    let labels = serde_json::from_value(spec.get("Labels").cloned().unwrap_or_default()).unwrap_or_default();
    let desired = spec.pointer("/Mode/Replicated/Replicas").and_then(Value::as_u64).unwrap_or(1);
    let id = format!("id-of-{}", spec.get("Name").and_then(Value::as_str).unwrap_or_default());
    ServiceNow { id, index: made, spec, labels, desired, running: desired, ..ServiceNow::default() }
}
