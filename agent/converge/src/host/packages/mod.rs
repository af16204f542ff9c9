//! Packages of a distribution that uses dpkg and apt: [`Packages`] looks, [`Installer`] changes.
//!
//! # Looking
//! One dpkg-query answers for all packages of a pass. Its answer is kept for as long as dpkg's database is provably the same
//! (see [`database`]), within the process and, in the agent's own directory, for the next one: a quiet pass starts no process.
//!
//! # Changing
//! All changes of a pass are one transaction of apt. It runs in a transient unit, so that an agent that stops, crashes or is
//! itself upgraded by it never leaves dpkg half done. The unit's fixed name is a lock: an agent that finds it at work waits.
//! Nothing is decided from the exit code alone: the engine asks dpkg-query again, package by package. See [`install`].

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    rc::Rc,
};

use super::{HostError, Offered, PackageNow, command::Command};

mod complaint;
mod database;
mod install;
mod lock;
mod plan;
mod script;

use database::{DPKG, Database};
pub(super) use install::Installer;

#[cfg(test)]
mod tests;

/// The read side.
#[derive(Debug)]
pub(super) struct Packages {
    /// dpkg's own directory.
    dpkg: PathBuf,
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
        Self::at(Path::new(DPKG), state)
    }

    fn at(dpkg: &Path, state: Option<&Path>) -> Self {
        let kept = state.map(|state| state.join("packages.kept"));
        Self { dpkg: dpkg.to_owned(), kept, known: RefCell::default(), current: RefCell::default() }
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

    /// The state of every package that dpkg has an entry for, by name.
    pub(super) async fn all(&self) -> Result<BTreeMap<String, PackageNow>, HostError> {
        let database = self.database().await?;
        Ok(database.packages().map(|line| (database.name(&line), line.now())).collect())
    }

    /// The versions of these packages that the lists of the sources have.
    pub(super) async fn offered(&self, packages: &BTreeSet<String>) -> Result<Offered, HostError> {
        let mut argv = vec!["apt-cache".to_owned(), "madison".to_owned(), "--".to_owned()];
        argv.extend(packages.iter().cloned());
        let table =
            Command::new(&argv, database::LIMIT).output(database::MOST).await.map_err(HostError::from)?;
        Ok(offered(&String::from_utf8_lossy(&table)))
    }

    /// All packages.
    async fn database(&self) -> Result<Rc<Database>, HostError> {
        if let Some(current) = &*self.current.borrow() {
            return Ok(Rc::clone(current));
        }
        let known = self.known.borrow().clone();
        let known = known.or_else(|| Database::load(self.kept.as_deref()?).map(Rc::new));
        let database = match known {
            Some(known) if known.is_current(&self.dpkg)? => known,
            _ => {
                let asked = Database::ask(&self.dpkg).await?;
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

/// Lines such as ` nginx | 1.22.1-9 | http://deb.debian.org/debian bookworm/main amd64 Packages`.
fn offered(table: &str) -> Offered {
    let mut offered = Offered::new();
    for line in table.lines() {
        let mut cells = line.split(" | ").map(str::trim);
        if let (Some(name), Some(version)) = (cells.next(), cells.next()) {
            offered.entry(name.to_owned()).or_default().insert(version.to_owned());
        }
    }
    offered
}
