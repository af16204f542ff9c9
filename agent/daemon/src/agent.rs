//! The agent: what the root service and `holdfast try` both do, one cycle after another.
//!
//! A cycle polls, converges and publishes. Each part is met with what the ones before it left: without Git the last good
//! revision is converged to; without a good revision there is still a status to publish.

mod control;
mod drift;
mod passes;
mod revisions;
mod statuses;
mod trials;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub use holdfast_converge::engine::{Stop, Stopper};
use holdfast_converge::{
    engine,
    host::{HostError, LocalHost, clock},
};
use holdfast_protocol::control::Reply;
use holdfast_schema::{
    Facts, HostName, ResourceId,
    status::{ResourceStatus, Status, StatusProblem},
};
use holdfast_trust::{ObjectId, sign::SecretKey};
use tokio::sync::mpsc;

use self::drift::Vigil;
use crate::{
    memory::Memory,
    remote::Remote,
    revision::one_line,
    settings::{Paths, Settings},
    store::{Store, StoreError},
};

/// Everything that one host's agent is.
#[derive(Debug)]
pub struct Agent {
    paths: Paths,
    settings: Settings,
    memory: Memory,
    remote: Arc<dyn Remote>,
    host: LocalHost,
    key: Arc<SecretKey>,
    facts: Facts,
    /// Why the last poll failed.
    unreachable: Option<StatusProblem>,
    /// What else went wrong in this cycle, beside single resources.
    trouble: Vec<StatusProblem>,
    /// How the last pass over the host ended.
    pass: engine::Report,
    /// Whether the leavings of a killed process or of a failed pass were looked for.
    swept: bool,
    /// How many trials in a row ended because of what is around them, such as a full disk.
    passing: u32,
    /// Changes that no published status has told yet.
    untold: BTreeMap<ResourceId, ResourceStatus>,
    status: Option<Status>,
    push_failure: Option<String>,
    /// Whether the own status branch was looked at since the start.
    witnessed: bool,
    /// Whether the memory was made on another machine.
    moved: bool,
    /// The revision on trial after whose change, which could have cut the host off, the Git server was reached again.
    reached_under: Option<ObjectId>,
    progress: Option<mpsc::UnboundedSender<Reply>>,
    vigil: Vigil,
}

/// Why an agent cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What it must remember cannot be had.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The host does not tell what it is.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl StartError {
    /// The stable, documented code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(why) => why.code(),
            Self::Host(why) => why.code(),
        }
    }
}

impl Agent {
    /// An agent that goes on where the last one stopped.
    ///
    /// # Errors
    /// [`StartError`] if what it must remember is damaged, or the host does not tell what it is.
    pub async fn new(
        paths: Paths,
        settings: Settings,
        remote: Arc<dyn Remote>,
        host: LocalHost,
        key: SecretKey,
    ) -> Result<Self, StartError> {
        let mut memory = Memory::recall(Store::open(&paths.state)?)?;
        if let Err(why) = memory.settle().and_then(|()| memory.mend()) {
            tracing::warn!(code = why.code(), "what an earlier run left half-done stays: {}", one_line(&why));
        }
        let facts = host.facts().await?;
        let moved = match &settings.machine {
            Some(machine) => !memory.is_of(machine)?,
            None => false,
        };
        Ok(Self {
            paths,
            settings,
            memory,
            remote,
            host,
            key: Arc::new(key),
            facts,
            unreachable: None,
            trouble: Vec::new(),
            pass: engine::Report::default(),
            swept: false,
            passing: 0,
            untold: BTreeMap::new(),
            status: None,
            push_failure: None,
            witnessed: false,
            moved,
            reached_under: None,
            progress: None,
            vigil: Vigil::default(),
        })
    }

    /// The host's name in the fleet.
    pub fn host(&self) -> &HostName {
        &self.settings.host
    }

    /// How often to poll.
    pub fn poll_interval(&self) -> Duration {
        self.settings.poll
    }

    /// The newest status; `None` before the first cycle.
    pub fn status(&self) -> Option<&Status> {
        self.status.as_ref()
    }

