//! What must change about a file.

use holdfast_schema::spec::{Content, Ensure, FileSpec};

use super::Observed;
use crate::{
    host::{Expected, Node},
    kinds::{
        Refusal, Subject, access,
        marks::{self, Maker},
    },
    plan::{Action, Difference, Disruption, Step, step::Owned},
};

pub(super) fn plan(subject: &Subject<'_, FileSpec>, seen: &Observed) -> Result<Vec<Step>, Refusal> {
    match subject.want {
        None => Ok(marks::removal(subject.id, subject.entry, &seen.node)),
        Some(want) if want.ensure == Ensure::Absent => remove(subject, want, &seen.node),
        Some(want) => present(subject, want, seen),
    }
}

/// Nothing should be at the path. A symlink goes too: it holds nothing but a name.
fn remove(subject: &Subject<'_, FileSpec>, want: &FileSpec, node: &Node) -> Result<Vec<Step>, Refusal> {
    match node {
        Node::Absent => Ok(Vec::new()),
        Node::File { .. } | Node::Symlink { .. } => {
            Ok(vec![marks::remove(subject.id, &want.path, node, "declared absent")])
        }
        Node::Directory { .. } | Node::Other { .. } => Err(marks::in_the_way(&want.path, node)),
    }
}

fn present(subject: &Subject<'_, FileSpec>, want: &FileSpec, seen: &Observed) -> Result<Vec<Step>, Refusal> {
    let (Some(content), Some(accounts)) = (want.content, seen.accounts) else { return Ok(Vec::new()) };
    let write = |expects| -> Result<Step, Refusal> {
        let access = access::owned(&want.access, accounts)?;
        Ok(write(subject, want, content, access, expects, &seen.node))
    };
    match &seen.node {
        Node::Absent => Ok(vec![write(Expected::Nothing)?]),
        Node::File { sha256, .. } if want.replace && *sha256 != Some(content.sha256) => {
            Ok(vec![write(marks::expected(&seen.node))?])
        }
        Node::File { stat, .. } => {
            let access = access::owned(&want.access, accounts)?;
            let because = access::difference(stat, &access);
            Ok(because.into_iter().map(|because| set_access(subject, want, access, stat, because)).collect())
        }
        // Only what Holdfast itself put there gives way, when Git makes a file of a link or a directory.
        node @ (Node::Symlink { .. } | Node::Directory { .. })
            if marks::maker(subject.entry, &want.path, node) == Maker::Holdfast =>
        {
            if let Node::Symlink { .. } = node {
                return Ok(vec![write(marks::expected(node))?]);
            }
            let write = write(Expected::Nothing)?;
            Ok(vec![marks::remove(subject.id, &want.path, node, "declared as a file now"), write])
        }
        node @ (Node::Symlink { .. } | Node::Directory { .. } | Node::Other { .. }) => {
            Err(marks::in_the_way(&want.path, node))
        }
    }
}

fn write(
    subject: &Subject<'_, FileSpec>,
    want: &FileSpec,
    content: Content,
    access: Owned,
    expects: Expected,
    node: &Node,
) -> Step {
    // A secret's digest could be searched for, so it is not told.
    let short = |sha256| if want.sensitive { "another secret".to_owned() } else { marks::short(sha256) };
    let new = if want.sensitive { "the secret".to_owned() } else { marks::short(Some(content.sha256)) };
    let (from, to) = match node {
        Node::Absent => ("none".to_owned(), new),
        Node::File { sha256, .. } => (short(*sha256), new),
        other => (marks::name(other).to_owned(), "a file".to_owned()),
    };
    Step {
        resource: subject.id.clone(),
        action: Action::WriteFile {
            path: want.path.clone(),
            content,
            access,
            validate: want.validate.clone(),
            sensitive: want.sensitive,
        },
        expects,
        because: Difference { field: "content".to_owned(), from, to },
        disrupts: Disruption::None,
    }
}

fn set_access(
    subject: &Subject<'_, FileSpec>,
    want: &FileSpec,
    access: Owned,
    stat: &crate::host::Stat,
    because: Difference,
) -> Step {
    Step {
        resource: subject.id.clone(),
        action: Action::SetAccess { path: want.path.clone(), access },
        expects: Expected::Node(*stat),
        because,
        disrupts: Disruption::None,
    }
}
