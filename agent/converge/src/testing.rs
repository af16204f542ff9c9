//! States, passes and short names for steps, for the tests of this crate.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use holdfast_schema::{
    AbsolutePath, Contents, FileMode, HostState, KindName, Resource, ResourceId, ResourceSet, Sha256,
    spec::{
        Access, ComposeSpec, ConfigFiles, ConfigSpec, ContainerConfig, ContainerSpec, DirectorySpec, Ensure,
        FileSpec, ImageSpec, Limits, NetworkSpec, NodeSpec, PackageEnsure, PackageSpec, Pull, RegistrySpec,
        RepositoryKey, RepositorySource, RepositorySpec, Restart, SecretReference, ServiceConfig,
        ServiceSpec, Spec, StackSpec, SymlinkSpec, UnitSpec, VolumeSpec,
    },
    state::{Apply, Mode, RemovalGuard},
};

use holdfast_secrets::{Envelope, Recipient, Secret, envelope::Salt};

use crate::{
    engine::{self, Report, Scope, Stop, Task, Upkeep},
    host::{
        Read, Write,
        faulty::{MemoryJournal, MemoryStore},
        watch::Culprit,
    },
    journal::Journal,
    kinds::Around,
    ledger::{Ledger, LedgerStore},
    plan::{Action, DockerAction, Preview, step::UnitVerb},
};

thread_local! {
    static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
}

/// Runs a future to its end.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.block_on(future))
}

pub(crate) fn id(text: &str) -> ResourceId {
    text.parse().unwrap()
}

pub(crate) fn path(text: &str) -> AbsolutePath {
    text.parse().unwrap()
}

