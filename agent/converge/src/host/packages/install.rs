//! The write side: one transaction in a transient unit, and all that it takes to never hang and never break a database.
//!
//! - A lock that is held is not waited for: the pass goes on and the next one tries again. apt and zypper themselves wait for a
//!   moment, for the case that somebody comes first by a hair.
//! - What an interrupted run left is set right first, down to a reinstallation of what was being unpacked.
//! - Nothing asks: no terminal, no input, a changed configuration file stays as it is and the new one lies beside it.
//! - Nothing is removed that is not declared: the package manager is told so, or a simulated run is looked at first.
//! - A package that the lists do not have, or whose archive is gone from the mirror, makes the lists be refreshed, at most
//!   once in [`REFRESH_AGAIN`], and the transaction tried again.
//! - The package manager is never killed: maintainer scripts would go on as orphans. A transaction that takes long goes on by itself, and only
//!   a maintainer script that runs for too long is stopped.
//! - A package does not start a unit that the state starts later in the pass, see [`Job::holding_back`].
//! - When a transaction fails because of single packages, the error names them, each with its reason.
#![expect(clippy::disallowed_methods, reason = "part of the room that owns package transactions")]

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::PathBuf,
    rc::Rc,
    time::Duration,
};

use tokio::{pin, time::timeout};

use super::{
    Packages,
    apt::complaint::holder,
    complaint::{Complaint, ENDED, killed},
    lock,
    manager::{Manager, words},
    plan::{Job, Plan, would_remove},
    script::{self, Script},
    version,
};
use holdfast_schema::UnitName;

use crate::{
    host::{
        ConfigFile, HostError, clock,
        command::one_line,
        outside::Said,
        systemd::{Limit, Ran, Systemd, Transient},
    },
    plan::step::PackageTransaction,
};

mod blame;

pub(super) use blame::last_words;

/// The unit that every transaction runs in.
pub(super) const UNIT: &str = "holdfast-packages.service";

/// How long a pass waits for a transaction. The transaction itself may take as long as it likes.
const PATIENCE: Duration = Duration::from_mins(10);

/// How long a maintainer script may run if nobody says.
const SCRIPT_LIMIT: Duration = Duration::from_hours(1);

/// How often a transaction under way is looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How long a shutdown waits for a transaction.
const SHUTDOWN_WAITS: Duration = Duration::from_mins(15);

/// The package lists are not refreshed more often than this because something is missing.
const REFRESH_AGAIN: Duration = Duration::from_mins(10);

/// How much of what a package manager says is read.
const MOST: u64 = 1024 * 1024;

/// So many packages are tried one by one to find those that are in the way of the rest.
const MOST_SUSPECTS: usize = 50;

/// How the service manager tells in the log what became of the package manager itself, see systemd.exec(5). Without a `$`, for
/// which it finds other words when it is reloaded meanwhile.
fn tell_end() -> [Vec<String>; 2] {
    [words(["/usr/bin/echo", ENDED]), words(["/usr/bin/printenv", "EXIT_CODE", "EXIT_STATUS"])]
}

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

/// Whether the package lists were refreshed for this transaction.
#[derive(Debug, Default)]
enum Refreshed {
    #[default]
    No,
    Whole,
    /// Not all of them: why.
    Partly(String),
}

impl Refreshed {
    fn why_not(&self) -> Option<&str> {
        if let Self::Partly(why) = self { Some(why) } else { None }
    }
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

    fn log(&self) -> PathBuf {
        self.state.join("packages.log")
    }

    /// Whether nobody else is at work on packages.
    async fn wait_for_nobody(&self, manager: &dyn Manager, script_limit: Duration) -> Result<(), HostError> {
        if self.systemd.is_running(UNIT).await? {
            if let Some(script) = self.script(manager) {
                script.bound(script_limit);
            }
            script::end_daemons(UNIT);
            return Err(HostError::Busy { what: self.earlier(manager) });
        }
        match manager.holder()? {
            Some(holder) => {
                Err(HostError::Busy { what: format!("{}, held by {}", manager.lock(), lock::name(holder)) })
            }
            None => Ok(()),
        }
    }

    /// An earlier transaction of ours, and what it is at.
    fn earlier(&self, manager: &dyn Manager) -> String {
        let at = match self.script(manager) {
            Some(script) => format!("is at {script}"),
            None => format!("last said {:?}", one_line(&self.tail()).rsplit("; ").next().unwrap_or_default()),
        };
        format!("an earlier package transaction, {UNIT}, which {at}")
    }

    /// The maintainer script that a transaction of ours is at.
    fn script(&self, manager: &dyn Manager) -> Option<Script> {
        Script::of(manager, UNIT, &String::from_utf8_lossy(&self.tail()))
    }

