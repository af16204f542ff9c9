//! The part of the cycle that puts the status together and publishes it.

use std::{io::Write as _, sync::Arc};

use holdfast_converge::{
    engine::{Failure, Stop},
    host::clock,
};
use holdfast_schema::status::{ResourceOutcome, ResourceStatus, RevisionInfo, Status, StatusProblem};
use holdfast_trust::UnixTime;

use super::{Agent, now, rfc3339};
use crate::{
    codes,
    document::{self, Parts},
    memory::Event,
    publish::{self, PublishError, Published, Telling},
    schedule::Schedule,
};

/// The newest status beside the records, for whoever asks while no agent runs.
pub(crate) const STATUS_FILE: &str = "status.toml";

impl Agent {
    /// Puts the status of this cycle together, and writes it down if it says something new.
    pub(super) fn conclude(&mut self) {
        for resource in self.pass.resources() {
            if document::is_event(resource.outcome) {
                self.untold.insert(resource.id.clone(), resource);
            }
        }
        let status = self.document();
        // After a start, what was published last is what was written down last, unless a push failed.
        let old = self.status.as_ref().or(self.memory.published.status.as_ref());
        if old.is_none_or(|old| document::tells_more(old, &status)) {
            self.write_down(&status);
        }
        self.status = Some(status);
    }

    fn document(&self) -> Status {
        let attempt = self.memory.attempt.as_ref();
        let applied = self.memory.applied.as_ref().map(|applied| &applied.record);
        let mut problems = attempt.map(|attempt| attempt.problems.clone()).unwrap_or_default();
        match (&self.memory.trial, &self.memory.quarantine) {
            (Some(trial), _) => problems.extend(trial.problems()),
            (None, Some(quarantine)) => problems.extend(quarantine.problems()),
            (None, None) => {}
        }
        problems.extend(self.unreachable.clone());
        problems.extend(self.rebuilt());
        problems.extend(self.cloned());
        problems.extend(self.stale());
        problems.extend(self.unwatched());
        problems.extend(self.trouble.iter().cloned());
        problems.extend(self.pass.unsaved.as_ref().map(unsaved));
        document::status(Parts {
            host: &self.settings.host,
            time: rfc3339(now()),
            trust_origin: &self.settings.trust_origin,
            revision: RevisionInfo {
                attempted: attempt.map(|attempt| attempt.tip.to_string()),
                applied: applied.map(|record| record.commit.to_string()),
                signer: applied.map(|record| record.signer.clone()),
                trial: self.memory.trial.as_ref().map(|trial| trial.commit.to_string()),
                quarantined: self.memory.quarantine.as_ref().map(|quarantine| quarantine.commit.to_string()),
                branch: self.settings.branch.clone(),
            },
            problems,
            summary: self.pass.summary(),
            resources: self.pass.resources(),
            images: self.memory.ledger.pinned(),
            pause: self.memory.pause.as_ref(),
            facts: self.facts.clone(),
        })
    }

    /// Whether nobody has said in time that the branch is the newest. Without a clock that is right nothing is said of it.
    fn stale(&self) -> Option<StatusProblem> {
        let freshness = self.memory.freshness.as_ref()?;
        clock::is_synchronised()?.then(|| freshness.problem(UnixTime::from_seconds(now()))).flatten()
    }

    /// Notes the newest status on disk and in the history. A quiet cycle never comes here.
    fn write_down(&mut self, status: &Status) {
        let store = self.memory.store().clone();
        if let Err(why) = store.replace(STATUS_FILE, |file| file.write_all(status.to_toml().as_bytes())) {
            self.meet("write the status down", &why);
        }
        let event = Event {
            time: status.time.clone(),
            subject: status.subject(),
            lines: status.resource.iter().map(line).collect(),
        };
        if let Err(why) = self.memory.happened(&event) {
            self.meet("write the history", &why);
        }
        tracing::info!(
            result = status.result.as_str(),
            revision = status.revision.applied,
            "{}",
            event.subject
        );
        for line in event.lines {
            self.tell(|| line);
        }
    }

