//! The trial of a candidate: applied whole, or taken back whole.

use std::{collections::BTreeMap, time::Duration};

use holdfast_converge::{
    engine::{self, Scope, Stop},
    host::clock,
    journal::{Before, Recorded},
    plan::lifeline,
};
use holdfast_schema::{HostState, KindName, ResourceId, spec::Spec, state::OnFailure, status::StatusProblem};
use holdfast_trust::ObjectId;

use super::{Agent, now, rfc3339};
use crate::{
    applied::Slot,
    journal::JournalFiles,
    revision::one_line,
    trial::{self, Judgement, Phase, Quarantine, Window},
};

/// Whether a state speaks of a resource.
fn declares(state: &HostState, kind: KindName, name: &str) -> bool {
    state.resources.contains_key(&ResourceId::new(kind, name))
}

/// Whether a repository of a state is signed with the key that rpm calls `key`.
fn names_key(state: &HostState, key: &str) -> bool {
    state.resources.values().any(|resource| {
        matches!(&resource.spec, Spec::Repository(repository)
            if repository.key.as_ref().is_some_and(|declared| declared.names.contains(key)))
    })
}

/// What is there while an old agent could be put back, and once it was.
const RESCUE: &str = "rescue";
const RESCUED: &str = "rescue/fired";

/// How much later than its own time to confirm an agent that does not come up is given up.
const RESCUE_LATER: Duration = Duration::from_secs(30);

impl Agent {
    /// Whether a change that could have cut the host off waits to be confirmed.
    pub fn is_confirming(&self) -> bool {
        self.memory.trial.as_ref().is_some_and(|trial| matches!(trial.phase, Phase::Confirming(_)))
    }

    /// Whether a revision was taken back and its author cannot see that yet.
    pub fn is_quarantine_untold(&self) -> bool {
        let told =
            self.memory.published.status.as_ref().and_then(|status| status.revision.quarantined.as_ref());
        self.memory.quarantine.as_ref().is_some_and(|quarantine| told != Some(&quarantine.commit.to_string()))
    }

    /// Takes the trial as far as it goes for now.
    pub(super) async fn go_on_with_trial(&mut self, stop: &Stop) {
        let Some(trial) = self.memory.trial.clone() else { return };
        match trial.phase {
            Phase::Applying => self.apply(stop).await,
            Phase::Confirming(window) => self.confirm(&window, stop).await,
            Phase::TakingBack(why) => self.take_back(why).await,
            Phase::Held(_) => {}
        }
    }

    async fn apply(&mut self, stop: &Stop) {
        // The agent takes back what it can by itself; only one that does not come up has to be rescued.
        self.host.rescue.give(self.candidate_apply().confirm_within + RESCUE_LATER);
        let Some(failed) = self.pass_over_candidate(stop).await else { return };
        if !failed.is_empty() {
            return self.failed(failed, self.candidate_apply().on_failure).await;
        }
        let recorded = self.recorded();
        let states: Vec<_> = [&self.memory.candidate, &self.memory.applied]
            .into_iter()
            .flatten()
            .map(|revised| &revised.record.state)
            .collect();
        let Some(lifeline) = lifeline::touched(&recorded, &states) else { return self.promote().await };
        let within = states.first().map(|state| state.apply.confirm_within).unwrap_or_default();
        tracing::info!("{lifeline} changed, so the Git server must be reached again within {within:?}");
        self.tell(|| format!("{lifeline} changed: the Git server must be reached again within {within:?}"));
        self.reached_under = None;
        self.come_to(Phase::Confirming(Window::open(&clock::boot(), clock::uptime(), within)));
    }

    async fn confirm(&mut self, window: &Window, stop: &Stop) {
        let Some(mut failed) = self.pass_over_candidate(stop).await else { return };
        if failed.is_empty() && self.reached_under == Some(self.candidate_commit()) {
            return self.promote().await;
        }
        let Some(over) = window.is_over(&clock::boot(), clock::uptime()) else {
            // The host was started anew: it gets the whole time once more.
            let within = self.candidate_apply().confirm_within;
            return self.come_to(Phase::Confirming(Window::open(&clock::boot(), clock::uptime(), within)));
        };
        if !failed.is_empty() {
            return self.failed(failed, self.candidate_apply().on_failure).await;
        }
        if over {
            let message = "the Git server was not reached again in time".to_owned();
            failed.push(trial::own("E_UNCONFIRMED", message, self.candidate_commit()));
            // Nobody could come to a host that is cut off to look at it, or mend it through Git.
            self.failed(failed, OnFailure::Rollback).await;
        }
    }

