//! A regular file: content, owner, group, mode, or its absence.

use std::sync::Arc;

use holdfast_schema::{
    Sha256,
    spec::{Ensure, FileSpec, Spec},
};

use super::{
    Fate, Kind, Refusal, Subject,
    access::{self, Accounts},
    marks,
};
use crate::{
    host::{HostError, Node, Read, SecretNow},
    ledger::Lesson,
    plan::{
        Step,
        found::{Found, Value},
    },
};

mod observe;
mod plan;

pub(crate) struct File;

/// What can be seen of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) node: Node,
    /// The accounts that it should belong to; `None` when it should not be there.
    pub(crate) accounts: Option<Accounts>,
    /// What is known of the secret that it should hold.
    pub(crate) secret: Option<Arc<SecretNow>>,
}

impl Kind for File {
    type Spec = FileSpec;
    type Observed = Observed;

    fn spec(spec: &Spec) -> Option<&FileSpec> {
        if let Spec::File(file) = spec { Some(file) } else { None }
    }

    async fn observe(subject: &Subject<'_, FileSpec>, host: &impl Read) -> Result<Observed, HostError> {
        observe::observe(subject, host).await
    }

    fn plan(subject: &Subject<'_, FileSpec>, seen: &Observed) -> Result<Vec<Step>, Refusal> {
        plan::plan(subject, seen)
    }

    fn fate(subject: &Subject<'_, FileSpec>, seen: &Observed) -> Fate {
        marks::fate(subject.entry, &seen.node)
    }

    fn lessons(subject: &Subject<'_, FileSpec>, seen: &Observed) -> Vec<Lesson> {
        let mut lessons = Vec::new();
        if let Some(want) = subject.want {
            let secret = seen.secret.as_ref().map(|secret| secret.digest);
            let digest = want.content.map(|content| content.sha256).or(secret);
            marks::lessons(subject.entry, &want.path, &seen.node, digest, &mut lessons);
        }
        lessons
    }

    fn found(subject: &Subject<'_, FileSpec>, seen: &Observed) -> Option<Found> {
        let want = subject.want.filter(|want| want.ensure == Ensure::Present);
        let (stat, sha256) = match (&seen.node, want) {
            (Node::Absent, Some(_)) => return Some(Found::absent()),
            (Node::File { stat, sha256 }, Some(_)) => (stat, sha256),
            _ => return None,
        };
        let want = want.filter(|want| want.secret.is_none())?;
        let access = access::owned(&want.access, seen.accounts?).ok()?;
        let found = Found::default().with_access(stat, &access);
        let rewritten = want.replace && *sha256 != want.content.map(|content| content.sha256);
        if rewritten { found.with("content", Value::ContentOf(want.path.clone())) } else { found }.some()
    }

    fn fingerprint(subject: &Subject<'_, FileSpec>, seen: &Observed) -> Sha256 {
        // A seed's content is its users' own affair.
        let content = subject.want.is_none_or(|want| want.replace);
        marks::fingerprint(&seen.node, content)
    }
}

#[cfg(test)]
mod tests;
