//! The order that the kinds of the Docker engine add.

use std::collections::BTreeMap;

use super::{Graph, ancestors};
use crate::{
    KindName, ResourceId,
    spec::{ContainerSpec, MountSource},
};

/// What brings and runs the engine on the common distributions.
const PACKAGES: [&str; 5] = ["docker.io", "docker-ce", "moby-engine", "docker", "containerd"];
const UNITS: [&str; 3] = ["docker.service", "docker.socket", "containerd.service"];
/// The engine's own configuration.
const DIRECTORY: &str = "/etc/docker";

impl Graph<'_> {
    /// A container comes after its image, its networks, its volumes, and what it mounts of the host.
    pub(super) fn container(
        &mut self,
        after: usize,
        container: &ContainerSpec,
        paths: &BTreeMap<String, usize>,
    ) {
        let image = container
            .config
            .image
            .as_ref()
            .map(|image| (KindName::Image, image.as_str(), "it is made from it"));
        let networks =
            container.networks.iter().map(|network| (KindName::Network, network.as_str(), "it is in it"));
        let volumes = container.config.mounts.values().filter_map(|mount| match &mount.source {
            MountSource::Volume(volume) => Some((KindName::Volume, volume.as_str(), "it mounts it")),
            MountSource::Bind(_) | MountSource::Tmpfs(_) => None,
        });
        let objects: Vec<_> = image.into_iter().chain(networks).chain(volumes).collect();
        for (kind, name, why) in objects {
            if let Some(&before) = self.index.get(&ResourceId::new(kind, name)) {
                self.wait(after, before, why, None);
            }
        }
        for mount in container.config.mounts.values() {
            let MountSource::Bind(source) = &mount.source else { continue };
            let above = std::iter::once(source.as_str()).chain(ancestors(source.as_str()));
            let inside = format!("{}/", source.as_str().trim_end_matches('/'));
            let beneath = paths.range(inside.clone()..).take_while(|(path, _)| path.starts_with(&inside));
            let found: Vec<usize> = above
                .filter_map(|path| paths.get(path))
                .take(1)
                .chain(beneath.map(|(_, at)| at))
                .copied()
                .collect();
            for before in found {
                self.wait(after, before, "it mounts it", None);
            }
        }
    }

    /// Everything that the engine keeps comes after the engine.
    pub(super) fn engine(&mut self) {
        let (mut engine, mut kept) = (Vec::new(), Vec::new());
        for (index, id) in self.ids.iter().enumerate() {
            let brings = match id.kind {
                KindName::Package => PACKAGES.contains(&id.name.split(':').next().unwrap_or_default()),
                KindName::Unit => UNITS.contains(&id.name.as_str()),
                KindName::File | KindName::Directory | KindName::Symlink => {
                    id.name == DIRECTORY || ancestors(&id.name).any(|above| above == DIRECTORY)
                }
                KindName::Image | KindName::Network | KindName::Volume | KindName::Container => {
                    kept.push(index);
                    false
                }
            };
            if brings {
                engine.push(index);
            }
        }
        for after in kept {
            for before in &engine {
                self.suggest(after, *before);
            }
        }
    }
}
