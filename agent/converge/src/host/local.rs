//! The host that this process runs on: [`ReadOnlyHost`] looks, [`LocalHost`] also changes.
//!
//! This only hands each question and each action to the module that knows.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, io,
    path::Path,
    rc::Rc,
    sync::Arc,
};

use holdfast_schema::{
    AbsolutePath, ContentSource, Facts, FileMode, ImageReference, KindName, ResourceId, Sha256, UnitName,
    id::RegistryName,
    spec::{Health, RepositoryPlace, SecretReference},
};
use holdfast_secrets::{EnvelopeError, Secret};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    ConfigFile, ContainerNow, Entry, Expected, HostError, ImageNow, Look, NetworkNow, Node, ObjectNow,
    Offered, PackageNow, Read, Sealed, SecretNow, ServiceNow, SwarmNow, SwarmObject, UnitNow, VolumeNow,
    Wanted, Write,
    accounts::Accounts,
    docker::Docker,
    facts,
    files::{Digest, Editor, Files, NewFile, Tree},
    logins::{self, LoginNow},
    outside::{self, Outside, Unsuccessful},
    packages::{Installer, Packages},
    probe,
    rescue::Rescue,
    secrets::Secrets,
    systemd::Systemd,
    watch::{Watch, Witness},
};
use crate::plan::{
    Action, DockerAction,
    step::{OWN_PACKAGE, Owned, UnitVerb},
};

#[cfg(test)]
mod tests;

/// Looks at the host and cannot change it.
#[derive(Debug)]
pub struct ReadOnlyHost {
    files: Rc<Files>,
    secrets: Secrets,
    accounts: Accounts,
    /// There is none in a scratch root.
    machine: Option<Machine>,
}

/// What only a whole host has.
#[derive(Debug)]
struct Machine {
    systemd: Rc<Systemd>,
    packages: Rc<Packages>,
    docker: Box<Docker>,
}

/// Looks at the host and changes it.
#[derive(Debug)]
pub struct LocalHost {
    read: ReadOnlyHost,
    editor: Editor,
    outside: Rc<Outside>,
    /// Puts an old agent back where a new one does not come up.
    pub rescue: Rescue,
    /// There is none where systemd does not run the host.
    installer: Option<Installer>,
}

impl ReadOnlyHost {
    /// The host itself.
    pub fn new() -> Result<Self, HostError> {
        Self::keeping(None)
    }

    /// The host itself; some answers are kept in the directory `state` for the next process.
    fn keeping(state: Option<&Path>) -> Result<Self, HostError> {
        let tree = Tree::host().map_err(|error| opened("/", error))?;
        let machine = Machine {
            systemd: Rc::default(),
            packages: Rc::new(Packages::new(state)),
            docker: Box::default(),
        };
        Ok(Self::over(tree, Path::new("/"), Some(machine)))
    }

    /// The directory `root` in the place of a host's root directory. There everybody is the one who runs this, and there are
    /// neither packages nor units.
    pub fn scratch(root: &Path) -> Result<Self, HostError> {
        let tree = Tree::scratch(root).map_err(|error| opened(&root.to_string_lossy(), error))?;
        Ok(Self::over(tree, root, None))
    }

    fn over(tree: Tree, root: &Path, machine: Option<Machine>) -> Self {
        let accounts = Accounts::new(tree.is_scratch());
        Self { files: Rc::new(Files::new(tree)), secrets: Secrets::of(root), accounts, machine }
    }

    /// What the host is; asked anew every time.
    pub async fn facts(&self) -> Result<Facts, HostError> {
        facts::read(self.machine.as_ref().map(|machine| &*machine.systemd)).await
    }

    /// The name of what manages this host's packages, and those that it left half installed.
    pub async fn package_manager(&self) -> Result<(&'static str, Vec<String>), HostError> {
        let machine = self.machine.as_ref().ok_or_else(|| unsupported("installing packages"))?;
        let packages = machine.packages.all().await?;
        let broken = packages.into_iter().filter(|(_, now)| matches!(now, PackageNow::Broken { .. }));
        Ok((machine.packages.manager_name()?, broken.map(|(name, _)| name).collect()))
    }

