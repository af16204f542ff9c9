//! The Docker engine of a host in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use holdfast_schema::ImageReference;
use serde_json::{Value, json};

use super::{FakeSwarm, Inner};
use crate::{
    host::{
        CONFIG_LABEL, ContainerNow, Expected, HostError, ImageNow, NetworkNow, VolumeNow, error::PullTrouble,
    },
    plan::docker::{DockerAction, NewContainer},
};

/// What the engine keeps.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeDocker {
    /// It does not answer.
    pub(crate) gone: bool,
    /// Images that are there: reference and id.
    pub(crate) images: BTreeMap<String, String>,
    /// Images that registries have.
    pub(crate) registry: BTreeMap<String, String>,
    pub(crate) networks: BTreeMap<String, NetworkNow>,
    pub(crate) volumes: BTreeMap<String, VolumeNow>,
    pub(crate) containers: BTreeMap<String, FakeContainer>,
    /// Images whose containers end at once.
    pub(crate) broken: BTreeSet<String>,
    /// Images whose containers end at once and are always found just started again.
    pub(crate) flapping: BTreeSet<String>,
    pub(crate) swarm: FakeSwarm,
    pub(super) made: u32,
    /// Whether registries refuse every login.
    pub(crate) refuses_logins: bool,
}

/// A container.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeContainer {
    pub(crate) id: String,
    /// What it was made from.
    pub(crate) body: Value,
    pub(crate) networks: BTreeMap<String, BTreeSet<String>>,
    pub(crate) state: String,
    pub(crate) status: String,
}

impl FakeContainer {
    pub(super) fn picture(&self) -> String {
        let networks: Vec<_> = self.networks.keys().cloned().collect();
        // One that never ran and one that ended are one to whoever uses it.
        let state = if self.state == "created" { "exited" } else { &self.state };
        format!("{} {} {state}", self.body, networks.join(","))
    }
}

impl FakeDocker {
    pub(super) fn log_in(&self, server: &str, user: &str) -> Result<(), HostError> {
        self.answers()?;
        let (server, user) = (server.to_owned(), user.to_owned());
        if self.refuses_logins { Err(HostError::LoginRefused { server, user }) } else { Ok(()) }
    }

    pub(super) fn answers(&self) -> Result<(), HostError> {
        if self.gone {
            let source = io::Error::from(io::ErrorKind::ConnectionRefused);
            return Err(HostError::DockerGone { socket: "/run/docker.sock".to_owned(), source });
        }
        Ok(())
    }

    pub(super) fn container(&self, name: &str) -> Result<Option<ContainerNow>, HostError> {
        self.answers()?;
        let Some(container) = self.containers.get(name) else { return Ok(None) };
        let labels = container.body.get("Labels").cloned().unwrap_or_default();
        Ok(Some(ContainerNow {
            id: container.id.clone(),
            image: self.image_id(&container.body),
            state: container.state.clone(),
            status: container.status.clone(),
            labels: serde_json::from_value(labels).unwrap_or_default(),
            networks: container.networks.keys().cloned().collect(),
        }))
    }

    pub(super) fn labelled_networks(
        &self,
        label: &str,
        value: &str,
    ) -> Result<BTreeMap<String, NetworkNow>, HostError> {
        let mut found = BTreeMap::new();
        for name in self.networks.keys() {
            found.extend(self.network(name)?.map(|now| (name.clone(), now)));
        }
        self.answers()?;
        found.retain(|_, now| now.labels.get(label).is_some_and(|found| found == value));
        Ok(found)
    }

    pub(super) fn labelled_containers(
        &self,
        label: &str,
        value: &str,
    ) -> Result<BTreeMap<String, ContainerNow>, HostError> {
        let mut found = BTreeMap::new();
        for name in self.containers.keys() {
            let now = self.container(name)?;
            found.extend(now.map(|now| (name.clone(), now)));
        }
        self.answers()?;
        found.retain(|_, now| now.labels.get(label).is_some_and(|found| found == value));
        Ok(found)
    }

    fn image_id(&self, body: &Value) -> String {
        let named = body.get("Image").and_then(Value::as_str).unwrap_or_default();
        self.images.get(named).map_or(named, String::as_str).to_owned()
    }