    /// One pass and then the host's own probes. What failed; `None` if that cannot be said yet.
    async fn pass_over_candidate(&mut self, stop: &Stop) -> Option<Vec<StatusProblem>> {
        let (apply, commit) = (self.candidate_apply(), self.candidate_commit());
        let tolerated = self.memory.trial.as_ref().map(|trial| trial.tolerated.clone()).unwrap_or_default();
        let whole = (apply.on_failure != OnFailure::Continue).then_some(&tolerated);
        self.pass = self.pass_over(Slot::Candidate, Scope::All, whole, None, stop).await;
        match trial::judge(&self.pass, &tolerated, commit) {
            Judgement::NotYet => None,
            Judgement::Failed(failed) => Some(failed),
            Judgement::Whole => {
                let mut failed = Vec::new();
                for (name, health) in &apply.health {
                    if let Err(why) = self.host.probe(name, health).await {
                        tracing::warn!("the host is not healthy: {name}: {why}");
                        // What a program said stays on the host.
                        let message = format!(
                            "the health probe {name} of the host did not succeed in {:?}",
                            health.within
                        );
                        failed.push(trial::own("E_HOST_UNHEALTHY", message, commit));
                    }
                }
                Some(failed)
            }
        }
    }

    /// Deals with a candidate that failed.
    async fn failed(&mut self, why: Vec<StatusProblem>, on_failure: OnFailure) {
        let commit = self.candidate_commit();
        for problem in &why {
            tracing::error!(code = problem.code, revision = %commit, "revision {} failed: {}", commit.short(), problem.message);
            self.tell(|| format!("failed: {} ({})", problem.message, problem.code));
        }
        match trial::after_failure(on_failure, why.clone()) {
            Some(phase) => {
                let takes_back = matches!(phase, Phase::TakingBack(_));
                self.come_to(phase);
                if takes_back {
                    self.take_back(why).await;
                }
            }
            None => self.promote().await,
        }
    }

    /// Puts back what the candidate changed, and puts it into quarantine.
    async fn take_back(&mut self, why: Vec<StatusProblem>) {
        let Some(trial) = self.memory.trial.clone() else { return };
        let recorded = self.recorded();
        let files = JournalFiles::new(self.memory.store());
        let undone = Box::pin(engine::undo(&recorded, &files, &self.host)).await;
        if undone.waits {
            // The next cycle goes on with it.
            self.trouble.extend(left(undone.left, trial.commit));
            return;
        }
        tracing::warn!(
            revision = %trial.commit,
            "revision {} was taken back with {} changes; {} things could not be put back",
            trial.commit.short(),
            undone.changes,
            undone.left.len()
        );
        self.tell(|| format!("revision {} was taken back", trial.commit.short()));
        let again = trial::is_passing(&why).then(|| {
            self.passing = self.passing.saturating_add(1);
            Window::open(&clock::boot(), clock::uptime(), trial::wait(self.passing))
        });
        let mut problems = why;
        problems.extend(left(undone.left, trial.commit));
        let quarantine =
            Quarantine { commit: trial.commit, digest: trial.digest, since: rfc3339(now()), problems, again };
        match self.memory.taken_back(quarantine) {
            Ok(()) => self.end_journal(trial.commit),
            Err(why) => return self.meet("remember that the revision was taken back", &why),
        }
        let was_rescued = self.memory.store().path(RESCUED).exists();
        if undone.own && self.is_rescue_armed() && !was_rescued {
            tracing::warn!("the agent before this one is put back");
            if let Err(why) = self.host.fire_rescue().await {
                tracing::error!(code = why.code(), "{}", one_line(&why));
            }
        } else {
            self.disarm_rescue().await;
        }
    }

