//! The status document of a pass. Pure: everything it needs is brought.

use holdfast_protocol::control::Pause;
use holdfast_schema::{
    Facts, HostName,
    problem::Problem,
    status::{
        AgentInfo, PassResult, PinnedImage, ResourceOutcome, ResourceStatus, RevisionInfo, Status,
        StatusProblem, Summary,
    },
};

/// What a status speaks of.
#[derive(Debug, Clone)]
pub struct Parts<'a> {
    /// The host.
    pub host: &'a HostName,
    /// When: RFC 3339, UTC, whole seconds.
    pub time: String,
    /// How trust began.
    pub trust_origin: &'a str,
    /// Which revisions.
    pub revision: RevisionInfo,
    /// What stands in the way of the whole.
    pub problems: Vec<StatusProblem>,
    /// How many resources ended how.
    pub summary: Summary,
    /// Those that are not simply in order.
    pub resources: Vec<ResourceStatus>,
    /// The images that tags stand for.
    pub images: Vec<PinnedImage>,
    /// Whether an operator paused the agent.
    pub pause: Option<&'a Pause>,
    /// What the host is.
    pub facts: Facts,
}

/// Puts a status together.
pub fn status(parts: Parts<'_>) -> Status {
    let mut problem = parts.problems;
    let result = result(&parts.summary, &problem, parts.pause);
    problem.extend(parts.pause.map(paused));
    Status {
        format: 1,
        host: parts.host.clone(),
        time: parts.time,
        result,
        agent: AgentInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            trust_origin: parts.trust_origin.to_owned(),
        },
        revision: parts.revision,
        summary: parts.summary,
        problem,
        resource: parts.resources,
        image: parts.images,
        facts: parts.facts,
    }
}

/// The pass in one word: the one that asks most for a look. What is blocked is no worse than what blocks it.
fn result(summary: &Summary, problems: &[StatusProblem], pause: Option<&Pause>) -> PassResult {
    if pause.is_some() {
        PassResult::Paused
    } else if summary.failed > 0 {
        PassResult::Failed
    } else if !problems.is_empty() {
        PassResult::Held
    } else if summary.waiting > 0 || summary.blocked > 0 {
        PassResult::Waiting
    } else {
        PassResult::Converged
    }
}

fn paused(pause: &Pause) -> StatusProblem {
    let until = pause.until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
    StatusProblem {
        code: "E_PAUSED".to_owned(),
        message: format!("paused since {}{until}: {}", pause.since, pause.reason),
        remedy: Some("run `holdfast resume` on the host".to_owned()),
        commit: None,
        at: None,
    }
}

/// What a problem in the repository looks like in a status.
pub fn problem(problem: &Problem, commit: &str) -> StatusProblem {
    StatusProblem {
        code: problem.code.to_owned(),
        message: problem.message.clone(),
        remedy: problem.remedy.clone().or_else(|| remedy_of(problem.code)),
        commit: Some(commit.to_owned()),
        at: problem.at.as_ref().map(ToString::to_string),
    }
}

/// What mends any problem of a code.
fn remedy_of(code: &str) -> Option<String> {
    holdfast_schema::CODES.iter().find(|(known, ..)| *known == code).map(|(.., remedy)| (*remedy).to_owned())
}

/// Whether an outcome tells of something that happened once, and not of how things stand.
pub fn is_event(outcome: ResourceOutcome) -> bool {
    matches!(outcome, ResourceOutcome::Changed | ResourceOutcome::Removed | ResourceOutcome::Released)
}

/// Whether `new` tells readers of the status branch something that `old` did not. A pass that merely found everything in
/// order after one that changed something does not.
pub fn tells_more(old: &Status, new: &Status) -> bool {
    let lasting = |status: &Status| -> Vec<ResourceStatus> {
        status.resource.iter().filter(|resource| !is_event(resource.outcome)).cloned().collect()
    };
    new.resource.iter().any(|resource| is_event(resource.outcome))
        || lasting(old) != lasting(new)
        || (old.result, &old.agent, &old.revision, &old.problem, &old.image, &old.facts)
            != (new.result, &new.agent, &new.revision, &new.problem, &new.image, &new.facts)
}

#[cfg(test)]
mod tests;