/// A state under construction, with its contents.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) state: HostState,
    pub(crate) contents: Contents,
    /// When a pass over it is begun, if it only keeps up what was in force before.
    pub(crate) repairs: Option<i64>,
    /// See [`Task::in_force`].
    pub(crate) in_force: bool,
    /// Who changed what.
    pub(crate) by: BTreeMap<ResourceId, Culprit>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let guard = RemovalGuard { max_removals: 1000, max_removal_percent: 100, allowed: 0 };
        let (host, apply) = ("web-1".parse().unwrap(), Apply::default());
        let state = HostState { host, resources: BTreeMap::new(), guard, apply };
        Self { state, contents: Contents::default(), repairs: None, in_force: false, by: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, spec: Spec, name: &str) -> &mut Resource {
        let id = ResourceId::new(spec.kind(), name);
        let declared = "hosts/web-1.toml:1:1".to_owned();
        let (needs, tags, mode, confirm) = (ResourceSet::default(), BTreeSet::new(), Mode::Enforce, false);
        self.state.resources.insert(id.clone(), Resource { spec, needs, mode, confirm, tags, declared });
        self.state.resources.get_mut(&id).unwrap()
    }

    pub(crate) fn file(&mut self, name: &str, text: &str) -> &mut Resource {
        let content = Some(self.contents.add(text.as_bytes().to_vec()));
        let spec = Spec::File(FileSpec {
            path: path(name),
            ensure: Ensure::Present,
            content,
            access: access(0o644),
            validate: None,
            replace: true,
            sensitive: false,
            secret: None,
        });
        self.add(spec, name)
    }

    /// A file that holds a secret, which `to` can read.
    pub(crate) fn secret_file(
        &mut self,
        name: &str,
        envelope: &Envelope,
        text: &str,
        to: Recipient,
    ) -> &mut Resource {
        let sealed = self.seal(envelope, text, to);
        let resource = self.file(name, "");
        let file = resource.as_file();
        (file.content, file.secret, file.sensitive) = (None, Some(sealed), true);
        file.access.mode = FileMode::new(0o600);
        resource
    }

    /// Encrypts a secret, and puts it among the contents.
    pub(crate) fn seal(&mut self, envelope: &Envelope, text: &str, to: Recipient) -> SecretReference {
        let enclosed = envelope.enclose(&Secret::new(text.as_bytes().to_vec()));
        let sealed = holdfast_secrets::age::seal(&enclosed, &[to]).unwrap();
        SecretReference { name: envelope.name.clone(), sealed: self.contents.add(sealed.into_bytes()) }
    }

    /// A login whose password is a secret, which `to` can read.
    pub(crate) fn registry(
        &mut self,
        server: &str,
        user: &str,
        envelope: &Envelope,
        password: &str,
        to: Recipient,
    ) -> &mut Resource {
        let password = Some(self.seal(envelope, password, to));
        let (parsed, user, ensure) = (server.parse().unwrap(), user.to_owned(), Ensure::Present);
        self.add(Spec::Registry(RegistrySpec { server: parsed, ensure, user, password }), server)
    }

    pub(crate) fn directory(&mut self, name: &str) -> &mut Resource {
        let spec = Spec::Directory(DirectorySpec {
            path: path(name),
            ensure: Ensure::Present,
            access: access(0o755),
            purge: false,
            purge_limit: 10,
        });
        self.add(spec, name)
    }

    pub(crate) fn symlink(&mut self, name: &str, target: &str) -> &mut Resource {
        let spec = Spec::Symlink(SymlinkSpec {
            path: path(name),
            ensure: Ensure::Present,
            target: target.to_owned(),
        });
        self.add(spec, name)
    }

    /// A source of packages, for apt or for dnf and zypper, whose keys rpm calls `keys`.
    pub(crate) fn repository(&mut self, name: &str, deb: bool, text: &str, keys: &[&str]) -> &mut Resource {
        let mut add = |text: &str| self.contents.add(text.as_bytes().to_vec());
        let (source, key) = (add(text), add(&keys.join(" ")));
        let source = if deb {
            RepositorySource::Deb(source)
        } else {
            RepositorySource::Rpm { dnf: source, zypper: Some(source) }
        };
        let names: BTreeSet<String> = keys.iter().map(|key| format!("gpg-pubkey-{key}")).collect();
        let spec = Spec::Repository(RepositorySpec {
            name: name.parse().unwrap(),
            ensure: Ensure::Present,
            enabled: true,
            source: Some(source),
            key: (!keys.is_empty()).then_some(RepositoryKey { content: key, names }),
        });
        self.add(spec, name)
    }

    /// A source of packages that asks for what zypper does not have.
    pub(crate) fn repository_for_dnf_alone(&mut self, name: &str) {
        let dnf = self.contents.add(b"dnf".to_vec());
        self.repository(name, false, "", &["1"]).as_repository().source =
            Some(RepositorySource::Rpm { dnf, zypper: None });
    }

    pub(crate) fn package(&mut self, name: &str) -> &mut Resource {
        let spec = Spec::Package(PackageSpec {
            name: name.to_owned(),
            ensure: PackageEnsure::Present,
            version: None,
            hold: None,
            config_files: ConfigFiles::default(),
        });
        self.add(spec, name)
    }

    pub(crate) fn unit(&mut self, name: &str) -> &mut Resource {
        let spec = Spec::Unit(UnitSpec {
            name: name.parse().unwrap(),
            ensure: Ensure::Present,
            content: None,
            drop_ins: BTreeMap::new(),
            enabled: None,
            active: None,
            masked: None,
            restart_on: BTreeSet::new(),
            reload_on: BTreeSet::new(),
            health: None,
        });
        self.add(spec, name)
    }

    /// A unit that Holdfast writes, enables and runs.
    pub(crate) fn service(&mut self, name: &str, text: &str) -> &mut Resource {
        let content = Some(self.contents.add(text.as_bytes().to_vec()));
        let resource = self.unit(name);
        let unit = resource.as_unit();
        (unit.content, unit.enabled, unit.active) = (content, Some(true), Some(true));
        resource
    }

    pub(crate) fn image(&mut self, name: &str) -> &mut Resource {
        let (reference, ensure, pull) = (name.parse().unwrap(), Ensure::Present, Pull::Missing);
        self.add(Spec::Image(ImageSpec { reference, ensure, pull }), name)
    }

    pub(crate) fn network(&mut self, name: &str) -> &mut Resource {
        let spec = Spec::Network(NetworkSpec {
            name: name.parse().unwrap(),
            ensure: Ensure::Present,
            driver: None,
            subnet: None,
            gateway: None,
            internal: false,
            ipv6: false,
            attachable: false,
            options: BTreeMap::new(),
            labels: BTreeMap::new(),
        });
        self.add(spec, name)
    }

    pub(crate) fn volume(&mut self, name: &str) -> &mut Resource {
        let spec = Spec::Volume(VolumeSpec {
            name: name.parse().unwrap(),
            ensure: Ensure::Present,
            driver: None,
            options: BTreeMap::new(),
            labels: BTreeMap::new(),
        });
        self.add(spec, name)
    }

    /// A container that runs.
    pub(crate) fn container(&mut self, name: &str, image: &str) -> &mut Resource {
        let config = ContainerConfig { image: Some(image.parse().unwrap()), ..ContainerConfig::default() };
        let spec = Spec::Container(Box::new(ContainerSpec {
            name: name.parse().unwrap(),
            ensure: Ensure::Present,
            config,
            pull: Pull::Missing,
            running: true,
            networks: BTreeSet::new(),
            restart: Restart::default(),
            limits: Limits::default(),
            healthy_within: Duration::from_secs(5),
        }));
        self.add(spec, name)
    }

    /// A service of one task.
    pub(crate) fn swarm_service(&mut self, name: &str, image: &str) -> &mut Resource {
        let config = ServiceConfig { image: Some(image.parse().unwrap()), ..ServiceConfig::default() };
        let spec = Spec::Service(Box::new(ServiceSpec {
            name: name.parse().unwrap(),
            ensure: Ensure::Present,
            config,
            healthy_within: Duration::from_secs(20),
        }));
        self.add(spec, name)
    }

    pub(crate) fn config(&mut self, name: &str, text: &str) -> &mut Resource {
        let spec = Spec::Config(ConfigSpec {
            name: name.parse().unwrap(),
            ensure: Ensure::Present,
            content: Some(self.contents.add(text.as_bytes().to_vec())),
            labels: BTreeMap::new(),
        });
        self.add(spec, name)
    }

    pub(crate) fn node(&mut self, name: &str) -> &mut Resource {
        let spec = NodeSpec { name: name.parse().unwrap(), labels: BTreeMap::new(), availability: None };
        self.add(Spec::Node(spec), name)
    }

    /// A compose file, of which `asleep` are the services that no active profile has.
    pub(crate) fn compose(&mut self, name: &str, asleep: &[&str]) -> &mut Resource {
        let asleep = asleep.iter().map(|&service| service.to_owned()).collect();
        self.add(Spec::Compose(ComposeSpec { name: name.parse().unwrap(), asleep }), name)
    }

    /// A compose file in a Swarm.
    pub(crate) fn stack(&mut self, name: &str, asleep: &[&str]) -> &mut Resource {
        let asleep = asleep.iter().map(|&service| service.to_owned()).collect();
        self.add(Spec::Stack(StackSpec { name: name.parse().unwrap(), asleep }), name)
    }

    pub(crate) fn drop(&mut self, id_text: &str) -> &mut Self {
        assert!(self.state.resources.remove(&id(id_text)).is_some(), "{id_text} is not declared");
        self
    }

    pub(crate) fn get(&mut self, id_text: &str) -> &mut Resource {
        self.state.resources.get_mut(&id(id_text)).unwrap()
    }

    /// The edges that the language adds by itself: everything after the directories above it, units after what they watch.
    pub(crate) fn connect(&mut self) -> &mut Self {
        let directories: Vec<ResourceId> =
            self.state.resources.keys().filter(|id| id.kind == KindName::Directory).cloned().collect();
        for (id, resource) in &mut self.state.resources {
            let under = |directory: &&ResourceId| {
                id.kind != KindName::Package && id.name.starts_with(&format!("{}/", directory.name))
            };
            resource.needs.extend(directories.iter().filter(under).cloned());
            if let Spec::Unit(unit) = &resource.spec {
                resource.needs.extend(unit.restart_on.iter().chain(&unit.reload_on).cloned());
            }
        }
        self
    }

    pub(crate) fn task(&self) -> Task<'_> {
        Task {
            state: &self.state,
            contents: &self.contents,
            scope: Scope::All,
            revision: "3fa2c1d",
            whole_but_for: None,
            in_force: self.in_force,
            upkeep: self.repairs.map(|begun| Upkeep { begun, by: &self.by }),
        }
    }

    /// One pass with the ledger that `store` keeps.
    pub(crate) fn pass(&self, host: &impl Write, store: &mut MemoryStore) -> Report {
        let mut ledger = store.ledger();
        self.pass_with(host, &mut ledger, store)
    }

    pub(crate) fn pass_with(
        &self,
        host: &impl Write,
        ledger: &mut Ledger,
        store: &mut dyn LedgerStore,
    ) -> Report {
        self.pass_and_record(host, ledger, store, &mut MemoryJournal::default())
    }

    /// The same, with a journal.
    pub(crate) fn pass_and_record(
        &self,
        host: &impl Write,
        ledger: &mut Ledger,
        store: &mut dyn LedgerStore,
        journal: &mut MemoryJournal,
    ) -> Report {
        let recorded = journal.recorded();
        let journal = Journal::new(journal, &recorded);
        block_on(engine::pass(&self.task(), host, ledger, store, journal, &Stop::never()))
    }

    pub(crate) fn plan(&self, host: &impl Read, ledger: &Ledger) -> Preview {
        block_on(engine::plan(&self.task(), host, ledger))
    }
}