    /// The end of what our transactions said.
    fn tail(&self) -> Vec<u8> {
        let mut said = fs::read(self.log()).unwrap_or_default();
        said.split_off(said.len().saturating_sub(512))
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
            if self.attempt(session, "reinstall", job).await? {
                session.manager.forget_unfinished();
            }
            self.packages.forget();
        }
        Ok(())
    }

    /// Runs a command that may fail, though not because somebody else is at work. Whether it went well.
    async fn attempt(&self, session: &Session, what: &str, job: Job) -> Result<bool, HostError> {
        let Err(said) = self.unit(session, &job.holding_back(&session.not_yet)).await? else {
            return Ok(true);
        };
        let manager = &*session.manager;
        busy(manager, &manager.complaints(&said), &said)?;
        tracing::debug!(what, said, "a package command failed");
        Ok(false)
    }

    /// Whether it is time to refresh the package lists again.
    fn may_refresh(&self) -> bool {
        let last = fs::metadata(self.refreshed()).and_then(|metadata| metadata.modified());
        // A time in the future is from before the clock was set right.
        !last.is_ok_and(|last| clock::now().duration_since(last).is_ok_and(|since| since < REFRESH_AGAIN))
    }

    /// The file whose age tells when the package lists were last refreshed.
    fn refreshed(&self) -> PathBuf {
        self.state.join("packages.refreshed")
    }

    /// Refreshes the package lists. If that does not go well, older lists are used.
    async fn refresh(&self, session: &Session) -> Result<Refreshed, HostError> {
        if let Err(error) = File::create(self.refreshed()) {
            return Err(HostError::Io {
                tried: format!("make {}", self.refreshed().display()),
                source: error,
            });
        }
        let manager = &*session.manager;
        let (Ok(said) | Err(said)) = self.unit(session, &manager.refresh()).await?;
        let found = manager.complaints(&said);
        busy(manager, &found, &said)?;
        let why = found.into_iter().find_map(|complaint| match complaint {
            Complaint::NotRefreshed(why) | Complaint::Other(why) => Some(why),
            _ => None,
        });
        Ok(why.map_or(Refreshed::Whole, Refreshed::Partly))
    }

    /// Looks at a simulated run, and refuses a plan that would remove what is not declared.
    async fn check_removals(&self, session: &Session, plan: &Plan) -> Result<(), HostError> {
        // A simulation that fails, fails again in earnest, where its complaints are looked at.
        let manager = &*session.manager;
        let Ok(said) = self.simulate(session, plan, &plan.words(manager)).await? else { return Ok(()) };
        let undeclared = plan.undeclared(manager.removals(&said));
        if undeclared.is_empty() {
            return Ok(());
        }
        let mut failed = BTreeMap::new();
        for (name, word) in plan.each(manager).take(MOST_SUSPECTS) {
            if let Ok(said) = self.simulate(session, plan, &[word]).await? {
                let undeclared = plan.undeclared(manager.removals(&said));
                if !undeclared.is_empty() {
                    failed.insert(name.to_owned(), would_remove(name, &undeclared));
                }
            }
        }
        if failed.is_empty() {
            // Only all of them together.
            failed.extend(
                plan.each(manager).map(|(name, _)| (name.to_owned(), would_remove(name, &undeclared))),
            );
        }
        Err(HostError::Packages { failed })
    }

    /// What would happen: what was said, as an error if it would fail.
    async fn simulate(
        &self,
        session: &Session,
        plan: &Plan,
        words: &[String],
    ) -> Result<Result<String, String>, HostError> {
        let database = self.packages.database().await?;
        self.unit(session, &session.manager.simulate(words, plan, &database)).await
    }

    /// Runs a job in the unit. Gives what it said, as an error if it failed.
    pub(super) async fn unit(
        &self,
        session: &Session,
        job: &Job,
    ) -> Result<Result<String, String>, HostError> {
        let manager = &*session.manager;
        for (path, text) in &job.inputs {
            let directory = path.parent().map_or(Ok(()), fs::create_dir_all);
            directory
                .and_then(|()| fs::write(path, text))
                .map_err(|source| HostError::Io { tried: format!("write {}", path.display()), source })?;
        }
        let before = session.log.length()?;
        let finally: Vec<Vec<String>> = job.finally.iter().cloned().chain(tell_end()).collect();
        let unit = Transient {
            name: UNIT,
            description: "Package transaction of Holdfast",
            commands: &job.commands,
            finally: &finally,
            environment: manager.environment(),
            output: session.log.path(),
            limit: Limit::Never { shutdown_waits: SHUTDOWN_WAITS },
        };
        let ran = timeout(PATIENCE, self.bounded(session, self.systemd.run(&unit))).await;
        let ran = ran.map_err(|_elapsed| HostError::Busy { what: self.earlier(manager) })??;
        let said = session.log.since(before, MOST)?;
        let said = String::from_utf8_lossy(&said).into_owned();
        self.config_files.borrow_mut().extend(manager.config_files(&said));
        let failed = || manager.has_failed(ran == Ran::Failed, &manager.complaints(&said), &said);
        match ran {
            Ran::Done | Ran::Failed => Ok(if failed() { Err(said) } else { Ok(said) }),
            Ran::AlreadyThere => Err(HostError::Busy { what: self.earlier(manager) }),
        }
    }

    /// Waits for a run, and stops a maintainer script in it that runs for too long.
    async fn bounded<T>(&self, session: &Session, run: impl Future<Output = T>) -> T {
        pin!(run);
        loop {
            if let Ok(ran) = timeout(LOOK_AGAIN, &mut run).await {
                return ran;
            }
            if let Some(script) =
                self.script(&*session.manager).filter(|script| script.bound(session.script_limit))
            {
                tracing::warn!(
                    package = script.package,
                    script = script.name,
                    "stopped a script that ran too long"
                );
                session.stopped.replace(Some(script));
            }
            script::end_daemons(UNIT);
        }
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