    /// Publishes what was found between polls.
    pub async fn publish_news(&mut self, stop: &Stop) {
        self.heed(stop);
        tokio::select! {
            () = self.publish() => {}
            () = stop.wait() => {}
        }
    }

    /// Pushes the newest status if its branch does not say it yet, or if a heartbeat is due.
    pub(super) async fn publish(&mut self) {
        if self.is_cloned() {
            return;
        }
        let Some(mut status) = self.status.clone() else { return };
        self.add_untold(&mut status);
        let published = &self.memory.published;
        let schedule = Schedule::new(self.settings.poll, &self.settings.host);
        let heartbeat = schedule.heartbeat(self.settings.heartbeat).as_secs();
        let heartbeat_due =
            now().saturating_sub(published.time) >= i64::try_from(heartbeat).unwrap_or(i64::MAX);
        let news = published.status.as_ref().is_none_or(|old| document::tells_more(old, &status));
        let same_server = self.settings.status.url == self.settings.fleet.url;
        let silent = self.unreachable.as_ref().is_some_and(|failure| !server_answered(&failure.code));
        if !(news || heartbeat_due) || (same_server && silent) {
            return;
        }
        let sequence = published.sequence.saturating_add(1);
        let numbered = Published { sequence, ..published.clone() };
        let (remote, key, server) =
            (Arc::clone(&self.remote), Arc::clone(&self.key), self.settings.status.clone());
        let (branch, parent, time) = (self.settings.status_branch.clone(), published.tip, now());
        // Before it is used: a number on the branch that is higher tells of a snapshot, or of another machine.
        if let Err(why) = self.memory.published(numbered) {
            self.meet("number the status", &why);
            return;
        }
        let ratchet = self.memory.ratchet.as_ref().map(|ratchet| ratchet.commit);
        let telling = Telling { status: status.clone(), ratchet, sequence, time };
        let pushed = tokio::task::spawn_blocking(move || {
            publish::publish(&*remote, &server, &branch, &telling, parent, &key)
        });
        match self.attend(pushed).await {
            Ok(Ok(tip)) => {
                self.push_failure = None;
                // What was mended while it was pushed is not in it.
                self.untold.retain(|_, resource| !status.resource.contains(resource));
                self.tell(|| format!("status pushed to {}", self.settings.status_branch));
                // What happened once is told; only what lasts is compared with the next status.
                status.resource.retain(|resource| !document::is_event(resource.outcome));
                status.resource.shrink_to_fit();
                let published =
                    Published { tip: Some(tip), status: Some(status), time, sequence, cloned: false };
                if let Err(why) = self.memory.published(published) {
                    self.meet("remember the published status", &why);
                }
            }
            Ok(Err(why)) => self.not_pushed(&why),
            Err(_cancelled) => {}
        }
    }

    fn not_pushed(&mut self, why: &PublishError) {
        let message = why.to_string();
        if self.push_failure.as_ref() != Some(&message) {
            tracing::warn!(code = why.code(), "the status was not pushed: {message}");
        }
        self.tell(|| format!("the status was not pushed: {message}"));
        self.push_failure = Some(message);
        // Unless the branch was looked at since the start, this memory may just be an old one.
        if matches!(why, PublishError::Cloned { .. }) && self.witnessed {
            let cloned = Published { cloned: true, ..self.memory.published.clone() };
            if let Err(why) = self.memory.published(cloned) {
                self.meet("remember that another machine has this host's key", &why);
            }
        }
    }

