//! Puts services and nodes of a Swarm back, on the manager that leads it: what another has taken over is that one's. Configs
//! that nothing uses any more are left to the next pass, see [`DockerAction`].

use std::time::Duration;

use serde_json::Value;

use super::Undo;
use crate::{
    host::{CONFIG_LABEL, Expected, HostError, ServiceNow, ServiceWas, Write},
    journal::Before,
    plan::{Action, DockerAction, docker::NewService},
};

/// How long a service that is put back may take until its tasks are so. That they come is what counts.
const WITHIN: Duration = Duration::from_mins(5);

impl<H: Write> Undo<'_, H> {
    fn services(&self) -> Vec<(String, Option<ServiceWas>)> {
        let service = |before: &Before| match before {
            Before::Service { name, was } => Some((name.clone(), was.as_deref().cloned())),
            _ => None,
        };
        self.recorded.befores.iter().filter_map(service).collect()
    }

    fn nodes(&self) -> Vec<(String, Value)> {
        let node = |before: &Before| match before {
            Before::Node { name, was } => Some((name.clone(), was.clone())),
            _ => None,
        };
        self.recorded.befores.iter().filter_map(node).collect()
    }

    /// Whether this node leads; if not, what was changed in the Swarm stays for the one that does.
    async fn leads(&mut self) -> bool {
        match self.host.swarm().await {
            Ok(swarm) => match swarm.acts_instead() {
                None => true,
                Some(other) => {
                    tracing::info!("what was changed in the Swarm is left to {other}");
                    false
                }
            },
            // An engine that has left its Swarm, or is gone, has nothing to put back.
            Err(HostError::NoSwarm { .. }) => false,
            Err(error) => {
                self.fail("the Swarm", &error);
                false
            }
        }
    }

    /// Removes the services that were not there.
    pub(super) async fn remove_from_swarm(&mut self) {
        let new: Vec<String> =
            self.services().into_iter().filter(|(_, was)| was.is_none()).map(|(name, _)| name).collect();
        if new.is_empty() || !self.leads().await {
            return;
        }
        for name in new {
            match self.host.services().await.map(|services| services.contains_key(&name)) {
                Ok(false) => {}
                Ok(true) => {
                    let action = DockerAction::RemoveService { name: name.clone() };
                    self.try_run(&format!("service {name}"), &Action::Docker(action)).await;
                }
                Err(error) => self.fail(&format!("service {name}"), &error),
            }
        }
    }

    /// Makes services what they were, and nodes.
    pub(super) async fn put_swarm_back(&mut self) {
        let old: Vec<(String, ServiceWas)> =
            self.services().into_iter().filter_map(|(name, was)| Some((name, was?))).collect();
        let nodes = self.nodes();
        if (old.is_empty() && nodes.is_empty()) || !self.leads().await {
            return;
        }
        for (name, was) in nodes {
            let now = self.host.swarm().await.ok().and_then(|swarm| swarm.nodes.get(&name).cloned());
            if now.is_some_and(|now| now.spec != was) {
                let action = DockerAction::UpdateNode { name: name.clone(), body: was };
                self.try_run(&format!("node {name}"), &Action::Docker(action)).await;
            }
        }
        for (name, was) in old {
            let now = match self.host.services().await {
                Ok(services) => services.get(&name).cloned(),
                Err(error) => {
                    self.fail(&format!("service {name}"), &error);
                    continue;
                }
            };
            let Some(body) = back(&was, now.as_ref()) else { continue };
            let expects = now.map_or(Expected::Nothing, |now| Expected::Object(now.version()));
            let new = NewService { name: name.clone(), body, within: WITHIN };
            let action = Action::Docker(DockerAction::PutService(Box::new(new)));
            if let Err(error) = self.run(&action, &expects).await {
                let failure = self.waits_for(&error);
                self.leave(&format!("service {name}"), failure);
            }
        }
    }
}

/// What a service has to become again; nothing if it is that, but for the mark of what failed.
fn back(was: &ServiceWas, now: Option<&ServiceNow>) -> Option<Value> {
    let Some(now) = now else { return Some(was.body.clone()) };
    if ServiceWas::of(now) == *was {
        return None;
    }
    let failed = now.failed().or_else(|| now.is_stopped().then(|| now.labels.get(CONFIG_LABEL)).flatten());
    Some(was.marked(failed))
}
