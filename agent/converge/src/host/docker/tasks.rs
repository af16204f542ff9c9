//! Waiting for the tasks of a service that was made or changed.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{Docker, HostError, client::encode, now::or_default};

/// How long tasks are watched for ending at once.
const SETTLE: Duration = Duration::from_secs(1);

/// How often they are asked for.
const AGAIN: Duration = Duration::from_millis(300);

/// How long a service that has no tasks at all may be about to get some.
const FIRST: Duration = Duration::from_secs(3);

/// So many tasks that ended, and none that runs, are no beginning that is slow.
const HOPELESS: usize = 3;

/// When the change was made that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Began {
    /// Before: perhaps by another manager.
    Before,
    /// Just now.
    Now,
}

/// One task.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Task {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "ServiceID")]
    pub(super) service: String,
    spec: Value,
    #[serde(deserialize_with = "or_default")]
    status: Status,
    desired_state: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Status {
    state: String,
    err: String,
    message: String,
}

impl Task {
    /// Whether nothing of it runs any more.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.status.state.as_str(), "complete" | "shutdown" | "failed" | "rejected" | "orphaned")
    }

    /// Why it does not run.
    fn complaint(&self) -> Option<String> {
        let said = if self.status.err.is_empty() { &self.status.message } else { &self.status.err };
        (!said.is_empty()).then(|| format!("{}: {said}", self.status.state))
    }
}

impl Docker {
    /// Waits until every task of a service is as it says, runs, is healthy if it has a way to tell, and has been so for a moment.
    pub(super) async fn tasks_settled(
        &self,
        name: &str,
        change: Began,
        within: Duration,
    ) -> Result<(), HostError> {
        let failed = |what: &str, said: String| {
            let (service, what) = (name.to_owned(), what.to_owned());
            Err(HostError::Service { service, what, said })
        };
        let began = Instant::now();
        // A rollback that was over before is no news.
        let mut old = change == Began::Before;
        let mut steady: Option<(Instant, Vec<String>)> = None;
        loop {
            let Some((service, message)) = self.service(name).await? else {
                return failed("it is gone", "somebody removed it".to_owned());
            };
            old &= service.update == "rollback_completed";
            match service.update.as_str() {
                "rollback_completed" if !old => return failed("the Swarm took the change back", message),
                "paused" => return failed("the Swarm stopped in the middle of the change", message),
                "rollback_paused" => {
                    return failed("the Swarm could not take the change back wholly", message);
                }
                _ => {}
            }
            let tasks = self.tasks(name).await?;
            let template = comparable(service.spec.get("TaskTemplate"));
            let so: Vec<&Task> =
                tasks.iter().filter(|task| comparable(Some(&task.spec)) == template).collect();
            let live = tasks.iter().filter(|task| task.desired_state == "running").count();
            let run: Vec<String> = so
                .iter()
                .filter(|task| task.desired_state == "running" && task.status.state == "running")
                .map(|task| task.id.clone())
                .collect();
            let replicas = replicas(&service.spec);
            let wanted = replicas.unwrap_or(live);
            let has_tasks = replicas.is_some() || wanted > 0 || began.elapsed() >= FIRST;
            if !service.is_changing() && has_tasks && run.len() == wanted && live == wanted {
                match &steady {
                    Some((since, same)) if *same == run => {
                        if since.elapsed() >= SETTLE || run.is_empty() {
                            return Ok(());
                        }
                    }
                    _ => steady = Some((Instant::now(), run)),
                }
            } else {
                let ended = so.iter().filter(|task| task.has_ended()).count();
                let complaint = || {
                    let mut idle = so.iter().filter(|task| task.status.state != "running");
                    idle.find_map(|task| task.complaint()).unwrap_or_default()
                };
                if !service.is_changing() && run.is_empty() && ended >= HOPELESS {
                    return failed("its tasks end again and again", complaint());
                }
                if began.elapsed() >= within {
                    let what = format!("{} of {wanted} tasks run after {} s", run.len(), within.as_secs());
                    return failed(&what, complaint());
                }
                steady = None;
            }
            sleep(AGAIN).await;
        }
    }

    async fn tasks(&self, service: &str) -> Result<Vec<Task>, HostError> {
        let filters = serde_json::json!({ "service": [service] }).to_string();
        self.managed(&format!("/tasks?filters={}", encode(&filters))).await
    }
}

/// How many tasks there are to be; `None` if the nodes decide that.
fn replicas(spec: &Value) -> Option<usize> {
    let replicas = spec.pointer("/Mode/Replicated/Replicas").and_then(Value::as_u64)?;
    usize::try_from(replicas).ok()
}

/// What of a task's template the engine writes the same in a service and in its tasks.
fn comparable(template: Option<&Value>) -> Value {
    let mut template = template.cloned().unwrap_or_default();
    if let Some(template) = template.as_object_mut() {
        // Networks are by name in one and by id in the other; the rest is filled in.
        for field in ["Networks", "Runtime"] {
            template.remove(field);
        }
        if template.get("ForceUpdate").and_then(Value::as_u64) == Some(0) {
            template.remove("ForceUpdate");
        }
        for list in ["Configs", "Secrets"] {
            let list = template.get_mut("ContainerSpec").and_then(|all| all.get_mut(list));
            for one in list.and_then(Value::as_array_mut).into_iter().flatten() {
                if let Some(one) = one.as_object_mut() {
                    one.retain(|field, _| field != "ConfigID" && field != "SecretID");
                }
            }
        }
    }
    template
}