    pub(super) fn inspect(&self, id: &str) -> Result<Arc<Value>, HostError> {
        self.answers()?;
        let found = self.containers.values().find(|container| container.id == id);
        let container = found.ok_or_else(|| refused("look at a container", "no such container"))?;
        let mut config = container.body.clone();
        let host = config.as_object_mut().and_then(|config| config.remove("HostConfig")).unwrap_or_default();
        let networks: BTreeMap<_, _> =
            container.networks.iter().map(|(name, aliases)| (name, json!({ "Aliases": aliases }))).collect();
        let text = |mount: &Value, field: &str| mount.get(field).cloned().unwrap_or_default();
        let mounts = host.get("Mounts").and_then(Value::as_array).into_iter().flatten().map(|mount| {
            json!({
                "Type": text(mount, "Type"), "Name": text(mount, "Source"), "Source": text(mount, "Source"),
                "Destination": text(mount, "Target"), "RW": text(mount, "ReadOnly") != json!(true),
            })
        });
        Ok(Arc::new(json!({
            "Id": container.id,
            "Image": self.image_id(&container.body),
            "State": { "Running": container.state == "running" },
            "Config": config,
            "Mounts": mounts.collect::<Vec<_>>(),
            "HostConfig": host,
            "NetworkSettings": { "Networks": networks },
        })))
    }

    pub(super) fn network(&self, name: &str) -> Result<Option<NetworkNow>, HostError> {
        self.answers().map(|()| self.networks.get(name).cloned())
    }

    pub(super) fn network_users(&self, network: &str) -> Result<BTreeSet<String>, HostError> {
        self.answers()?;
        let users = self.containers.iter().filter(|(_, container)| container.networks.contains_key(network));
        Ok(users.map(|(name, _)| name.clone()).collect())
    }

    pub(super) fn volume(&self, name: &str) -> Result<Option<VolumeNow>, HostError> {
        self.answers().map(|()| self.volumes.get(name).cloned())
    }

    pub(super) fn image(&self, reference: &ImageReference) -> Result<Option<ImageNow>, HostError> {
        self.answers()?;
        let id = self.images.get(reference.as_str());
        let id = id.or_else(|| self.images.values().find(|id| Some(id.as_str()) == reference.id()));
        Ok(id.map(|id| ImageNow { id: id.clone(), ..ImageNow::default() }))
    }

    /// Makes a container as somebody would by hand.
    pub(crate) fn run_by_hand(&mut self, name: &str, body: Value) {
        self.made += 1;
        let (id, state) = (format!("id-{}", self.made), "running".to_owned());
        let mode = body.pointer("/HostConfig/NetworkMode").and_then(Value::as_str).unwrap_or("bridge");
        let networks = BTreeMap::from([(mode.to_owned(), BTreeSet::new())]);
        let container = FakeContainer { id, networks, state, status: "Up 1 second".to_owned(), body };
        self.containers.insert(name.to_owned(), container);
    }

    pub(super) fn act(&mut self, action: &DockerAction, expects: &Expected) -> Result<(), HostError> {
        self.answers()?;
        if let Some(name) = action.container() {
            let id = self.containers.get(name).map(|container| container.id.clone());
            let same = match expects {
                Expected::Anything => true,
                Expected::Nothing => id.is_none(),
                Expected::Object(expected) => id.as_ref() == Some(expected),
                Expected::Node(_) => false,
            };
            if !same {
                return Err(HostError::Changed { what: format!("the container {name}") });
            }
        }
        if action.is_of_swarm() {
            return self.act_in_swarm(action, expects);
        }
        match action {
            DockerAction::PullImage { image } => {
                let Some(id) = self.registry.get(image.as_str()) else {
                    let reason = "manifest unknown, said with secret words".to_owned();
                    return Err(HostError::ImagePull {
                        image: image.to_string(),
                        why: PullTrouble::of(&reason),
                        reason,
                    });
                };
                self.images.insert(image.to_string(), id.clone());
            }
            DockerAction::RemoveImage { image } => drop(self.images.remove(image.as_str())),
            DockerAction::CreateNetwork { name, body } => {
                let mut network: NetworkNow = serde_json::from_value(body.clone()).unwrap();
                self.made += 1;
                network.id = format!("id-{}", self.made);
                self.networks.insert(name.clone(), network);
            }
            DockerAction::RemoveNetwork { name } => {
                let services = &self.swarm.services;
                if self.containers.values().any(|container| container.networks.contains_key(name))
                    || services.values().any(|service| service.networks().contains(name))
                {
                    return Err(refused(&format!("remove the network {name}"), "it has active endpoints"));
                }
                self.networks.remove(name);
            }
            DockerAction::CreateVolume { name, body } => {
                let options = body.get("DriverOpts").cloned().unwrap_or_default();
                let mut volume: VolumeNow = serde_json::from_value(body.clone()).unwrap();
                volume.options = serde_json::from_value(options).unwrap_or_default();
                self.volumes.insert(name.clone(), volume);
            }
            DockerAction::RemoveVolume { name } => drop(self.volumes.remove(name)),
            DockerAction::PutContainer(new) => self.put(new)?,
            DockerAction::UpdateContainer { name, body } => {
                let host = self.found(name)?.body.get_mut("HostConfig").and_then(Value::as_object_mut);
                host.unwrap().extend(body.as_object().unwrap().clone());
            }
            DockerAction::ConnectNetwork { container, network, aliases } => {
                if !self.networks.contains_key(network) {
                    return Err(refused("connect", "no such network"));
                }
                self.found(container)?.networks.insert(network.clone(), aliases.clone());
            }
            DockerAction::DisconnectNetwork { container, network } => {
                self.found(container)?.networks.remove(network);
            }
            DockerAction::StartContainer { name, .. } => self.start(name)?,
            DockerAction::AwaitContainer { name, .. } => {
                let healthy = !self.found(name)?.status.contains("unhealthy");
                if !healthy {
                    let reason = "its health check fails".to_owned();
                    return Err(HostError::Container { container: name.clone(), reason });
                }
            }
            DockerAction::StopContainer { name } => self.found(name)?.state = "exited".to_owned(),
            DockerAction::RemoveContainer { name } => drop(self.containers.remove(name)),
            _ => {}
        }
        Ok(())
    }

