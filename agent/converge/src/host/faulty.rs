//! A host that fails where a test says so, and the store that dies with it.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use holdfast_schema::{
    AbsolutePath, ContentSource, Contents, ImageReference, Sha256, UnitName,
    id::RegistryName,
    spec::{RepositoryPlace, SecretReference},
};
use serde_json::Value;

use super::{
    ContainerNow, Entry, Expected, HostError, ImageNow, LoginNow, Look, NetworkNow, Node, ObjectNow, Offered,
    PackageNow, Read, Sealed, SecretNow, ServiceNow, SwarmNow, SwarmObject, UnitNow, VolumeNow, Wanted,
    Write,
};
use crate::{
    journal::{JournalStore, Record, Recorded},
    ledger::{Ledger, LedgerStore},
    plan::Action,
};

/// Where things go wrong, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nowhere.
    None,
    /// This call, a look or a change, fails with an I/O error and does nothing.
    ErrorAt(usize),
    /// The power goes just before this effect: a change of the host or a saved ledger.
    CrashBefore(usize),
    /// This change never ends.
    HangAt(usize),
}

/// What is done to the host behind Holdfast's back.
pub(crate) type Meddling<'a, H> = Box<dyn FnMut(&H) + 'a>;

/// A host that fails where a test says so.
pub(crate) struct Faulty<'a, H> {
    host: &'a H,
    fault: Fault,
    calls: Cell<usize>,
    effects: Cell<usize>,
    crashed: Cell<bool>,
    /// Before which change it is meddled with.
    meddling: RefCell<Option<(usize, Meddling<'a, H>)>>,
}

impl<'a, H> Faulty<'a, H> {
    pub(crate) fn new(host: &'a H, fault: Fault) -> Self {
        let (calls, effects, crashed) = (Cell::new(0), Cell::new(0), Cell::new(false));
        Self { host, fault, calls, effects, crashed, meddling: RefCell::new(None) }
    }

    /// Calls `meddling` just before the change with this number and every later one.
    pub(crate) fn meddle(self, from: usize, meddling: impl FnMut(&H) + 'a) -> Self {
        *self.meddling.borrow_mut() = Some((from, Box::new(meddling)));
        self
    }

    /// How many calls there were.
    pub(crate) fn calls(&self) -> usize {
        self.calls.get()
    }

    /// Whether the power went.
    pub(crate) fn crashed(&self) -> bool {
        self.crashed.get()
    }

    fn call(&self) -> Result<(), HostError> {
        let call = self.calls.replace(self.calls.get() + 1);
        let tried = || "reach a faulty host".to_owned();
        if self.crashed.get() || self.fault == Fault::ErrorAt(call) {
            return Err(HostError::Io { tried: tried(), source: io::Error::other("injected") });
        }
        Ok(())
    }

    /// Whether the next effect happens.
    fn effect(&self) -> bool {
        let effect = self.effects.replace(self.effects.get() + 1);
        if self.fault == Fault::CrashBefore(effect) {
            self.crashed.set(true);
        }
        !self.crashed.get()
    }
}

