//! `/etc/holdfast/ceiling.toml`: what no revision may do on this host, whoever signed it. The repository cannot raise it.
//!
//! ```toml
//! kinds = ["file", "directory", "symlink"]   # no other kind of resource
//! forbidden = ["/etc/ssh", "/root"]          # nothing at or below these paths
//! max_removals = 5                           # a pass that would remove more is held
//! ```
//! A revision that is over the ceiling is refused as a whole. Each line is optional; an unknown one refuses the file, for a
//! limit that is skipped in silence would look as if it held.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use holdfast_schema::{
    AbsolutePath, HostState, KindName, ResourceId,
    spec::{Mount, MountSource, Spec},
    state::RemovalGuard,
    status::StatusProblem,
};
use serde::Deserialize;

#[cfg(test)]
mod tests;

/// The limits of one host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    /// The kinds of resources that are allowed; `None`: all.
    kinds: Option<BTreeSet<KindName>>,
    /// Nothing at or below these.
    #[serde(default)]
    forbidden: Vec<AbsolutePath>,
    /// The most that a pass may remove.
    max_removals: Option<u32>,
}

/// What mends a revision that is over the ceiling.
const REMEDY: &str =
    "take it out of this host's state, or let root raise /etc/holdfast/ceiling.toml on the host";

impl Ceiling {
    /// Reads the file's text.
    ///
    /// # Errors
    /// What is wrong with it, with its place.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Everything in a state that is over the ceiling.
    pub fn problems(&self, state: &HostState, commit: &str) -> Vec<StatusProblem> {
        let over = state.resources.iter().filter_map(|(id, resource)| {
            let why = self.refuses(id, &resource.spec)?;
            Some(StatusProblem {
                code: "E_CEILING".to_owned(),
                message: format!("{id} is over this host's ceiling: {why}"),
                remedy: Some(REMEDY.to_owned()),
                commit: Some(commit.to_owned()),
                at: Some(resource.declared.clone()),
            })
        });
        over.collect()
    }

    /// Why this resource is not allowed.
    fn refuses(&self, id: &ResourceId, spec: &Spec) -> Option<String> {
        if self.kinds.as_ref().is_some_and(|kinds| !kinds.contains(&id.kind)) {
            return Some(format!("resources of the kind {} are not allowed", id.kind));
        }
        // A container reaches everything below what it mounts.
        let reaches = |path: &str, forbidden: &str| {
            is_at_or_below(path, forbidden)
                || matches!(id.kind, KindName::Container | KindName::Service | KindName::Volume)
                    && is_at_or_below(forbidden, path)
        };
        let is_forbidden =
            |path: &str| self.forbidden.iter().find(|forbidden| reaches(path, forbidden.as_str()));
        let found = written(id, spec).iter().find_map(|path| is_forbidden(path)).cloned();
        found.map(|forbidden| format!("nothing may be kept at or below {forbidden}"))
    }

    /// The state with no more removals allowed than here.
    pub fn clamp<'a>(&self, state: &'a HostState) -> Cow<'a, HostState> {
        match self.max_removals {
            Some(most) if most < state.guard.max_removals.max(state.guard.allowed) => {
                let (max_removals, allowed) =
                    (state.guard.max_removals.min(most), state.guard.allowed.min(most));
                let guard = RemovalGuard { max_removals, allowed, ..state.guard };
                Cow::Owned(HostState { guard, ..state.clone() })
            }
            _ => Cow::Borrowed(state),
        }
    }
}

/// The paths that a resource writes.
fn written(id: &ResourceId, spec: &Spec) -> Vec<String> {
    match spec {
        Spec::Unit(_) => {
            let folder = format!("/etc/systemd/system/{}", id.name);
            vec![folder.clone(), format!("{folder}.d")]
        }
        // What a package installs, only its maintainer knows: a ceiling for paths wants the kind forbidden too.
        Spec::Package(_)
        | Spec::Image(_)
        | Spec::Network(_)
        | Spec::Config(_)
        | Spec::Secret(_)
        | Spec::Node(_)
        | Spec::Compose(_)
        | Spec::Stack(_) => Vec::new(),
        // As a package's, what its packages install only its maintainers know.
        Spec::Repository(_) => spec.paths().iter().map(ToString::to_string).collect(),
        Spec::Registry(_) => vec!["/root/.docker/config.json".to_owned()],
        // What a container does with a path that it mounts, only its image knows.
        Spec::Container(container) => bound(&container.config.mounts),
        Spec::Service(service) => bound(&service.config.mounts),
        Spec::Volume(volume) => device(&volume.options).into_iter().collect(),
        _ => vec![id.name.clone()],
    }
}

/// The paths of the host that something mounts and can write to.
fn bound(mounts: &BTreeMap<AbsolutePath, Mount>) -> Vec<String> {
    let writable = mounts.values().filter(|mount| !mount.read_only);
    let bound = writable.filter_map(|mount| match &mount.source {
        MountSource::Bind(path) => Some(path.to_string()),
        MountSource::Volume(_) => device(&mount.options),
        MountSource::Tmpfs(_) => None,
    });
    bound.collect()
}

/// What of the host the options of a volume may stand for: the driver `local` binds a directory as well.
fn device(options: &BTreeMap<String, String>) -> Option<String> {
    options.get("device").filter(|device| device.starts_with('/')).cloned()
}

fn is_at_or_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
