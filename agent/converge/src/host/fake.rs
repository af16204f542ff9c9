//! A host in memory for tests: files, packages, units and accounts, faithful where kinds and engine can tell.
//!
//! It counts every look and every change, and keeps each change that it was told to make.

use std::{
    cell::{Ref, RefCell, RefMut},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::Arc,
};

use holdfast_schema::{
    AbsolutePath, ContentSource, FileMode, ImageReference, Sha256, UnitName,
    id::RegistryName,
    spec::{RepositoryPlace, SecretReference},
};
use holdfast_secrets::{Secret, keyed_digest};
use serde_json::Value;

use super::{
    ContainerNow, Entry, Expected, HostError, ImageNow, LoginNow, Look, NetworkNow, Node, ObjectNow, Offered,
    PackageNow, Read, Sealed, SecretNow, ServiceNow, Stat, SwarmNow, SwarmObject, UnitNow, VolumeNow, Wanted,
    Write, logins, secrets::Secrets,
};
use crate::plan::{Action, DockerAction};

mod act;
mod docker;
mod packages;
mod swarm;
mod units;

pub(crate) use docker::FakeDocker;
pub(crate) use packages::Supply;
pub(crate) use swarm::FakeSwarm;
pub(crate) use units::{Active, Temper};

/// A host in memory.
#[derive(Debug, Default)]
pub(crate) struct FakeHost(RefCell<Inner>);

/// What it is made of. Tests may change all of it behind Holdfast's back.
#[derive(Debug, Default, Clone)]
pub(crate) struct Inner {
    /// What the last pass asked for in one go.
    pub(crate) prepared: Wanted,
    nodes: BTreeMap<String, FakeNode>,
    clock: i64,
    pub(crate) users: BTreeMap<String, u32>,
    pub(crate) groups: BTreeMap<String, u32>,
    /// What the package sources offer.
    pub(crate) supplies: BTreeMap<String, Supply>,
    pub(crate) packages: BTreeMap<String, PackageNow>,
    /// Somebody else holds the package manager's lock.
    pub(crate) packages_busy: bool,
    /// The service manager does not answer.
    pub(crate) manager_gone: bool,
    pub(crate) units: BTreeMap<String, units::FakeUnit>,
    pub(crate) docker: docker::FakeDocker,
    /// Where the package manager looks for its sources, if that is not apt.
    pub(crate) place: Option<RepositoryPlace>,
    /// The sources whose lists were fetched.
    pub(crate) fetched: BTreeSet<String>,
    /// Those whose lists are not signed with the key that is declared.
    pub(crate) forged: BTreeSet<String>,
    pub(crate) secrets: Rc<Secrets>,
    /// How many looks there were, of any kind.
    pub(crate) looks: usize,
    /// Every change that was asked for and made, in order.
    pub(crate) done: Vec<Action>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct FakeNode {
    body: Body,
    inode: u64,
    changed: i64,
    uid: u32,
    gid: u32,
    mode: FileMode,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Body {
    File(Arc<[u8]>),
    Directory,
    Symlink(String),
    Other(&'static str),
}

impl FakeHost {
    /// A host with the directories and accounts that every host has.
    pub(crate) fn new() -> Self {
        let host = Self::default();
        {
            let mut inner = host.inner();
            for (name, id) in [("root", 0), ("adm", 4), ("www-data", 33)] {
                inner.users.insert(name.to_owned(), id);
                inner.groups.insert(name.to_owned(), id);
            }
            for path in ["/etc", "/etc/systemd", "/etc/systemd/system", "/srv"] {
                inner.put(path, Body::Directory, 0, 0, 0o755);
            }
        }
        host
    }

    /// All of it, to look at or to change.
    pub(crate) fn inner(&self) -> RefMut<'_, Inner> {
        self.0.borrow_mut()
    }

    fn look(&self) -> Ref<'_, Inner> {
        self.0.borrow_mut().looks += 1;
        self.0.borrow()
    }

    /// A copy of it as it is now.
    pub(crate) fn fork(&self) -> Self {
        Self(RefCell::new(self.0.borrow().clone()))
    }

    /// The changes since this was last asked.
    pub(crate) fn take_done(&self) -> Vec<Action> {
        std::mem::take(&mut self.inner().done)
    }
}

impl Inner {
    fn tick(&mut self) -> i64 {
        self.clock += 1;
        self.clock
    }

    fn put(&mut self, path: &str, body: Body, uid: u32, gid: u32, mode: u16) {
        let changed = self.tick();
        let inode = changed.unsigned_abs();
        let node = FakeNode { body, inode, changed, uid, gid, mode: FileMode::new(mode) };
        self.nodes.insert(path.to_owned(), node);
    }

    /// Puts a file of root's there, whatever was there before.
    pub(crate) fn file(&mut self, path: &str, content: &[u8]) {
        self.put(path, Body::File(content.into()), 0, 0, 0o644);
    }

