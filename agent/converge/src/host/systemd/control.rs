//! Changes to units: enablement, masks, and jobs that are waited for until they have ended and the unit has settled.

use std::time::Duration;

use futures_util::StreamExt as _;
use holdfast_schema::UnitName;
use tokio::time::{sleep, timeout};
use zbus::OwnedObjectPath;

use super::{
    HostError, Systemd,
    bus::{
        JobRemovedStream, ManagerProxy, SERVICE_UNIT, UNIT, answer, gone, property, refused, unless_shutdown,
    },
};
use crate::plan::step::UnitVerb;

/// How long a unit that is "started" as soon as its process exists is watched for ending at once.
const SETTLE: Duration = Duration::from_millis(500);

/// How long a job is waited for: the manager's own limits for a stop and a start together, by default. The job goes on after that.
const JOB: Duration = Duration::from_secs(200);

const NO_SUCH_UNIT: &str = "org.freedesktop.systemd1.NoSuchUnit";

/// What is compared before and after a unit has settled.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Running {
    active: String,
    sub: String,
    invocation: Vec<u8>,
    restarts: u32,
}

impl Systemd {
    /// Makes the manager read unit files again.
    pub(in crate::host) async fn reload_manager(&self) -> Result<(), HostError> {
        self.forget();
        let manager = self.bus.manager().await?;
        manager.reload().await.map_err(|error| refused("(all of them)", error))
    }

    /// Enables or disables a unit file for the next boot.
    pub(in crate::host) async fn enable(&self, unit: &UnitName, enable: bool) -> Result<(), HostError> {
        self.forget();
        let manager = self.bus.manager().await?;
        let refused = |error| refused(unit.as_str(), error);
        if enable {
            let (installs, _) =
                manager.enable_unit_files(&[unit.as_str()], false, false).await.map_err(refused)?;
            if !installs {
                let reason = "it cannot be enabled, for it has no [Install] section".to_owned();
                return Err(HostError::Unit { unit: unit.to_string(), reason });
            }
        } else {
            manager.disable_unit_files(&[unit.as_str()], false).await.map_err(refused)?;
        }
        Ok(())
    }

    /// Masks or unmasks a unit.
    pub(in crate::host) async fn mask(&self, unit: &UnitName, mask: bool) -> Result<(), HostError> {
        self.forget();
        let manager = self.bus.manager().await?;
        let changed = if mask {
            manager.mask_unit_files(&[unit.as_str()], false, false).await
        } else {
            manager.unmask_unit_files(&[unit.as_str()], false).await
        };
        changed.map(drop).map_err(|error| refused(unit.as_str(), error))
    }

    /// Starts, stops, restarts or reloads a unit and waits until that is done and the unit has settled.
    pub(in crate::host) async fn control(&self, unit: &UnitName, verb: UnitVerb) -> Result<(), HostError> {
        self.forget();
        let manager = self.bus.subscribed().await?;
        // The manager drops a unit that has ended, and with it how it ended, unless somebody holds on to it.
        let held = manager.ref_unit(unit.as_str()).await.is_ok();
        let result = run_job(&manager, unit, verb).await;
        // What was told to stop has not failed by being stopped, or before.
        if verb == UnitVerb::Stop
            && let Err(error) = manager.reset_failed_unit(unit.as_str()).await
        {
            tracing::debug!(%unit, %error, "there is nothing to reset");
        }
        if held && let Err(error) = manager.unref_unit(unit.as_str()).await {
            tracing::debug!(%unit, %error, "the unit could not be let go");
        }
        result
    }

    /// How often the manager has restarted a unit by itself, and its invocation: it changes when the unit is started anew.
    pub(super) async fn generation(&self, unit: &UnitName) -> Result<(Vec<u8>, u32), HostError> {
        let manager = self.bus.manager().await?;
        let path =
            answer(manager.load_unit(unit.as_str())).await.map_err(|error| refused(unit.as_str(), error))?;
        let running = look(&manager, unit, &path).await?;
        Ok((running.invocation, running.restarts))
    }
}