/// The variant that a test knows it made.
pub(crate) trait AsSpec {
    fn as_file(&mut self) -> &mut FileSpec;
    fn as_registry(&mut self) -> &mut RegistrySpec;
    fn as_repository(&mut self) -> &mut RepositorySpec;
    fn as_directory(&mut self) -> &mut DirectorySpec;
    fn as_package(&mut self) -> &mut PackageSpec;
    fn as_unit(&mut self) -> &mut UnitSpec;
    fn as_container(&mut self) -> &mut ContainerSpec;
    fn as_network(&mut self) -> &mut NetworkSpec;
    fn as_volume(&mut self) -> &mut VolumeSpec;
    fn as_service(&mut self) -> &mut ServiceSpec;
    fn as_config(&mut self) -> &mut ConfigSpec;
    fn as_node(&mut self) -> &mut NodeSpec;
}

impl AsSpec for Resource {
    fn as_file(&mut self) -> &mut FileSpec {
        if let Spec::File(file) = &mut self.spec { file } else { panic!("no file") }
    }
    fn as_registry(&mut self) -> &mut RegistrySpec {
        if let Spec::Registry(registry) = &mut self.spec { registry } else { panic!("no login") }
    }
    fn as_repository(&mut self) -> &mut RepositorySpec {
        if let Spec::Repository(repository) = &mut self.spec { repository } else { panic!("no repository") }
    }
    fn as_directory(&mut self) -> &mut DirectorySpec {
        if let Spec::Directory(directory) = &mut self.spec { directory } else { panic!("no directory") }
    }
    fn as_package(&mut self) -> &mut PackageSpec {
        if let Spec::Package(package) = &mut self.spec { package } else { panic!("no package") }
    }
    fn as_unit(&mut self) -> &mut UnitSpec {
        if let Spec::Unit(unit) = &mut self.spec { unit } else { panic!("no unit") }
    }
    fn as_container(&mut self) -> &mut ContainerSpec {
        if let Spec::Container(container) = &mut self.spec { container } else { panic!("no container") }
    }
    fn as_network(&mut self) -> &mut NetworkSpec {
        if let Spec::Network(network) = &mut self.spec { network } else { panic!("no network") }
    }
    fn as_volume(&mut self) -> &mut VolumeSpec {
        if let Spec::Volume(volume) = &mut self.spec { volume } else { panic!("no volume") }
    }
    fn as_service(&mut self) -> &mut ServiceSpec {
        if let Spec::Service(service) = &mut self.spec { service } else { panic!("no service") }
    }
    fn as_config(&mut self) -> &mut ConfigSpec {
        if let Spec::Config(config) = &mut self.spec { config } else { panic!("no config") }
    }
    fn as_node(&mut self) -> &mut NodeSpec {
        if let Spec::Node(node) = &mut self.spec { node } else { panic!("no node") }
    }
}