    fn put(&mut self, new: &NewContainer) -> Result<(), HostError> {
        let named = new.body.get("Image").and_then(Value::as_str).unwrap_or_default();
        if !self.images.contains_key(named) && !self.images.values().any(|id| id == named) {
            return Err(refused(&format!("make the container {}", new.name), "no such image"));
        }
        assert!(new.body.pointer(&format!("/Labels/{CONFIG_LABEL}")).is_some() || new.start.is_none());
        let mut body = new.body.clone();
        let first = body.as_object_mut().and_then(|body| body.remove("NetworkingConfig"));
        let endpoints =
            first.as_ref().and_then(|first| first.get("EndpointsConfig")).and_then(Value::as_object);
        let mut networks: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, endpoint) in endpoints.into_iter().flatten() {
            let aliases = endpoint.get("Aliases").cloned().unwrap_or_default();
            networks.insert(name.clone(), serde_json::from_value(aliases).unwrap_or_default());
        }
        networks.extend(new.networks.iter().map(|network| (network.clone(), new.aliases.clone())));
        if networks.is_empty() {
            networks.insert("bridge".to_owned(), BTreeSet::new());
        }
        self.made += 1;
        let (id, state) = (format!("id-{}", self.made), "created".to_owned());
        let container = FakeContainer { id, networks, state, status: "Created".to_owned(), body };
        self.containers.insert(new.name.clone(), container);
        if new.start.is_some() { self.start(&new.name) } else { Ok(()) }
    }

    fn start(&mut self, name: &str) -> Result<(), HostError> {
        let (broken, flapping) = (self.broken.clone(), self.flapping.clone());
        let container = self.found(name)?;
        let image = container.body.get("Image").and_then(Value::as_str).unwrap_or_default();
        if broken.contains(image) {
            container.state = "exited".to_owned();
            let reason = "it ended with exit code 3".to_owned();
            return Err(HostError::Container { container: name.to_owned(), reason });
        }
        let flaps = flapping.contains(image);
        (container.state, container.status) = ("running".to_owned(), "Up 1 second".to_owned());
        if flaps {
            let reason = "it ended with exit code 3".to_owned();
            return Err(HostError::Container { container: name.to_owned(), reason });
        }
        Ok(())
    }

    fn found(&mut self, name: &str) -> Result<&mut FakeContainer, HostError> {
        self.containers
            .get_mut(name)
            .ok_or_else(|| refused(&format!("change the container {name}"), "no such container"))
    }
}

impl Inner {
    /// Everything that the engine keeps, to compare whole hosts by.
    pub(super) fn docker_picture(&self) -> BTreeMap<String, String> {
        let docker = &self.docker;
        let networks = docker.networks.iter().map(|(name, network)| {
            (format!("network {name}"), format!("{:?}", NetworkNow { id: String::new(), ..network.clone() }))
        });
        let volumes = docker.volumes.keys().map(|name| (format!("volume {name}"), String::new()));
        let containers = docker
            .containers
            .iter()
            .map(|(name, container)| (format!("container {name}"), container.picture()));
        networks.chain(volumes).chain(containers).chain(docker.swarm.picture()).collect()
    }
}

pub(super) fn refused(tried: &str, reason: &str) -> HostError {
    HostError::Docker { tried: tried.to_owned(), reason: reason.to_owned() }
}
