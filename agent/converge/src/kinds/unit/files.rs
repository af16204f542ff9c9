//! What must change about a unit's files.

use std::collections::BTreeMap;

use holdfast_schema::{
    AbsolutePath, Sha256,
    spec::{Content, UnitSpec},
};

use super::{
    is_running,
    observe::{CONTENT, Observed, OwnFile},
};
use crate::{
    host::{Expected, Node},
    kinds::{
        Refusal, Subject, access,
        marks::{self, Maker},
    },
    plan::{
        Action, Difference, Disruption, Step,
        found::{Found, Value},
    },
};

/// The mode of unit files and drop-ins.
const FILE_MODE: u16 = 0o644;
/// The mode of a drop-in directory.
const DIRECTORY_MODE: u16 = 0o755;

/// Brings the unit file and the drop-ins in order; `unmasked` says that a mask in the unit file's place goes first.
pub(super) fn plan(
    subject: &Subject<'_, UnitSpec>,
    want: &UnitSpec,
    seen: &Observed,
    unmasked: bool,
    steps: &mut Vec<Step>,
) -> Result<(), Refusal> {
    if let Some(directory) = &seen.directory
        && !want.drop_ins.is_empty()
    {
        match &directory.node {
            Node::Directory { .. } => {}
            Node::Absent => steps.push(make_directory(subject, &directory.path)),
            node @ (Node::File { .. } | Node::Symlink { .. } | Node::Other { .. }) => {
                return Err(marks::in_the_way(&directory.path, node));
            }
        }
    }
    for file in &seen.files {
        match content(want, file) {
            Some(content) => steps.extend(write(subject, file, content, unmasked && file.input == CONTENT)?),
            None => steps.extend(remove_stale(subject, file)),
        }
    }
    if want.drop_ins.is_empty() {
        steps.extend(remove_directory(subject, seen));
    }
    Ok(())
}

/// What would have to be declared otherwise of what the unit's files hold; `None` if that cannot be said.
pub(super) fn found(seen: &Observed) -> Option<Found> {
    let (mut found, mut drop_ins, mut differ) = (Found::default(), BTreeMap::new(), false);
    for file in seen.files.iter().filter(|file| file.want.is_some()) {
        match &file.node {
            Node::File { sha256, .. } if file.input == CONTENT => {
                if *sha256 != file.want {
                    found = found.with("content", Value::ContentOf(file.path.clone()));
                }
            }
            Node::File { sha256, .. } => {
                differ |= *sha256 != file.want;
                drop_ins.insert(file.path.file_name().to_owned(), file.path.clone());
            }
            Node::Absent if file.input != CONTENT => differ = true,
            Node::Absent if !is_running(&seen.now) => return Some(Found::absent()),
            Node::Absent | Node::Symlink { .. } | Node::Directory { .. } | Node::Other { .. } => return None,
        }
    }
    // A field is declared as a whole.
    Some(if differ { found.with("drop_ins", Value::Files(drop_ins)) } else { found })
}

fn content(want: &UnitSpec, file: &OwnFile) -> Option<Content> {
    file.want?;
    if file.input == CONTENT { want.content } else { want.drop_ins.get(file.path.file_name()).copied() }
}

fn write(
    subject: &Subject<'_, UnitSpec>,
    file: &OwnFile,
    content: Content,
    unmasked: bool,
) -> Result<Option<Step>, Refusal> {
    let access = access::root(FILE_MODE);
    let step = |action, expects, because| {
        Some(Step { resource: subject.id.clone(), action, expects, because, disrupts: Disruption::None })
    };
    let write = |expects, from: String| {
        let action =
            Action::WriteFile { path: file.path.clone(), content, access, validate: None, sensitive: false };
        let to = marks::short(Some(content.sha256));
        step(action, expects, Difference { field: file.input.clone(), from, to })
    };
    Ok(match &file.node {
        Node::Absent => write(Expected::Nothing, "none".to_owned()),
        Node::Symlink { target, .. } if unmasked && target == "/dev/null" => {
            write(Expected::Nothing, "masked".to_owned())
        }
        Node::File { sha256, .. } if *sha256 != Some(content.sha256) => {
            write(marks::expected(&file.node), marks::short(*sha256))
        }
        Node::File { stat, .. } => access::difference(stat, &access).and_then(|because| {
            step(Action::SetAccess { path: file.path.clone(), access }, Expected::Node(*stat), because)
        }),
        node @ Node::Symlink { .. } if marks::maker(subject.entry, &file.path, node) == Maker::Holdfast => {
            write(marks::expected(node), marks::name(node).to_owned())
        }
        node @ (Node::Symlink { .. } | Node::Directory { .. } | Node::Other { .. }) => {
            return Err(marks::in_the_way(&file.path, node));
        }
    })
}

/// Removes a file that Holdfast wrote for the unit and that is declared no longer, unless somebody changed it.
pub(super) fn remove_stale(subject: &Subject<'_, UnitSpec>, file: &OwnFile) -> Option<Step> {
    (marks::maker(subject.entry, &file.path, &file.node) == Maker::Holdfast)
        .then(|| marks::remove(subject.id, &file.path, &file.node, marks::NO_LONGER_DECLARED))
}

/// Removes the drop-ins' directory if Holdfast made it and nothing else is in it.
pub(super) fn remove_directory(subject: &Subject<'_, UnitSpec>, seen: &Observed) -> Option<Step> {
    let directory = seen.directory.as_ref().filter(|directory| !directory.others)?;
    let stays = |file: &&OwnFile| {
        file.input != CONTENT
            && file.node != Node::Absent
            && marks::maker(subject.entry, &file.path, &file.node) != Maker::Holdfast
    };
    (seen.files.iter().find(stays).is_none()
        && marks::maker(subject.entry, &directory.path, &directory.node) == Maker::Holdfast)
        .then(|| marks::remove(subject.id, &directory.path, &directory.node, marks::NO_LONGER_DECLARED))
}

fn make_directory(subject: &Subject<'_, UnitSpec>, path: &AbsolutePath) -> Step {
    Step {
        resource: subject.id.clone(),
        action: Action::MakeDirectory { path: path.clone(), access: access::root(DIRECTORY_MODE) },
        expects: Expected::Nothing,
        because: Difference {
            field: "drop-ins".to_owned(),
            from: "none".to_owned(),
            to: "a directory".to_owned(),
        },
        disrupts: Disruption::None,
    }
}

/// What a unit's own file would be worth to it if it were read now.
pub(super) fn input(file: &OwnFile) -> Sha256 {
    match &file.node {
        Node::File { sha256: Some(sha256), .. } => *sha256,
        node => marks::fingerprint(node, true),
    }
}
