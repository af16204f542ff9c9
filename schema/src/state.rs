//! The resolved state of one host: what the agent converges to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    Blob, HostName, ResourceId, ResourceSet, Sha256,
    spec::{Content, Health, Spec},
};

/// Everything that one host should be at one revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostState {
    /// The host it is for.
    pub host: HostName,
    /// The resources by id. Conditions (`when`) are decided: what does not apply here is not in it.
    pub resources: BTreeMap<ResourceId, Resource>,
    /// Holds a pass that would remove more.
    pub guard: RemovalGuard,
    /// How a new revision is put in force.
    pub apply: Apply,
}

/// One resource with all that every kind takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// What it should be.
    pub spec: Spec,
    /// What must be in order before it: written `needs` and automatic edges together, no cycle. Each id is in the same
    /// [`HostState`].
    pub needs: ResourceSet,
    /// Whether to change the host or only to report.
    pub mode: Mode,
    /// Whether a change of it must be confirmed: see [`Apply::confirm_within`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirm: bool,
    /// The author's labels.
    pub tags: BTreeSet<String>,
    /// Where it is declared, as `path:line:column`: the highest layer that names it.
    pub declared: String,
}

/// What the agent may do about a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Bring the host in order.
    #[default]
    Enforce,
    /// Report it and leave the host alone.
    Audit,
    /// The same, and propose how to declare it as it is.
    Adopt,
}

/// How much one pass may remove from the host (prune), in `fleet.toml` under `[guard]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovalGuard {
    /// The most resources that one pass may remove.
    pub max_removals: u32,
    /// The largest share of what Holdfast owns, in per cent, that one pass may remove; applies from 10 owned on.
    pub max_removal_percent: u8,
    /// How many removals the revision's own author allowed: `Allow-Removals: COUNT` at the end of the commit's message.
    #[serde(default)]
    pub allowed: u32,
}

impl Default for RemovalGuard {
    fn default() -> Self {
        Self { max_removals: 100, max_removal_percent: 50, allowed: 0 }
    }
}

/// How a new revision is put in force, in `fleet.toml`, a group or a host under `[apply]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Apply {
    /// What becomes of a revision that cannot be applied whole.
    pub on_failure: OnFailure,
    /// How long a change that could cut the host off has until the Git server was reached again and the host is healthy.
    pub confirm_within: Duration,
    /// How long a maintainer script of a package may run.
    pub package_script_limit: Duration,
    /// How to know that the host works under a new revision, by name.
    pub health: BTreeMap<String, Health>,
}

impl Default for Apply {
    fn default() -> Self {
        Self {
            on_failure: OnFailure::default(),
            confirm_within: Duration::from_mins(5),
            package_script_limit: Duration::from_hours(1),
            health: BTreeMap::new(),
        }
    }
}

/// What becomes of a revision that cannot be applied whole, or under which the host is not healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// Everything that it changed is put back, and it is not tried again.
    #[default]
    Rollback,
    /// Everything stays as it is, for a person to look at.
    Hold,
    /// What does not depend on the failure is done, and the rest is tried again.
    Continue,
}

/// Where the bytes of a [`Content`] come from.
pub trait ContentSource {
    /// The bytes with this digest.
    ///
    /// # Errors
    /// `NotFound` if they are not there; whatever the store's I/O says otherwise.
    fn content(&self, sha256: &Sha256) -> io::Result<Arc<[u8]>>;
}

/// Contents by digest: in memory, or read from the repository each time they are asked for.
#[derive(Clone, Default)]
pub struct Contents(BTreeMap<Sha256, Arc<dyn Blob>>);

impl Contents {
    /// Keeps `bytes` and gives their name.
    pub fn add(&mut self, bytes: impl Into<Arc<[u8]>>) -> Content {
        let bytes = bytes.into();
        let content = Content { sha256: Sha256::of(&bytes), size: bytes.len() as u64 };
        self.0.insert(content.sha256, Arc::new(bytes));
        content
    }

    /// Keeps a blob whose bytes are known to be `content`.
    pub fn add_blob(&mut self, content: Content, blob: Arc<dyn Blob>) {
        self.0.insert(content.sha256, blob);
    }

    /// Every content with its digest.
    pub fn iter(&self) -> impl Iterator<Item = (&Sha256, &Arc<dyn Blob>)> {
        self.0.iter()
    }
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl ContentSource for Contents {
    fn content(&self, sha256: &Sha256) -> io::Result<Arc<[u8]>> {
        let blob = self.0.get(sha256).ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("no content with digest {sha256}"))
        })?;
        let bytes = blob.read()?;
        // What is read again may have rotted since.
        if Sha256::of(&bytes) != *sha256 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the content with digest {sha256} is damaged"),
            ));
        }
        Ok(bytes)
    }
}
