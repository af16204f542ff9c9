//! The write side: one transaction of apt in a transient unit, and all that it takes to never hang and never break dpkg.
//!
//! - A lock that is held is not waited for: the pass goes on and the next one tries again. apt itself waits for a moment, for
//!   the case that somebody comes first by a hair.
//! - What an interrupted run left is set right first: `dpkg --configure -a`, then a reinstallation of what was being unpacked.
//! - Nothing asks: no terminal, no input, a changed configuration file stays as it is and the new one lies beside it.
//! - Nothing is removed that is not declared: without removals apt is told so; with some, a simulated run is looked at first.
//! - A package that the lists do not have, or whose archive is gone from the mirror, makes the lists be refreshed, at most
//!   once in [`REFRESH_AGAIN`], and the transaction tried again.
//! - apt is never killed: maintainer scripts would go on as orphans. A transaction that takes long goes on by itself, and only
//!   a maintainer script that runs for too long is stopped.
//! - A package does not start a unit that the state starts later in the pass: the program `policy-rc.d`, which Debian's
//!   packages ask, is told of it in the environment.
//! - When a transaction fails because of single packages, the error names them, each with its reason.
#![expect(clippy::disallowed_methods, reason = "part of the room that owns dpkg's database")]

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs::{self, File},
    path::PathBuf,
    rc::Rc,
    time::Duration,
};

use tokio::{pin, time::timeout};

use super::{
    Packages,
    complaint::{Complaint, complaints, config_files, holder, killed, removals},
    database::{Database, Line},
    lock,
    plan::{Job, Plan, apt, would_remove},
    script::Script,
};
use holdfast_schema::UnitName;

use crate::{
    host::{
        ConfigFile, HostError, PackageNow, clock,
        command::one_line,
        outside::Said,
        systemd::{Limit, Ran, Systemd, Transient},
    },
    plan::step::PackageTransaction,
};

mod blame;

/// The unit that every transaction runs in.
const UNIT: &str = "holdfast-packages.service";

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

/// How much of what apt says is read.
const MOST: u64 = 1024 * 1024;

/// So many packages are tried one by one to find those that are in the way of the rest.
const MOST_SUSPECTS: usize = 50;

const ENVIRONMENT: [(&str, &str); 9] = [
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", "/root"),
    ("LC_ALL", "C.UTF-8"),
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("DEBIAN_PRIORITY", "critical"),
    ("APT_LISTCHANGES_FRONTEND", "none"),
    ("NEEDRESTART_MODE", "l"),
    ("NEEDRESTART_SUSPEND", "1"),
    ("UCF_FORCE_CONFFOLD", "1"),
];

/// How the manager tells in the log what became of the package manager itself, see systemd.exec(5).
const ENDED: [&str; 2] = ["/usr/bin/echo", "holdfast: it ended: ${EXIT_CODE} ${EXIT_STATUS}"];

/// The variable in which `policy-rc.d` finds the units that are not to be started.
const NOT_YET: &str = "HOLDFAST_NOT_YET";

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
struct Session {
    log: Said,
    not_yet: String,
    script_limit: Duration,
    /// The script that was stopped.
    stopped: RefCell<Option<Script>>,
}

