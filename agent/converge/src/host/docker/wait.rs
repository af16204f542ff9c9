//! Waiting for a container that was started.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{Docker, HostError, client::encode};

/// How long a container without a health check is watched for ending at once.
const SETTLE: Duration = Duration::from_secs(1);

/// How long the engine has to start one again that it found ended by itself.
const RESTART: Duration = Duration::from_secs(5);

/// How often it is asked.
const AGAIN: Duration = Duration::from_millis(200);

impl Docker {
    /// Waits until a container runs and, if it has a health check, is healthy; without one, until it has run for a moment.
    pub(super) async fn settled(
        &self,
        name: &str,
        seen: Option<&Value>,
        within: Duration,
    ) -> Result<(), HostError> {
        let failed = |reason: String| HostError::Container { container: name.to_owned(), reason };
        let began = Instant::now();
        // When it was first seen to run, and the start that this is about.
        let mut running: Option<(Instant, Option<String>)> = None;
        loop {
            let all: Option<Value> = self.client.find(&format!("/containers/{}/json", encode(name))).await?;
            let Some(all) = all else { return Err(failed("it is gone".to_owned())) };
            let state = |field: &str| all.pointer(&format!("/State/{field}"));
            let is = |field: &str| state(field).and_then(Value::as_bool) == Some(true);
            let runs = is("Running") && !is("Restarting");
            // Of one that nobody started now, the engine itself may be about to.
            let patient = seen.is_some() && is("Restarting") && began.elapsed() < RESTART;
            let start = state("StartedAt").and_then(Value::as_str).map(str::to_owned);
            let anew = running.as_ref().is_some_and(|(_, known)| *known != start);
            if !patient && (!runs || (anew && seen.is_none())) {
                let code = state("ExitCode").and_then(Value::as_i64).unwrap_or_default();
                return Err(failed(format!("it ended with exit code {code}")));
            }
            if patient || anew {
                running = None;
            }
            if runs {
                let (since, _) = running.get_or_insert_with(|| (Instant::now(), start));
                match state("Health").and_then(|health| health.get("Status")).and_then(Value::as_str) {
                    Some("healthy") => return Ok(()),
                    Some("unhealthy") => return Err(failed("its health check fails".to_owned())),
                    Some("starting") if began.elapsed() >= within => {
                        return Err(failed(format!("it was not healthy within {} s", within.as_secs())));
                    }
                    Some("starting") => {}
                    Some(_) | None if since.elapsed() >= SETTLE => return Ok(()),
                    // It never stays up for long enough.
                    Some(_) | None if began.elapsed() >= within.max(RESTART + SETTLE) => {
                        return Err(failed("it is started again and again".to_owned()));
                    }
                    Some(_) | None => {}
                }
            }
            sleep(AGAIN).await;
        }
    }
}
