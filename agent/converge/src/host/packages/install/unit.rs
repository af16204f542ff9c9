//! The unit that everything of a transaction runs in: one at a time, waited for and never killed.
#![expect(clippy::disallowed_methods, reason = "part of the room that owns package transactions")]

use std::{fs, path::PathBuf, time::Duration};

use tokio::{pin, time::timeout};

use super::{Installer, Session};
use crate::host::{
    HostError,
    command::one_line,
    packages::{
        complaint::ENDED,
        lock,
        manager::{Manager, words},
        plan::Job,
        script::{self, Script},
    },
    systemd::{Limit, Ran, Transient},
};

/// The unit that every transaction runs in.
pub(in crate::host) const UNIT: &str = "holdfast-packages.service";

/// How long a pass waits for a transaction. The transaction itself may take as long as it likes.
const PATIENCE: Duration = Duration::from_mins(10);

/// How often a transaction under way is looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How long a shutdown waits for a transaction.
const SHUTDOWN_WAITS: Duration = Duration::from_mins(15);

/// How much of what a package manager says is read.
const MOST: u64 = 1024 * 1024;

/// How the service manager tells in the log what became of the package manager itself, see systemd.exec(5). Without a `$`, for
/// which it finds other words when it is reloaded meanwhile.
fn tell_end() -> [Vec<String>; 2] {
    [words(["/usr/bin/echo", ENDED]), words(["/usr/bin/printenv", "EXIT_CODE", "EXIT_STATUS"])]
}

impl Installer {
    /// Whether nobody else is at work on packages.
    pub(super) async fn wait_for_nobody(
        &self,
        manager: &dyn Manager,
        script_limit: Duration,
    ) -> Result<(), HostError> {
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

    /// Runs a job in the unit. Gives what it said, as an error if it failed.
    pub(in crate::host::packages) async fn unit(
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

    pub(super) fn log(&self) -> PathBuf {
        self.state.join("packages.log")
    }
}