/// An envelope of root's for these destinations.
pub(crate) fn envelope(name: &str, destinations: &[&str]) -> Envelope {
    Envelope {
        name: name.parse().unwrap(),
        destinations: destinations.iter().map(|&destination| destination.to_owned()).collect(),
        owner: "root:root".to_owned(),
        greatest_mode: FileMode::new(0o600),
        generation: 1,
        salt: Salt::random().unwrap(),
    }
}

fn access(mode: u16) -> Access {
    Access { owner: "root".to_owned(), group: "root".to_owned(), mode: FileMode::new(mode) }
}

/// What a kind plans for one resource of a scene, in short; of a refusal its code.
pub(crate) fn planned(scene: &Scene, id_text: &str, host: &impl Read, ledger: &Ledger) -> String {
    planned_with(scene, id_text, host, ledger, &BTreeMap::new())
}

/// The same, with the fingerprints of what units watch.
pub(crate) fn planned_with(
    scene: &Scene,
    id_text: &str,
    host: &impl Read,
    ledger: &Ledger,
    prints: &BTreeMap<ResourceId, Sha256>,
) -> String {
    let id = id(id_text);
    let around =
        Around { state: &scene.state, contents: &scene.contents, ledger, prints, in_force: scene.in_force };
    let want = scene.state.resources.get(&id).map(|resource| &resource.spec);
    match block_on(crate::kinds::examine(&id, want, false, &around, host)).unwrap().plan {
        Ok(steps) => steps.iter().map(|step| short(&step.action)).collect::<Vec<_>>().join("; "),
        Err(refusal) => refusal.code().to_owned(),
    }
}

