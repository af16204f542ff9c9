//! Puts containers and networks back. Volumes and images stay as they are: see [`DockerAction`].

use std::time::Duration;

use serde_json::{Value, json};

use super::Undo;
use crate::{
    engine::Failure,
    host::{ContainerWas, Expected, HostError, NetworkWas, Write},
    journal::Before,
    plan::{Action, DockerAction, docker::NewContainer},
};

/// How often a container is looked at again: each difference is one look.
const MOST_LOOKS: usize = 16;

/// How long a container that is put back may take until it is healthy. That it runs again is what counts.
const WITHIN: Duration = Duration::from_mins(1);

impl<H: Write> Undo<'_, H> {
    fn containers(&self) -> Vec<(String, Option<ContainerWas>)> {
        let container = |before: &Before| match before {
            Before::Container { name, was } => Some((name.clone(), was.as_deref().cloned())),
            _ => None,
        };
        self.recorded.befores.iter().filter_map(container).collect()
    }

    fn networks(&self) -> Vec<(String, Option<NetworkWas>)> {
        let network = |before: &Before| match before {
            Before::Network { name, was } => Some((name.clone(), was.clone())),
            _ => None,
        };
        self.recorded.befores.iter().filter_map(network).collect()
    }

    /// Removes what was not there, while the engine is still there for certain.
    pub(super) async fn remove_from_docker(&mut self) {
        for (name, _) in self.containers().into_iter().filter(|(_, was)| was.is_none()) {
            match self.host.container(&name).await {
                Ok(None) => {}
                Ok(Some(_)) => {
                    let action = DockerAction::RemoveContainer { name: name.clone() };
                    self.try_run(&format!("container {name}"), &Action::Docker(action)).await;
                }
                // An engine that is gone has taken them along, or the next look finds them.
                Err(error) => self.fail(&format!("container {name}"), &error),
            }
        }
    }

    /// With the engine back: makes what was there again, and removes the networks that were not, for nothing is in them any
    /// more.
    pub(super) async fn put_docker_back(&mut self) {
        for (name, was) in self.networks() {
            let Some(was) = was else { continue };
            let label = format!("network {name}");
            match self.host.network(&name).await {
                Err(error) => self.fail(&label, &error),
                Ok(Some(now)) if NetworkWas::of(&name, &now).body == was.body => {}
                Ok(now) => {
                    if now.is_some() {
                        let action = DockerAction::RemoveNetwork { name: name.clone() };
                        self.try_run(&label, &Action::Docker(action)).await;
                    }
                    let action = DockerAction::CreateNetwork { name: name.clone(), body: was.body };
                    self.try_run(&label, &Action::Docker(action)).await;
                }
            }
        }
        for (name, was) in self.containers() {
            let Some(was) = was else { continue };
            if let Err(failure) = self.put_container_back(&name, &was).await {
                self.leave(&format!("container {name}"), failure);
            }
        }
        self.put_swarm_back().await;
        for (name, _) in self.networks().into_iter().filter(|(_, was)| was.is_none()) {
            // An engine that is gone again, for it was not there before, has none.
            if let Ok(Some(_)) = self.host.network(&name).await {
                let action = DockerAction::RemoveNetwork { name: name.clone() };
                self.try_run(&format!("network {name}"), &Action::Docker(action)).await;
            }
        }
    }

    async fn put_container_back(&mut self, name: &str, was: &ContainerWas) -> Result<(), Failure> {
        for _ in 0..MOST_LOOKS {
            let now = match self.host.container(name).await {
                Ok(Some(listed)) => self.host.inspect(&listed).await.map(|all| Some(ContainerWas::of(&all))),
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            };
            let now = now.map_err(|error| self.waits_for(&error))?;
            let Some(mut action) = next(name, was, now.as_ref()) else { return Ok(()) };
            if let DockerAction::PutContainer(new) = &mut action {
                self.name_image(was, &mut new.body).await;
            }
            let expects = now.map_or(Expected::Nothing, |now| Expected::Object(now.id));
            match self.run(&Action::Docker(action), &expects).await {
                Ok(()) | Err(HostError::Changed { .. }) => {}
                Err(error) => return Err(self.waits_for(&error)),
            }
        }
        Err(Failure::from(&HostError::Changed { what: format!("the container {name}") }))
    }

    /// Calls the image what it was called, if that is what it still means.
    async fn name_image(&self, was: &ContainerWas, body: &mut Value) {
        let Ok(reference) = was.image.parse() else { return };
        if let Ok(Some(now)) = self.host.image(&reference).await
            && let Some(image) = body.get_mut("Image").filter(|image| **image == now.id)
        {
            *image = Value::String(was.image.clone());
        }
    }

    pub(super) fn waits_for(&mut self, error: &HostError) -> Failure {
        self.undone.waits |= error.is_waiting();
        Failure::from(error)
    }
}

/// The next thing to do so that a container becomes what it was; nothing if it is.
fn next(name: &str, was: &ContainerWas, now: Option<&ContainerWas>) -> Option<DockerAction> {
    let name = || name.to_owned();
    let fits = |now: &&ContainerWas| now.fixed() == was.fixed() && !was.had_no_limit(now);
    let Some(now) = now.filter(fits) else { return Some(make(name(), was)) };
    if now.changeable() != was.changeable() {
        return Some(DockerAction::UpdateContainer { name: name(), body: was.changeable() });
    }
    for (network, aliases) in &was.networks {
        if !now.networks.contains_key(network) {
            let (network, aliases) = (network.clone(), aliases.clone());
            return Some(DockerAction::ConnectNetwork { container: name(), network, aliases });
        }
    }
    if let Some(network) = now.networks.keys().find(|network| !was.networks.contains_key(*network)) {
        return Some(DockerAction::DisconnectNetwork { container: name(), network: network.clone() });
    }
    match (was.running, now.running) {
        (true, false) => Some(DockerAction::StartContainer { name: name(), within: WITHIN }),
        (false, true) => Some(DockerAction::StopContainer { name: name() }),
        (true, true) | (false, false) => None,
    }
}

/// The container as it was, made anew.
fn make(name: String, was: &ContainerWas) -> DockerAction {
    let mut networks = was.networks.clone();
    let mut body = was.body.clone();
    let mode = body.pointer("/HostConfig/NetworkMode").and_then(Value::as_str).unwrap_or_default();
    let first = networks.remove_entry(mode).or_else(|| networks.pop_first());
    if let Some((first, aliases)) = first
        && let Some(body) = body.as_object_mut()
        && !matches!(first.as_str(), "host" | "none" | "bridge")
    {
        let endpoints = json!({ "EndpointsConfig": { first: { "Aliases": aliases } } });
        body.insert("NetworkingConfig".to_owned(), endpoints);
    }
    // The others are put into one by one afterwards, each with its own names.
    DockerAction::PutContainer(Box::new(NewContainer {
        name,
        body,
        networks: [].into(),
        aliases: [].into(),
        start: None,
    }))
}