impl<H: Read> Read for Faulty<'_, H> {
    async fn prepare(&self, wanted: &Wanted) -> Result<(), HostError> {
        self.call()?;
        self.host.prepare(wanted).await
    }
    async fn node(&self, path: &AbsolutePath, look: Look) -> Result<Node, HostError> {
        self.call()?;
        self.host.node(path, look).await
    }
    async fn entries(&self, path: &AbsolutePath) -> Result<Vec<Entry>, HostError> {
        self.call()?;
        self.host.entries(path).await
    }
    async fn bytes(&self, path: &AbsolutePath, limit: u64) -> Result<Option<Arc<[u8]>>, HostError> {
        self.call()?;
        self.host.bytes(path, limit).await
    }
    async fn secret(
        &self,
        reference: &SecretReference,
        contents: &dyn ContentSource,
    ) -> Result<Arc<SecretNow>, HostError> {
        self.call()?;
        self.host.secret(reference, contents).await
    }
    async fn sealed(&self, path: &AbsolutePath, limit: u64) -> Result<Option<Sealed>, HostError> {
        self.call()?;
        self.host.sealed(path, limit).await
    }
    async fn login(&self, server: &RegistryName) -> Result<LoginNow, HostError> {
        self.call()?;
        self.host.login(server).await
    }
    async fn user(&self, name: &str) -> Result<Option<u32>, HostError> {
        self.call()?;
        self.host.user(name).await
    }
    async fn group(&self, name: &str) -> Result<Option<u32>, HostError> {
        self.call()?;
        self.host.group(name).await
    }
    async fn package(&self, name: &str) -> Result<PackageNow, HostError> {
        self.call()?;
        self.host.package(name).await
    }
    async fn packages(&self) -> Result<BTreeMap<String, PackageNow>, HostError> {
        self.call()?;
        self.host.packages().await
    }
    async fn repository_place(&self) -> Result<RepositoryPlace, HostError> {
        self.call()?;
        self.host.repository_place().await
    }

    async fn offered(&self, packages: &BTreeSet<String>) -> Result<Offered, HostError> {
        self.call()?;
        self.host.offered(packages).await
    }
    async fn unit(&self, name: &UnitName) -> Result<UnitNow, HostError> {
        self.call()?;
        self.host.unit(name).await
    }

    async fn container(&self, name: &str) -> Result<Option<ContainerNow>, HostError> {
        self.call()?;
        self.host.container(name).await
    }
    async fn labelled_containers(
        &self,
        label: &str,
        value: &str,
    ) -> Result<BTreeMap<String, ContainerNow>, HostError> {
        self.call()?;
        self.host.labelled_containers(label, value).await
    }
    async fn inspect(&self, listed: &ContainerNow) -> Result<Arc<Value>, HostError> {
        self.call()?;
        self.host.inspect(listed).await
    }
    async fn network(&self, name: &str) -> Result<Option<NetworkNow>, HostError> {
        self.call()?;
        self.host.network(name).await
    }
    async fn labelled_networks(
        &self,
        label: &str,
        value: &str,
    ) -> Result<BTreeMap<String, NetworkNow>, HostError> {
        self.call()?;
        self.host.labelled_networks(label, value).await
    }
    async fn network_users(&self, name: &str) -> Result<BTreeSet<String>, HostError> {
        self.call()?;
        self.host.network_users(name).await
    }
    async fn volume(&self, name: &str) -> Result<Option<VolumeNow>, HostError> {
        self.call()?;
        self.host.volume(name).await
    }
    async fn image(&self, reference: &ImageReference) -> Result<Option<ImageNow>, HostError> {
        self.call()?;
        self.host.image(reference).await
    }

    async fn swarm(&self) -> Result<Arc<SwarmNow>, HostError> {
        self.call()?;
        self.host.swarm().await
    }
    async fn services(&self) -> Result<Arc<BTreeMap<String, ServiceNow>>, HostError> {
        self.call()?;
        self.host.services().await
    }
    async fn objects(&self, object: SwarmObject) -> Result<Arc<BTreeMap<String, ObjectNow>>, HostError> {
        self.call()?;
        self.host.objects(object).await
    }
}

impl<H: Write> Write for Faulty<'_, H> {
    async fn run(
        &self,
        action: &Action,
        expects: &Expected,
        contents: &dyn ContentSource,
    ) -> Result<(), HostError> {
        self.call()?;
        if let Some((from, meddling)) = &mut *self.meddling.borrow_mut()
            && self.effects.get() >= *from
        {
            meddling(self.host);
        }
        if !self.effect() {
            return Err(HostError::Io { tried: "run".to_owned(), source: io::Error::other("crashed") });
        }
        if self.fault == Fault::HangAt(self.effects.get() - 1) {
            std::future::pending::<()>().await;
        }
        self.host.run(action, expects, contents).await
    }
}

/// A ledger store in memory; with a host, saving is an effect of that host and fails once it has crashed.
#[derive(Debug, Default)]
pub(crate) struct MemoryStore {
    /// The stored document.
    pub(crate) stored: Option<Vec<u8>>,
    /// How often it was stored.
    pub(crate) saves: usize,
    /// Saving fails.
    pub(crate) full: bool,
}

impl MemoryStore {
    /// The stored ledger, as the next start of the agent would read it.
    pub(crate) fn ledger(&self) -> Ledger {
        self.stored.as_deref().map_or_else(Ledger::default, |bytes| Ledger::parse(bytes).unwrap())
    }
}

impl LedgerStore for MemoryStore {
    fn save(&mut self, ledger: &Ledger) -> io::Result<()> {
        if self.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.saves += 1;
        self.stored = Some(ledger.to_json()?);
        Ok(())
    }
}

/// A journal in memory, with what it keeps.
#[derive(Debug, Default)]
pub(crate) struct MemoryJournal {
    /// Every record.
    pub(crate) records: Vec<Record>,
    /// What was kept.
    pub(crate) kept: Contents,
    /// How often it was flushed.
    pub(crate) flushes: usize,
    /// Writing fails.
    pub(crate) full: bool,
}

impl MemoryJournal {
    pub(crate) fn recorded(&self) -> Recorded {
        Recorded::of(self.records.iter().cloned())
    }
}

impl JournalStore for MemoryJournal {
    fn keep(&mut self, bytes: &[u8]) -> io::Result<Sha256> {
        Ok(self.kept.add(bytes).sha256)
    }

    fn append(&mut self, records: &[Record]) -> io::Result<()> {
        if self.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.flushes += 1;
        self.records.extend_from_slice(records);
        Ok(())
    }

    fn note(&mut self, record: &Record) {
        self.records.push(record.clone());
    }
}

/// A store on the disk of a faulty host.
pub(crate) struct StoreOn<'a, 'b, H> {
    pub(crate) host: &'a Faulty<'b, H>,
    pub(crate) store: &'a mut MemoryStore,
}

impl<H> LedgerStore for StoreOn<'_, '_, H> {
    fn save(&mut self, ledger: &Ledger) -> io::Result<()> {
        if self.host.effect() { self.store.save(ledger) } else { Err(io::Error::other("crashed")) }
    }
}
