//! A regular file: content, owner, group, mode, or its absence.

use std::sync::Arc;

use holdfast_schema::{
    Sha256,
    spec::{FileSpec, Spec},
};

use super::{Fate, Kind, Refusal, Subject, access::Accounts, marks};
use crate::{
    host::{HostError, Node, Read, SecretNow},
    ledger::Lesson,
    plan::Step,
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

    fn fingerprint(subject: &Subject<'_, FileSpec>, seen: &Observed) -> Sha256 {
        // A seed's content is its users' own affair.
        let content = subject.want.is_none_or(|want| want.replace);
        marks::fingerprint(&seen.node, content)
    }
}

#[cfg(test)]
mod tests;
