//! The read side: each question goes to the module that knows.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use holdfast_schema::{
    AbsolutePath, ContentSource, ImageReference, UnitName,
    id::RegistryName,
    spec::{RepositoryPlace, SecretReference},
};
use serde_json::Value;

use super::{LocalHost, Machine, ReadOnlyHost, logins_path, unreadable_logins, unsupported};
use crate::host::{
    ContainerNow, Entry, HostError, ImageNow, Look, NetworkNow, Node, ObjectNow, Offered, PackageNow, Read,
    Sealed, SecretNow, ServiceNow, SwarmNow, SwarmObject, UnitNow, VolumeNow, Wanted,
    files::Digest,
    logins::{self, LoginNow},
};

impl Read for ReadOnlyHost {
    async fn prepare(&self, wanted: &Wanted) -> Result<(), HostError> {
        self.files.begin_pass();
        self.accounts.forget();
        let Some(Machine { systemd, packages, docker }) = &self.machine else { return Ok(()) };
        docker.begin_pass();
        let (packages, units) =
            tokio::join!(packages.prepare(&wanted.packages), systemd.prepare(&wanted.units));
        packages.and(units)
    }

    async fn node(&self, path: &AbsolutePath, look: Look) -> Result<Node, HostError> {
        match look {
            Look::Metadata => self.files.node(path, Digest::None),
            Look::Content => self.files.node(path, Digest::Plain),
            Look::Keyed => self.files.node(path, Digest::Keyed(&*self.secrets.digest_key(path)?)),
        }
    }

    async fn entries(&self, path: &AbsolutePath) -> Result<Vec<Entry>, HostError> {
        self.files.entries(path)
    }

    async fn bytes(&self, path: &AbsolutePath, limit: u64) -> Result<Option<Arc<[u8]>>, HostError> {
        self.files.bytes(path, limit)
    }

    async fn secret(
        &self,
        reference: &SecretReference,
        contents: &dyn ContentSource,
    ) -> Result<Arc<SecretNow>, HostError> {
        self.secrets.look(reference, contents)
    }

    async fn sealed(&self, path: &AbsolutePath, limit: u64) -> Result<Option<Sealed>, HostError> {
        let found = self.files.secret(path, limit)?;
        found.map(|(secret, stat)| self.secrets.seal(path, &secret, &stat)).transpose()
    }

    async fn login(&self, server: &RegistryName) -> Result<LoginNow, HostError> {
        let path = logins_path()?;
        let node = self.files.node(&path, Digest::None)?;
        let Some((config, _)) = self.files.secret(&path, logins::LARGEST)? else {
            return Ok(LoginNow { node, known: None });
        };
        let digests = self.secrets.digest_key(&path)?;
        let known = logins::known(&config, server, &digests).map_err(|why| unreadable_logins(&why))?;
        Ok(LoginNow { node, known })
    }

    async fn user(&self, name: &str) -> Result<Option<u32>, HostError> {
        self.accounts.user(name)
    }

    async fn group(&self, name: &str) -> Result<Option<u32>, HostError> {
        self.accounts.group(name)
    }

    async fn package(&self, name: &str) -> Result<PackageNow, HostError> {
        let machine = self.machine.as_ref().ok_or_else(|| unsupported("installing packages"))?;
        machine.packages.package(name).await
    }

    async fn packages(&self) -> Result<BTreeMap<String, PackageNow>, HostError> {
        match &self.machine {
            Some(machine) => machine.packages.all().await,
            None => Ok(BTreeMap::new()),
        }
    }

    async fn repository_place(&self) -> Result<RepositoryPlace, HostError> {
        let machine = self.machine.as_ref().ok_or_else(|| unsupported("installing packages"))?;
        machine.packages.repository_place()
    }

    async fn offered(&self, packages: &BTreeSet<String>) -> Result<Offered, HostError> {
        match &self.machine {
            Some(machine) => machine.packages.offered(packages).await,
            None => Ok(Offered::new()),
        }
    }

    async fn unit(&self, name: &UnitName) -> Result<UnitNow, HostError> {
        self.systemd()?.unit(name).await
    }

    async fn container(&self, name: &str) -> Result<Option<ContainerNow>, HostError> {
        Box::pin(self.docker()?.container(name)).await
    }

    async fn labelled_containers(
        &self,
        label: &str,
        value: &str,
    ) -> Result<BTreeMap<String, ContainerNow>, HostError> {
        Box::pin(self.docker()?.labelled_containers(label, value)).await
    }

    async fn inspect(&self, listed: &ContainerNow) -> Result<Arc<Value>, HostError> {
        Box::pin(self.docker()?.inspect(listed)).await
    }

    async fn network(&self, name: &str) -> Result<Option<NetworkNow>, HostError> {
        Box::pin(self.docker()?.network(name)).await
    }

    async fn labelled_networks(
        &self,
        label: &str,
        value: &str,
    ) -> Result<BTreeMap<String, NetworkNow>, HostError> {
        Box::pin(self.docker()?.labelled_networks(label, value)).await
    }

