//! The Docker engine of this host, over its own socket.
//!
//! [`Docker`] looks: one list of containers, one of networks, of volumes, of images in a pass, each only if something asks for
//! it, however many resources there are. What a list does not tell is asked of one container at a time and kept while the list
//! tells the same of it. [`change`] changes. Nothing is opened on a host of which the state says nothing of Docker.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::Path,
    rc::Rc,
    sync::Arc,
};

use holdfast_schema::ImageReference;
use serde::Deserialize;
use serde_json::Value;

use super::{HostError, clock};

mod change;
mod client;
mod events;
mod former;
mod now;
mod service;
mod swarm;
mod tasks;
mod wait;

pub(super) use events::{Events, Heard};
pub use former::{ContainerWas, NetworkWas};
pub use now::{ContainerNow, ImageNow, NetworkNow, VolumeNow};
pub use swarm::{NodeNow, ObjectNow, ServiceNow, ServiceWas, SwarmNow, SwarmObject, SwarmRole};

use client::Client;
use now::or_default;

/// Where the engine listens.
const SOCKET: &str = "/run/docker.sock";

/// The label that names the resource for which Holdfast made something.
pub const RESOURCE_LABEL: &str = "io.holdfast.resource";
/// The label that has the digest of what it was made from.
pub const CONFIG_LABEL: &str = "io.holdfast.config";
/// The label of a service that has the digest of what it was to become when that failed.
pub const FAILED_LABEL: &str = "io.holdfast.failed";

/// Where a service says what its tasks are made from.
pub const SERVICE_IMAGE: &str = "/TaskTemplate/ContainerSpec/Image";

/// The engine's label of a container that is the task of a service.
const TASK_LABEL: &str = "com.docker.swarm.task.id";

/// How long what was asked of one container is believed while the list tells the same of it. Somebody may have changed limits,
/// which no list shows. In seconds.
const BELIEVED: u64 = 3600;

/// What lists tell, by name.
type Named<T> = RefCell<Option<Rc<BTreeMap<String, T>>>>;

/// What one container was when it was looked at closely.
#[derive(Debug)]
struct Close {
    listed: ContainerNow,
    /// Seconds since the kernel was started.
    at: u64,
    all: Arc<Value>,
}

/// The engine.
#[derive(Debug)]
pub(super) struct Docker {
    client: Client,
    containers: Named<ContainerNow>,
    networks: Named<NetworkNow>,
    volumes: Named<VolumeNow>,
    images: RefCell<Option<Rc<Vec<ImageNow>>>>,
    close: RefCell<BTreeMap<String, Close>>,
    swarm: RefCell<Option<Arc<SwarmNow>>>,
    services: RefCell<Option<Arc<BTreeMap<String, ServiceNow>>>>,
    objects: RefCell<BTreeMap<SwarmObject, Arc<BTreeMap<String, ObjectNow>>>>,
    /// This node's id in its Swarm: it stays the same for as long as the Swarm has it.
    node_id: RefCell<Option<String>>,
}

impl Default for Docker {
    fn default() -> Self {
        Self::at(Path::new(SOCKET))
    }
}

impl Docker {
    fn at(socket: &Path) -> Self {
        Self {
            client: Client::new(socket.to_owned()),
            containers: RefCell::default(),
            networks: RefCell::default(),
            volumes: RefCell::default(),
            images: RefCell::default(),
            close: RefCell::default(),
            swarm: RefCell::default(),
            services: RefCell::default(),
            objects: RefCell::default(),
            node_id: RefCell::default(),
        }
    }

    #[cfg(test)]
    pub(super) fn requests(&self) -> u32 {
        self.client.requests.get()
    }

    /// Starts a pass.
    pub(super) fn begin_pass(&self) {
        self.client.begin_pass();
        self.forget();
    }

    /// Ends a pass: nothing stays open, and of containers that are gone nothing is kept.
    pub(super) fn finish(&self) {
        self.client.close();
        let containers = self.containers.take();
        self.forget();
        let Some(containers) = containers else { return };
        let there: BTreeSet<&str> = containers.values().map(|container| container.id.as_str()).collect();
        self.close.borrow_mut().retain(|id, _| there.contains(id.as_str()));
    }

    fn forget(&self) {
        self.containers.take();
        self.networks.take();
        self.volumes.take();
        self.images.take();
        self.forget_swarm();
    }

    /// A container by its name.
    pub(super) async fn container(&self, name: &str) -> Result<Option<ContainerNow>, HostError> {
        Ok(self.containers().await?.get(name).cloned())
    }

    /// The containers that carry a label with a value.
    pub(super) async fn labelled_containers(
        &self,
        label: &str,
        value: &str,
    ) -> Result<BTreeMap<String, ContainerNow>, HostError> {
        let containers = self.containers().await?;
        let has = |container: &ContainerNow| container.labels.get(label).is_some_and(|found| found == value);
        let found = containers.iter().filter(|(_, container)| has(container));
        Ok(found.map(|(name, container)| (name.clone(), container.clone())).collect())
    }