    pub(crate) fn directory(&mut self, path: &str) {
        self.put(path, Body::Directory, 0, 0, 0o755);
    }

    pub(crate) fn symlink(&mut self, path: &str, target: &str) {
        self.put(path, Body::Symlink(target.to_owned()), 0, 0, 0o777);
    }

    pub(crate) fn other(&mut self, path: &str, what: &'static str) {
        self.put(path, Body::Other(what), 0, 0, 0o600);
    }

    /// Removes a path with all under it.
    pub(crate) fn remove(&mut self, path: &str) {
        let inside = format!("{path}/");
        self.nodes.retain(|other, _| other != path && !other.starts_with(&inside));
    }

    pub(crate) fn access(&mut self, path: &str, uid: u32, gid: u32, mode: u16) {
        let changed = self.tick();
        if let Some(node) = self.nodes.get_mut(path) {
            (node.uid, node.gid, node.mode, node.changed) = (uid, gid, FileMode::new(mode), changed);
        }
    }

    /// A file's content, if there is a file.
    pub(crate) fn content(&self, path: &str) -> Option<Arc<[u8]>> {
        match &self.nodes.get(path)?.body {
            Body::File(bytes) => Some(bytes.clone()),
            Body::Directory | Body::Symlink(_) | Body::Other(_) => None,
        }
    }

    /// What every path holds, to compare whole hosts by: without times and inodes.
    pub(crate) fn picture(&self) -> BTreeMap<String, String> {
        let body = |node: &FakeNode| match &node.body {
            Body::File(bytes) => format!("file {}", String::from_utf8_lossy(bytes)),
            other => format!("{other:?}"),
        };
        let describe = |node: &FakeNode| format!("{} {} {} {}", body(node), node.uid, node.gid, node.mode);
        let mut picture: BTreeMap<String, String> =
            self.nodes.iter().map(|(path, node)| (path.clone(), describe(node))).collect();
        picture
            .extend(self.packages.iter().map(|(name, now)| (format!("package {name}"), format!("{now:?}"))));
        picture.extend(self.docker_picture());
        picture.extend(self.units.iter().map(|(name, unit)| (format!("unit {name}"), unit.picture())));
        picture
    }

    fn entries(&self, path: &str) -> Vec<Entry> {
        let inside = format!("{path}/");
        let names = self.nodes.range(inside.clone()..).take_while(|(path, _)| path.starts_with(&inside));
        names
            .filter_map(|(path, node)| {
                let name = path.strip_prefix(&inside)?;
                let directory = node.body == Body::Directory;
                // A name with a byte that is no text is written with a replacement character in these tests.
                let plain = !name.contains('\u{fffd}');
                (!name.contains('/')).then(|| Entry { name: name.to_owned(), plain, directory })
            })
            .collect()
    }

    fn node(&self, path: &AbsolutePath, look: Look) -> Node {
        let Some(node) = self.nodes.get(path.as_str()) else { return Node::Absent };
        let mut stat = Stat {
            device: 1,
            inode: node.inode,
            size: 0,
            modified: node.changed,
            changed: node.changed,
            uid: node.uid,
            gid: node.gid,
            mode: node.mode,
        };
        match &node.body {
            Body::File(bytes) => {
                stat.size = bytes.len() as u64;
                let sha256 = match look {
                    Look::Metadata => None,
                    Look::Content => Some(Sha256::of(bytes)),
                    Look::Keyed => {
                        let key = self.secrets.digest_key(path).expect("the host has a key");
                        Some(keyed_digest(&key, bytes))
                    }
                };
                Node::File { stat, sha256 }
            }
            Body::Directory => Node::Directory { stat },
            Body::Symlink(target) => Node::Symlink { stat, target: target.clone() },
            Body::Other(what) => Node::Other { what },
        }
    }
}

impl Read for FakeHost {
    async fn prepare(&self, wanted: &Wanted) -> Result<(), HostError> {
        self.inner().prepared = wanted.clone();
        Ok(())
    }

    async fn node(&self, path: &AbsolutePath, look: Look) -> Result<Node, HostError> {
        Ok(self.look().node(path, look))
    }

    async fn entries(&self, path: &AbsolutePath) -> Result<Vec<Entry>, HostError> {
        Ok(self.look().entries(path.as_str()))
    }

    async fn bytes(&self, path: &AbsolutePath, limit: u64) -> Result<Option<Arc<[u8]>>, HostError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(self.look().content(path.as_str()).map(|bytes| bytes.iter().take(limit).copied().collect()))
    }

    async fn secret(
        &self,
        reference: &SecretReference,
        contents: &dyn ContentSource,
    ) -> Result<Arc<SecretNow>, HostError> {
        self.look().secrets.look(reference, contents)
    }

