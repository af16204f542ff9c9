//! A systemd unit: its file and drop-ins, whether it is enabled, masked and running, and whether it runs with what it
//! should; or its absence.

use holdfast_schema::{
    AbsolutePath, Sha256, UnitName,
    spec::{Ensure, Spec, UNIT_FILES, UnitSpec},
};

use super::{Fate, Kind, Refusal, Subject, marks};
use crate::{
    host::{HostError, Node, Read},
    ledger::Lesson,
    plan::{Step, found::Found},
};

mod files;
pub(crate) mod level;
mod observe;
mod plan;
mod removal;

pub(crate) use observe::Observed;
pub(crate) use plan::{is_at_rest, is_masked, is_running};

pub(crate) struct Unit;

impl Kind for Unit {
    type Spec = UnitSpec;
    type Observed = Observed;

    fn spec(spec: &Spec) -> Option<&UnitSpec> {
        if let Spec::Unit(unit) = spec { Some(unit) } else { None }
    }

    async fn observe(subject: &Subject<'_, UnitSpec>, host: &impl Read) -> Result<Observed, HostError> {
        observe::observe(subject, host).await
    }

    fn plan(subject: &Subject<'_, UnitSpec>, seen: &Observed) -> Result<Vec<Step>, Refusal> {
        plan::plan(subject, seen)
    }

    fn fate(subject: &Subject<'_, UnitSpec>, seen: &Observed) -> Fate {
        removal::fate(subject, seen)
    }

    fn lessons(subject: &Subject<'_, UnitSpec>, seen: &Observed) -> Vec<Lesson> {
        let mut lessons = Vec::new();
        let files = seen.files.iter().map(|file| (&file.path, &file.node, file.want, file.want.is_some()));
        let directory = seen.directory.iter().map(|found| (&found.path, &found.node, None, found.wanted));
        for (path, node, want, wanted) in files.chain(directory) {
            let marked = subject.entry.is_some_and(|entry| entry.mark(path).is_some());
            if *node == Node::Absent && marked && !wanted {
                lessons.push(Lesson::Gone { path: path.clone() });
            } else {
                marks::lessons(subject.entry, path, node, want, &mut lessons);
            }
        }
        lessons.extend(level::lesson(subject, seen));
        lessons
    }

    fn found(subject: &Subject<'_, UnitSpec>, seen: &Observed) -> Option<Found> {
        let want = subject.want.filter(|want| want.ensure == Ensure::Present)?;
        let found = files::found(seen)?;
        if found.fields.contains_key("ensure") { Some(found) } else { plan::found(want, seen, found).some() }
    }

    fn fingerprint(_subject: &Subject<'_, UnitSpec>, seen: &Observed) -> Sha256 {
        // What the unit is, not whether it runs: a restart elsewhere is no change of a file here.
        let mut text = String::new();
        for file in &seen.files {
            text.push_str(file.path.as_str());
            text.push(' ');
            text.push_str(&marks::fingerprint(&file.node, true).to_string());
            text.push('\n');
        }
        Sha256::of(text.as_bytes())
    }
}

/// The unit file's path.
fn unit_file(unit: &UnitName) -> Result<AbsolutePath, HostError> {
    path(unit, &format!("{UNIT_FILES}/{unit}"))
}

/// The directory of the unit's drop-ins.
fn drop_in_directory(unit: &UnitName) -> Result<AbsolutePath, HostError> {
    path(unit, &format!("{UNIT_FILES}/{unit}.d"))
}

fn path(unit: &UnitName, path: &str) -> Result<AbsolutePath, HostError> {
    path.parse().map_err(|_too_long| HostError::Unsupported {
        what: format!("a file with the name that unit {unit} asks for"),
    })
}

/// Tells `claim` every path that the unit puts on the host; see [`super::claims`].
pub(super) fn claims(want: &UnitSpec, claim: &mut dyn FnMut(&AbsolutePath, Option<Sha256>)) {
    if let (Some(content), Ok(path)) = (want.content, unit_file(&want.name)) {
        claim(&path, Some(content.sha256));
    }
    if want.drop_ins.is_empty() {
        return;
    }
    let Ok(directory) = drop_in_directory(&want.name) else { return };
    claim(&directory, None);
    for (name, content) in &want.drop_ins {
        if let Ok(path) = directory.join(name) {
            claim(&path, Some(content.sha256));
        }
    }
}

#[cfg(test)]
mod tests;
