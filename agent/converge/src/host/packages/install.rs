//! The write side: one transaction of apt in a transient unit, and all that it takes to never hang and never break dpkg.
//!
//! - A lock that is held is not waited for: the pass goes on and the next one tries again. apt itself waits for a moment, for
//!   the case that somebody comes first by a hair.
//! - What an interrupted run left is set right first: `dpkg --configure -a`, then a reinstallation of what was being unpacked.
//! - Nothing asks: no terminal, no input, a changed configuration file stays as it is and the new one lies beside it.
//! - Nothing is removed that is not declared: without removals apt is told so; with some, a simulated run is looked at first.
//! - A package that the lists do not have, or whose archive is gone from the mirror, makes the lists be refreshed, at most
//!   once in [`REFRESH_AGAIN`], and the transaction tried again.
//! - apt is never killed: maintainer scripts would go on as orphans. A transaction that takes long goes on by itself.
//! - When a transaction fails because of single packages, the error names them, each with its reason.
#![expect(clippy::disallowed_methods, reason = "part of the room that owns dpkg's database")]

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::PathBuf,
    rc::Rc,
    time::Duration,
};

use tokio::time::timeout;

use super::{
    Packages,
    complaint::{Complaint, complaints, holder, installations, removals},
    database::{Database, Line},
    lock,
    plan::{Attributed, Job, Plan, apt, package, would_remove},
};
use crate::{
    host::{
        HostError, PackageNow, clock,
        command::one_line,
        outside::Said,
        systemd::{Limit, Ran, Systemd, Transient},
    },
    plan::step::PackageTransaction,
};

/// The unit that every transaction runs in.
const UNIT: &str = "holdfast-packages.service";

/// How long a pass waits for a transaction. The transaction itself may take as long as it likes.
const PATIENCE: Duration = Duration::from_mins(10);

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

/// The write side of [`Packages`].
#[derive(Debug)]
pub(in crate::host) struct Installer {
    packages: Rc<Packages>,
    systemd: Rc<Systemd>,
    /// The agent's own directory.
    state: PathBuf,
}

impl Installer {
    /// Changes packages through `systemd`; leaves what apt says in `state`.
    pub(in crate::host) fn new(packages: Rc<Packages>, systemd: Rc<Systemd>, state: PathBuf) -> Self {
        Self { packages, systemd, state }
    }

    /// Does a transaction. Dropping the future only ends the waiting.
    pub(in crate::host) async fn run(&self, transaction: &PackageTransaction) -> Result<(), HostError> {
        self.packages.forget();
        let result = self.transact(transaction).await;
        self.packages.forget();
        result
    }

    async fn transact(&self, transaction: &PackageTransaction) -> Result<(), HostError> {
        self.wait_for_nobody().await?;
        let log = Said::new(self.log())?.keep();
        self.repair(&log).await?;
        let database = self.packages.database().await?;
        let plan = Plan::of(transaction, &database);
        if !plan.remove.is_empty() {
            self.check_removals(&log, &plan).await?;
        }
        let job = plan.job();
        if job.commands.is_empty() {
            return Ok(());
        }
        let mut refreshed = None;
        let mut repaired = false;
        loop {
            let Err(said) = self.unit(&log, &job).await? else { return Ok(()) };
            let found = complaints(&said);
            busy(&found, &said)?;
            let missing = |complaint: &Complaint| {
                matches!(complaint, Complaint::NotFound(_) | Complaint::NotFetched(..))
            };
            if !repaired && found.contains(&Complaint::Interrupted) {
                repaired = true;
                self.repair(&log).await?;
            } else if refreshed.is_none() && found.iter().any(missing) && self.may_refresh() {
                refreshed = Some(self.refresh(&log).await?);
            } else {
                return Err(self.blame(&log, &plan, &found, refreshed.flatten().as_deref(), &said).await?);
            }
        }
    }

    fn log(&self) -> PathBuf {
        self.state.join("packages.log")
    }

    /// Whether nobody else is at work on packages.
    async fn wait_for_nobody(&self) -> Result<(), HostError> {
        if self.systemd.is_running(UNIT).await? {
            return Err(HostError::Busy { what: self.earlier() });
        }
        match lock::holder(&self.packages.dpkg)? {
            Some(holder) => Err(HostError::Busy { what: format!("the dpkg lock, held by {holder}") }),
            None => Ok(()),
        }
    }

    /// An earlier transaction of ours, and the last that it said.
    fn earlier(&self) -> String {
        let said = fs::read(self.log()).unwrap_or_default();
        let tail = said.get(said.len().saturating_sub(512)..).unwrap_or_default();
        let last = one_line(tail).rsplit("; ").next().unwrap_or_default().to_owned();
        format!("an earlier package transaction, {UNIT}, which last said {last:?}")
    }

