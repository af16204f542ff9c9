//! Why a kind will not plan what is asked.

use holdfast_secrets::EnvelopeError;

use crate::host::Retry;

/// Why a kind will not plan what is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The thing in the way is not Holdfast's own, nor of a kind that it replaces.
    #[error("{path} is {found}, which Holdfast does not replace")]
    InTheWay {
        /// Where.
        path: String,
        /// What was found there, with its article.
        found: &'static str,
    },
    /// A named user or group does not exist.
    #[error("there is no {what} {name:?} on this host")]
    NoSuchAccount {
        /// `user` or `group`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A directory holds more undeclared entries than may be purged.
    #[error("{path} holds {found} entries that nothing declares, and its purge_limit is {limit}")]
    PurgeLimit {
        /// The directory.
        path: String,
        /// How many there are.
        found: usize,
        /// How many may go.
        limit: u32,
    },
    /// A directory holds an entry whose name cannot be written in a state.
    #[error("{path} holds an entry with a name that cannot be managed: {name}")]
    ForeignName {
        /// The directory.
        path: String,
        /// The name, escaped.
        name: String,
    },
    /// A directory that should go holds something.
    #[error("{path} should be absent and is not empty")]
    NotEmpty {
        /// The directory.
        path: String,
    },
    /// A unit file that cannot be enabled.
    #[error("unit {unit} cannot be enabled: it is {state}")]
    NotEnablable {
        /// Which unit.
        unit: String,
        /// Its `UnitFileState`.
        state: String,
    },
    /// A secret that may not be used so.
    #[error("the secret {name} cannot be used: {why}")]
    Secret {
        /// Which secret.
        name: String,
        /// Why not.
        why: EnvelopeError,
    },
    /// An image that may not be pulled, or cannot be.
    #[error("the Docker engine does not have the image {image}, and it is not to be pulled")]
    ImageMissing {
        /// Which image.
        image: String,
    },
    /// A source of packages that this host's package manager cannot take.
    #[error("{manager} manages this host's packages, and the repository {what}")]
    RepositoryFormat {
        /// The package manager.
        manager: &'static str,
        /// What the repository is or has.
        what: &'static str,
    },
    /// Another manager of the Swarm does it.
    #[error("managed by {by}")]
    Elsewhere {
        /// Who.
        by: String,
    },
    /// What a service is to become failed before.
    #[error("service {service}: what it is to be {how}; it is not tried again")]
    ServiceFailed {
        /// Which service.
        service: String,
        /// What became of it.
        how: &'static str,
    },
    /// The Swarm has no such node.
    #[error("the Swarm has no node {node}")]
    NodeMissing {
        /// Its host name.
        node: String,
    },
    /// The Swarm has several.
    #[error("two nodes of the Swarm are named {node}: {} and {}", .ids[0], .ids[1])]
    NodeAmbiguous {
        /// Their host name.
        node: String,
        /// Which.
        ids: [String; 2],
    },
    /// A volume that is there and is not as declared.
    #[error("the volume {volume} has {field} {found}, not {wanted}")]
    VolumeDiffers {
        /// Which volume.
        volume: String,
        /// What differs.
        field: String,
        /// What it is.
        found: String,
        /// What is declared.
        wanted: String,
    },
}

impl Refusal {
    /// The stable, documented code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InTheWay { .. } => "E_IN_THE_WAY",
            Self::NoSuchAccount { .. } => "E_NO_ACCOUNT",
            Self::PurgeLimit { .. } => "E_PURGE_LIMIT",
            Self::ForeignName { .. } => "E_FOREIGN_NAME",
            Self::NotEmpty { .. } => "E_NOT_EMPTY",
            Self::NotEnablable { .. } => "E_NOT_ENABLABLE",
            Self::Secret { .. } => "E_SECRET",
            Self::ImageMissing { .. } => "E_IMAGE_MISSING",
            Self::VolumeDiffers { .. } => "E_VOLUME_DIFFERS",
            Self::RepositoryFormat { .. } => "E_REPOSITORY_FORMAT",
            Self::Elsewhere { .. } => "E_ELSEWHERE",
            Self::ServiceFailed { .. } => "E_SERVICE_FAILED",
            Self::NodeMissing { .. } => "E_NODE_MISSING",
            Self::NodeAmbiguous { .. } => "E_NODE_AMBIGUOUS",
        }
    }

    /// When trying again makes sense.
    pub fn retry(&self) -> Retry {
        match self {
            Self::NoSuchAccount { .. }
            | Self::ImageMissing { .. }
            | Self::Elsewhere { .. }
            | Self::NodeMissing { .. }
            | Self::NodeAmbiguous { .. } => Retry::Soon,
            Self::ServiceFailed { .. }
            | Self::Secret { .. }
            | Self::RepositoryFormat { .. }
            | Self::PurgeLimit { .. }
            | Self::NotEmpty { .. }
            | Self::NotEnablable { .. } => Retry::NextRevision,
            Self::InTheWay { .. } | Self::ForeignName { .. } | Self::VolumeDiffers { .. } => Retry::Never,
        }
    }

    /// What mends it, in one line.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::InTheWay { .. } => "move it away, or declare what it is",
            Self::NoSuchAccount { .. } => "create it, or let `needs` name the package that brings it",
            Self::PurgeLimit { .. } => "declare what should stay, or raise `purge_limit`",
            Self::ForeignName { .. } => "rename or remove it by hand",
            Self::NotEmpty { .. } => "empty it, or set `purge = true` to remove all that is in it",
            Self::Secret { .. } => {
                "correct the resource, or let somebody who can read the secret allow it: `holdfast secret edit`"
            }
            Self::ImageMissing { .. } => {
                "bring the image to the engine (`docker load`), or name it by its registry and digest and let it be pulled"
            }
            Self::VolumeDiffers { .. } => {
                "a volume holds data and is never made anew: declare what it is, or move its data and remove it by hand"
            }
            Self::RepositoryFormat { .. } => "declare it only for hosts that can take it: see `when`",
            Self::Elsewhere { .. } => "nothing to do: look at the status of that host",
            Self::ServiceFailed { .. } => {
                "change the declaration, or have it tried again with `docker service update --label-rm io.holdfast.failed`"
            }
            Self::NodeMissing { .. } => "let the node join the Swarm, or name it as `docker node ls` does",
            Self::NodeAmbiguous { .. } => {
                "give one of the two machines another host name, and let it join anew"
            }
            Self::NotEnablable { .. } => "give the unit an [Install] section, or do not set `enabled`",
        }
    }
}
