//! A directory: owner, group, mode, and if it is purged nothing undeclared in it; or its absence.

use holdfast_schema::{
    Sha256,
    spec::{DirectorySpec, Ensure, Spec},
};

use super::{
    Fate, Kind, Refusal, Subject,
    access::{self, Accounts},
    marks,
};
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

pub(crate) struct Directory;

/// What can be seen of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) node: Node,
    /// The accounts that it should belong to; `None` when it should not be there.
    pub(crate) accounts: Option<Accounts>,
    /// What lies in it that nothing declares or owns; only looked for where that matters.
    pub(crate) strangers: Vec<Stranger>,
    /// How many declared or owned things lie in it; only counted where that matters.
    pub(crate) known: usize,
}

/// An undeclared entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stranger {
    pub(crate) name: String,
    /// What it is; `None` if its name cannot be written in a state.
    pub(crate) node: Option<Node>,
}

impl Kind for Directory {
    type Spec = DirectorySpec;
    type Observed = Observed;

    fn spec(spec: &Spec) -> Option<&DirectorySpec> {
        if let Spec::Directory(directory) = spec { Some(directory) } else { None }
    }

    async fn observe(subject: &Subject<'_, DirectorySpec>, host: &impl Read) -> Result<Observed, HostError> {
        observe::observe(subject, host).await
    }

    fn plan(subject: &Subject<'_, DirectorySpec>, seen: &Observed) -> Result<Vec<Step>, Refusal> {
        plan::plan(subject, seen)
    }

    fn fate(subject: &Subject<'_, DirectorySpec>, seen: &Observed) -> Fate {
        match marks::fate(subject.entry, &seen.node) {
            Fate::InUse if seen.known == 0 && !seen.strangers.is_empty() => {
                Fate::Released("it holds things that are not Holdfast's")
            }
            fate => fate,
        }
    }

    fn lessons(subject: &Subject<'_, DirectorySpec>, seen: &Observed) -> Vec<Lesson> {
        let mut lessons = Vec::new();
        if let Some(want) = subject.want {
            marks::lessons(subject.entry, &want.path, &seen.node, None, &mut lessons);
        }
        lessons
    }

    fn found(subject: &Subject<'_, DirectorySpec>, seen: &Observed) -> Option<Found> {
        let want = subject.want.filter(|want| want.ensure == Ensure::Present)?;
        let stat = match &seen.node {
            Node::Absent => return Some(Found::absent()),
            Node::Directory { stat } => stat,
            Node::File { .. } | Node::Symlink { .. } | Node::Other { .. } => return None,
        };
        let access = access::owned(&want.access, seen.accounts?).ok()?;
        let found = Found::default().with_access(stat, &access);
        let strangers = want.purge && !seen.strangers.is_empty();
        if strangers { found.with("purge", Value::Flag(false)) } else { found }.some()
    }

    fn fingerprint(_subject: &Subject<'_, DirectorySpec>, seen: &Observed) -> Sha256 {
        marks::fingerprint(&seen.node, false)
    }
}

#[cfg(test)]
mod tests;
