//! A host's status in words, for `status`, `sync`, `resume` and `try`.

use holdfast_protocol::control::Local;
use holdfast_schema::status::{
    Alike, PassResult, ResourceOutcome, ResourceStatus, Status, StatusProblem, Summary,
};
use jiff::Timestamp;

use crate::{
    host::agent::Report,
    output::{Style, table},
    time::{ago, ahead},
};

/// The most groups of resources that are listed.
const LISTED: usize = 100;

/// The whole report, line by line.
pub(crate) fn lines(report: &Report, now: Timestamp) -> Vec<String> {
    let Report { status, local } = report;
    let mut lines = vec![format!("{}  {}", Style::Strong.of(&status.host), result(status.result))];
    lines.extend(table(&overview(status, local, now)).into_iter().map(|line| format!("  {line}")));
    lines.extend(problems(&status.problem));
    lines.extend(resources(status));
    lines
}

/// The report after its steps were told one by one: only what wants a look is told again.
pub(crate) fn ending(report: &Report, now: Timestamp) -> Vec<String> {
    let mut report = report.clone();
    report.status.resource.retain(|resource| {
        use ResourceOutcome::{Changed, Released, Removed};
        !matches!(resource.outcome, Changed | Removed | Released)
    });
    lines(&report, now)
}

/// A result as one coloured word.
pub(crate) fn result(result: PassResult) -> String {
    let style = match result {
        PassResult::Converged => Style::Good,
        PassResult::Failed => Style::Bad,
        PassResult::Waiting | PassResult::Held | PassResult::Paused => Style::Warning,
    };
    style.of(result.as_str())
}

fn overview(status: &Status, local: &Local, now: Timestamp) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| rows.push(vec![Style::Faint.of(name), value]);
    let revision = &status.revision;
    let signer = revision.signer.as_ref().map(|signer| format!(", signed by {signer}")).unwrap_or_default();
    match &revision.applied {
        Some(applied) => row("applied", format!("{}{signer}", short(applied))),
        None => row("applied", "nothing yet".to_owned()),
    }
    if let Some(attempted) = revision.attempted.as_ref().filter(|it| Some(*it) != revision.applied.as_ref()) {
        row("attempted", format!("{}, which is not in force", short(attempted)));
    }
    row("resources", summary(&status.summary));
    row("told", ago(&status.time, now));
    if let Some(pause) = &local.paused {
        let until = pause.until.as_ref().map(|until| format!(", until {until} ({})", ahead(until, now)));
        row("paused", format!("{}: {}{}", ago(&pause.since, now), pause.reason, until.unwrap_or_default()));
    }
    if let Some(next) = &local.next_poll {
        row("next poll", ahead(next, now));
    }
    match (&local.pushed, &local.push_failure) {
        (_, Some(failure)) => row("status branch", format!("{}: {failure}", Style::Bad.of("not pushed"))),
        (Some(pushed), None) => row("status branch", format!("pushed at {}", short(pushed))),
        (None, None) => {}
    }
    rows
}

/// Such as `12 in order, 2 changed, 1 failed`.
pub(crate) fn summary(summary: &Summary) -> String {
    let Summary { same, changed, removed, released, differs, failed, blocked, waiting } = *summary;
    let counts = [
        (changed, "changed"),
        (removed, "removed"),
        (released, "released"),
        (differs, "different and left alone"),
        (failed, "failed"),
        (blocked, "blocked"),
        (waiting, "waiting"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts = counts.map(|(count, word)| format!("{count} {word}"));
    std::iter::once(format!("{same} in order")).chain(counts).collect::<Vec<_>>().join(", ")
}

/// What stands in the way of the whole pass.
pub(crate) fn problems(problems: &[StatusProblem]) -> Vec<String> {
    let mut lines = Vec::new();
    for problem in problems {
        lines.push(String::new());
        lines.push(format!("{} {} [{}]", Style::Bad.of("problem:"), problem.message, problem.code));
        if let Some(at) = &problem.at {
            lines.push(format!("  {} {}", Style::Faint.of("at:"), Style::Place.of(at)));
        }
        if let Some(commit) = &problem.commit {
            lines.push(format!("  {} {commit}", Style::Faint.of("commit:")));
        }
        if let Some(remedy) = &problem.remedy {
            lines.push(format!("  {} {remedy}", Style::Good.of("remedy:")));
        }
    }
    lines
}

/// Every resource that is not simply in order.
fn resources(status: &Status) -> Vec<String> {
    let groups = status.alike();
    let mut lines = Vec::new();
    if !groups.is_empty() {
        lines.push(String::new());
    }
    for group in groups.iter().take(LISTED) {
        let ResourceStatus { outcome, message, code, by, remedy, .. } = group.told;
        let message = message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
        let code = code.as_ref().map(|code| format!(" [{code}]")).unwrap_or_default();
        let mut names = names(group);
        let what = match group.ids.len() {
            1 => std::mem::take(&mut names),
            count => format!("{count} resources"),
        };
        lines.push(format!("{} {what}{message}{code}", word(*outcome)));
        if !names.is_empty() {
            lines.push(format!("  {names}"));
        }
        if let Some(by) = by {
            lines.push(format!("  {} {by}", Style::Faint.of("changed by:")));
        }
        if let Some(remedy) = remedy {
            lines.push(format!("  {} {remedy}", Style::Good.of("remedy:")));
        }
    }
    let left: usize = groups.iter().skip(LISTED).map(|group| group.ids.len()).sum();
    if left > 0 {
        lines.push(format!("and {left} more: see `holdfast status --json`"));
    }
    lines
}

fn names(group: &Alike<'_>) -> String {
    let (shown, more) = group.named();
    let shown = shown.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

fn word(outcome: ResourceOutcome) -> String {
    let style = match outcome {
        ResourceOutcome::Changed
        | ResourceOutcome::Removed
        | ResourceOutcome::Released
        | ResourceOutcome::Elsewhere => Style::Good,
        ResourceOutcome::Failed | ResourceOutcome::Conflict | ResourceOutcome::Blocked => Style::Bad,
        ResourceOutcome::Differs
        | ResourceOutcome::Waiting
        | ResourceOutcome::Held
        | ResourceOutcome::Unsupported => Style::Warning,
    };
    style.of(outcome.as_str())
}

/// A commit id's first seven digits.
pub(crate) fn short(commit: &str) -> String {
    commit.chars().take(7).collect()
}

#[cfg(test)]
mod tests;
