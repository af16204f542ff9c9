//! What must change about a symbolic link.

use holdfast_schema::spec::{Ensure, SymlinkSpec};

use crate::{
    host::{Expected, Node},
    kinds::{
        Refusal, Subject,
        marks::{self, Maker},
    },
    plan::{Action, Difference, Disruption, Step},
};

pub(super) fn plan(subject: &Subject<'_, SymlinkSpec>, node: &Node) -> Result<Vec<Step>, Refusal> {
    let Some(want) = subject.want else { return Ok(marks::removal(subject.id, subject.entry, node)) };
    if want.ensure == Ensure::Absent {
        return match node {
            Node::Absent => Ok(Vec::new()),
            Node::Symlink { .. } => Ok(vec![marks::remove(subject.id, &want.path, node, "declared absent")]),
            // A file holds something, so it only goes when it is declared absent as a file.
            Node::File { .. } | Node::Directory { .. } | Node::Other { .. } => {
                Err(marks::in_the_way(&want.path, node))
            }
        };
    }
    let ours = || marks::maker(subject.entry, &want.path, node) == Maker::Holdfast;
    match node {
        Node::Symlink { target, .. } if *target == want.target => Ok(Vec::new()),
        Node::Absent | Node::Symlink { .. } => Ok(vec![make(subject, want, node, marks::expected(node))]),
        Node::File { .. } if ours() => Ok(vec![make(subject, want, node, marks::expected(node))]),
        Node::Directory { .. } if ours() => Ok(vec![
            marks::remove(subject.id, &want.path, node, "declared as a symbolic link now"),
            make(subject, want, node, Expected::Nothing),
        ]),
        Node::File { .. } | Node::Directory { .. } | Node::Other { .. } => {
            Err(marks::in_the_way(&want.path, node))
        }
    }
}

fn make(subject: &Subject<'_, SymlinkSpec>, want: &SymlinkSpec, node: &Node, expects: Expected) -> Step {
    let from = match node {
        Node::Absent => "none".to_owned(),
        Node::Symlink { target, .. } => target.clone(),
        other => marks::name(other).to_owned(),
    };
    Step {
        resource: subject.id.clone(),
        action: Action::MakeSymlink { path: want.path.clone(), target: want.target.clone() },
        expects,
        because: Difference { field: "target".to_owned(), from, to: want.target.clone() },
        disrupts: Disruption::None,
    }
}
