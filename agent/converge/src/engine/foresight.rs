//! A host as it would be without what a dry run would already have removed.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use holdfast_schema::{
    AbsolutePath, ContentSource, ImageReference, UnitName,
    id::RegistryName,
    spec::{RepositoryPlace, SecretReference},
};
use serde_json::Value;

use crate::{
    host::{
        ContainerNow, Entry, HostError, ImageNow, LoginNow, Look, NetworkNow, Node, ObjectNow, Offered,
        PackageNow, Read, Sealed, SecretNow, ServiceNow, SwarmNow, SwarmObject, UnitNow, VolumeNow, Wanted,
    },
    plan::{Action, DockerAction, step::PackageTransaction},
};

/// A host seen ahead. What would be made is not in it: only what is in the way of others matters.
pub(super) struct Foresight<'a, H> {
    host: &'a H,
    gone: RefCell<BTreeSet<AbsolutePath>>,
    /// Containers that would be removed.
    stopped: RefCell<BTreeSet<String>>,
    /// Services that would be removed.
    stopped_services: RefCell<BTreeSet<String>>,
    leaving_packages: RefCell<BTreeSet<String>>,
}

impl<'a, H> Foresight<'a, H> {
    pub(super) fn new(host: &'a H) -> Self {
        Self {
            host,
            gone: RefCell::default(),
            stopped: RefCell::default(),
            stopped_services: RefCell::default(),
            leaving_packages: RefCell::default(),
        }
    }

    /// Takes in what an action would do.
    pub(super) fn foresee(&self, action: &Action) {
        let mut gone = self.gone.borrow_mut();
        match action {
            Action::RemovePath { path } | Action::RemoveTree { path } => drop(gone.insert(path.clone())),
            Action::WriteFile { path, .. }
            | Action::WriteSecret { path, .. }
            | Action::MakeDirectory { path, .. }
            | Action::MakeSymlink { path, .. } => drop(gone.remove(path)),
            Action::Packages(PackageTransaction { install, remove, purge, .. }) => {
                let names = install.keys().chain(remove).chain(purge);
                self.leaving_packages.borrow_mut().extend(names.cloned());
            }
            Action::Docker(DockerAction::RemoveContainer { name }) => {
                self.stopped.borrow_mut().insert(name.clone());
            }
            Action::Docker(DockerAction::RemoveService { name }) => {
                self.stopped_services.borrow_mut().insert(name.clone());
            }
            _ => {}
        }
    }

    /// The packages that would be removed, or of which another version would be installed.
    pub(super) fn leaving_packages(&self) -> BTreeSet<String> {
        self.leaving_packages.borrow().clone()
    }

    fn is_gone(&self, path: &AbsolutePath) -> bool {
        let gone = self.gone.borrow();
        !gone.is_empty() && path.ancestors().any(|path| gone.contains(&path))
    }
}

impl<H: Read> Read for Foresight<'_, H> {
    async fn prepare(&self, wanted: &Wanted) -> Result<(), HostError> {
        self.host.prepare(wanted).await
    }

    async fn node(&self, path: &AbsolutePath, look: Look) -> Result<Node, HostError> {
        if self.is_gone(path) { Ok(Node::Absent) } else { self.host.node(path, look).await }
    }

    async fn entries(&self, path: &AbsolutePath) -> Result<Vec<Entry>, HostError> {
        let mut entries = self.host.entries(path).await?;
        entries.retain(|entry| !path.join(&entry.name).is_ok_and(|path| self.is_gone(&path)));
        Ok(entries)
    }

    async fn bytes(&self, path: &AbsolutePath, limit: u64) -> Result<Option<Arc<[u8]>>, HostError> {
        if self.is_gone(path) { Ok(None) } else { self.host.bytes(path, limit).await }
    }

    async fn secret(
        &self,
        reference: &SecretReference,
        contents: &dyn ContentSource,
    ) -> Result<Arc<SecretNow>, HostError> {
        self.host.secret(reference, contents).await
    }

    async fn sealed(&self, path: &AbsolutePath, limit: u64) -> Result<Option<Sealed>, HostError> {
        if self.is_gone(path) { Ok(None) } else { self.host.sealed(path, limit).await }
    }

    async fn login(&self, server: &RegistryName) -> Result<LoginNow, HostError> {
        self.host.login(server).await
    }

    async fn user(&self, name: &str) -> Result<Option<u32>, HostError> {
        self.host.user(name).await
    }

    async fn group(&self, name: &str) -> Result<Option<u32>, HostError> {
        self.host.group(name).await
    }

    async fn package(&self, name: &str) -> Result<PackageNow, HostError> {
        self.host.package(name).await
    }

    async fn packages(&self) -> Result<BTreeMap<String, PackageNow>, HostError> {
        self.host.packages().await
    }

    async fn repository_place(&self) -> Result<RepositoryPlace, HostError> {
        self.host.repository_place().await
    }

    async fn offered(&self, packages: &BTreeSet<String>) -> Result<Offered, HostError> {
        self.host.offered(packages).await
    }

    async fn unit(&self, name: &UnitName) -> Result<UnitNow, HostError> {
        self.host.unit(name).await
    }

    async fn container(&self, name: &str) -> Result<Option<ContainerNow>, HostError> {
        self.host.container(name).await
    }

    async fn inspect(&self, listed: &ContainerNow) -> Result<Arc<Value>, HostError> {
        self.host.inspect(listed).await
    }

    async fn labelled_containers(
        &self,
        label: &str,
        value: &str,
    ) -> Result<BTreeMap<String, ContainerNow>, HostError> {
        self.host.labelled_containers(label, value).await
    }

    async fn network(&self, name: &str) -> Result<Option<NetworkNow>, HostError> {
        self.host.network(name).await
    }

    async fn labelled_networks(
        &self,
        label: &str,
        value: &str,
    ) -> Result<BTreeMap<String, NetworkNow>, HostError> {
        self.host.labelled_networks(label, value).await
    }

    async fn network_users(&self, name: &str) -> Result<BTreeSet<String>, HostError> {
        let mut users = self.host.network_users(name).await?;
        users.retain(|user| !self.stopped.borrow().contains(user));
        Ok(users)
    }

    async fn volume(&self, name: &str) -> Result<Option<VolumeNow>, HostError> {
        self.host.volume(name).await
    }

    async fn image(&self, reference: &ImageReference) -> Result<Option<ImageNow>, HostError> {
        self.host.image(reference).await
    }

    async fn swarm(&self) -> Result<Arc<SwarmNow>, HostError> {
        self.host.swarm().await
    }

    async fn services(&self) -> Result<Arc<BTreeMap<String, ServiceNow>>, HostError> {
        let services = self.host.services().await?;
        let stopped = self.stopped_services.borrow();
        if stopped.is_empty() {
            return Ok(services);
        }
        let left = services.iter().filter(|(name, _)| !stopped.contains(*name));
        Ok(Arc::new(left.map(|(name, service)| (name.clone(), service.clone())).collect()))
    }

    async fn objects(&self, object: SwarmObject) -> Result<Arc<BTreeMap<String, ObjectNow>>, HostError> {
        self.host.objects(object).await
    }
}
