//! What Holdfast can change in the Docker engine: part of the closed list, see [`super::Action`].

use std::{collections::BTreeSet, time::Duration};

use holdfast_schema::{
    ImageReference, ResourceId,
    spec::{Content, SecretReference},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One change of what the Docker engine keeps. Bodies are as the engine's API takes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DockerAction {
    /// Brings an image from its registry. It stays when its revision is taken back.
    PullImage {
        /// Which.
        image: ImageReference,
    },
    /// Removes an image. It is pulled again when it is needed again.
    RemoveImage {
        /// Which.
        image: ImageReference,
    },
    /// Makes a network.
    CreateNetwork {
        /// Its name.
        name: String,
        /// What it is.
        body: Value,
    },
    /// Removes a network that no container is in.
    RemoveNetwork {
        /// Its name.
        name: String,
    },
    /// Makes a volume. It stays when its revision is taken back, for it may hold data by then.
    CreateVolume {
        /// Its name.
        name: String,
        /// What it is.
        body: Value,
    },
    /// Removes a volume with all that is in it, which nothing brings back.
    RemoveVolume {
        /// Its name.
        name: String,
    },
    /// Puts a whole new container in place: made beside the one that is expected there, which is then stopped and removed.
    PutContainer(Box<NewContainer>),
    /// Changes what can be changed of a container that is there.
    UpdateContainer {
        /// Its name.
        name: String,
        /// Its limits and its restart policy.
        body: Value,
    },
    /// Puts a container into a network.
    ConnectNetwork {
        /// The container's name.
        container: String,
        /// The network's name.
        network: String,
        /// More names for the container in it.
        aliases: BTreeSet<String>,
    },
    /// Takes a container out of a network.
    DisconnectNetwork {
        /// The container's name.
        container: String,
        /// The network's name.
        network: String,
    },
    /// Starts a container, and waits until it has settled and is healthy.
    StartContainer {
        /// Its name.
        name: String,
        /// How long that may take.
        within: Duration,
    },
    /// Changes nothing: waits until a container that runs has settled and is healthy.
    AwaitContainer {
        /// Its name.
        name: String,
        /// How long that may take.
        within: Duration,
    },
    /// Stops a container.
    StopContainer {
        /// Its name.
        name: String,
    },
    /// Stops a container and removes it. Its volumes stay.
    RemoveContainer {
        /// Its name.
        name: String,
    },
    /// Makes a service of the Swarm or changes the one that is expected there, and waits until its tasks are so and healthy.
    PutService(Box<NewService>),
    /// Changes nothing: waits until the tasks of a service are as it says and healthy.
    AwaitService {
        /// Its name.
        name: String,
        /// How long that may take.
        within: Duration,
    },
    /// Removes a service, and waits for a while until its tasks are gone.
    RemoveService {
        /// Its name.
        name: String,
    },
    /// Makes a config of the Swarm. It stays when its revision is taken back, until a later pass finds it unused.
    CreateConfig {
        /// Its own name, with the digest.
        name: String,
        /// What it holds.
        content: Content,
        /// Its labels.
        labels: Value,
    },
    /// Removes a config of the Swarm that no service uses: only once nothing can be taken back that would need it.
    RemoveConfig {
        /// Its own name, with the digest.
        name: String,
        /// Whether another one has taken its place, so that nobody need be told.
        old: bool,
    },
    /// Makes a secret of the Swarm. It stays as a config does.
    CreateSecret {
        /// Its own name, with the digest.
        name: String,
        /// For which resource: the secret's own envelope must allow that.
        resource: ResourceId,
        /// What it holds.
        secret: SecretReference,
        /// Its labels.
        labels: Value,
    },
    /// Removes a secret of the Swarm, as a config is removed.
    RemoveSecret {
        /// Its own name, with the digest.
        name: String,
        /// Whether another one has taken its place, so that nobody need be told.
        old: bool,
    },
    /// Changes the labels of a config of the Swarm. They stay when its revision is taken back, until the next pass of the one
    /// that holds then.
    LabelConfig {
        /// Its own name.
        name: String,
        /// All its labels.
        labels: Value,
    },
    /// Changes the labels of a secret of the Swarm, as of a config.
    LabelSecret {
        /// Its own name.
        name: String,
        /// All its labels.
        labels: Value,
    },
    /// Changes the labels and the availability of a node of the Swarm.
    UpdateNode {
        /// Its host name.
        name: String,
        /// What it then is.
        body: Value,
    },
}