    fn systemd(&self) -> Result<&Systemd, HostError> {
        let machine = self.machine.as_ref().ok_or_else(|| unsupported("managing units"))?;
        Ok(&machine.systemd)
    }

    /// What the engine is to be told of the login with which it pulls an image.
    fn login_for(&self, image: &ImageReference) -> Result<Option<Zeroizing<String>>, HostError> {
        match self.files.secret(&logins_path()?, logins::LARGEST)? {
            Some((config, _)) => logins::for_image(&config, image).map_err(|why| unreadable_logins(&why)),
            None => Ok(None),
        }
    }

    fn docker(&self) -> Result<&Docker, HostError> {
        let machine = self.machine.as_ref().ok_or_else(|| unsupported("managing what Docker keeps"))?;
        Ok(&machine.docker)
    }
}

impl LocalHost {
    /// The host itself. `state` is the agent's own directory, which only root can write. The program that calls this starts
    /// itself with `probe` as the first argument, and calls [`super::probe::main`] then.
    pub fn new(state: &Path) -> Result<Self, HostError> {
        let read = ReadOnlyHost::keeping(Some(state))?;
        let Some(Machine { systemd, packages, .. }) = read.machine.as_ref().filter(|_| outside::is_booted())
        else {
            return Ok(Self::over(read, Outside::Children, None));
        };
        // Now, for after an upgrade of the package it would be told as deleted.
        let program = env::current_exe().map_err(|error| opened("this very program", error))?;
        let probe = vec![program.to_string_lossy().into_owned(), "probe".to_owned()];
        let outside = Outside::Units { systemd: Rc::clone(systemd), probe, state: state.to_owned() };
        let installer = Installer::new(Rc::clone(packages), Rc::clone(systemd), state.to_owned());
        Ok(Self::over(read, outside, Some(installer)))
    }

    /// See [`ReadOnlyHost::scratch`]. Directories that a path needs and nobody declares are made.
    pub fn scratch(root: &Path) -> Result<Self, HostError> {
        Ok(Self::over(ReadOnlyHost::scratch(root)?, Outside::Children, None))
    }

    /// What listens for changes of this host; a `witness` tells who made them.
    pub fn watch(&self, witness: Option<Witness>) -> Result<Watch, HostError> {
        let packages = self.read.machine.as_ref().map(|machine| Rc::clone(&machine.packages));
        Watch::new(Rc::clone(&self.read.files), packages, witness)
    }

    /// The same, with the Docker engine of the machine that runs the tests.
    #[cfg(test)]
    pub(crate) fn scratch_with_docker(root: &Path) -> Self {
        let tree = Tree::scratch(root).unwrap();
        let machine = Machine {
            systemd: Rc::default(),
            packages: Rc::new(Packages::new(None)),
            docker: Box::default(),
        };
        Self::over(ReadOnlyHost::over(tree, root, Some(machine)), Outside::Children, None)
    }

    /// How many requests its Docker engine was sent.
    #[cfg(test)]
    pub(crate) fn docker_requests(&self) -> u32 {
        self.read.machine.as_ref().unwrap().docker.requests()
    }

    /// Does one action of the Docker engine; a secret is only opened for what its own envelope allows.
    async fn docker(
        &self,
        action: &DockerAction,
        expects: &Expected,
        contents: &dyn ContentSource,
    ) -> Result<(), HostError> {
        let open = |secret: &SecretReference| match action {
            DockerAction::CreateSecret { resource, .. } => {
                Ok(self.read.secrets.disclose(secret, resource, contents)?.1)
            }
            _ => Err(unsupported("opening a secret for something else")),
        };
        let login = match action.pulls() {
            Some(image) => self.read.login_for(&image)?,
            None => None,
        };
        let login = login.as_deref().map(String::as_str);
        self.read.docker()?.run(action, expects, contents, &open, login).await
    }

