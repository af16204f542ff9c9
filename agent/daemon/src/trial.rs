//! A revision on trial: what is known of it, and what its passes mean. Pure: decisions only.
//!
//! A revision that was verified and resolved is first a *candidate*. It is tried beside the revision in force; only when all
//! of it is in order, the host is healthy and, where it could have cut the host off, the Git server was reached again, it takes
//! that one's place. A candidate that fails is taken back and goes into *quarantine*: what says the same of this host is not
//! tried again until a person says so.

use std::{collections::BTreeSet, time::Duration};

use holdfast_converge::engine::{Outcome, Report};
use holdfast_schema::{
    HostState, ResourceId, Sha256,
    state::OnFailure,
    status::{ResourceOutcome, ResourceStatus, StatusProblem},
};
use holdfast_trust::ObjectId;
use serde::{Deserialize, Serialize};

/// A candidate under trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Its commit.
    pub commit: ObjectId,
    /// What it says of this host, see [`digest`].
    pub digest: Sha256,
    /// How far it has come.
    pub phase: Phase,
    /// The resources whose failure is no news, see [`failing_before`].
    pub tolerated: BTreeSet<ResourceId>,
}

/// How far a trial has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It is being applied.
    Applying,
    /// It is applied, and waits for the Git server to be reached again.
    Confirming(Window),
    /// It failed and is being taken back: why.
    TakingBack(Vec<StatusProblem>),
    /// It failed and stays as it is, for a person to look at: why.
    Held(Vec<StatusProblem>),
}

/// How long a trial may wait. It is counted on the clock that nobody can set, which begins anew with each boot: after one
/// the whole time is given again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The boot in which `until` is meant.
    pub boot: String,
    /// The end, in seconds since that boot.
    pub until: u64,
}

/// What was tried and failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// The commit with which it came first.
    pub commit: ObjectId,
    /// What it says of this host.
    pub digest: Sha256,
    /// When it was taken back: RFC 3339, UTC.
    pub since: String,
    /// What failed, and what could not be put back.
    pub problems: Vec<StatusProblem>,
    /// Until when it stays there, if not the revision failed but what is around it: see [`is_passing`]. `None`: until a
    /// person says so.
    #[serde(default)]
    pub again: Option<Window>,
}

/// What is the matter with the host, and no revision's fault.
const PASSING: [&str; 5] = ["E_DISK_FULL", "E_READ_ONLY", "E_JOURNAL", "E_LEDGER_SAVE", "E_KILLED"];

/// How long a revision stays in quarantine because of such a thing at first; twice as long each time after that.
const AGAIN: Duration = Duration::from_mins(1);

/// How long at most.
const AGAIN_AT_MOST: Duration = Duration::from_hours(1);

/// Whether all that went wrong is the matter of the host, so that the same revision may do another time.
pub fn is_passing(why: &[StatusProblem]) -> bool {
    !why.is_empty() && why.iter().all(|problem| PASSING.contains(&problem.code.as_str()))
}

/// How long to wait before what failed `times` in a row for such a reason is tried again.
pub fn wait(times: u32) -> Duration {
    AGAIN.saturating_mul(2_u32.saturating_pow(times.saturating_sub(1))).min(AGAIN_AT_MOST)
}

/// What a pass over the candidate means for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Something must end first, or the pass was stopped: it is tried again.
    NotYet,
    /// All of it is in order.
    Whole,
    /// It failed.
    Failed(Vec<StatusProblem>),
}

/// What a state says of a host, whoever wrote it and wherever it is declared.
pub fn digest(state: &HostState) -> Sha256 {
    let mut text = Vec::new();
    for (id, resource) in &state.resources {
        let said = (id, &resource.spec, &resource.needs, resource.mode, resource.confirm);
        // Writing to memory cannot fail, and nothing of it has keys that are no text.
        serde_json::to_writer(&mut text, &said).unwrap_or_default();
        text.push(b'\n');
    }
    serde_json::to_writer(&mut text, &(state.guard, &state.apply)).unwrap_or_default();
    Sha256::of(&text)
}

/// The resources of a candidate whose failure is no news: they failed in the revision in force as well, and nothing about
/// them has changed.
pub fn failing_before(told: &[ResourceStatus], old: &HostState, new: &HostState) -> BTreeSet<ResourceId> {
    let failing = |status: &&ResourceStatus| {
        matches!(
            status.outcome,
            ResourceOutcome::Failed | ResourceOutcome::Blocked | ResourceOutcome::Unsupported
        )
    };
    let same = |id: &ResourceId| {
        let spec = |state: &'_ HostState| state.resources.get(id).map(|resource| resource.spec.clone());
        spec(old) == spec(new)
    };
    told.iter().filter(failing).map(|status| status.id.clone()).filter(same).collect()
}