    async fn sealed(&self, path: &AbsolutePath, _limit: u64) -> Result<Option<Sealed>, HostError> {
        let look = self.look();
        let Node::File { stat, .. } = look.node(path, Look::Metadata) else { return Ok(None) };
        let Some(bytes) = look.content(path.as_str()) else { return Ok(None) };
        look.secrets.seal(path, &Secret::new(bytes.to_vec()), &stat).map(Some)
    }

    async fn login(&self, server: &RegistryName) -> Result<LoginNow, HostError> {
        let (look, path) = (self.look(), logins::PATH.parse().unwrap());
        let node = look.node(&path, Look::Metadata);
        let Some(config) = look.content(logins::PATH) else { return Ok(LoginNow { node, known: None }) };
        let digests = look.secrets.digest_key(&path)?;
        let known = logins::known(&Secret::new(config.to_vec()), server, &digests).unwrap();
        Ok(LoginNow { node, known })
    }

    async fn user(&self, name: &str) -> Result<Option<u32>, HostError> {
        Ok(name.parse().ok().or_else(|| self.look().users.get(name).copied()))
    }

    async fn group(&self, name: &str) -> Result<Option<u32>, HostError> {
        Ok(name.parse().ok().or_else(|| self.look().groups.get(name).copied()))
    }

    async fn package(&self, name: &str) -> Result<PackageNow, HostError> {
        Ok(self.look().packages.get(name).cloned().unwrap_or(PackageNow::Absent))
    }

    async fn packages(&self) -> Result<BTreeMap<String, PackageNow>, HostError> {
        let packages = self.look().packages.clone();
        Ok(packages.into_iter().filter(|(name, _)| !name.starts_with("gpg-pubkey-")).collect())
    }

    async fn repository_place(&self) -> Result<RepositoryPlace, HostError> {
        Ok(self.look().place.unwrap_or(RepositoryPlace::Apt))
    }

    async fn offered(&self, packages: &BTreeSet<String>) -> Result<Offered, HostError> {
        let look = self.look();
        let supplies = look.supplies.iter().filter(|(name, _)| packages.contains(*name));
        let versions = |supply: &Supply| supply.versions.iter().map(ToString::to_string).collect();
        Ok(supplies.map(|(name, supply)| (name.clone(), versions(supply))).collect())
    }

    async fn unit(&self, name: &UnitName) -> Result<UnitNow, HostError> {
        self.look().unit_now(name)
    }

    async fn container(&self, name: &str) -> Result<Option<ContainerNow>, HostError> {
        self.look().docker.container(name)
    }

    async fn labelled_containers(
        &self,
        label: &str,
        value: &str,
    ) -> Result<BTreeMap<String, ContainerNow>, HostError> {
        self.look().docker.labelled_containers(label, value)
    }

    async fn inspect(&self, listed: &ContainerNow) -> Result<Arc<Value>, HostError> {
        self.look().docker.inspect(&listed.id)
    }

    async fn network(&self, name: &str) -> Result<Option<NetworkNow>, HostError> {
        self.look().docker.network(name)
    }

    async fn labelled_networks(
        &self,
        label: &str,
        value: &str,
    ) -> Result<BTreeMap<String, NetworkNow>, HostError> {
        self.look().docker.labelled_networks(label, value)
    }

    async fn network_users(&self, name: &str) -> Result<BTreeSet<String>, HostError> {
        self.look().docker.network_users(name)
    }

    async fn volume(&self, name: &str) -> Result<Option<VolumeNow>, HostError> {
        self.look().docker.volume(name)
    }

    async fn image(&self, reference: &ImageReference) -> Result<Option<ImageNow>, HostError> {
        self.look().docker.image(reference)
    }

    async fn swarm(&self) -> Result<Arc<SwarmNow>, HostError> {
        self.look().docker.swarm()
    }

    async fn services(&self) -> Result<Arc<BTreeMap<String, ServiceNow>>, HostError> {
        self.look().docker.services()
    }

    async fn objects(&self, object: SwarmObject) -> Result<Arc<BTreeMap<String, ObjectNow>>, HostError> {
        self.look().docker.objects(object)
    }
}

impl Write for FakeHost {
    async fn run(
        &self,
        action: &Action,
        expects: &Expected,
        contents: &dyn ContentSource,
    ) -> Result<(), HostError> {
        let mut inner = self.inner();
        inner.act(action, expects, contents)?;
        let waits = matches!(
            action,
            Action::AwaitHealth { .. }
                | Action::Docker(DockerAction::AwaitContainer { .. } | DockerAction::AwaitService { .. })
        );
        if !waits {
            inner.done.push(action.clone());
        }
        Ok(())
    }

    async fn sweep(&self, _directories: &BTreeSet<AbsolutePath>) -> Result<(), HostError> {
        Ok(())
    }
}