    /// Once after a start: whether the own status branch tells of more than this memory does. A machine that was put back
    /// to a snapshot is reminded that way of what it has verified.
    pub(super) async fn look_back(&mut self) {
        if self.witnessed || self.is_cloned() {
            return;
        }
        let (remote, key, server) =
            (Arc::clone(&self.remote), Arc::clone(&self.key), self.settings.status.clone());
        let (branch, known) = (self.settings.status_branch.clone(), self.memory.published.tip);
        let looked =
            tokio::task::spawn_blocking(move || publish::look_back(&*remote, &server, &branch, known, &key));
        let witness = match self.attend(looked).await {
            Ok(Ok(witness)) => witness,
            Ok(Err(failure)) => {
                tracing::debug!(code = failure.code, "the status branch was not looked at: {failure}");
                // A server that is there and does not show the branch will not show it later.
                self.witnessed = !matches!(
                    failure.code.as_str(),
                    "E_GIT_UNREACHABLE" | "E_GIT_TIMEOUT" | "E_GIT_TLS" | "E_FETCHER"
                );
                return;
            }
            Err(_cancelled) => return,
        };
        self.witnessed = true;
        let Some(witness) = witness.filter(|witness| witness.sequence > self.memory.published.sequence)
        else {
            return;
        };
        tracing::warn!(
            status = %witness.tip,
            "this host's status branch knows more than its memory, which seems to be of a restored snapshot"
        );
        let stands = self.memory.ratchet.as_ref().map(|ratchet| ratchet.commit);
        if let Some(floor) = witness.ratchet.filter(|floor| Some(*floor) != stands)
            && let Err(why) = self.memory.reminded(floor)
        {
            self.meet("remember what the status branch tells", &why);
            self.witnessed = false;
            return;
        }
        let published =
            Published { tip: Some(witness.tip), sequence: witness.sequence, ..Published::default() };
        if let Err(why) = self.memory.published(published) {
            self.meet("remember the status branch", &why);
        }
    }

    /// Whether another machine has this host's identity.
    pub(super) fn is_cloned(&self) -> bool {
        self.moved || self.memory.published.cloned
    }

    /// What it means for the whole that the ledger was damaged.
    fn rebuilt(&self) -> Option<StatusProblem> {
        let message = "the record of what Holdfast owns was damaged and is made anew: what Git has dropped since then \
                       stays on the host";
        self.memory.rebuilt.then(|| codes::problem("E_LEDGER_REBUILT", message.to_owned()))
    }

    /// What that means for the whole.
    fn cloned(&self) -> Option<StatusProblem> {
        let message = if self.moved {
            "what this agent remembers was made on another machine"
        } else {
            "another machine writes this host's status branch with this host's key"
        };
        self.is_cloned().then(|| StatusProblem {
            code: "E_IDENTITY_CLONED".to_owned(),
            message: message.to_owned(),
            remedy: Some(publish::CLONED.to_owned()),
            commit: None,
            at: None,
        })
    }

    /// Adds the changes of earlier cycles whose status never reached its branch.
    fn add_untold(&self, status: &mut Status) {
        for (id, resource) in &self.untold {
            if !status.resource.iter().any(|told| told.id == *id) {
                status.resource.push(resource.clone());
                let counted = match resource.outcome {
                    ResourceOutcome::Removed => &mut status.summary.removed,
                    ResourceOutcome::Released => &mut status.summary.released,
                    _ => &mut status.summary.changed,
                };
                *counted = counted.saturating_add(1);
                status.summary.same = status.summary.same.saturating_sub(1);
            }
        }
    }
}

/// Whether a poll that failed with `code` failed for something else than the way to the server.
fn server_answered(code: &str) -> bool {
    matches!(code, "E_LIMIT" | "E_GIT_NO_BRANCH" | "E_GIT_MIRROR")
}

/// What it means for the whole that the ledger was not saved.
fn unsaved(failure: &Failure) -> StatusProblem {
    StatusProblem {
        code: failure.code.to_owned(),
        message: failure.message.clone(),
        remedy: failure.remedy.map(str::to_owned),
        commit: None,
        at: None,
    }
}

/// One resource for the history and for whoever watches.
fn line(resource: &ResourceStatus) -> String {
    let mut line = format!("{} {}", resource.id, resource.outcome.as_str());
    if let Some(message) = &resource.message {
        line.push_str(": ");
        line.push_str(message);
    }
    if let Some(by) = &resource.by {
        line.extend([", after a change by ", by]);
    }
    if let Some(code) = &resource.code {
        line.extend([" (", code, ")"]);
    }
    line
}