/// An action in a few words.
pub(crate) fn short(action: &Action) -> String {
    match action {
        Action::WriteFile { path, .. } => format!("write {path}"),
        Action::SetLogin { server, user, .. } => format!("log in at {server} as {user}"),
        Action::RemoveLogin { server } => format!("log out of {server}"),
        Action::TrustKey { key, .. } => format!("trust {key}"),
        Action::DistrustKey { key, .. } => format!("distrust {key}"),
        Action::RefreshRepository { repository, .. } => format!("fetch {repository}"),
        Action::WriteSecret { path, secret, .. } => format!("write secret {} to {path}", secret.name),
        Action::SetAccess { path, access } => {
            format!("access {path} {}:{} {}", access.uid, access.gid, access.mode)
        }
        Action::MakeDirectory { path, .. } => format!("mkdir {path}"),
        Action::MakeSymlink { path, target } => format!("link {path} {target}"),
        Action::RemovePath { path } => format!("remove {path}"),
        Action::RemoveTree { path } => format!("remove tree {path}"),
        Action::Packages(transaction) => {
            let mut words = Vec::new();
            words.extend(transaction.repair.iter().map(|name| format!("repair {name}")));
            words.extend(transaction.unhold.iter().map(|name| format!("unhold {name}")));
            words.extend(transaction.install.iter().map(|(name, version)| match version {
                Some(version) => format!("install {name}={version}"),
                None => format!("install {name}"),
            }));
            words.extend(transaction.remove.iter().map(|name| format!("remove {name}")));
            words.extend(transaction.purge.iter().map(|name| format!("purge {name}")));
            words.extend(transaction.hold.iter().map(|name| format!("hold {name}")));
            format!("packages {}", words.join(", "))
        }
        Action::ReloadManager => "reload manager".to_owned(),
        Action::EnableUnit { unit, enable } => {
            format!("{} {unit}", if *enable { "enable" } else { "disable" })
        }
        Action::MaskUnit { unit, mask } => format!("{} {unit}", if *mask { "mask" } else { "unmask" }),
        Action::ControlUnit { unit, verb, .. } => {
            let verb = match verb {
                UnitVerb::Start => "start",
                UnitVerb::Stop => "stop",
                UnitVerb::Restart => "restart",
                UnitVerb::Reload => "reload",
            };
            format!("{verb} {unit}")
        }
        Action::AwaitHealth { unit, .. } => format!("await {unit}"),
        Action::Docker(action) => short_docker(action),
    }
}

