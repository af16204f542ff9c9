//! What the engine's lists tell, as far as it is looked at.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use holdfast_schema::ImageReference;
use serde::{Deserialize, Deserializer, Serialize};

/// A container as the engine lists it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerNow {
    /// Its id.
    pub id: String,
    /// The id of its image.
    #[serde(rename = "ImageID")]
    pub image: String,
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`.
    pub state: String,
    /// How long it has been so, for people; of one that runs, its health too.
    pub status: String,
    /// Its labels.
    #[serde(deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
    /// The names of its networks.
    #[serde(rename = "NetworkSettings", deserialize_with = "network_names")]
    pub networks: BTreeSet<String>,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkNow {
    /// Its id.
    pub id: String,
    /// What drives it.
    pub driver: String,
    /// Whether nothing gets out of it.
    pub internal: bool,
    /// Whether it has IPv6.
    #[serde(rename = "EnableIPv6")]
    pub ipv6: bool,
    /// Whether containers that are no service's can be in one of a Swarm.
    pub attachable: bool,
    /// Its addresses and gateways.
    #[serde(rename = "IPAM", deserialize_with = "subnets")]
    pub subnets: Vec<(String, Option<IpAddr>)>,
    /// The driver's options.
    #[serde(deserialize_with = "or_default")]
    pub options: BTreeMap<String, String>,
    /// Its labels.
    #[serde(deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VolumeNow {
    /// What drives it.
    pub driver: String,
    /// The driver's options.
    #[serde(deserialize_with = "or_default")]
    pub options: BTreeMap<String, String>,
    /// Its labels.
    #[serde(deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageNow {
    /// Its id.
    pub id: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) repo_tags: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) repo_digests: Vec<String>,
}

impl ImageNow {
    /// How to name it so that it can only be this one: as `declared` with its digest, or by its id where no registry has it.
    pub fn pin(&self, declared: &ImageReference) -> Option<ImageReference> {
        let repository = declared.repository()?;
        let digest = self
            .repo_digests
            .iter()
            .find_map(|known| known.strip_prefix(repository).and_then(|digest| digest.strip_prefix('@')));
        match digest {
            Some(digest) => format!("{declared}@{digest}").parse().ok(),
            None => self.id.parse().ok(),
        }
    }

    /// Whether it is the image that is meant.
    pub(super) fn is(&self, reference: &ImageReference) -> bool {
        if let Some(id) = reference.id() {
            return self.id == id;
        }
        let (Some(repository), Some(tag)) = (reference.repository(), reference.tag()) else { return false };
        match reference.digest() {
            Some(digest) => self.repo_digests.contains(&format!("{repository}@{digest}")),
            None => self.repo_tags.contains(&format!("{repository}:{tag}")),
        }
    }
}

/// The engine writes null for what is empty.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn network_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<String>, D::Error> {
    #[derive(Deserialize, Default)]
    struct Settings {
        #[serde(rename = "Networks", default, deserialize_with = "or_default")]
        networks: BTreeMap<String, Option<Endpoint>>,
    }
    /// Its name is all that counts.
    #[derive(Deserialize)]
    struct Endpoint {
        #[serde(rename = "NetworkID", default)]
        _id: String,
    }
    let settings: Settings = or_default(deserializer)?;
    Ok(settings.networks.into_keys().collect())
}

fn subnets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, Option<IpAddr>)>, D::Error> {
    #[derive(Deserialize, Default)]
    struct Management {
        #[serde(rename = "Config", default, deserialize_with = "or_default")]
        config: Vec<Subnet>,
    }
    #[derive(Deserialize)]
    struct Subnet {
        #[serde(rename = "Subnet", default)]
        subnet: String,
        #[serde(rename = "Gateway", default)]
        gateway: String,
    }
    let management: Management = or_default(deserializer)?;
    Ok(management.config.into_iter().map(|one| (one.subnet, one.gateway.parse().ok())).collect())
}
