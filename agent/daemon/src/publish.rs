//! The status branch: a signed commit with `status.toml` and `README.md`, pushed where the branch was left.

use holdfast_protocol::fetch::{Failure, Remote as Server, Reply, Request};
use holdfast_schema::status::Status;
use holdfast_trust::{
    Limits, MemoryObjects, Object, ObjectId, ObjectKind, Objects as _, UnixTime,
    commit::Commit,
    identity::Identity,
    sign::{NewCommit, SecretKey},
    tree::{self, Entry, Mode},
};
use serde::{Deserialize, Serialize};

use crate::{remote::Remote, revision::one_line};

/// What is known of the status branch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Published {
    /// The branch's tip when it was last seen: the parent of the next status commit.
    pub tip: Option<ObjectId>,
    /// The status that it holds.
    pub status: Option<Status>,
    /// When it was pushed, in seconds since the epoch.
    pub time: i64,
}

/// A status that did not reach its branch.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The server was not reached or refused.
    #[error("{0}")]
    Server(#[from] Failure),
    /// Somebody else wrote the branch.
    #[error("{branch} is at {current}, which this host's key did not sign")]
    Foreign {
        /// The status branch.
        branch: String,
        /// Where it is.
        current: ObjectId,
    },
    /// The commit could not be made.
    #[error("cannot make the status commit: {0}")]
    Commit(String),
}

impl PublishError {
    /// The stable, documented code.
    pub fn code(&self) -> &str {
        match self {
            Self::Server(failure) => &failure.code,
            Self::Foreign { .. } => "E_STATUS_FOREIGN",
            Self::Commit(_) => "E_STATUS_COMMIT",
        }
    }

    /// What mends it.
    pub fn remedy(&self) -> Option<&str> {
        match self {
            Self::Server(failure) => failure.remedy.as_deref(),
            Self::Foreign { .. } => Some(
                "if another host has this name, enrol one of them anew; if this host was enrolled anew, delete the branch",
            ),
            Self::Commit(_) => None,
        }
    }
}

/// A status commit: the objects to push, the commit first.
#[derive(Debug)]
pub struct StatusCommit {
    /// The commit's id.
    pub id: ObjectId,
    /// The commit, its tree and its two blobs.
    pub objects: Vec<Object>,
}

/// Builds the signed commit that holds `status`, on top of `parent`. Pure.
///
/// # Errors
/// [`PublishError::Commit`] if an object cannot be made.
pub fn commit(
    status: &Status,
    parent: Option<ObjectId>,
    time: i64,
    key: &SecretKey,
) -> Result<StatusCommit, PublishError> {
    let blob = |text: String| Object { kind: ObjectKind::Blob, data: text.into_bytes() };
    let (document, page) = (blob(status.to_toml()), blob(status.readme()));
    let mut entries = [
        Entry { name: b"README.md", mode: Mode::File, id: page.id().map_err(commit_error)? },
        Entry { name: b"status.toml", mode: Mode::File, id: document.id().map_err(commit_error)? },
    ];
    let tree = tree::make(&mut entries).map_err(commit_error)?;
    let applied = status.revision.applied.as_ref();
    let revision = applied.map(|commit| format!("Revision: {commit}\n")).unwrap_or_default();
    let email = format!("{}@holdfast.invalid", status.host);
    let new = NewCommit {
        tree: tree.id().map_err(commit_error)?,
        parents: parent.into_iter().collect(),
        author: Identity::new(status.host.as_str(), &email, UnixTime::from_seconds(time)),
        message: &format!("{}\n\n{revision}Result: {}\n", status.subject(), status.result.as_str()),
    };
    let commit = new.sign(key).map_err(commit_error)?;
    let id = commit.id().map_err(commit_error)?;
    Ok(StatusCommit { id, objects: vec![commit, tree, document, page] })
}

fn commit_error(why: impl std::error::Error) -> PublishError {
    PublishError::Commit(one_line(&why))
}

/// Pushes `status` on top of where the branch was left, and says where it is now. Blocks.
///
/// The branch moved without this agent's knowledge only if an answer was lost or its memory was: what this host's key signed
/// is then its own and is built upon; anything else is left alone.
///
/// # Errors
/// [`PublishError`]; the status is then not published.
pub fn publish(
    remote: &dyn Remote,
    server: &Server,
    branch: &str,
    status: &Status,
    parent: Option<ObjectId>,
    time: i64,
    key: &SecretKey,
) -> Result<ObjectId, PublishError> {
    match push(remote, server, branch, status, parent, time, key)? {
        Pushed::At(id) => Ok(id),
        Pushed::Moved(None) => match push(remote, server, branch, status, None, time, key)? {
            Pushed::At(id) => Ok(id),
            Pushed::Moved(_) => Err(moving(branch)),
        },
        Pushed::Moved(Some(current)) if current.ours => {
            match push(remote, server, branch, status, Some(current.id), time, key)? {
                Pushed::At(id) => Ok(id),
                Pushed::Moved(_) => Err(moving(branch)),
            }
        }
        Pushed::Moved(Some(current)) => {
            Err(PublishError::Foreign { branch: branch.to_owned(), current: current.id })
        }
    }
}

enum Pushed {
    At(ObjectId),
    Moved(Option<Current>),
}

struct Current {
    id: ObjectId,
    ours: bool,
}

fn push(
    remote: &dyn Remote,
    server: &Server,
    branch: &str,
    status: &Status,
    parent: Option<ObjectId>,
    time: i64,
    key: &SecretKey,
) -> Result<Pushed, PublishError> {
    let StatusCommit { id, objects } = commit(status, parent, time, key)?;
    let reference = format!("refs/heads/{branch}");
    let request = Request::Push { remote: server.clone(), reference, old: parent, new: id };
    let mut received = Vec::new();
    match remote.exchange(&request, &objects, &mut received)? {
        Reply::Pushed => Ok(Pushed::At(id)),
        Reply::Moved { current: None } => Ok(Pushed::Moved(None)),
        Reply::Moved { current: Some(current) } => {
            let ours = MemoryObjects::read(received.as_slice(), &Limits::default())
                .ok()
                .and_then(|objects| objects.get(&current).ok().flatten())
                .is_some_and(|commit| {
                    Commit::parse(&commit.data).is_ok_and(|commit| commit.is_signed_by(key.public()))
                });
            Ok(Pushed::Moved(Some(Current { id: current, ours })))
        }
        Reply::Failed(failure) => Err(failure.into()),
        Reply::Unchanged | Reply::Changed { .. } | Reply::Diverged { .. } => Err(Failure {
            code: "E_FETCHER".into(),
            message: "the fetcher answered a push with something else".into(),
            remedy: None,
        }
        .into()),
    }
}

fn moving(branch: &str) -> PublishError {
    Failure {
        code: "E_GIT_PUSH_REFUSED".into(),
        message: format!("{branch} moves each time the status is pushed to it"),
        remedy: Some("see whether another host has this name".into()),
    }
    .into()
}
