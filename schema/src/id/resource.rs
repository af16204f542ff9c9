//! What a resource is called: its kind and its name.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::InvalidName;

/// The kinds of resource, each named as its TOML table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KindName {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A source of packages.
    Repository,
    /// A distribution's package.
    Package,
    /// A systemd unit.
    Unit,
    /// An image of the Docker engine.
    Image,
    /// A network of the Docker engine.
    Network,
    /// A volume of the Docker engine.
    Volume,
    /// A container.
    Container,
    /// A service of a Swarm.
    Service,
    /// A config of a Swarm.
    Config,
    /// A secret of a Swarm.
    Secret,
    /// A node of a Swarm.
    Node,
    /// A login at a registry of images.
    Registry,
    /// A compose file on one engine.
    Compose,
    /// A compose file in a Swarm.
    Stack,
}

impl KindName {
    /// Every kind, in the order in which documents list them.
    pub const ALL: [KindName; 17] = [
        KindName::File,
        KindName::Directory,
        KindName::Symlink,
        KindName::Repository,
        KindName::Package,
        KindName::Unit,
        KindName::Image,
        KindName::Network,
        KindName::Volume,
        KindName::Container,
        KindName::Service,
        KindName::Config,
        KindName::Secret,
        KindName::Node,
        KindName::Registry,
        KindName::Compose,
        KindName::Stack,
    ];

    /// The TOML table's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::Repository => "repository",
            Self::Package => "package",
            Self::Unit => "unit",
            Self::Image => "image",
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Container => "container",
            Self::Service => "service",
            Self::Config => "config",
            Self::Secret => "secret",
            Self::Node => "node",
            Self::Registry => "registry",
            Self::Compose => "compose",
            Self::Stack => "stack",
        }
    }

    /// Whether the Docker engine keeps resources of this kind.
    pub const fn is_of_docker(self) -> bool {
        match self {
            Self::File | Self::Directory | Self::Symlink | Self::Repository | Self::Package | Self::Unit => {
                false
            }
            Self::Image
            | Self::Network
            | Self::Volume
            | Self::Container
            | Self::Service
            | Self::Config
            | Self::Secret
            | Self::Node
            | Self::Registry
            | Self::Compose
            | Self::Stack => true,
        }
    }
}
impl fmt::Display for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl FromStr for KindName {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| InvalidName {
            what: "kind of resource",
            text: text.to_owned(),
            why: "it must be file, directory, symlink, repository, package, unit, image, network, volume, container, service, config, secret, node, registry, compose or stack",
        })
    }
}

/// What identifies a resource on a host: `file:/etc/motd`, `unit:nginx.service`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceId {
    /// Which kind it is.
    pub kind: KindName,
    /// Its key in the kind's table: a path, a package's or a unit's name.
    pub name: String,
}

impl ResourceId {
    /// The id of the resource `name` of `kind`.
    pub fn new(kind: KindName, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }
}
impl FromStr for ResourceId {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let fail = |why| InvalidName { what: "resource id", text: text.to_owned(), why };
        let (kind, name) =
            text.split_once(':').ok_or_else(|| fail("write KIND:NAME, as in 'file:/etc/motd'"))?;
        if name.is_empty() {
            return Err(fail("the name after ':' is empty"));
        }
        let kind = kind.parse().map_err(|unknown: InvalidName| fail(unknown.why))?;
        Ok(Self { kind, name: name.to_owned() })
    }
}
impl TryFrom<String> for ResourceId {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}
impl From<ResourceId> for String {
    fn from(id: ResourceId) -> String {
        id.to_string()
    }
}
impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.name)
    }
}