async fn run_job(manager: &ManagerProxy<'_>, unit: &UnitName, verb: UnitVerb) -> Result<(), HostError> {
    // Before the job is made, for it may end at once.
    let mut ended = manager.receive_job_removed().await.map_err(gone)?;
    let (name, mode) = (unit.as_str(), "replace");
    let job = match verb {
        UnitVerb::Start => manager.start_unit(name, mode).await,
        UnitVerb::Stop => manager.stop_unit(name, mode).await,
        UnitVerb::Restart => manager.restart_unit(name, mode).await,
        UnitVerb::Reload => manager.reload_or_restart_unit(name, mode).await,
    };
    let job = match job {
        // What is not there does not run.
        Err(zbus::Error::MethodError(error, ..))
            if verb == UnitVerb::Stop && error.as_str() == NO_SUCH_UNIT =>
        {
            return Ok(());
        }
        job => job.map_err(|error| refused(name, error))?,
    };
    let result = timeout(JOB, job_result(&mut ended, &job)).await;
    drop(ended);
    let result = result.map_err(|_elapsed| HostError::Busy {
        what: format!("the {} job of {unit}, which systemd has not ended in {} s", word(verb), JOB.as_secs()),
    })??;
    let path = answer(manager.load_unit(name)).await.map_err(gone)?;
    if result == "canceled" {
        unless_shutdown(manager).await?;
    }
    if result != "done" {
        let reason = match result.as_str() {
            "dependency" => "a unit that it depends on did not start".to_owned(),
            "canceled" => format!("its {} was cancelled by another job", word(verb)),
            "timeout" => format!("its {} took too long", word(verb)),
            _ => format!("its {} failed{}", word(verb), ending(manager, &path).await),
        };
        return Err(HostError::Unit { unit: unit.to_string(), reason });
    }
    if verb == UnitVerb::Stop { Ok(()) } else { settle(manager, unit, &path).await }
}

fn word(verb: UnitVerb) -> &'static str {
    match verb {
        UnitVerb::Start => "start",
        UnitVerb::Stop => "stop",
        UnitVerb::Restart => "restart",
        UnitVerb::Reload => "reload",
    }
}

/// How the job ended: `done`, `failed`, `timeout`, …
pub(super) async fn job_result(
    ended: &mut JobRemovedStream,
    job: &OwnedObjectPath,
) -> Result<String, HostError> {
    while let Some(signal) = ended.next().await {
        let signal = signal.args().map_err(gone)?;
        if signal.job == *job {
            return Ok(signal.result);
        }
    }
    Err(gone(zbus::Error::Failure("the connection ended before the job did".into())))
}

/// Waits until a unit whose start is done can be believed to run.
async fn settle(
    manager: &ManagerProxy<'_>,
    unit: &UnitName,
    path: &OwnedObjectPath,
) -> Result<(), HostError> {
    if !unit.as_str().ends_with(".service") {
        return Ok(());
    }
    let kind: String = answer(property(manager, path, SERVICE_UNIT, "Type")).await.map_err(gone)?;
    let first = look(manager, unit, path).await?;
    let running = |now: &Running| matches!(now.active.as_str(), "active" | "reloading" | "refreshing");
    let last = match kind.as_str() {
        // The manager waited for its end.
        "oneshot" => return Ok(()),
        // The manager knows no more of these than that they were started.
        "simple" | "exec" | "idle" if running(&first) => {
            sleep(SETTLE).await;
            look(manager, unit, path).await?
        }
        _ => first.clone(),
    };
    if running(&last) && (last.invocation == first.invocation) && last.restarts == first.restarts {
        return Ok(());
    }
    let conditions: bool = answer(property(manager, path, UNIT, "ConditionResult")).await.map_err(gone)?;
    let reason = if conditions {
        format!("it ended right after its start{}", ending(manager, path).await)
    } else {
        "its start conditions are not met".to_owned()
    };
    Err(HostError::Unit { unit: unit.to_string(), reason })
}

async fn look(
    manager: &ManagerProxy<'_>,
    unit: &UnitName,
    path: &OwnedObjectPath,
) -> Result<Running, HostError> {
    let active = answer(property(manager, path, UNIT, "ActiveState"));
    let sub = answer(property(manager, path, UNIT, "SubState"));
    let invocation = answer(property(manager, path, UNIT, "InvocationID"));
    let restarts = async {
        if unit.as_str().ends_with(".service") {
            answer(property(manager, path, SERVICE_UNIT, "NRestarts")).await
        } else {
            Ok(0)
        }
    };
    let (active, sub, invocation, restarts) =
        tokio::try_join!(active, sub, invocation, restarts).map_err(gone)?;
    Ok(Running { active, sub, invocation, restarts })
}

/// How a service's process ended, as the tail of a sentence; empty if that is not known.
async fn ending(manager: &ManagerProxy<'_>, path: &OwnedObjectPath) -> String {
    let result = answer(property::<String>(manager, path, SERVICE_UNIT, "Result")).await;
    let status = answer(property::<i32>(manager, path, SERVICE_UNIT, "ExecMainStatus")).await;
    match (result.as_deref(), status) {
        (Ok("exit-code"), Ok(status)) => format!(": its process ended with exit code {status}"),
        (Ok("signal" | "core-dump"), Ok(signal)) => format!(": its process was ended by signal {signal}"),
        (Ok("success") | Err(_), _) => String::new(),
        (Ok(result), _) => format!(" ({result})"),
    }
}
