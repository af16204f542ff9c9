//! The status branch: a signed commit with `status.toml` and `README.md`, pushed where the branch was left.

use holdfast_protocol::fetch::{Failure, Known, Remote as Server, Reply, Request};
use holdfast_schema::status::Status;
use holdfast_trust::{
    Limits, MemoryObjects, Object, ObjectId, ObjectKind, Objects as _, UnixTime,
    commit::Commit,
    identity::Identity,
    sign::{NewCommit, SecretKey},
    trailer,
    tree::{self, Entry, Mode},
};
use serde::{Deserialize, Serialize};

use crate::{remote::Remote, revision::one_line};

/// The trailers of a status commit that tell how far this host had come.
const RATCHET: &str = "Ratchet";
const SEQUENCE: &str = "Sequence";

/// What is known of the status branch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Published {
    /// The branch's tip when it was last seen: the parent of the next status commit.
    pub tip: Option<ObjectId>,
    /// The status that it holds.
    pub status: Option<Status>,
    /// When it was pushed, in seconds since the epoch.
    pub time: i64,
    /// The number of the newest status that was made, pushed or not. A higher one on the branch tells that this memory is
    /// not the newest: a snapshot was restored, or another machine has this host's key.
    #[serde(default)]
    pub sequence: u64,
    /// Whether another machine has written the branch with this host's key. Nothing is published any more then.
    #[serde(default)]
    pub cloned: bool,
}

/// What a status commit tells beside the status.
#[derive(Debug, Clone)]
pub struct Telling {
    /// The status.
    pub status: Status,
    /// The last verified commit.
    pub ratchet: Option<ObjectId>,
    /// Its number, one more than the last.
    pub sequence: u64,
    /// When, in seconds since the epoch.
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
    /// Another machine has this host's key.
    #[error("{branch} is at {current}, which this host's key signed but this machine did not make")]
    Cloned {
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
            Self::Cloned { .. } => "E_IDENTITY_CLONED",
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
            Self::Cloned { .. } => Some(CLONED),
            Self::Commit(_) => None,
        }
    }
}

/// What mends it when two machines are one host.
pub(crate) const CLONED: &str = "enrol this machine under a name of its own: `holdfast enrol --force`; if it is the right one, enrol the other";

/// A status commit: the objects to push, the commit first.
#[derive(Debug)]
pub struct StatusCommit {
    /// The commit's id.
    pub id: ObjectId,
    /// The commit, its tree and its two blobs.
    pub objects: Vec<Object>,
}

/// Builds the signed commit that tells, on top of `parent`. Pure.
///
/// # Errors
/// [`PublishError::Commit`] if an object cannot be made.
pub fn commit(
    telling: &Telling,
    parent: Option<ObjectId>,
    key: &SecretKey,
) -> Result<StatusCommit, PublishError> {
    let Telling { status, ratchet, sequence, time } = telling;
    let blob = |text: String| Object { kind: ObjectKind::Blob, data: text.into_bytes() };
    let (document, page) = (blob(status.to_toml()), blob(status.readme()));
    let mut entries = [
        Entry { name: b"README.md", mode: Mode::File, id: page.id().map_err(commit_error)? },
        Entry { name: b"status.toml", mode: Mode::File, id: document.id().map_err(commit_error)? },
    ];
    let tree = tree::make(&mut entries).map_err(commit_error)?;
    let applied = status.revision.applied.as_ref();
    let revision = applied.map(|commit| format!("Revision: {commit}\n")).unwrap_or_default();
    let ratchet = ratchet.map(|commit| format!("{RATCHET}: {commit}\n")).unwrap_or_default();
    let email = format!("{}@holdfast.invalid", status.host);
    let new = NewCommit {
        tree: tree.id().map_err(commit_error)?,
        parents: parent.into_iter().collect(),
        author: Identity::new(status.host.as_str(), &email, UnixTime::from_seconds(*time)),
        message: &format!(
            "{}\n\n{revision}Result: {}\n{ratchet}{SEQUENCE}: {sequence}\n",
            status.subject(),
            status.result.as_str()
        ),
    };
    let commit = new.sign(key).map_err(commit_error)?;
    let id = commit.id().map_err(commit_error)?;
    Ok(StatusCommit { id, objects: vec![commit, tree, document, page] })
}

fn commit_error(why: impl std::error::Error) -> PublishError {
    PublishError::Commit(one_line(&why))
}

/// What this host's own status branch tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Where the branch is.
    pub tip: ObjectId,
    /// The last commit that was verified then.
    pub ratchet: Option<ObjectId>,
    /// The number of the status.
    pub sequence: u64,
}