    /// Sets right what an interrupted run left. What cannot be set right shows again, with its reason, in the transaction.
    async fn repair(&self, log: &Said) -> Result<(), HostError> {
        let database = self.packages.database().await?;
        let broken = |database: &Database| {
            database.packages().any(|line| matches!(line.now(), PackageNow::Broken { .. }))
        };
        if !database.was_unsettled() && !broken(&database) {
            return Ok(());
        }
        let configure = ["/usr/bin/dpkg", "--force-confdef", "--force-confold", "--configure", "-a"];
        self.attempt(log, "repair", &configure.map(str::to_owned)).await?;
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
            self.attempt(log, "repair", &command).await?;
            self.packages.forget();
        }
        Ok(())
    }

    /// Runs a command that may fail, though not because somebody else is at work.
    async fn attempt(&self, log: &Said, what: &str, command: &[String]) -> Result<(), HostError> {
        let job = Job { commands: vec![command.to_owned()], finally: Vec::new() };
        if let Err(said) = self.unit(log, &job).await? {
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
    async fn refresh(&self, log: &Said) -> Result<Option<String>, HostError> {
        if let Err(error) = File::create(self.refreshed()) {
            return Err(HostError::Io {
                tried: format!("make {}", self.refreshed().display()),
                source: error,
            });
        }
        let job = Job { commands: vec![apt(&["update"])], finally: Vec::new() };
        let (Ok(said) | Err(said)) = self.unit(log, &job).await?;
        let found = complaints(&said);
        busy(&found, &said)?;
        Ok(found.into_iter().find_map(|complaint| match complaint {
            Complaint::NotRefreshed(why) | Complaint::Other(why) => Some(why),
            _ => None,
        }))
    }

    /// Looks at a simulated run, and refuses a plan that would remove what is not declared.
    async fn check_removals(&self, log: &Said, plan: &Plan) -> Result<(), HostError> {
        // A simulation that fails, fails again in earnest, where its complaints are looked at.
        let Ok(said) = self.simulate(log, &plan.words()).await? else { return Ok(()) };
        let undeclared = plan.undeclared(removals(&said));
        if undeclared.is_empty() {
            return Ok(());
        }
        let mut failed = BTreeMap::new();
        for (name, word) in plan.each().take(MOST_SUSPECTS) {
            if let Ok(said) = self.simulate(log, &[word]).await? {
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
    async fn simulate(&self, log: &Said, words: &[String]) -> Result<Result<String, String>, HostError> {
        let simulate = apt(&["--simulate", "--option=Debug::NoLocking=1", "install", "--"]);
        let job = Job { commands: vec![[simulate, words.to_owned()].concat()], finally: Vec::new() };
        self.unit(log, &job).await
    }

    /// Runs a job in the unit. Gives what it said, as an error if it failed.
    async fn unit(&self, log: &Said, job: &Job) -> Result<Result<String, String>, HostError> {
        let before = log.length()?;
        let unit = Transient {
            name: UNIT,
            description: "Package transaction of Holdfast",
            commands: &job.commands,
            finally: &job.finally,
            environment: &ENVIRONMENT,
            output: log.path(),
            limit: Limit::Never { shutdown_waits: SHUTDOWN_WAITS },
        };
        let ran = timeout(PATIENCE, self.systemd.run(&unit)).await;
        let ran = ran.map_err(|_elapsed| HostError::Busy { what: self.earlier() })??;
        let said = log.since(before, MOST)?;
        let said = String::from_utf8_lossy(&said).into_owned();
        match ran {
            Ran::Done => Ok(Ok(said)),
            Ran::Failed => Ok(Err(said)),
            Ran::AlreadyThere => Err(HostError::Busy { what: self.earlier() }),
        }
    }

    /// Which packages a failed transaction failed for, and why.
    async fn blame(
        &self,
        log: &Said,
        plan: &Plan,
        found: &[Complaint],
        not_refreshed: Option<&str>,
        said: &str,
    ) -> Result<HostError, HostError> {
        if found.contains(&Complaint::NoSpace) {
            let source = std::io::ErrorKind::StorageFull.into();
            return Ok(HostError::Io { tried: "install packages".into(), source });
        }
        let mut failed = BTreeMap::new();
        let (mut others, mut suspects) = (Vec::new(), false);
        for complaint in found {
            match plan.attribute(complaint, not_refreshed) {
                Attributed::To(name, error) => drop(failed.entry(name).or_insert(error)),
                Attributed::Nobody(reason) => others.push(reason),
                Attributed::Somebody => suspects = true,
                Attributed::Ignored => {}
            }
        }
        if failed.is_empty() && suspects {
            failed = self.suspect(log, plan, found).await?;
        }
        if !failed.is_empty() {
            return Ok(HostError::Packages { failed });
        }
        let reason = if others.is_empty() { last_words(said) } else { others.join("; ") };
        Ok(HostError::Command { command: "apt-get".into(), reason })
    }

    /// Tries each package alone in a simulated run, to find those that are in the way of the rest.
    async fn suspect(
        &self,
        log: &Said,
        plan: &Plan,
        found: &[Complaint],
    ) -> Result<BTreeMap<String, HostError>, HostError> {
        let mut failed = BTreeMap::new();
        for (name, word) in plan.each().take(MOST_SUSPECTS) {
            let error = match self.simulate(log, &[word]).await? {
                Ok(said) => {
                    let (gone, new) = (plan.undeclared(removals(&said)), installations(&said));
                    let unfetched = found.iter().find_map(|complaint| match complaint {
                        Complaint::NotFetched(of, why) if new.contains(of) => {
                            Some(format!("{of}, which it needs, could not be fetched: {why}"))
                        }
                        _ => None,
                    });
                    match unfetched {
                        Some(reason) => Some(package(name, reason)),
                        None => (!gone.is_empty()).then(|| would_remove(name, &gone)),
                    }
                }
                Err(said) => {
                    let why = complaints(&said).into_iter().find_map(|complaint| match complaint {
                        Complaint::Unmet(of, why) if of == name => Some(why),
                        Complaint::Unmet(of, why) => Some(format!("{of}: {why}")),
                        _ => None,
                    });
                    Some(package(name, why.unwrap_or_else(|| last_words(&said))))
                }
            };
            failed.extend(error.map(|error| (name.to_owned(), error)));
        }
        Ok(failed)
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

/// The end of what a program said, when nothing better is known.
fn last_words(said: &str) -> String {
    let lines: Vec<&str> = said.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
    one_line(lines.into_iter().rev().collect::<Vec<_>>().join("\n").as_bytes())
}