    /// What is remembered.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Why the newest status is not on its branch, if it should be and is not.
    pub fn push_failure(&self) -> Option<&str> {
        self.push_failure.as_deref()
    }

    /// Sends a line to `listener` for whatever is done from now on.
    pub fn tell_progress_to(&mut self, listener: Option<mpsc::UnboundedSender<Reply>>) {
        self.progress = listener;
    }

    /// Polls, converges and publishes. Whether Git was reached.
    pub async fn cycle(&mut self, stop: &Stop) -> bool {
        self.heed(stop);
        self.begin().await;
        // Waiting for Git is given up at once; what comes of it is found out at the next start.
        let reached = tokio::select! {
            reached = self.poll() => reached,
            () = stop.wait() => return false,
        };
        let quarantined = self.memory.quarantine.clone();
        self.converge_and_publish(stop).await;
        // What could have cut the host off is confirmed at once, if it can be, and told at once if it was taken back.
        let news = self.memory.quarantine != quarantined && self.unreachable.is_some();
        if (self.is_confirming() || news) && !stop.requested() {
            tokio::select! {
                _ = self.poll() => {}
                () = stop.wait() => return reached,
            }
            self.converge_and_publish(stop).await;
        }
        reached
    }

    async fn converge_and_publish(&mut self, stop: &Stop) {
        // Large, as a pass is.
        Box::pin(self.converge(stop)).await;
        tokio::select! {
            () = self.publish() => {}
            () = stop.wait() => {}
        }
    }

    /// Converges to the last good revision without asking Git anything.
    pub async fn cycle_offline(&mut self, stop: &Stop) {
        self.begin().await;
        self.converge(stop).await;
    }

    async fn begin(&mut self) {
        self.trouble.clear();
        self.look_for_rescue().await;
        match self.host.facts().await {
            Ok(facts) => self.facts = facts,
            Err(why) => tracing::warn!("the host's facts are as they were: {}", one_line(&why)),
        }
        self.end_pause_that_is_over();
        self.end_quarantine_that_is_over();
    }

    /// Makes one pass over the host, unless the agent is paused or has nothing yet to converge to.
    async fn converge(&mut self, stop: &Stop) {
        let over = self.over_ceiling();
        if !over.is_empty() {
            self.trouble.extend(over);
        } else if self.memory.pause.is_none() {
            let tried = self.memory.trial.is_some();
            if tried {
                self.go_on_with_trial(stop).await;
            }
            let taken_back = self.memory.trial.is_none() && self.memory.quarantine.is_some();
            if !tried || (taken_back && !stop.requested()) {
                self.repair(stop).await;
            }
        }
        self.vigil.was_asked();
        self.keep_watch();
        self.conclude();
    }

    /// What of the revision in force is over a ceiling that was lowered since.
    fn over_ceiling(&self) -> Vec<StatusProblem> {
        let current = self.memory.candidate.as_ref().or(self.memory.applied.as_ref());
        current.map_or_else(Vec::new, |applied| {
            let record = &applied.record;
            self.settings.ceiling.problems(&record.state, &record.commit.to_string())
        })
    }

    /// Notes something that stands in the way and is no single resource's.
    fn meet(&mut self, tried: &str, error: &StoreError) {
        let message = format!("{tried}: {}", one_line(error));
        tracing::error!(code = error.code(), "{message}");
        let code = error.code().to_owned();
        self.trouble.push(StatusProblem { code, message, remedy: None, commit: None, at: None });
    }

    fn tell(&self, line: impl FnOnce() -> String) {
        if let Some(listener) = &self.progress
            && listener.send(Reply::Progress { line: line() }).is_err()
        {
            tracing::trace!("nobody listens to progress any more");
        }
    }
}

/// The wall clock in seconds since the epoch.
fn now() -> i64 {
    clock::nanoseconds().div_euclid(1_000_000_000)
}

/// A time as the status writes it: RFC 3339, UTC, whole seconds.
fn rfc3339(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_out_of_range| seconds.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests;
