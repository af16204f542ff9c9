//! States and passes, for the tests of this crate.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_schema::{
    AbsolutePath, Contents, FileMode, HostState, KindName, Resource, ResourceId, ResourceSet, Sha256,
    spec::{
        Access, ConfigFiles, DirectorySpec, Ensure, FileSpec, PackageEnsure, PackageSpec, RegistrySpec,
        RepositoryKey, RepositorySource, RepositorySpec, SecretReference, Spec, SymlinkSpec, UnitSpec,
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
    ledger::{Ledger, LedgerStore},
    plan::Preview,
};

mod as_spec;
mod docker;
mod words;

pub(crate) use as_spec::AsSpec;
pub(crate) use words::{planned, planned_with, shorts};

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
                resource.needs.extend(unit.inputs().cloned());
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