    /// The names of the containers that are in a network, without those that a service has there: they go with it.
    pub(super) async fn network_users(&self, network: &str) -> Result<BTreeSet<String>, HostError> {
        let containers = self.containers().await?;
        let users = containers.iter().filter(|(_, container)| {
            container.networks.contains(network) && !container.labels.contains_key(TASK_LABEL)
        });
        Ok(users.map(|(name, _)| name.clone()).collect())
    }

    async fn containers(&self) -> Result<Rc<BTreeMap<String, ContainerNow>>, HostError> {
        #[derive(Deserialize)]
        struct Listed {
            #[serde(rename = "Names", deserialize_with = "or_default")]
            names: Vec<String>,
            #[serde(flatten)]
            container: ContainerNow,
        }
        // A link gives its target further names, with a slash in them.
        let own =
            |name: &String| name.strip_prefix('/').filter(|name| !name.contains('/')).map(str::to_owned);
        let ask = async {
            let list: Vec<Listed> = self.client.get("/containers/json?all=1").await?;
            Ok(list
                .into_iter()
                .filter_map(|one| Some((one.names.iter().find_map(own)?, one.container)))
                .collect())
        };
        once(&self.containers, ask).await
    }

    /// All that the engine says of a container, as `GET /containers/ID/json` does.
    pub(super) async fn inspect(&self, listed: &ContainerNow) -> Result<Arc<Value>, HostError> {
        let now = clock::uptime();
        let same = |close: &&Close| {
            let ContainerNow { id, image, state, labels, networks, .. } = &close.listed;
            (id, image, state, labels, networks)
                == (&listed.id, &listed.image, &listed.state, &listed.labels, &listed.networks)
                && now.saturating_sub(close.at) < BELIEVED
        };
        if let Some(close) = self.close.borrow().get(&listed.id).filter(same) {
            return Ok(Arc::clone(&close.all));
        }
        let all: Arc<Value> = Arc::new(self.client.get(&format!("/containers/{}/json", listed.id)).await?);
        let close = Close { listed: listed.clone(), at: now, all: Arc::clone(&all) };
        self.close.borrow_mut().insert(listed.id.clone(), close);
        Ok(all)
    }

    /// A network by its name.
    pub(super) async fn network(&self, name: &str) -> Result<Option<NetworkNow>, HostError> {
        Ok(self.all_networks().await?.get(name).cloned())
    }

    /// The networks that carry a label with a value.
    pub(super) async fn labelled_networks(
        &self,
        label: &str,
        value: &str,
    ) -> Result<BTreeMap<String, NetworkNow>, HostError> {
        let networks = self.all_networks().await?;
        let has = |network: &NetworkNow| network.labels.get(label).is_some_and(|found| found == value);
        let found = networks.iter().filter(|(_, network)| has(network));
        Ok(found.map(|(name, network)| (name.clone(), network.clone())).collect())
    }

    async fn all_networks(&self) -> Result<Rc<BTreeMap<String, NetworkNow>>, HostError> {
        #[derive(Deserialize)]
        struct Listed {
            #[serde(rename = "Name")]
            name: String,
            #[serde(flatten)]
            network: NetworkNow,
        }
        let ask = async {
            let list: Vec<Listed> = self.managed("/networks").await?;
            Ok(list.into_iter().map(|one| (one.name, one.network)).collect())
        };
        once(&self.networks, ask).await
    }

    /// A volume by its name.
    pub(super) async fn volume(&self, name: &str) -> Result<Option<VolumeNow>, HostError> {
        #[derive(Deserialize)]
        struct Listed {
            #[serde(rename = "Name")]
            name: String,
            #[serde(flatten)]
            volume: VolumeNow,
        }
        #[derive(Deserialize)]
        struct List {
            #[serde(rename = "Volumes", deserialize_with = "or_default")]
            volumes: Vec<Listed>,
        }
        let ask = async {
            let list: List = self.client.get("/volumes").await?;
            Ok(list.volumes.into_iter().map(|one| (one.name, one.volume)).collect())
        };
        Ok(once(&self.volumes, ask).await?.get(name).cloned())
    }

    /// An image, if the engine has it.
    pub(super) async fn image(&self, reference: &ImageReference) -> Result<Option<ImageNow>, HostError> {
        let images = once(&self.images, self.client.get("/images/json")).await?;
        Ok(images.iter().find(|image: &&ImageNow| image.is(reference)).cloned())
    }
}

/// What is known, or else what the engine says, which is known from then on.
async fn once<T>(
    known: &RefCell<Option<Rc<T>>>,
    ask: impl Future<Output = Result<T, HostError>>,
) -> Result<Rc<T>, HostError> {
    if let Some(known) = &*known.borrow() {
        return Ok(Rc::clone(known));
    }
    let told = Rc::new(ask.await?);
    *known.borrow_mut() = Some(Rc::clone(&told));
    Ok(told)
}

#[cfg(test)]
mod tests;
