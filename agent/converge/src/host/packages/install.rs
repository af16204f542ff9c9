//! The write side: one transaction in a transient unit, and all that it takes to never hang and never break a database.
//!
//! - A lock that is held is not waited for: the pass goes on and the next one tries again. apt and zypper themselves wait for a
//!   moment, for the case that somebody comes first by a hair.
//! - What an interrupted run left is set right first, down to a reinstallation of what was being unpacked.
//! - Nothing asks: no terminal, no input, a changed configuration file stays as it is and the new one lies beside it.
//! - Nothing is removed that is not declared: the package manager is told so, or a simulated run is looked at first.
//! - A package that the lists do not have, or whose archive is gone from the mirror, makes the lists be refreshed, at most
//!   once in [`REFRESH_AGAIN`](lists), and the transaction tried again.
//! - The package manager is never killed: maintainer scripts would go on as orphans. A transaction that takes long goes on by itself, and only
//!   a maintainer script that runs for too long is stopped.
//! - A package does not start a unit that the state starts later in the pass, see [`Job::holding_back`].
//! - When a transaction fails because of single packages, the error names them, each with its reason.

use std::{cell::RefCell, collections::BTreeSet, path::PathBuf, rc::Rc, time::Duration};

use holdfast_schema::UnitName;

use super::{
    Packages,
    apt::complaint::holder,
    complaint::{Complaint, killed},
    lock,
    manager::Manager,
    plan::{Job, Plan},
    script::Script,
    version,
};
use crate::{
    host::{ConfigFile, HostError, outside::Said, systemd::Systemd},
    plan::step::PackageTransaction,
};

mod blame;
mod lists;
mod simulate;
mod unit;

pub(super) use blame::last_words;
pub(in crate::host) use unit::UNIT;

use lists::Refreshed;

/// How long a maintainer script may run if nobody says.
const SCRIPT_LIMIT: Duration = Duration::from_hours(1);

/// The write side of [`Packages`].
#[derive(Debug)]
pub(in crate::host) struct Installer {
    packages: Rc<Packages>,
    systemd: Rc<Systemd>,
    /// The agent's own directory.
    state: PathBuf,
    /// Over which configuration files the last transaction had to decide.
    config_files: RefCell<Vec<ConfigFile>>,
}

/// What the runs of one transaction have in common.
#[derive(Debug)]
pub(super) struct Session {
    manager: Rc<dyn Manager>,
    log: Said,
    not_yet: BTreeSet<UnitName>,
    script_limit: Duration,
    /// The script that was stopped.
    stopped: RefCell<Option<Script>>,
}

impl Installer {
    /// Changes packages through `systemd`; leaves what they say in `state`.
    pub(in crate::host) fn new(packages: Rc<Packages>, systemd: Rc<Systemd>, state: PathBuf) -> Self {
        Self { packages, systemd, state, config_files: RefCell::default() }
    }

    /// The configuration files over which the last transaction had to decide; told once.
    pub(in crate::host) fn config_files(&self) -> Vec<ConfigFile> {
        self.config_files.take()
    }

    /// Does a transaction. Dropping the future only ends the waiting.
    pub(in crate::host) async fn run(&self, transaction: &PackageTransaction) -> Result<(), HostError> {
        self.packages.forget();
        self.config_files.take();
        let result = match self.begin(transaction).await {
            Ok(session) => self.transact(&session, transaction).await,
            Err(error) => Err(error),
        };
        self.packages.forget();
        result
    }

    pub(super) fn manager(&self) -> Result<Rc<dyn Manager>, HostError> {
        self.packages.manager()
    }

    /// What is known of packages must prove itself again.
    pub(super) fn forget(&self) {
        self.packages.forget();
    }

    pub(super) async fn begin(&self, transaction: &PackageTransaction) -> Result<Session, HostError> {
        let manager = self.packages.manager()?;
        let script_limit = transaction.script_limit.unwrap_or(SCRIPT_LIMIT);
        self.wait_for_nobody(&*manager, script_limit).await?;
        Ok(Session {
            manager,
            log: Said::new(self.log())?.keep(),
            not_yet: transaction.not_yet.clone(),
            script_limit,
            stopped: RefCell::default(),
        })
    }

    async fn transact(&self, session: &Session, transaction: &PackageTransaction) -> Result<(), HostError> {
        let manager = &*session.manager;
        self.repair(session, transaction).await?;
        let database = self.packages.database().await?;
        let mut plan = Plan::of(transaction, &database);
        let mut refreshed = Refreshed::No;
        let mut missing = self.resolve(session, &mut plan).await?;
        if missing.iter().any(is_missing) && self.may_refresh() {
            refreshed = self.refresh(session).await?;
            missing = self.resolve(session, &mut plan).await?;
        }
        if !missing.is_empty() {
            let error = self.blame(session, &plan, &missing, refreshed.why_not(), "").await?;
            return Err(error);
        }
        if manager.needs_simulation(&plan) && plan.each(manager).next().is_some() {
            self.check_removals(session, &plan).await?;
        }
        let done = self.change(session, transaction, &plan, refreshed).await;
        self.settle(session, &plan).await?;
        done
    }

