//! What must change about a unit. The order is that of systemctl: files, mask and enablement first, all on disk; then one
//! reload of the manager; then starts and stops.

use holdfast_schema::{
    UnitName,
    spec::{Ensure, UnitSpec},
};

use super::{files, level, observe::Observed, removal};
use crate::{
    host::{Expected, UnitNow},
    kinds::{Refusal, Subject},
    plan::{
        Action, Difference, Disruption, Step,
        found::{Found, Value},
    },
};

pub(super) fn plan(subject: &Subject<'_, UnitSpec>, seen: &Observed) -> Result<Vec<Step>, Refusal> {
    match subject.want {
        None => Ok(removal::undeclared(subject, seen)),
        Some(want) if want.ensure == Ensure::Absent => Ok(removal::declared(subject, seen)),
        Some(want) => present(subject, want, seen),
    }
}

fn present(subject: &Subject<'_, UnitSpec>, want: &UnitSpec, seen: &Observed) -> Result<Vec<Step>, Refusal> {
    let mut steps = Vec::new();
    let masked = is_masked(&seen.now);
    let unmask = want.masked == Some(false) && masked;
    if unmask {
        steps.push(mask(subject, seen, false));
    }
    files::plan(subject, want, seen, unmask, &mut steps)?;
    if want.masked == Some(true) && !masked {
        steps.push(mask(subject, seen, true));
    }
    let on_disk = !steps.is_empty();
    let state = seen.now.file_state.as_str();
    let mut refused = None;
    match want.enabled {
        Some(true) if !is_enabled(state) => {
            // A new unit file may well have what the old one lacks.
            if state == "static" && !on_disk {
                let (unit, state) =
                    (seen.name.to_string(), "static, for it has no [Install] section".to_owned());
                refused = Some(Refusal::NotEnablable { unit, state });
            } else {
                steps.push(enable(subject, seen, true));
            }
        }
        Some(false) if matches!(state, "enabled" | "enabled-runtime") => {
            steps.push(enable(subject, seen, false));
        }
        Some(_) | None => {}
    }
    let control = level::control(subject, want, seen);
    // Whoever changed the files, the manager should know what it starts and shows.
    if !steps.is_empty() || seen.now.needs_reload {
        steps.push(reload_manager(subject));
    }
    steps.extend(control);
    match refused {
        Some(refusal) if steps.is_empty() => Err(refusal),
        Some(_) | None => Ok(steps),
    }
}

/// What would have to be declared otherwise of how a unit stands, beside what its files hold.
pub(super) fn found(want: &UnitSpec, seen: &Observed, mut found: Found) -> Found {
    let now = &seen.now;
    let facts = [
        ("masked", want.masked, is_masked(now)),
        ("enabled", want.enabled, is_enabled(&now.file_state)),
        ("active", want.active, is_running(now)),
    ];
    for (field, want, is) in facts {
        if want.is_some_and(|want| want != is) {
            found = found.with(field, Value::Flag(is));
        }
    }
    found
}

/// Whether a unit with this `UnitFileState` starts at boot, or cannot be told apart from one that does.
fn is_enabled(state: &str) -> bool {
    matches!(state, "enabled" | "alias" | "indirect" | "generated")
}

pub(crate) fn is_masked(now: &UnitNow) -> bool {
    now.load == "masked" || matches!(now.file_state.as_str(), "masked" | "masked-runtime")
}

fn mask(subject: &Subject<'_, UnitSpec>, seen: &Observed, mask: bool) -> Step {
    let word = |masked| if masked { "masked" } else { "not masked" }.to_owned();
    Step {
        resource: subject.id.clone(),
        action: Action::MaskUnit { unit: seen.name.clone(), mask },
        expects: Expected::Anything,
        because: Difference { field: "masked".to_owned(), from: word(!mask), to: word(mask) },
        disrupts: Disruption::None,
    }
}

pub(super) fn enable(subject: &Subject<'_, UnitSpec>, seen: &Observed, enable: bool) -> Step {
    let from = match seen.now.file_state.as_str() {
        "" => "no unit file",
        state => state,
    };
    let to = if enable { "enabled" } else { "disabled" };
    Step {
        resource: subject.id.clone(),
        action: Action::EnableUnit { unit: seen.name.clone(), enable },
        expects: Expected::Anything,
        because: Difference { field: "enabled".to_owned(), from: from.to_owned(), to: to.to_owned() },
        disrupts: Disruption::None,
    }
}

pub(super) fn reload_manager(subject: &Subject<'_, UnitSpec>) -> Step {
    Step {
        resource: subject.id.clone(),
        action: Action::ReloadManager,
        expects: Expected::Anything,
        because: Difference {
            field: "manager".to_owned(),
            from: "read before the files changed".to_owned(),
            to: "reads them again".to_owned(),
        },
        disrupts: Disruption::None,
    }
}

/// Whether the unit runs.
pub(crate) fn is_running(now: &UnitNow) -> bool {
    matches!(now.active.as_str(), "active" | "reloading" | "refreshing")
}

/// Whether the unit has come to rest without running.
pub(crate) fn is_at_rest(now: &UnitNow) -> bool {
    matches!(now.active.as_str(), "inactive" | "failed" | "")
}

/// Whether the unit is only a pattern for instances, which itself can never run.
pub(super) fn is_pattern(name: &UnitName) -> bool {
    name.as_str().contains("@.")
}
