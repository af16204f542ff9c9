//! Programs in transient units: outside the agent's sandbox, and not ended when the agent is.

use std::{path::Path, time::Duration};

use zbus::Variant;

use super::{
    HostError, Systemd,
    bus::{gone, refused, unless_shutdown},
    control::job_result,
};

/// A program to run as a unit of its own.
#[derive(Debug)]
pub(in crate::host) struct Transient<'a> {
    /// The unit's name; while a unit of this name exists no other can be started, so it is a lock too.
    pub(in crate::host) name: &'a str,
    /// For people who see the unit in a list.
    pub(in crate::host) description: &'a str,
    /// What it runs, one after the other, until one fails: each a program, with an absolute path, and its arguments.
    pub(in crate::host) commands: &'a [Vec<String>],
    /// What it runs in the end, whether that failed or not; how these end does not matter.
    pub(in crate::host) finally: &'a [Vec<String>],
    /// Its environment, added to the manager's own.
    pub(in crate::host) environment: &'a [(&'a str, &'a str)],
    /// The file that takes its standard output and error, appended to.
    pub(in crate::host) output: &'a Path,
    /// After which time the manager ends it, or how it is treated without one.
    pub(in crate::host) limit: Limit,
}

/// How long a unit may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::host) enum Limit {
    /// The manager ends it after this time.
    After(Duration),
    /// It is never ended, not even at shutdown within this time: what it does must not be interrupted.
    Never {
        /// How long a shutdown waits for it.
        shutdown_waits: Duration,
    },
}

/// How a transient unit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::host) enum Ran {
    /// With exit code 0.
    Done,
    /// In any other way.
    Failed,
    /// It was not started, for a unit of that name is there.
    AlreadyThere,
}

impl Systemd {
    /// Whether a unit of that name is there and not yet ended.
    pub(in crate::host) async fn is_running(&self, name: &str) -> Result<bool, HostError> {
        let manager = self.bus.manager().await?;
        let rows = super::answer(manager.list_units_by_names(&[name])).await.map_err(gone)?;
        Ok(rows.iter().any(|row| !matches!(row.active.as_str(), "inactive" | "failed")))
    }

    /// Runs a program as a unit and waits for its end. Dropping the future only ends the waiting.
    pub(in crate::host) async fn run(&self, unit: &Transient<'_>) -> Result<Ran, HostError> {
        let manager = self.bus.subscribed().await?;
        let mut ended = manager.receive_job_removed().await.map_err(gone)?;
        let job = match manager.start_transient_unit(unit.name, "fail", &unit.properties(), &[]).await {
            Ok(job) => job,
            Err(zbus::Error::MethodError(name, ..))
                if name.as_str() == "org.freedesktop.systemd1.UnitExists" =>
            {
                return Ok(Ran::AlreadyThere);
            }
            Err(error) => return Err(refused(unit.name, error)),
        };
        match job_result(&mut ended, &job).await?.as_str() {
            "done" => Ok(Ran::Done),
            "canceled" => {
                unless_shutdown(&manager).await?;
                Ok(Ran::Failed)
            }
            _ => Ok(Ran::Failed),
        }
    }

    /// Stops a unit and waits until it has.
    pub(in crate::host) async fn stop(&self, name: &str) -> Result<(), HostError> {
        let manager = self.bus.subscribed().await?;
        let mut ended = manager.receive_job_removed().await.map_err(gone)?;
        match manager.stop_unit(name, "replace").await {
            Ok(job) => job_result(&mut ended, &job).await.map(drop),
            // It has ended meanwhile.
            Err(zbus::Error::MethodError(..)) => Ok(()),
            Err(error) => Err(refused(name, error)),
        }
    }
}

impl Transient<'_> {
    /// See org.freedesktop.systemd1(5) and systemd.exec(5).
    fn properties(&self) -> Vec<(&str, Variant<'_>)> {
        let environment: Vec<String> =
            self.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let output = self.output.to_string_lossy().into_owned();
        let mut properties: Vec<(&str, Variant<'_>)> = vec![
            ("Description", self.description.into()),
            ("Type", "oneshot".into()),
            ("CollectMode", "inactive-or-failed".into()),
            ("Environment", environment.into()),
            ("ExecStart", commands(self.commands, false).into()),
            ("ExecStopPost", commands(self.finally, true).into()),
            ("StandardInput", "null".into()),
            ("StandardOutputFileToAppend", output.into()),
            ("StandardError", "inherit".into()),
        ];
        match self.limit {
            Limit::After(limit) => properties.push(("TimeoutStartUSec", microseconds(limit).into())),
            Limit::Never { shutdown_waits } => {
                properties.push(("TimeoutStartUSec", u64::MAX.into()));
                // A stop only waits: the signal does nothing to a program that runs.
                properties.push(("KillSignal", nix::libc::SIGCONT.into()));
                properties.push(("TimeoutStopUSec", microseconds(shutdown_waits).into()));
            }
        }
        properties
    }
}

/// Commands as the manager takes them: the program, its arguments, and whether its failure is ignored.
fn commands(commands: &[Vec<String>], ignore: bool) -> Vec<(&str, Vec<&str>, bool)> {
    commands
        .iter()
        .map(|argv| {
            let words: Vec<&str> = argv.iter().map(String::as_str).collect();
            (words.first().copied().unwrap_or_default(), words, ignore)
        })
        .collect()
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