/// A container that is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewContainer {
    /// Its name.
    pub name: String,
    /// What it is, with the first of its networks.
    pub body: Value,
    /// The rest of its networks: the engine takes only one when it makes a container.
    pub networks: BTreeSet<String>,
    /// More names for it in those.
    pub aliases: BTreeSet<String>,
    /// Whether it is started, and how long it may then take until it has settled and is healthy.
    pub start: Option<Duration>,
}

/// A service that is to be made, or what one is to become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewService {
    /// Its name.
    pub name: String,
    /// What it is; networks, configs and secrets by their names alone.
    pub body: Value,
    /// How long it may take until its tasks are so and healthy.
    pub within: Duration,
}

impl DockerAction {
    /// The image for which a registry may want a login.
    pub fn pulls(&self) -> Option<ImageReference> {
        match self {
            Self::PullImage { image } => Some(image.clone()),
            Self::PutService(new) => {
                new.body.pointer("/TaskTemplate/ContainerSpec/Image").and_then(Value::as_str)?.parse().ok()
            }
            _ => None,
        }
    }

    /// The container that it changes, if it changes one.
    pub fn container(&self) -> Option<&str> {
        match self {
            Self::PutContainer(new) => Some(&new.name),
            Self::UpdateContainer { name, .. }
            | Self::StartContainer { name, .. }
            | Self::StopContainer { name }
            | Self::RemoveContainer { name } => Some(name),
            Self::ConnectNetwork { container, .. } | Self::DisconnectNetwork { container, .. } => {
                Some(container)
            }
            Self::PullImage { .. }
            | Self::RemoveImage { .. }
            | Self::CreateNetwork { .. }
            | Self::RemoveNetwork { .. }
            | Self::CreateVolume { .. }
            | Self::RemoveVolume { .. }
            | Self::AwaitContainer { .. }
            | Self::PutService(_)
            | Self::AwaitService { .. }
            | Self::RemoveService { .. }
            | Self::CreateConfig { .. }
            | Self::RemoveConfig { .. }
            | Self::CreateSecret { .. }
            | Self::RemoveSecret { .. }
            | Self::LabelConfig { .. }
            | Self::LabelSecret { .. }
            | Self::UpdateNode { .. } => None,
        }
    }

    /// Whether it is about what the Swarm keeps, so that only the manager that leads does it. Networks of a Swarm look like any
    /// others to the engine.
    pub fn is_of_swarm(&self) -> bool {
        matches!(
            self,
            Self::PutService(_)
                | Self::AwaitService { .. }
                | Self::RemoveService { .. }
                | Self::CreateConfig { .. }
                | Self::RemoveConfig { .. }
                | Self::CreateSecret { .. }
                | Self::RemoveSecret { .. }
                | Self::LabelConfig { .. }
                | Self::LabelSecret { .. }
                | Self::UpdateNode { .. }
        )
    }

    /// The service that it changes, if it changes one.
    pub fn service(&self) -> Option<&str> {
        match self {
            Self::PutService(new) => Some(&new.name),
            Self::RemoveService { name } => Some(name),
            _ => None,
        }
    }

    /// The node that it changes, if it changes one.
    pub fn node(&self) -> Option<&str> {
        if let Self::UpdateNode { name, .. } = self { Some(name) } else { None }
    }

    /// The network that it makes or removes, if it does.
    pub fn network(&self) -> Option<&str> {
        match self {
            Self::CreateNetwork { name, .. } | Self::RemoveNetwork { name } => Some(name),
            _ => None,
        }
    }

    /// Whether it makes something that is Holdfast's then.
    pub fn makes(&self) -> bool {
        matches!(
            self,
            Self::CreateNetwork { .. }
                | Self::CreateVolume { .. }
                | Self::PutContainer(_)
                | Self::PutService(_)
                | Self::CreateConfig { .. }
                | Self::CreateSecret { .. }
        )
    }

    /// Whether it only takes away what something newer has replaced: no change that anybody need be told of.
    pub fn tidies(&self) -> bool {
        matches!(self, Self::RemoveConfig { old: true, .. } | Self::RemoveSecret { old: true, .. })
    }
}