impl Installer {
    /// Changes packages through `systemd`; leaves what apt says in `state`.
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
        let result = self.transact(transaction).await;
        self.packages.forget();
        result
    }

    async fn transact(&self, transaction: &PackageTransaction) -> Result<(), HostError> {
        let script_limit = transaction.script_limit.unwrap_or(SCRIPT_LIMIT);
        self.wait_for_nobody(script_limit).await?;
        let not_yet: Vec<&str> = transaction.not_yet.iter().map(UnitName::as_str).collect();
        let session = Session {
            log: Said::new(self.log())?.keep(),
            not_yet: not_yet.join(" "),
            script_limit,
            stopped: RefCell::default(),
        };
        let session = &session;
        self.repair(session, transaction).await?;
        let database = self.packages.database().await?;
        let plan = Plan::of(transaction, &database);
        if !plan.remove.is_empty() {
            self.check_removals(session, &plan).await?;
        }
        let job = plan.job();
        if job.commands.is_empty() {
            return Ok(());
        }
        let mut refreshed = None;
        let mut repaired = false;
        loop {
            let Err(said) = self.unit(session, &job).await? else { return Ok(()) };
            let found = complaints(&said);
            busy(&found, &said)?;
            if let Some(signal) = killed(&said) {
                return Err(HostError::Killed { program: "apt-get", signal });
            }
            let missing = |complaint: &Complaint| {
                matches!(complaint, Complaint::NotFound(_) | Complaint::NotFetched(..))
            };
            if !repaired && found.contains(&Complaint::Interrupted) {
                repaired = true;
                self.repair(session, transaction).await?;
            } else if refreshed.is_none() && found.iter().any(missing) && self.may_refresh() {
                refreshed = Some(self.refresh(session).await?);
            } else {
                return Err(self
                    .blame(session, &plan, &found, refreshed.flatten().as_deref(), &said)
                    .await?);
            }
        }
    }

    fn log(&self) -> PathBuf {
        self.state.join("packages.log")
    }

    /// Whether nobody else is at work on packages.
    async fn wait_for_nobody(&self, script_limit: Duration) -> Result<(), HostError> {
        if self.systemd.is_running(UNIT).await? {
            if let Some(script) = self.script() {
                script.bound(script_limit);
            }
            return Err(HostError::Busy { what: self.earlier() });
        }
        match lock::holder(&self.packages.dpkg)? {
            Some(holder) => Err(HostError::Busy { what: format!("the dpkg lock, held by {holder}") }),
            None => Ok(()),
        }
    }

    /// An earlier transaction of ours, and what it is at.
    fn earlier(&self) -> String {
        let at = match self.script() {
            Some(script) => format!("is at {script}"),
            None => format!("last said {:?}", one_line(&self.tail()).rsplit("; ").next().unwrap_or_default()),
        };
        format!("an earlier package transaction, {UNIT}, which {at}")
    }

    /// The maintainer script that a transaction of ours is at.
    fn script(&self) -> Option<Script> {
        Script::of(UNIT, &String::from_utf8_lossy(&self.tail()))
    }

    /// The end of what our transactions said.
    fn tail(&self) -> Vec<u8> {
        let mut said = fs::read(self.log()).unwrap_or_default();
        said.split_off(said.len().saturating_sub(512))
    }

    /// Sets right what an interrupted run left. What cannot be set right shows again, with its reason, in the transaction.
    async fn repair(&self, session: &Session, transaction: &PackageTransaction) -> Result<(), HostError> {
        let database = self.packages.database().await?;
        let broken = |database: &Database| {
            database.packages().any(|line| matches!(line.now(), PackageNow::Broken { .. }))
        };
        if !database.was_unsettled() && !broken(&database) {
            return Ok(());
        }
        // A script that hangs need not be run again for a package that is to go.
        let goes = |line: &Line<'_>| {
            let name = database.name(line);
            matches!(line.now(), PackageNow::Broken { .. })
                && (transaction.remove.contains(&name) || transaction.purge.contains(&name))
        };
        let going: Vec<String> = database.packages().filter(goes).map(|line| database.name(&line)).collect();
        if !going.is_empty() {
            let remove = ["/usr/bin/dpkg", "--remove", "--"].map(str::to_owned);
            self.attempt(session, "remove", &[remove.to_vec(), going].concat()).await?;
        }
        let configure = ["/usr/bin/dpkg", "--force-confdef", "--force-confold", "--configure", "-a"];
        self.attempt(session, "repair", &configure.map(str::to_owned)).await?;
        self.packages.forget();
        let database = self.packages.database().await?;
        let unpack: Vec<String> = database
            .packages()
            .filter(Line::needs_reinstall)
            .map(|line| match line.architecture {
                "all" => format!("{}={}", line.name, line.version),
                architecture => format!("{}:{architecture}={}", line.name, line.version),
            })
            .collect();
        if !unpack.is_empty() {
            let command = [apt(&["--no-remove", "--reinstall", "install", "--"]), unpack].concat();
            self.attempt(session, "repair", &command).await?;
            self.packages.forget();
        }
        Ok(())
    }

    /// Runs a command that may fail, though not because somebody else is at work.
    async fn attempt(&self, session: &Session, what: &str, command: &[String]) -> Result<(), HostError> {
        let job = Job { commands: vec![command.to_owned()], finally: Vec::new() };
        if let Err(said) = self.unit(session, &job).await? {
            busy(&complaints(&said), &said)?;
            tracing::debug!(what, said, "a package command failed");
        }
        Ok(())
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

    /// Refreshes the package lists. Gives why that did not go well, if so: older lists are used then.
    async fn refresh(&self, session: &Session) -> Result<Option<String>, HostError> {
        if let Err(error) = File::create(self.refreshed()) {
            return Err(HostError::Io {
                tried: format!("make {}", self.refreshed().display()),
                source: error,
            });
        }
        let job = Job { commands: vec![apt(&["update"])], finally: Vec::new() };
        let (Ok(said) | Err(said)) = self.unit(session, &job).await?;
        let found = complaints(&said);
        busy(&found, &said)?;
        Ok(found.into_iter().find_map(|complaint| match complaint {
            Complaint::NotRefreshed(why) | Complaint::Other(why) => Some(why),
            _ => None,
        }))
    }

    /// Looks at a simulated run, and refuses a plan that would remove what is not declared.
    async fn check_removals(&self, session: &Session, plan: &Plan) -> Result<(), HostError> {
        // A simulation that fails, fails again in earnest, where its complaints are looked at.
        let Ok(said) = self.simulate(session, &plan.words()).await? else { return Ok(()) };
        let undeclared = plan.undeclared(removals(&said));
        if undeclared.is_empty() {
            return Ok(());
        }
        let mut failed = BTreeMap::new();
        for (name, word) in plan.each().take(MOST_SUSPECTS) {
            if let Ok(said) = self.simulate(session, &[word]).await? {
                let undeclared = plan.undeclared(removals(&said));
                if !undeclared.is_empty() {
                    failed.insert(name.to_owned(), would_remove(name, &undeclared));
                }
            }
        }
        if failed.is_empty() {
            // Only all of them together.
            failed.extend(plan.each().map(|(name, _)| (name.to_owned(), would_remove(name, &undeclared))));
        }
        Err(HostError::Packages { failed })
    }

    /// What apt would do: what it said, as an error if it would fail.
    async fn simulate(
        &self,
        session: &Session,
        words: &[String],
    ) -> Result<Result<String, String>, HostError> {
        let simulate = apt(&["--simulate", "--option=Debug::NoLocking=1", "install", "--"]);
        let job = Job { commands: vec![[simulate, words.to_owned()].concat()], finally: Vec::new() };
        self.unit(session, &job).await
    }

    /// Runs a job in the unit. Gives what it said, as an error if it failed.
    async fn unit(&self, session: &Session, job: &Job) -> Result<Result<String, String>, HostError> {
        let before = session.log.length()?;
        let environment: Vec<(&str, &str)> =
            ENVIRONMENT.into_iter().chain([(NOT_YET, session.not_yet.as_str())]).collect();
        let finally: Vec<Vec<String>> =
            job.finally.iter().cloned().chain([ENDED.map(str::to_owned).to_vec()]).collect();
        let unit = Transient {
            name: UNIT,
            description: "Package transaction of Holdfast",
            commands: &job.commands,
            finally: &finally,
            environment: &environment,
            output: session.log.path(),
            limit: Limit::Never { shutdown_waits: SHUTDOWN_WAITS },
        };
        let ran = timeout(PATIENCE, self.bounded(session, self.systemd.run(&unit))).await;
        let ran = ran.map_err(|_elapsed| HostError::Busy { what: self.earlier() })??;
        let said = session.log.since(before, MOST)?;
        let said = String::from_utf8_lossy(&said).into_owned();
        self.config_files.borrow_mut().extend(config_files(&said));
        match ran {
            Ran::Done => Ok(Ok(said)),
            Ran::Failed => Ok(Err(said)),
            Ran::AlreadyThere => Err(HostError::Busy { what: self.earlier() }),
        }
    }

    /// Waits for a run, and stops a maintainer script in it that runs for too long.
    async fn bounded<T>(&self, session: &Session, run: impl Future<Output = T>) -> T {
        pin!(run);
        loop {
            if let Ok(ran) = timeout(LOOK_AGAIN, &mut run).await {
                return ran;
            }
            if let Some(script) = self.script().filter(|script| script.bound(session.script_limit)) {
                tracing::warn!(
                    package = script.package,
                    script = script.name,
                    "stopped a script that ran too long"
                );
                session.stopped.replace(Some(script));
            }
        }
    }
}

/// Fails if somebody else was at work.
fn busy(found: &[Complaint], said: &str) -> Result<(), HostError> {
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
    Err(HostError::Busy { what: format!("the dpkg lock, held by {by}") })
}