    async fn network_users(&self, name: &str) -> Result<BTreeSet<String>, HostError> {
        Box::pin(self.docker()?.network_users(name)).await
    }

    async fn volume(&self, name: &str) -> Result<Option<VolumeNow>, HostError> {
        Box::pin(self.docker()?.volume(name)).await
    }

    async fn image(&self, reference: &ImageReference) -> Result<Option<ImageNow>, HostError> {
        Box::pin(self.docker()?.image(reference)).await
    }

    async fn swarm(&self) -> Result<Arc<SwarmNow>, HostError> {
        Box::pin(self.docker()?.swarm()).await
    }

    async fn services(&self) -> Result<Arc<BTreeMap<String, ServiceNow>>, HostError> {
        Box::pin(self.docker()?.services()).await
    }

    async fn objects(&self, object: SwarmObject) -> Result<Arc<BTreeMap<String, ObjectNow>>, HostError> {
        Box::pin(self.docker()?.objects(object)).await
    }

    fn finish(&self) {
        self.files.forget_directories();
        if let Some(machine) = &self.machine {
            machine.docker.finish();
        }
    }
}

impl Read for LocalHost {
    async fn prepare(&self, wanted: &Wanted) -> Result<(), HostError> {
        self.editor.begin_pass();
        self.read.prepare(wanted).await
    }

    async fn node(&self, path: &AbsolutePath, look: Look) -> Result<Node, HostError> {
        self.read.node(path, look).await
    }

    async fn entries(&self, path: &AbsolutePath) -> Result<Vec<Entry>, HostError> {
        self.read.entries(path).await
    }

    async fn bytes(&self, path: &AbsolutePath, limit: u64) -> Result<Option<Arc<[u8]>>, HostError> {
        self.read.bytes(path, limit).await
    }

    async fn secret(
        &self,
        reference: &SecretReference,
        contents: &dyn ContentSource,
    ) -> Result<Arc<SecretNow>, HostError> {
        self.read.secret(reference, contents).await
    }

    async fn sealed(&self, path: &AbsolutePath, limit: u64) -> Result<Option<Sealed>, HostError> {
        self.read.sealed(path, limit).await
    }

    async fn login(&self, server: &RegistryName) -> Result<LoginNow, HostError> {
        self.read.login(server).await
    }

    async fn user(&self, name: &str) -> Result<Option<u32>, HostError> {
        self.read.user(name).await
    }

    async fn group(&self, name: &str) -> Result<Option<u32>, HostError> {
        self.read.group(name).await
    }

    async fn package(&self, name: &str) -> Result<PackageNow, HostError> {
        self.read.package(name).await
    }

    async fn packages(&self) -> Result<BTreeMap<String, PackageNow>, HostError> {
        self.read.packages().await
    }

    async fn repository_place(&self) -> Result<RepositoryPlace, HostError> {
        self.read.repository_place().await
    }

    async fn offered(&self, packages: &BTreeSet<String>) -> Result<Offered, HostError> {
        self.read.offered(packages).await
    }

    async fn unit(&self, name: &UnitName) -> Result<UnitNow, HostError> {
        self.read.unit(name).await
    }

    async fn container(&self, name: &str) -> Result<Option<ContainerNow>, HostError> {
        self.read.container(name).await
    }

    async fn labelled_containers(
        &self,
        label: &str,
        value: &str,
    ) -> Result<BTreeMap<String, ContainerNow>, HostError> {
        self.read.labelled_containers(label, value).await
    }

    async fn inspect(&self, listed: &ContainerNow) -> Result<Arc<Value>, HostError> {
        self.read.inspect(listed).await
    }

    async fn network(&self, name: &str) -> Result<Option<NetworkNow>, HostError> {
        self.read.network(name).await
    }

    async fn labelled_networks(
        &self,
        label: &str,
        value: &str,
    ) -> Result<BTreeMap<String, NetworkNow>, HostError> {
        self.read.labelled_networks(label, value).await
    }

    async fn network_users(&self, name: &str) -> Result<BTreeSet<String>, HostError> {
        self.read.network_users(name).await
    }

    async fn volume(&self, name: &str) -> Result<Option<VolumeNow>, HostError> {
        self.read.volume(name).await
    }

    async fn image(&self, reference: &ImageReference) -> Result<Option<ImageNow>, HostError> {
        self.read.image(reference).await
    }

    async fn swarm(&self) -> Result<Arc<SwarmNow>, HostError> {
        self.read.swarm().await
    }

    async fn services(&self) -> Result<Arc<BTreeMap<String, ServiceNow>>, HostError> {
        self.read.services().await
    }

    async fn objects(&self, object: SwarmObject) -> Result<Arc<BTreeMap<String, ObjectNow>>, HostError> {
        self.read.objects(object).await
    }

    fn finish(&self) {
        self.read.finish();
    }
}