fn short_docker(action: &DockerAction) -> String {
    match action {
        DockerAction::PullImage { image } => format!("pull {}", image.as_str().split('@').next().unwrap()),
        DockerAction::RemoveImage { image } => format!("remove image {image}"),
        DockerAction::CreateNetwork { name, .. } => format!("make network {name}"),
        DockerAction::RemoveNetwork { name } => format!("remove network {name}"),
        DockerAction::CreateVolume { name, .. } => format!("make volume {name}"),
        DockerAction::RemoveVolume { name } => format!("remove volume {name}"),
        DockerAction::PutContainer(new) => {
            format!("put {}{}", new.name, if new.start.is_some() { "" } else { " stopped" })
        }
        DockerAction::UpdateContainer { name, .. } => format!("update {name}"),
        DockerAction::ConnectNetwork { container, network, .. } => format!("connect {container} {network}"),
        DockerAction::DisconnectNetwork { container, network } => format!("disconnect {container} {network}"),
        DockerAction::StartContainer { name, .. } => format!("start {name}"),
        DockerAction::AwaitContainer { name, .. } => format!("await {name}"),
        DockerAction::StopContainer { name } => format!("stop {name}"),
        DockerAction::RemoveContainer { name } => format!("remove {name}"),
        DockerAction::PutService(new) => format!("put service {}", new.name),
        DockerAction::AwaitService { name, .. } => format!("await service {name}"),
        DockerAction::RemoveService { name } => format!("remove service {name}"),
        DockerAction::CreateConfig { name, .. } => format!("make config {name}"),
        DockerAction::RemoveConfig { name, old } => {
            format!("remove {}config {name}", if *old { "old " } else { "" })
        }
        DockerAction::CreateSecret { name, secret, .. } => format!("make secret {name} of {}", secret.name),
        DockerAction::RemoveSecret { name, old } => {
            format!("remove {}secret {name}", if *old { "old " } else { "" })
        }
        DockerAction::LabelConfig { name, .. } => format!("label config {name}"),
        DockerAction::LabelSecret { name, .. } => format!("label secret {name}"),
        DockerAction::UpdateNode { name, .. } => format!("update node {name}"),
    }
}

/// The changes that a host was told to make, in short.
pub(crate) fn shorts(actions: &[Action]) -> Vec<String> {
    actions.iter().map(short).collect()
}

/// A ledger in which these resources own these paths, each created with this text (none for a directory).
pub(crate) fn ledger_of(created: &[(&str, &str, Option<&str>)]) -> Ledger {
    let mut ledger = Ledger::default();
    for (id_text, path_text, text) in created {
        let digest = text.map(|text| Sha256::of(text.as_bytes()));
        ledger.intend(&id(id_text), &path(path_text), digest, true);
        let origin = crate::ledger::Origin::Created;
        ledger.learn(&id(id_text), crate::ledger::Lesson::Origin { path: path(path_text), origin });
    }
    ledger
}