    /// Puts back what the revision on trial did to paths of which the one that comes after it says nothing: it was never in
    /// force, and nobody would put it back any more once that one is. What it made itself goes as well.
    pub(super) async fn give_place(&mut self, next: &HostState) {
        let Some(trial) = self.memory.trial.as_ref().map(|trial| trial.commit) else { return };
        let mut recorded = Recorded { befores: self.recorded().befores, ..Recorded::default() };
        recorded.befores.retain(|before| match before {
            Before::Path { resource, .. } => !next.resources.contains_key(resource),
            Before::Network { name, .. } => !declares(next, KindName::Network, name),
            Before::Container { name, .. } => !declares(next, KindName::Container, name),
            Before::Service { name, .. } => !declares(next, KindName::Service, name),
            Before::Node { name, .. } => !declares(next, KindName::Node, name),
            Before::Repository { name } => !declares(next, KindName::Repository, name.as_str()),
            Before::Key { key, .. } => !names_key(next, key),
            Before::Unit { .. } | Before::Packages { .. } => false,
        });
        let files = JournalFiles::new(self.memory.store());
        let undone = engine::undo(&recorded, &files, &self.host).await;
        self.trouble.extend(left(undone.left, trial));
    }

    /// Lets a revision out of quarantine that only failed because of what is around it, once it has waited.
    pub(super) fn end_quarantine_that_is_over(&mut self) {
        let over = self
            .memory
            .quarantine
            .as_ref()
            .and_then(|quarantine| quarantine.again.as_ref())
            .is_some_and(|window| window.is_over(&clock::boot(), clock::uptime()).unwrap_or(true));
        if over && let Err(why) = self.memory.pardoned() {
            self.meet("try the revision again", &why);
        }
    }

    fn is_rescue_armed(&self) -> bool {
        self.memory.store().path(RESCUE).exists()
    }

    pub(super) async fn disarm_rescue(&self) {
        if self.is_rescue_armed()
            && let Err(why) = self.host.disarm_rescue().await
        {
            tracing::error!(code = why.code(), "{}", one_line(&why));
        }
    }

    /// Whether this agent was put back in the place of one that did not come up. What brought that one is
    /// taken back.
    pub(super) async fn look_for_rescue(&mut self) {
        if !self.memory.store().path(RESCUED).exists() {
            return;
        }
        tracing::error!(
            "the agent that was to come after this one did not come up, and this one was put back"
        );
        if let Some(trial) = &self.memory.trial {
            let message = "the new agent did not come up, and the old one was put back".to_owned();
            let mut why = vec![trial::own("E_UPGRADE", message, trial.commit)];
            if let Phase::TakingBack(before) | Phase::Held(before) = &trial.phase {
                why.extend(before.iter().cloned());
            }
            self.come_to(Phase::TakingBack(why));
        } else {
            self.disarm_rescue().await;
        }
    }

    /// Puts the candidate in force.
    async fn promote(&mut self) {
        let commit = self.candidate_commit();
        match self.memory.promoted() {
            Ok(()) => {
                self.passing = 0;
                self.disarm_rescue().await;
                tracing::info!(revision = %commit, "revision {} is in force", commit.short());
                self.end_journal(commit);
            }
            Err(why) => self.meet("put the revision in force", &why),
        }
    }

    fn come_to(&mut self, phase: Phase) {
        if let Err(why) = self.memory.tried(phase) {
            self.meet("remember how far the trial has come", &why);
        }
    }

    fn candidate_apply(&self) -> holdfast_schema::state::Apply {
        self.memory
            .candidate
            .as_ref()
            .map(|candidate| candidate.record.state.apply.clone())
            .unwrap_or_default()
    }

    fn candidate_commit(&self) -> ObjectId {
        self.memory.trial.as_ref().map_or_else(|| self.settings.introduction.commit, |trial| trial.commit)
    }
}

/// What could not be put back, as problems.
fn left(left: BTreeMap<String, engine::Failure>, commit: ObjectId) -> impl Iterator<Item = StatusProblem> {
    left.into_iter().map(move |(name, failure)| StatusProblem {
        code: failure.code.to_owned(),
        message: format!("{name} could not be put back: {}", failure.message),
        remedy: failure.remedy.map(str::to_owned),
        commit: Some(commit.to_string()),
        at: None,
    })
}
