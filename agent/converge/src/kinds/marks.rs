//! Whether what is at a path is Holdfast's own work, and what follows from it for its removal.

use holdfast_schema::{AbsolutePath, ResourceId, Sha256};

use super::{Fate, Refusal};
use crate::{
    host::{Expected, HostError, Look, Node, Read, Stat},
    ledger::{Entry, Lesson, Mark, Origin},
    plan::{Action, Difference, Disruption, Step},
};

/// Whose work something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maker {
    /// Not Holdfast's: it was there before, or nobody knows of it.
    Others,
    /// Holdfast made it, and somebody changed it since.
    Changed,
    /// Holdfast made it, and it is as Holdfast left it.
    Holdfast,
}

/// The digest that a mark would have of this node; `None` where there is none, or where it was not read.
pub(crate) fn digest(node: &Node) -> Option<Sha256> {
    match node {
        Node::File { sha256, .. } => *sha256,
        Node::Symlink { target, .. } => Some(Sha256::of(target.as_bytes())),
        Node::Absent | Node::Directory { .. } | Node::Other { .. } => None,
    }
}

/// Whose work the node at a path is.
pub(crate) fn maker(entry: Option<&Entry>, path: &AbsolutePath, node: &Node) -> Maker {
    match entry.and_then(|entry| entry.mark(path)) {
        Some(mark) if mark.origin != Origin::Found => match as_left(mark, node) {
            true => Maker::Holdfast,
            false if mark.origin == Origin::Claimed => Maker::Others,
            false => Maker::Changed,
        },
        Some(_) | None => Maker::Others,
    }
}

/// Whether a node is as Holdfast would have left it.
fn as_left(mark: &Mark, node: &Node) -> bool {
    match node {
        Node::Directory { .. } => mark.digests.is_empty(),
        Node::File { .. } | Node::Symlink { .. } => {
            digest(node).is_some_and(|digest| mark.digests.contains(&digest))
        }
        Node::Absent | Node::Other { .. } => false,
    }
}

/// Whether a node holds nothing but what Holdfast put there.
pub(crate) fn is_as_left(entry: Option<&Entry>, path: &AbsolutePath, node: &Node) -> bool {
    maker(entry, path, node) == Maker::Holdfast
}

/// How closely to look at a path, so that [`lessons`] can tell.
pub(crate) fn look(entry: Option<&Entry>, path: &AbsolutePath, needed: Look) -> Look {
    match entry.and_then(|entry| entry.mark(path)) {
        Some(mark) if mark.origin == Origin::Claimed => content(entry, path),
        Some(_) | None => needed,
    }
}

/// How to look at the content of a path, so that it can be compared with what is remembered of it.
pub(crate) fn content(entry: Option<&Entry>, path: &AbsolutePath) -> Look {
    let secret = entry.and_then(|entry| entry.mark(path)).is_some_and(|mark| mark.secret);
    if secret { Look::Keyed } else { Look::Content }
}

/// What is at the one path that the entry of something undeclared speaks of.
pub(crate) async fn left_behind(entry: Option<&Entry>, host: &impl Read) -> Result<Node, HostError> {
    match entry.and_then(|entry| entry.marks.first()) {
        Some(mark) => host.node(&mark.path, content(entry, &mark.path)).await,
        None => Ok(Node::Absent),
    }
}

/// Adds what a node teaches about its mark: who made it, and which of several contents it has.
pub(crate) fn lessons(
    entry: Option<&Entry>,
    path: &AbsolutePath,
    node: &Node,
    want: Option<Sha256>,
    lessons: &mut Vec<Lesson>,
) {
    let Some(mark) = entry.and_then(|entry| entry.mark(path)) else { return };
    if mark.origin == Origin::Claimed && *node != Node::Absent {
        let origin = if as_left(mark, node) { Origin::Created } else { Origin::Found };
        lessons.push(Lesson::Origin { path: path.clone(), origin });
        if origin == Origin::Found {
            return;
        }
    }
    if let Some(want) = want
        && mark.digests.len() > 1
        && digest(node) == Some(want)
    {
        lessons.push(Lesson::Holds { path: path.clone(), digest: want });
    }
}