impl Witness {
    /// Reads a status commit; `None` if this host's key did not sign it.
    fn of(tip: ObjectId, stream: &[u8], key: &SecretKey) -> Option<Self> {
        let objects = MemoryObjects::read(stream, &Limits::default()).ok()?;
        let object = objects.get(&tip).ok()??;
        let commit = Commit::parse(&object.data).ok().filter(|commit| commit.is_signed_by(key.public()))?;
        let value = |name| trailer::values(commit.message, name).into_iter().next();
        Some(Self {
            tip,
            ratchet: value(RATCHET).and_then(|commit| commit.parse().ok()),
            // Before they were counted there was none.
            sequence: value(SEQUENCE).and_then(|number| number.parse().ok()).unwrap_or_default(),
        })
    }
}

/// Looks whether the status branch is where it was left. `None` if it is, or if it is none of this host's. Blocks.
///
/// # Errors
/// [`Failure`] if it cannot be told.
pub fn look_back(
    remote: &dyn Remote,
    server: &Server,
    branch: &str,
    known: Option<ObjectId>,
    key: &SecretKey,
) -> Result<Option<Witness>, Failure> {
    let ask = |known: Option<ObjectId>, base: ObjectId| {
        let request = Request::Poll {
            remote: server.clone(),
            reference: format!("refs/heads/{branch}"),
            known: known.map(|tip| Known { tip, tags: None }),
            base,
            at: None,
        };
        let mut received = Vec::new();
        let reply = remote.exchange(&request, &[], &mut received)?;
        Ok((reply, received))
    };
    // Where nothing is known there is nothing to lead on from.
    let (reply, received) = ask(known, known.unwrap_or(ObjectId::from_bytes([0; 20])))?;
    let tip = match reply {
        Reply::Unchanged => return Ok(None),
        Reply::Changed { tip, .. } => return Ok(Witness::of(tip, &received, key)),
        Reply::Diverged { tip, .. } => tip,
        Reply::Failed(failure) if failure.code == "E_GIT_NO_BRANCH" => return Ok(None),
        Reply::Failed(failure) => return Err(failure),
        Reply::Pushed | Reply::Moved { .. } => return Err(nonsense()),
    };
    match ask(None, tip)? {
        (Reply::Changed { tip, .. }, received) => Ok(Witness::of(tip, &received, key)),
        (Reply::Failed(failure), _) => Err(failure),
        _ => Err(nonsense()),
    }
}

/// Pushes a status on top of where the branch was left, and says where it is now. Blocks.
///
/// The branch moved without this agent's knowledge only if an answer was lost or the memory was: what this host's key signed
/// is then its own and is built upon, unless it has a number that this host has not used; anything else is left alone.
///
/// # Errors
/// [`PublishError`]; the status is then not published.
pub fn publish(
    remote: &dyn Remote,
    server: &Server,
    branch: &str,
    telling: &Telling,
    parent: Option<ObjectId>,
    key: &SecretKey,
) -> Result<ObjectId, PublishError> {
    let again = |parent| match push(remote, server, branch, telling, parent, key)? {
        Pushed::At(id) => Ok(id),
        Pushed::Moved(..) => Err(moving(branch)),
    };
    match push(remote, server, branch, telling, parent, key)? {
        Pushed::At(id) => Ok(id),
        Pushed::Moved(None, _) => again(None),
        Pushed::Moved(Some(current), Some(witness)) if witness.sequence < telling.sequence => {
            again(Some(current))
        }
        Pushed::Moved(Some(current), Some(_)) => {
            Err(PublishError::Cloned { branch: branch.to_owned(), current })
        }
        Pushed::Moved(Some(current), None) => {
            Err(PublishError::Foreign { branch: branch.to_owned(), current })
        }
    }
}

enum Pushed {
    At(ObjectId),
    /// Where it is, and what it tells if it is this host's own.
    Moved(Option<ObjectId>, Option<Witness>),
}

fn push(
    remote: &dyn Remote,
    server: &Server,
    branch: &str,
    telling: &Telling,
    parent: Option<ObjectId>,
    key: &SecretKey,
) -> Result<Pushed, PublishError> {
    let StatusCommit { id, objects } = commit(telling, parent, key)?;
    let reference = format!("refs/heads/{branch}");
    let request = Request::Push { remote: server.clone(), reference, old: parent, new: id };
    let mut received = Vec::new();
    match remote.exchange(&request, &objects, &mut received)? {
        Reply::Pushed => Ok(Pushed::At(id)),
        Reply::Moved { current } => {
            let witness = current.and_then(|current| Witness::of(current, &received, key));
            Ok(Pushed::Moved(current, witness))
        }
        Reply::Failed(failure) => Err(failure.into()),
        Reply::Unchanged | Reply::Changed { .. } | Reply::Diverged { .. } => Err(nonsense().into()),
    }
}

fn nonsense() -> Failure {
    Failure {
        code: "E_FETCHER".into(),
        message: "the fetcher answered with something else than it was asked for".into(),
        remedy: None,
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
