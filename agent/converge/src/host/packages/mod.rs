//! Packages of the distribution, whatever manages them: [`Packages`] looks, [`Installer`] changes.
//!
//! # Looking
//! One query answers for all packages of a pass. Its answer is kept for as long as the database is provably the same, within the
//! process and, in the agent's own directory, for the next one: a quiet pass starts no process.
//!
//! # Changing
//! All changes of a pass are one transaction. It runs in a transient unit, so that an agent that stops, crashes or is itself
//! upgraded by it never leaves the package manager half done. The unit's fixed name is a lock: an agent that finds it at work
//! waits. Nothing is decided from the exit code alone: the engine asks again, package by package. See [`install`].
//!
//! # Who does it
//! apt, dnf or zypper, by what the host has: see [`manager`], behind which all that differs lies.
//!
//! # Where packages come from
//! Files are written by others; here their lists are fetched, and rpm is told which keys it trusts: see [`repository`].

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    rc::Rc,
};

use holdfast_schema::spec::RepositoryPlace;

use super::{HostError, Offered, PackageNow, command::Command};

mod apt;
mod complaint;
mod database;
mod install;
mod lock;
mod manager;
mod plan;
mod repository;
mod rpm;
mod script;
pub(crate) mod version;

use database::Database;
pub(super) use install::{Installer, UNIT};
use manager::Manager;

/// Where the agent's own directory is if nobody says.
const STATE: &str = "/var/lib/holdfast";

/// The read side.
#[derive(Debug)]
pub(super) struct Packages {
    /// Who manages them; looked for when it is first needed.
    manager: RefCell<Option<Rc<dyn Manager>>>,
    /// The agent's own directory.
    state: PathBuf,
    /// Where an answer is kept for the next process.
    kept: Option<PathBuf>,
    /// The newest answer.
    known: RefCell<Option<Rc<Database>>>,
    /// The answer that this pass goes by.
    current: RefCell<Option<Rc<Database>>>,
}

impl Packages {
    /// The packages of this host. Answers are kept in the directory `state`, if one is given.
    pub(super) fn new(state: Option<&Path>) -> Self {
        let kept = state.map(|state| state.join("packages.kept"));
        let state = state.unwrap_or(Path::new(STATE)).to_owned();
        Self {
            manager: RefCell::default(),
            state,
            kept,
            known: RefCell::default(),
            current: RefCell::default(),
        }
    }

    #[cfg(test)]
    fn of(manager: Rc<dyn Manager>, state: Option<&Path>) -> Self {
        Self { manager: RefCell::new(Some(manager)), ..Self::new(state) }
    }

    /// Who manages this host's packages. A host that has nobody is looked at again the next time.
    fn manager(&self) -> Result<Rc<dyn Manager>, HostError> {
        if let Some(manager) = &*self.manager.borrow() {
            return Ok(Rc::clone(manager));
        }
        let manager = manager::of_host(&self.state)?;
        *self.manager.borrow_mut() = Some(Rc::clone(&manager));
        Ok(manager)
    }

    /// The name of what manages them, such as `dnf`.
    pub(super) fn manager_name(&self) -> Result<&'static str, HostError> {
        Ok(self.manager()?.program())
    }

    /// The pid of the process that has packages locked, if that is known.
    pub(super) fn at_work(&self) -> Option<u32> {
        self.manager().ok()?.holder().ok()??.try_into().ok()
    }

    /// Where they look for sources.
    pub(super) fn repository_place(&self) -> Result<RepositoryPlace, HostError> {
        Ok(self.manager()?.place())
    }

    /// Starts a pass, or goes on after a change: what is known must prove itself again.
    pub(super) fn forget(&self) {
        *self.current.borrow_mut() = None;
    }

    /// Starts a pass and asks for the state of `packages` in one go.
    pub(super) async fn prepare(&self, packages: &BTreeSet<String>) -> Result<(), HostError> {
        self.forget();
        if packages.is_empty() { Ok(()) } else { self.database().await.map(drop) }
    }

    /// The state of a package by its name, with `:ARCH` for a foreign architecture.
    pub(super) async fn package(&self, name: &str) -> Result<PackageNow, HostError> {
        Ok(self.database().await?.state(name))
    }

    /// The state of every package that the package manager has an entry for, by name.
    pub(super) async fn all(&self) -> Result<BTreeMap<String, PackageNow>, HostError> {
        let database = self.database().await?;
        let packages = database.packages().filter(|line| !repository::is_key(line.name));
        Ok(packages.map(|line| (database.name(&line), line.now())).collect())
    }

    /// The versions of these packages that the lists of the sources have.
    pub(super) async fn offered(&self, packages: &BTreeSet<String>) -> Result<Offered, HostError> {
        let manager = self.manager()?;
        let table =
            Command::new(&manager.ask_offered(packages), database::LIMIT).output(database::MOST).await;
        Ok(manager.offered(&String::from_utf8_lossy(&table.map_err(HostError::from)?)))
    }

    /// All packages.
    async fn database(&self) -> Result<Rc<Database>, HostError> {
        if let Some(current) = &*self.current.borrow() {
            return Ok(Rc::clone(current));
        }
        let manager = self.manager()?;
        let known = self.known.borrow().clone();
        let known = known.or_else(|| Database::load(self.kept.as_deref()?, manager.native()).map(Rc::new));
        let database = match known {
            Some(known) if known.is_current(&*manager)? => known,
            _ => {
                let asked = Database::ask(&*manager).await?;
                if asked.is_whole() && script::processes(UNIT).is_none() {
                    // What was interrupted has been looked at.
                    manager.forget_unfinished();
                }
                if let Some(kept) = &self.kept {
                    asked.store(kept);
                }
                Rc::new(asked)
            }
        };
        *self.known.borrow_mut() = Some(Rc::clone(&database));
        *self.current.borrow_mut() = Some(Rc::clone(&database));
        Ok(database)
    }
}
