//! Whether a unit runs, and with what: a restart is a level, not an event.
//!
//! The ledger keeps what each running unit was last started with, each input by name with its digest. While one differs,
//! a restart or reload is owed, whatever happened in between. When somebody else started the unit, which another
//! invocation id tells, what it reads now is taken for what it was started with: see [`adoption`].

use std::collections::BTreeSet;

use holdfast_schema::{ResourceId, spec::UnitSpec};

use super::{
    files,
    observe::{CONTENT, Observed, drop_in_input},
    plan::{is_at_rest, is_pattern, is_running},
};
use crate::{
    host::{Expected, UnitNow},
    kinds::{Around, Subject},
    ledger::{Inputs, Lesson, Started},
    plan::{Action, Difference, Disruption, Step, step::UnitVerb},
};

/// The one thing to do so that the unit runs, or does not run, as it should.
pub(super) fn control(subject: &Subject<'_, UnitSpec>, want: &UnitSpec, seen: &Observed) -> Option<Step> {
    if is_pattern(&seen.name) {
        return None;
    }
    if want.active == Some(false) {
        return (!is_at_rest(&seen.now)).then(|| stop(subject, seen));
    }
    if want.masked == Some(true) {
        return None;
    }
    let running = is_running(&seen.now);
    if want.active == Some(true) && !running {
        let because = difference("active", &seen.now.active, "active");
        return Some(step(subject, want, seen, UnitVerb::Start, because));
    }
    // A unit that need not run is only brought back if it failed with other inputs than it would have now.
    if !running && seen.now.active != "failed" {
        return None;
    }
    // Without an entry nothing was ever managed, so nothing is owed. With one, a unit that runs and of whose start nothing
    // is known was started during this pass by something else, such as its package, before this pass was done.
    let entry = subject.entry?;
    let nothing = Started::default();
    let started = match &entry.started {
        Some(started) => started,
        None if running => &nothing,
        None => return None,
    };
    if let Some(input) = changed(&started.restart, &restart_inputs(want, subject.around), subject.around) {
        let because = difference("restart", &format!("started before {input} changed"), "started after it");
        return Some(step(subject, want, seen, UnitVerb::Restart, because));
    }
    if !running {
        return None;
    }
    if let Some(input) = changed(&started.reload, &reload_inputs(want, subject.around), subject.around) {
        let because = difference("reload", &format!("loaded before {input} changed"), "loaded after it");
        return Some(step(subject, want, seen, UnitVerb::Reload, because));
    }
    let health = want.health.clone().filter(|_| started.owes_health)?;
    Some(Step {
        resource: subject.id.clone(),
        action: Action::AwaitHealth { unit: seen.name.clone(), health },
        expects: Expected::Anything,
        because: difference("health", "not seen since the last start", "healthy"),
        disrupts: Disruption::None,
    })
}

fn step(
    subject: &Subject<'_, UnitSpec>,
    want: &UnitSpec,
    seen: &Observed,
    verb: UnitVerb,
    because: Difference,
) -> Step {
    Step {
        resource: subject.id.clone(),
        action: Action::ControlUnit { unit: seen.name.clone(), verb, health: want.health.clone() },
        expects: Expected::Anything,
        because,
        disrupts: match verb {
            UnitVerb::Start => Disruption::None,
            UnitVerb::Reload => Disruption::Reload,
            UnitVerb::Restart => Disruption::Restart,
            UnitVerb::Stop => Disruption::Stop,
        },
    }
}

/// Stops the unit.
pub(super) fn stop(subject: &Subject<'_, UnitSpec>, seen: &Observed) -> Step {
    Step {
        resource: subject.id.clone(),
        action: Action::ControlUnit { unit: seen.name.clone(), verb: UnitVerb::Stop, health: None },
        expects: Expected::Anything,
        because: difference("active", &seen.now.active, "inactive"),
        disrupts: Disruption::Stop,
    }
}

fn difference(field: &str, from: &str, to: &str) -> Difference {
    let from = if from.is_empty() { "unknown" } else { from };
    Difference { field: field.to_owned(), from: from.to_owned(), to: to.to_owned() }
}

/// What the unit would be started with now: its own files as declared, and what it watches as it is.
fn restart_inputs(want: &UnitSpec, around: &Around<'_>) -> Inputs {
    let mut inputs = watched(&want.restart_on, around);
    if let Some(content) = want.content {
        inputs.insert(CONTENT.to_owned(), content.sha256);
    }
    for (name, content) in &want.drop_ins {
        inputs.insert(drop_in_input(name), content.sha256);
    }
    inputs
}

fn reload_inputs(want: &UnitSpec, around: &Around<'_>) -> Inputs {
    watched(&want.reload_on, around)
}

fn watched(ids: &BTreeSet<ResourceId>, around: &Around<'_>) -> Inputs {
    ids.iter().filter_map(|id| Some((id.to_string(), *around.prints.get(id)?))).collect()
}

/// The first input that is not what it was.
fn changed(was: &Inputs, now: &Inputs, around: &Around<'_>) -> Option<String> {
    let differs = now.iter().find(|(name, digest)| was.get(*name) != Some(*digest));
    let gone = || was.keys().find(|name| !now.contains_key(*name) && is_gone(name, around));
    differs.map(|(name, _)| name).or_else(gone).cloned()
}

/// Whether an input is gone for good. One that is still declared is merely watched no longer; one that is still owned is
/// about to go; and a package that is released stays installed.
fn is_gone(input: &str, around: &Around<'_>) -> bool {
    match input.parse::<ResourceId>() {
        Ok(id) if id.kind == holdfast_schema::KindName::Package => false,
        Ok(id) => !around.state.resources.contains_key(&id) && around.ledger.entry(&id).is_none(),
        Err(_own_file) => true,
    }
}

