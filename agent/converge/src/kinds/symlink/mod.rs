//! A symbolic link: its target, or its absence.

use holdfast_schema::{
    Sha256,
    spec::{Spec, SymlinkSpec},
};

use super::{Fate, Kind, Refusal, Subject, marks};
use crate::{
    host::{HostError, Node, Read},
    ledger::Lesson,
    plan::Step,
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

    fn fingerprint(_subject: &Subject<'_, SymlinkSpec>, seen: &Node) -> Sha256 {
        marks::fingerprint(seen, true)
    }
}

#[cfg(test)]
mod tests;