    fn installer(&self) -> Result<&Installer, HostError> {
        self.installer.as_ref().ok_or_else(|| unsupported("installing packages"))
    }

    /// See [`ReadOnlyHost::facts`].
    pub async fn facts(&self) -> Result<Facts, HostError> {
        self.read.facts().await
    }

    /// Waits until one of the host's own health probes succeeds; why not, if it does not in time.
    pub async fn probe(&self, name: &str, health: &Health) -> Result<(), String> {
        let task = probe::arguments(health);
        let description = format!("Health probe {name} of this host");
        let probed = self.outside.probe(&format!("probe-{name}"), &description, task, health.within).await;
        probed.map_err(|unsuccessful| match unsuccessful {
            Unsuccessful::Host(error) => error.to_string(),
            Unsuccessful::Failure(failure) if failure.said.is_empty() => failure.how,
            Unsuccessful::Failure(failure) => format!("{}: {}", failure.how, failure.said),
        })
    }

    /// The new agent works: the old one is not needed any more.
    pub async fn disarm_rescue(&self) -> Result<(), HostError> {
        self.rescue.disarm(&self.outside).await
    }

    /// Has the old agent put back, which ends this one.
    pub async fn fire_rescue(&self) -> Result<(), HostError> {
        self.rescue.fire(&self.outside).await
    }

    /// Puts the file of logins in place, changed, for root alone.
    async fn change_logins(
        &self,
        expects: &Expected,
        change: impl FnOnce(Option<&Secret>) -> Result<Secret, serde_json::Error>,
    ) -> Result<(), HostError> {
        let path = logins_path()?;
        let config = self.read.files.secret(&path, logins::LARGEST)?.map(|(config, _)| config);
        let changed = change(config.as_ref()).map_err(|why| unreadable_logins(&why))?;
        let (uid, gid) = (0, 0);
        if let Some(directory) = path.parent()
            && self.read.files.node(&directory, Digest::None)? == Node::Absent
        {
            let access = Owned { uid, gid, mode: FileMode::new(0o700) };
            self.editor.make_directory(&directory, &access, &Expected::Nothing)?;
        }
        let access = Owned { uid, gid, mode: FileMode::new(0o600) };
        let new = NewFile { bytes: changed.expose(), access, validate: None, sensitive: true };
        self.editor.write_file(&path, &new, expects).await
    }

    fn over(read: ReadOnlyHost, outside: Outside, installer: Option<Installer>) -> Self {
        let outside = Rc::new(outside);
        let editor = Editor::new(Rc::clone(&read.files), Rc::clone(&outside));
        Self { read, editor, outside, rescue: Rescue::default(), installer }
    }
}

fn unsupported(what: &str) -> HostError {
    HostError::Unsupported { what: what.to_owned() }
}

fn opened(root: &str, source: io::Error) -> HostError {
    HostError::Io { tried: format!("open {root}"), source }
}

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