/// What a pass over the candidate means for it. `tolerated` failed before.
pub fn judge(report: &Report, tolerated: &BTreeSet<ResourceId>, commit: ObjectId) -> Judgement {
    let fails = |id: &ResourceId| match report.outcomes.get(id) {
        Some(Outcome::Failed(_)) => true,
        // What waits for something else to end makes others wait, and nothing more.
        Some(Outcome::Blocked { by }) => !matches!(report.outcomes.get(by), Some(Outcome::Waiting(_))),
        _ => false,
    };
    let told = report.resources();
    let failed = told.iter().filter(|status| fails(&status.id) && !tolerated.contains(&status.id));
    let failed: Vec<StatusProblem> = failed.map(|status| problem(status, commit)).collect();
    let waits = |outcome: &Outcome| matches!(outcome, Outcome::Waiting(_));
    if !failed.is_empty() {
        Judgement::Failed(failed)
    } else if report.stopped || report.unsaved.is_some() || report.outcomes.values().any(waits) {
        Judgement::NotYet
    } else {
        Judgement::Whole
    }
}

/// A resource that failed, as a problem of the whole revision.
fn problem(status: &ResourceStatus, commit: ObjectId) -> StatusProblem {
    let message = status.message.as_deref().unwrap_or(status.outcome.as_str());
    let code = status.code.clone().unwrap_or_else(|| "E_BLOCKED".to_owned());
    StatusProblem {
        message: format!("{}: {message}", status.id),
        remedy: status.remedy.clone().or_else(|| crate::codes::remedy(&code)),
        code,
        commit: Some(commit.to_string()),
        at: None,
    }
}

impl Quarantine {
    /// What the status says of it: first that it is so, then why.
    pub fn problems(&self) -> Vec<StatusProblem> {
        let first = self.problems.first().map(|why| format!(", because {}", why.message)).unwrap_or_default();
        let code = "E_QUARANTINED";
        let again = if self.again.is_some() { "; it is tried again after a while" } else { "" };
        let message =
            format!("revision {} was taken back on {}{first}{again}", self.commit.short(), self.since);
        std::iter::once(own(code, message, self.commit)).chain(self.problems.iter().cloned()).collect()
    }
}

impl Trial {
    /// What the status says of it while it lasts.
    pub fn problems(&self) -> Vec<StatusProblem> {
        let short = self.commit.short();
        match &self.phase {
            Phase::Applying => Vec::new(),
            Phase::Confirming(_) => {
                let message = format!("revision {short} could cut this host off and waits to be confirmed");
                vec![own("E_UNCONFIRMED", message, self.commit)]
            }
            Phase::TakingBack(why) => {
                let message = format!("revision {short} failed and is being taken back");
                std::iter::once(own("E_QUARANTINED", message, self.commit))
                    .chain(why.iter().cloned())
                    .collect()
            }
            Phase::Held(why) => {
                let message =
                    format!("revision {short} failed and is held as it is, for a person to look at");
                std::iter::once(own("E_HELD", message, self.commit)).chain(why.iter().cloned()).collect()
            }
        }
    }
}

impl Window {
    /// From now, `uptime` into the boot, for as long as `within`.
    pub fn open(boot: &str, uptime: u64, within: Duration) -> Self {
        Self { boot: boot.to_owned(), until: uptime.saturating_add(within.as_secs()) }
    }

    /// Whether it is over. In another boot it begins anew: `None` says so.
    pub fn is_over(&self, boot: &str, uptime: u64) -> Option<bool> {
        (self.boot == boot).then_some(uptime >= self.until)
    }
}

/// What becomes of a candidate that failed.
pub fn after_failure(on_failure: OnFailure, why: Vec<StatusProblem>) -> Option<Phase> {
    match on_failure {
        OnFailure::Rollback => Some(Phase::TakingBack(why)),
        OnFailure::Hold => Some(Phase::Held(why)),
        OnFailure::Continue => None,
    }
}

/// A problem of this crate's with its documented remedy.
pub fn own(code: &str, message: String, commit: ObjectId) -> StatusProblem {
    let (remedy, commit) = (crate::codes::remedy(code), Some(commit.to_string()));
    StatusProblem { code: code.to_owned(), message, remedy, commit, at: None }
}

#[cfg(test)]
mod tests;
