//! Passes over the host: of the revision in force, or of the one on trial.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_converge::{
    engine::{self, Report, Scope, Stop, Task, Upkeep},
    host::{Write as _, watch::Culprit},
    journal::{Damage, Journal, Recorded},
};
use holdfast_schema::{AbsolutePath, ResourceId};
use holdfast_trust::ObjectId;

use super::{Agent, now, rfc3339};
use crate::{applied::Slot, journal::JournalFiles, memory::LedgerRecord, revision::one_line};

impl Agent {
    /// Keeps the revision in force up.
    pub(super) async fn repair(&mut self, stop: &Stop) {
        let Some(commit) = self.memory.applied.as_ref().map(|applied| applied.record.commit) else {
            self.pass = Report::default();
            return;
        };
        if self.is_full_pass_due() {
            self.look_at_everything(commit, stop).await;
        } else {
            self.pass.settle();
        }
        // An agent that keeps the host in order works, whoever brought it.
        if self.pass.summary().failed == 0 && !self.pass.stopped {
            self.disarm_rescue().await;
        }
    }

    /// A pass that only keeps the revision in force up; `by` says who changed what, where that is known.
    pub(super) async fn keep_up(
        &mut self,
        scope: Scope<'_>,
        by: &BTreeMap<ResourceId, Culprit>,
        stop: &Stop,
    ) -> Report {
        let upkeep = (!self.is_asked()).then(|| Upkeep { begun: now(), by });
        self.pass_over(Slot::InForce, scope, None, upkeep, stop).await
    }

    /// One pass over the revision in a slot. `scope`, `whole_but_for` and `upkeep`: see [`Task`].
    pub(super) async fn pass_over(
        &mut self,
        slot: Slot,
        scope: Scope<'_>,
        whole_but_for: Option<&BTreeSet<ResourceId>>,
        upkeep: Option<Upkeep<'_>>,
        stop: &Stop,
    ) -> Report {
        let recorded = self.recorded();
        self.sweep(&recorded).await;
        let revised = match slot {
            Slot::InForce => &self.memory.applied,
            Slot::Candidate => &self.memory.candidate,
        };
        let Some(revised) = revised else { return Report::default() };
        let (state, revision) =
            (self.settings.ceiling.clamp(&revised.record.state), revised.record.commit.to_string());
        let mut records = LedgerRecord(self.memory.store().clone());
        let mut files = JournalFiles::new(self.memory.store());
        let journal = Journal::new(&mut files, &recorded);
        let task = Task {
            state: &state,
            contents: revised,
            scope,
            revision: &revision,
            whole_but_for,
            in_force: slot == Slot::InForce,
            upkeep,
        };
        let pass = engine::pass(&task, &self.host, &mut self.memory.ledger, &mut records, journal, stop);
        // Large: it would make every future larger that could run it.
        let report = Box::pin(self.vigil.during(Box::pin(pass))).await;
        if report.summary().failed > 0 {
            // What could not be removed may be half-removed.
            self.swept = false;
        }
        report
    }

    /// What the journal says. Damage is told and otherwise met by looking at the host.
    pub(super) fn recorded(&mut self) -> Recorded {
        match JournalFiles::new(self.memory.store()).read() {
            Ok((recorded, damage)) => {
                if damage != Damage::default() {
                    let Damage { torn, spoilt } = damage;
                    tracing::warn!(
                        torn,
                        spoilt,
                        "the journal is damaged: {torn} bytes at its end and {spoilt} lines before"
                    );
                }
                recorded
            }
            Err(why) => {
                self.meet("read the journal", &why);
                Recorded::default()
            }
        }
    }

    /// Ends the journal of a pass or a trial that is over, whichever way it ended for `commit`.
    pub(super) fn end_journal(&mut self, commit: ObjectId) {
        let mut files = JournalFiles::new(self.memory.store());
        if !files.is_there() {
            return;
        }
        let recorded = self.recorded();
        if let Err(why) = files.end(&recorded, &rfc3339(now()), &commit.to_string()) {
            self.meet("end the journal", &why);
        }
    }

    /// Once after a start or a failure: removes what was left half-made, and says what a killed run was at.
    async fn sweep(&mut self, recorded: &Recorded) {
        if std::mem::replace(&mut self.swept, true) {
            return;
        }
        for step in recorded.unfinished() {
            tracing::info!(
                resource = %step.resource,
                "an earlier pass ended before or while {} was changed: {}",
                step.resource,
                step.because.field
            );
        }
        let mut directories = BTreeSet::new();
        for revised in [&self.memory.applied, &self.memory.candidate].into_iter().flatten() {
            directories.extend(engine::directories(&revised.record.state, &self.memory.ledger));
        }
        directories.extend(recorded.paths().filter_map(AbsolutePath::parent));
        if let Err(why) = self.host.sweep(&directories).await {
            tracing::warn!("what an earlier run left half-made stays: {}", one_line(&why));
        }
    }
}