    /// Runs the transaction, again with newer lists if they were too old.
    async fn change(
        &self,
        session: &Session,
        transaction: &PackageTransaction,
        plan: &Plan,
        mut refreshed: Refreshed,
    ) -> Result<(), HostError> {
        let manager = &*session.manager;
        let database = self.packages.database().await?;
        let job = manager.job(plan, &database);
        if job.commands.is_empty() {
            return Ok(());
        }
        let job = job.holding_back(&session.not_yet);
        let was_torn = database.packages().any(|line| line.needs_reinstall());
        let mut repaired = false;
        loop {
            let ran = self.unit(session, &job).await?;
            let (Ok(said) | Err(said)) = &ran;
            if let Some(signal) = killed(said) {
                return Err(HostError::Killed { program: manager.program(), signal });
            }
            if !was_torn || ran.is_ok() {
                // It ended by itself: there is nothing that only a closer look at files could tell.
                manager.forget_unfinished();
            }
            let Err(said) = ran else { return session.nothing_stopped() };
            let found = manager.complaints(&said);
            busy(manager, &found, &said)?;
            if !repaired && found.contains(&Complaint::Interrupted) {
                repaired = true;
                self.repair(session, transaction).await?;
            } else if matches!(refreshed, Refreshed::No) && found.iter().any(is_missing) && self.may_refresh()
            {
                refreshed = self.refresh(session).await?;
            } else {
                return Err(self.blame(session, plan, &found, refreshed.why_not(), &said).await?);
            }
        }
    }

    /// Says exact versions to a package manager that is to be told them. Gives what there is not.
    async fn resolve(&self, session: &Session, plan: &mut Plan) -> Result<Vec<Complaint>, HostError> {
        let manager = &*session.manager;
        let names: Vec<&str> = plan.install.iter().map(|(name, _)| name.as_str()).collect();
        let Some(search) = manager.search(&names).filter(|_| !names.is_empty()) else {
            return Ok(Vec::new());
        };
        let (said, failed) = match self.unit(session, &search).await? {
            Ok(said) => (said, false),
            Err(said) => (said, true),
        };
        let found = manager.complaints(&said);
        busy(manager, &found, &said)?;
        let offered = manager.offered(&said);
        if offered.is_empty() && failed && !found.is_empty() && !found.iter().all(is_missing) {
            return Ok(found);
        }
        let mut missing = Vec::new();
        for (name, wanted) in &mut plan.install {
            let versions = offered.get(name).into_iter().flatten();
            let fits =
                |version: &&String| wanted.as_ref().is_none_or(|wanted| version::matches(wanted, version));
            let newest = versions
                .filter(fits)
                .reduce(|best, version| if manager.is_newer(version, best) { version } else { best });
            match (newest, &wanted) {
                (None, Some(version)) => missing.push(Complaint::NotFound(format!("{name}={version}"))),
                (None, None) => missing.push(Complaint::NotFound(name.clone())),
                // Which one is the newest that can be had is the package manager's business.
                (Some(_), None) => {}
                (Some(newest), Some(_)) => *wanted = Some(newest.clone()),
            }
        }
        Ok(missing)
    }

    /// Puts configuration files where they are wanted, if the package manager could not be told beforehand.
    async fn settle(&self, session: &Session, plan: &Plan) -> Result<(), HostError> {
        let mut files = self.config_files.take();
        let job = session.manager.settle(plan, &mut files);
        if !job.commands.is_empty() {
            let _said = self.unit(session, &job).await?;
        }
        self.config_files.replace(files);
        Ok(())
    }

    /// Sets right what an interrupted run left. What cannot be set right shows again, with its reason, in the transaction.
    async fn repair(&self, session: &Session, transaction: &PackageTransaction) -> Result<(), HostError> {
        let database = self.packages.database().await?;
        if !database.was_unsettled() && database.is_whole() {
            return Ok(());
        }
        let going: Vec<String> = transaction.remove.union(&transaction.purge).cloned().collect();
        for repair in session.manager.repairs(&database, &going) {
            self.attempt(session, "repair", repair).await?;
        }
        self.packages.forget();
        let database = self.packages.database().await?;
        if let Some(job) = session.manager.reinstall(&database) {
            self.attempt(session, "reinstall", job).await?;
            self.packages.forget();
        }
        Ok(())
    }

    /// Runs a command that may fail, though not because somebody else is at work.
    async fn attempt(&self, session: &Session, what: &str, job: Job) -> Result<(), HostError> {
        let Err(said) = self.unit(session, &job.holding_back(&session.not_yet)).await? else {
            return Ok(());
        };
        let manager = &*session.manager;
        busy(manager, &manager.complaints(&said), &said)?;
        tracing::debug!(what, said, "a package command failed");
        Ok(())
    }
}

/// Whether a complaint is about something that newer lists may have.
fn is_missing(complaint: &Complaint) -> bool {
    matches!(complaint, Complaint::NotFound(_) | Complaint::NotFetched(..))
}

/// Fails if somebody else was at work.
pub(super) fn busy(manager: &dyn Manager, found: &[Complaint], said: &str) -> Result<(), HostError> {
    let Some(by) = found.iter().find_map(|complaint| match complaint {
        Complaint::Locked(by) => Some(by.clone().or_else(|| said.lines().rev().find_map(holder))),
        _ => None,
    }) else {
        return Ok(());
    };
    let by = match by {
        Some((name, pid)) if name.is_empty() => lock::name(pid),
        Some((name, pid)) => format!("{name} (pid {pid})"),
        None => "another process".to_owned(),
    };
    Err(HostError::Busy { what: format!("{}, held by {by}", manager.lock()) })
}