/// What an action on this node has to expect.
pub(crate) fn expected(node: &Node) -> Expected {
    match node {
        Node::File { stat, .. } | Node::Directory { stat } | Node::Symlink { stat, .. } => {
            Expected::Node(*stat)
        }
        // Nothing acts on another kind of node, and if it did this would refuse.
        Node::Absent | Node::Other { .. } => Expected::Nothing,
    }
}

/// What a node is, for people, with its article.
pub(crate) fn name(node: &Node) -> &'static str {
    match node {
        Node::Absent => "nothing",
        Node::File { .. } => "a file",
        Node::Directory { .. } => "a directory",
        Node::Symlink { .. } => "a symbolic link",
        Node::Other { what } => what,
    }
}

/// The beginning of a digest, for people.
pub(crate) fn short(digest: Option<Sha256>) -> String {
    digest.map_or_else(|| "other content".to_owned(), |digest| digest.to_string().chars().take(12).collect())
}

/// The refusal to touch what is at a path.
pub(crate) fn in_the_way(path: &AbsolutePath, node: &Node) -> Refusal {
    Refusal::InTheWay { path: path.to_string(), found: name(node) }
}

/// The step that removes what is at a path.
pub(crate) fn remove(resource: &ResourceId, path: &AbsolutePath, node: &Node, why: &str) -> Step {
    Step {
        resource: resource.clone(),
        action: Action::RemovePath { path: path.clone() },
        expects: expected(node),
        because: Difference {
            field: "ensure".to_owned(),
            from: name(node).to_owned(),
            to: format!("absent, {why}"),
        },
        disrupts: Disruption::None,
    }
}

/// Removes the one path of a resource that Git no longer has, if it is as Holdfast left it.
pub(crate) fn removal(resource: &ResourceId, entry: Option<&Entry>, node: &Node) -> Vec<Step> {
    entry
        .and_then(|entry| entry.marks.first())
        .filter(|mark| maker(entry, &mark.path, node) == Maker::Holdfast)
        .map(|mark| remove(resource, &mark.path, node, NO_LONGER_DECLARED))
        .into_iter()
        .collect()
}

/// Why something is removed that no declaration asks to be absent.
pub(crate) const NO_LONGER_DECLARED: &str = "no longer declared";

/// What becomes of the one path of a resource that Git no longer has.
pub(crate) fn fate(entry: Option<&Entry>, node: &Node) -> Fate {
    let Some(mark) = entry.and_then(|entry| entry.marks.first()) else { return Fate::Gone };
    match (node, maker(entry, &mark.path, node)) {
        (Node::Absent, _) => Fate::Gone,
        (_, Maker::Others) => Fate::Released("it was there before Holdfast managed it"),
        (_, Maker::Changed) => Fate::Released("it was changed since Holdfast wrote it"),
        (_, Maker::Holdfast) => Fate::InUse,
    }
}

/// A node's fingerprint: what it is, whose, and if `content` what it holds.
pub(crate) fn fingerprint(node: &Node, content: bool) -> Sha256 {
    let access = |stat: &Stat| format!("{} {} {}", stat.uid, stat.gid, stat.mode);
    let text = match node {
        Node::Absent => "absent".to_owned(),
        Node::File { stat, sha256: Some(sha256) } if content => format!("file {} {sha256}", access(stat)),
        Node::File { stat, .. } => format!("file {}", access(stat)),
        Node::Directory { stat } => format!("directory {}", access(stat)),
        Node::Symlink { target, .. } => format!("symlink {target}"),
        Node::Other { what } => format!("other {what}"),
    };
    Sha256::of(text.as_bytes())
}