/// Whether a resource is still declared and merely watched no longer: then what it does is the unit's business no more.
fn is_unwatched(input: &str, watched: &BTreeSet<ResourceId>, around: &Around<'_>) -> bool {
    input
        .parse::<ResourceId>()
        .is_ok_and(|id| !watched.contains(&id) && around.state.resources.contains_key(&id))
}

/// What to remember after a start, restart or reload.
pub(crate) fn after(
    subject: &Subject<'_, UnitSpec>,
    want: &UnitSpec,
    verb: UnitVerb,
    healthy: bool,
) -> Lesson {
    let before = subject.entry.and_then(|entry| entry.started.as_deref());
    let owes_health = want.health.is_some() && !healthy;
    let started = match verb {
        UnitVerb::Stop => return Lesson::Stopped,
        UnitVerb::Start | UnitVerb::Restart => Started {
            restart: restart_inputs(want, subject.around),
            reload: reload_inputs(want, subject.around),
            invocation: None,
            owes_health,
        },
        UnitVerb::Reload => Started {
            reload: reload_inputs(want, subject.around),
            owes_health,
            ..before.cloned().unwrap_or_default()
        },
    };
    remember(want, started)
}

/// What to remember before a unit with a health check is started: should the agent die, the check stays owed.
pub(crate) fn before(subject: &Subject<'_, UnitSpec>) -> Option<Lesson> {
    let started = subject.entry.and_then(|entry| entry.started.as_deref()).cloned().unwrap_or_default();
    (!started.owes_health).then(|| Lesson::Started(Box::new(Started { owes_health: true, ..started })))
}

/// What to remember once an owed health check succeeded.
pub(crate) fn healthy(subject: &Subject<'_, UnitSpec>, want: &UnitSpec) -> Option<Lesson> {
    let started = subject.entry.and_then(|entry| entry.started.as_deref())?;
    Some(remember(want, Started { owes_health: false, ..started.clone() }))
}

/// Nothing need be remembered of a unit that reads nothing and owes nothing.
fn remember(want: &UnitSpec, started: Started) -> Lesson {
    if has_inputs(want) || started.owes_health { Lesson::Started(Box::new(started)) } else { Lesson::Stopped }
}

fn has_inputs(want: &UnitSpec) -> bool {
    want.content.is_some()
        || !want.drop_ins.is_empty()
        || !want.restart_on.is_empty()
        || !want.reload_on.is_empty()
}

/// Whether what the unit runs with is not known, so that [`adoption`] is due.
pub(crate) fn unknown_start(want: &UnitSpec, started: Option<&Started>, now: &UnitNow) -> bool {
    if !is_running(now) || !has_inputs(want) {
        return false;
    }
    let Some(started) = started else { return true };
    let other_start = started
        .invocation
        .as_ref()
        .is_some_and(|invocation| !now.invocation.is_empty() && *invocation != now.invocation);
    let own = want.content.map(|_| CONTENT.to_owned()).into_iter();
    let mut restart = own
        .chain(want.drop_ins.keys().map(|name| drop_in_input(name)))
        .chain(want.restart_on.iter().map(ResourceId::to_string));
    other_start
        || restart.any(|input| !started.restart.contains_key(&input))
        || want.reload_on.iter().any(|id| !started.reload.contains_key(&id.to_string()))
}

/// What a running unit is taken to run with, from what is there before a pass changes any of it: everything if somebody
/// else started it, else what is not remembered yet.
pub(crate) fn adoption(subject: &Subject<'_, UnitSpec>, want: &UnitSpec, seen: &Observed) -> Lesson {
    let known = subject.entry.and_then(|entry| entry.started.as_deref());
    let same_start = known.filter(|started| {
        let now = &seen.now.invocation;
        started.invocation.as_ref().is_none_or(|invocation| now.is_empty() || invocation == now)
    });
    let mut restart = watched(&want.restart_on, subject.around);
    let own = seen.files.iter().filter(|file| file.want.is_some());
    restart.extend(own.map(|file| (file.input.clone(), files::input(file))));
    let mut reload = watched(&want.reload_on, subject.around);
    if let Some(started) = same_start {
        restart.extend(started.restart.clone());
        reload.extend(started.reload.clone());
    }
    let invocation = Some(seen.now.invocation.clone()).filter(|invocation| !invocation.is_empty());
    let owes_health = known.is_some_and(|started| started.owes_health);
    Lesson::Started(Box::new(Started { restart, reload, invocation, owes_health }))
}

/// What a look at the unit teaches of its start.
pub(super) fn lesson(subject: &Subject<'_, UnitSpec>, seen: &Observed) -> Option<Lesson> {
    let started = subject.entry?.started.as_deref()?;
    let want = subject.want?;
    if is_running(&seen.now) {
        let owes_health = started.owes_health && want.health.is_some();
        if !has_inputs(want) && !owes_health {
            return Some(Lesson::Stopped);
        }
        let mut known = started.clone();
        if known.invocation.is_none() && !seen.now.invocation.is_empty() {
            known.invocation = Some(seen.now.invocation.clone());
        }
        known.owes_health = owes_health;
        known.restart.retain(|input, _| !is_unwatched(input, &want.restart_on, subject.around));
        known.reload.retain(|input, _| !is_unwatched(input, &want.reload_on, subject.around));
        return (known != *started).then(|| Lesson::Started(Box::new(known)));
    }
    // A restart that failed stays owed; a unit that somebody stopped owes nothing.
    let failed = seen.now.active == "failed"
        && changed(&started.restart, &restart_inputs(want, subject.around), subject.around).is_some();
    (is_at_rest(&seen.now) && want.active != Some(true) && !failed).then_some(Lesson::Stopped)
}
