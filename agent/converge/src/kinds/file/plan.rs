//! What must change about a file.

use holdfast_schema::{
    Sha256,
    spec::{Content, Ensure, FileSpec, SecretReference},
};

use super::Observed;
use crate::{
    host::{Expected, Node, SecretNow},
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
    let Some(accounts) = seen.accounts else { return Ok(Vec::new()) };
    let Some(wanted) = wanted(subject, want, seen)? else { return Ok(Vec::new()) };
    let write = |expects| -> Result<Step, Refusal> {
        let access = access::owned(&want.access, accounts)?;
        Ok(write(subject, want, wanted, access, expects, &seen.node))
    };
    match &seen.node {
        Node::Absent => Ok(vec![write(Expected::Nothing)?]),
        Node::File { sha256, .. } if want.replace && *sha256 != Some(wanted.digest()) => {
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

/// What a file should hold.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    Content(Content),
    /// A secret, and its digest under the host's own key.
    Secret(&'a SecretReference, &'a SecretNow),
}

impl Wanted<'_> {
    fn digest(self) -> Sha256 {
        match self {
            Self::Content(content) => content.sha256,
            Self::Secret(_, secret) => secret.digest,
        }
    }
}

/// What the file should hold, if it may hold it.
fn wanted<'a>(
    subject: &Subject<'_, FileSpec>,
    want: &'a FileSpec,
    seen: &'a Observed,
) -> Result<Option<Wanted<'a>>, Refusal> {
    let (Some(reference), Some(secret)) = (&want.secret, &seen.secret) else {
        return Ok(want.content.map(Wanted::Content));
    };
    let allowed = secret.check_destination(subject.id).and_then(|()| secret.check_access(&want.access));
    allowed.map_err(|why| Refusal::Secret { name: reference.name.to_string(), why })?;
    Ok(Some(Wanted::Secret(reference, secret)))
}

fn write(
    subject: &Subject<'_, FileSpec>,
    want: &FileSpec,
    wanted: Wanted<'_>,
    access: Owned,
    expects: Expected,
    node: &Node,
) -> Step {
    // A secret's digest could be searched for, so it is not told.
    let hidden = want.sensitive
        || subject.entry.and_then(|entry| entry.mark(&want.path)).is_some_and(|mark| mark.secret);
    let short = |sha256| if hidden { "another secret".to_owned() } else { marks::short(sha256) };
    let new = match wanted {
        Wanted::Secret(reference, secret) => {
            format!("secret {} (gen {})", reference.name, secret.generation())
        }
        Wanted::Content(_) if want.sensitive => "the secret".to_owned(),
        Wanted::Content(content) => marks::short(Some(content.sha256)),
    };
    let (from, to) = match node {
        Node::Absent => ("none".to_owned(), new),
        Node::File { sha256, .. } => (short(*sha256), new),
        other => (marks::name(other).to_owned(), "a file".to_owned()),
    };
    let (path, validate) = (want.path.clone(), want.validate.clone());
    let action = match wanted {
        Wanted::Content(content) => {
            Action::WriteFile { path, content, access, validate, sensitive: want.sensitive }
        }
        Wanted::Secret(reference, secret) => {
            let (secret, digest) = (reference.clone(), secret.digest);
            Action::WriteSecret { path, secret, digest, access, validate }
        }
    };
    Step {
        resource: subject.id.clone(),
        action,
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
