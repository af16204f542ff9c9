//! The order that the kinds of the Docker engine add.

use std::collections::{BTreeMap, BTreeSet};

use super::{Graph, ancestors};
use crate::{
    AbsolutePath, ImageReference, KindName, ResourceId,
    spec::{ContainerSpec, Mount, MountSource, ServiceSpec},
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
        let config = &container.config;
        self.objects(after, config.image.as_ref(), &container.networks, &config.mounts);
        self.bound(after, &config.mounts, paths);
    }

    /// A service comes after its image, its networks, volumes, configs and secrets, after what it mounts, and after the
    /// nodes if it asks for labels of theirs.
    pub(super) fn service(&mut self, after: usize, service: &ServiceSpec, paths: &BTreeMap<String, usize>) {
        let config = &service.config;
        self.objects(after, config.image.as_ref(), &config.networks, &config.mounts);
        self.bound(after, &config.mounts, paths);
        for secret in config.secrets.keys() {
            self.object(after, KindName::Secret, secret.as_str(), "it sees it");
        }
        for config in config.configs.keys() {
            self.object(after, KindName::Config, config.as_str(), "it sees it");
        }
        if config.constraints.iter().chain(&config.spread).any(|asked| asked.contains("node.labels.")) {
            for before in 0..self.ids.len() {
                if self.ids.get(before).is_some_and(|id| id.kind == KindName::Node) {
                    self.wait(after, before, "it asks for labels of nodes", None);
                }
            }
        }
    }

    fn objects(
        &mut self,
        after: usize,
        image: Option<&ImageReference>,
        networks: &BTreeSet<String>,
        mounts: &BTreeMap<AbsolutePath, Mount>,
    ) {
        if let Some(image) = image {
            self.object(after, KindName::Image, image.as_str(), "it is made from it");
            self.login(after, image);
        }
        for network in networks {
            self.object(after, KindName::Network, network, "it is in it");
        }
        for mount in mounts.values() {
            if let MountSource::Volume(volume) = &mount.source {
                self.object(after, KindName::Volume, volume.as_str(), "it mounts it");
            }
        }
    }

    fn object(&mut self, after: usize, kind: KindName, name: &str, why: &'static str) {
        if let Some(&before) = self.index.get(&ResourceId::new(kind, name)) {
            self.wait(after, before, why, None);
        }
    }

    /// Waits for what is mounted of the host.
    fn bound(
        &mut self,
        after: usize,
        mounts: &BTreeMap<AbsolutePath, Mount>,
        paths: &BTreeMap<String, usize>,
    ) {
        for mount in mounts.values() {
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

    /// What pulls an image comes after the login at its registry.
    pub(super) fn login(&mut self, after: usize, image: &ImageReference) {
        let registry =
            image.registry().map(|registry| ResourceId::new(KindName::Registry, registry.as_str()));
        if let Some(&before) = registry.and_then(|registry| self.index.get(&registry)) {
            self.suggest(after, before);
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
                kind => {
                    if kind.is_of_docker() {
                        kept.push(index);
                    }
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