impl Write for LocalHost {
    async fn run(
        &self,
        action: &Action,
        expects: &Expected,
        contents: &dyn ContentSource,
    ) -> Result<(), HostError> {
        // Whatever it does may put another directory in the place of one that is open.
        self.read.files.forget_directories();
        match action {
            Action::WriteFile { path, content, access, validate, sensitive } => {
                let bytes = verified(path, content.sha256, contents)?;
                let validate = validate.as_deref();
                let new = NewFile { bytes: &bytes, access: *access, validate, sensitive: *sensitive };
                self.editor.write_file(path, &new, expects).await
            }
            Action::WriteSecret { path, secret, access, validate, .. } => {
                let resource = ResourceId::new(KindName::File, path.as_str());
                let (envelope, secret) = self.read.secrets.disclose(secret, &resource, contents)?;
                let allowed = envelope.greatest_mode;
                if access.mode.bits() & !allowed.bits() != 0 {
                    let source = EnvelopeError::Mode { wanted: access.mode, allowed }.into();
                    return Err(HostError::Secret { what: format!("the secret {}", envelope.name), source });
                }
                let validate = validate.as_deref();
                let new = NewFile { bytes: secret.expose(), access: *access, validate, sensitive: true };
                self.editor.write_file(path, &new, expects).await
            }
            Action::SetLogin { server, user, password } => {
                let resource = ResourceId::new(KindName::Registry, server.as_str());
                let (_, password) = self.read.secrets.disclose(password, &resource, contents)?;
                Box::pin(self.read.docker()?.log_in(server, user, &password)).await?;
                self.change_logins(expects, |config| logins::with(config, server, user, &password)).await
            }
            Action::RemoveLogin { server } => {
                self.change_logins(expects, |config| logins::without(config, server)).await
            }
            Action::TrustKey { file, .. } => self.installer()?.trust(file).await,
            Action::DistrustKey { key, .. } => self.installer()?.distrust(key).await,
            Action::RefreshRepository { repository, .. } => {
                self.installer()?.refresh_repository(repository).await
            }
            Action::SetAccess { path, access } => self.editor.set_access(path, access, expects),
            Action::MakeDirectory { path, access } => self.editor.make_directory(path, access, expects),
            Action::MakeSymlink { path, target } => self.editor.make_symlink(path, target, expects),
            Action::RemovePath { path } => self.editor.remove(path, expects),
            Action::RemoveTree { path } => self.editor.remove_tree(path, expects),
            Action::Packages(transaction) => {
                // Packages bring users and groups.
                self.read.accounts.forget();
                let installer = self.installer()?;
                if transaction.install.contains_key(OWN_PACKAGE) {
                    self.rescue.arm(&self.outside).await?;
                }
                let result = installer.run(transaction).await;
                self.read.accounts.forget();
                result
            }
            Action::ReloadManager => self.read.systemd()?.reload_manager().await,
            Action::EnableUnit { unit, enable } => self.read.systemd()?.enable(unit, *enable).await,
            Action::MaskUnit { unit, mask } => self.read.systemd()?.mask(unit, *mask).await,
            Action::ControlUnit { unit, verb, health } => {
                let systemd = self.read.systemd()?;
                systemd.control(unit, *verb).await?;
                match health {
                    Some(health) if *verb != UnitVerb::Stop => {
                        systemd.await_health(unit, health, &self.outside).await
                    }
                    _ => Ok(()),
                }
            }
            Action::AwaitHealth { unit, health } => {
                self.read.systemd()?.await_health(unit, health, &self.outside).await
            }
            // It is large, and seldom needed.
            Action::Docker(action) => Box::pin(self.docker(action, expects, contents)).await,
        }
    }

    fn config_files(&self) -> Vec<ConfigFile> {
        self.installer.as_ref().map(Installer::config_files).unwrap_or_default()
    }

    async fn sweep(&self, directories: &BTreeSet<AbsolutePath>) -> Result<(), HostError> {
        directories.iter().try_for_each(|directory| self.editor.sweep(directory))
    }
}

/// The file that root's logins at registries are in.
fn logins_path() -> Result<AbsolutePath, HostError> {
    logins::PATH.parse().map_err(|_never| unsupported("logging in at registries"))
}

fn unreadable_logins(why: &serde_json::Error) -> HostError {
    // The reason of a reader of JSON can quote what it read.
    let what = format!("it is not what the docker command writes, see line {}", why.line());
    HostError::Io {
        tried: format!("read {}", logins::PATH),
        source: io::Error::new(io::ErrorKind::InvalidData, what),
    }
}

/// The bytes with the digest `sha256`, which is checked: a store on a failing disk must not end up in a file.
fn verified(
    path: &AbsolutePath,
    sha256: Sha256,
    contents: &dyn ContentSource,
) -> Result<Arc<[u8]>, HostError> {
    let failed = |source| HostError::Io { tried: format!("get the content of {path}"), source };
    let bytes = contents.content(&sha256).map_err(failed)?;
    if Sha256::of(&bytes) == sha256 {
        Ok(bytes)
    } else {
        Err(failed(io::Error::new(io::ErrorKind::InvalidData, "it does not have its digest")))
    }
}
