//! A unit that should not be there: declared absent, or no longer declared.

use holdfast_schema::spec::UnitSpec;

use super::{
    files, level,
    observe::{CONTENT, Observed, OwnFile},
    plan::{enable, is_at_rest, reload_manager},
};
use crate::{
    host::Node,
    kinds::{
        Fate, Subject,
        marks::{self, Maker},
    },
    ledger::Entry,
    plan::{Action, Step},
};

/// Stops and disables it, and removes every file of it that Holdfast wrote, changed since or not: Git says so.
pub(super) fn declared(subject: &Subject<'_, UnitSpec>, seen: &Observed) -> Vec<Step> {
    let mut steps = stop(subject, seen);
    let written = |file: &&OwnFile| {
        matches!(file.node, Node::File { .. } | Node::Symlink { .. })
            && marks::maker(subject.entry, &file.path, &file.node) != Maker::Others
    };
    let remove =
        |file: &OwnFile| marks::remove(subject.id, &file.path, &file.node, "the unit is declared absent");
    steps.extend(seen.files.iter().filter(written).map(remove));
    steps.extend(files::remove_directory(subject, seen));
    finish(subject, seen, steps)
}

/// Removes what Holdfast wrote. The unit itself is only stopped if its unit file is among that.
pub(super) fn undeclared(subject: &Subject<'_, UnitSpec>, seen: &Observed) -> Vec<Step> {
    let goes = |file: &OwnFile| {
        file.input == CONTENT && marks::maker(subject.entry, &file.path, &file.node) == Maker::Holdfast
    };
    let mut steps = if seen.files.iter().any(goes) { stop(subject, seen) } else { Vec::new() };
    steps.extend(seen.files.iter().filter_map(|file| files::remove_stale(subject, file)));
    steps.extend(files::remove_directory(subject, seen));
    finish(subject, seen, steps)
}

fn stop(subject: &Subject<'_, UnitSpec>, seen: &Observed) -> Vec<Step> {
    let mut steps = Vec::new();
    if !is_at_rest(&seen.now) {
        steps.push(level::stop(subject, seen));
    }
    if matches!(seen.now.file_state.as_str(), "enabled" | "enabled-runtime") {
        steps.push(enable(subject, seen, false));
    }
    steps
}

/// What changed on disk, now or before a crash, is news to the manager only when it reads again.
fn finish(subject: &Subject<'_, UnitSpec>, seen: &Observed, mut steps: Vec<Step>) -> Vec<Step> {
    let on_disk = steps.iter().any(|step| !matches!(step.action, Action::ControlUnit { .. }));
    let known = !matches!(seen.now.load.as_str(), "" | "not-found");
    let written = subject.entry.is_some_and(Entry::made_something);
    if on_disk || (seen.now.needs_reload && known && written) {
        steps.push(reload_manager(subject));
    }
    steps
}

/// What becomes of a unit that Git no longer has.
pub(super) fn fate(subject: &Subject<'_, UnitSpec>, seen: &Observed) -> Fate {
    let mut fate = Fate::Gone;
    for file in &seen.files {
        match (&file.node, marks::maker(subject.entry, &file.path, &file.node)) {
            (Node::Absent, _) => {}
            (_, Maker::Holdfast) => return Fate::InUse,
            (_, Maker::Changed) => fate = Fate::Released("its files were changed since Holdfast wrote them"),
            (_, Maker::Others) => {
                if fate == Fate::Gone {
                    fate = Fate::Released("its files were there before Holdfast managed it");
                }
            }
        }
    }
    let unknown = matches!(seen.now.load.as_str(), "" | "not-found");
    if fate == Fate::Gone && !unknown {
        fate = Fate::Released("its unit file is not Holdfast's, so it stays as it is");
    }
    fate
}
