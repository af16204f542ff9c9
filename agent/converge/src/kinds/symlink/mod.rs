//! A symbolic link: its target, or its absence.

use holdfast_schema::{
    Sha256,
    spec::{Ensure, Spec, SymlinkSpec},
};

use super::{Fate, Kind, Refusal, Subject, marks};
use crate::{
    host::{HostError, Node, Read},
    ledger::Lesson,
    plan::{
        Step,
        found::{Found, Value},
    },
};

mod observe;
mod plan;

pub(crate) struct Symlink;

impl Kind for Symlink {
    type Spec = SymlinkSpec;
    type Observed = Node;

    fn spec(spec: &Spec) -> Option<&SymlinkSpec> {
        if let Spec::Symlink(link) = spec { Some(link) } else { None }
    }

    async fn observe(subject: &Subject<'_, SymlinkSpec>, host: &impl Read) -> Result<Node, HostError> {
        observe::observe(subject, host).await
    }

    fn plan(subject: &Subject<'_, SymlinkSpec>, seen: &Node) -> Result<Vec<Step>, Refusal> {
        plan::plan(subject, seen)
    }

    fn fate(subject: &Subject<'_, SymlinkSpec>, seen: &Node) -> Fate {
        marks::fate(subject.entry, seen)
    }

    fn lessons(subject: &Subject<'_, SymlinkSpec>, seen: &Node) -> Vec<Lesson> {
        let mut lessons = Vec::new();
        if let Some(want) = subject.want {
            let digest = Sha256::of(want.target.as_bytes());
            marks::lessons(subject.entry, &want.path, seen, Some(digest), &mut lessons);
        }
        lessons
    }

    fn found(subject: &Subject<'_, SymlinkSpec>, seen: &Node) -> Option<Found> {
        subject.want.filter(|want| want.ensure == Ensure::Present)?;
        match seen {
            Node::Absent => Some(Found::absent()),
            Node::Symlink { target, .. } => {
                Some(Found::default().with("target", Value::Text(target.clone())))
            }
            Node::File { .. } | Node::Directory { .. } | Node::Other { .. } => None,
        }
    }

    fn fingerprint(_subject: &Subject<'_, SymlinkSpec>, seen: &Node) -> Sha256 {
        marks::fingerprint(seen, true)
    }
}

#[cfg(test)]
mod tests;
