//! Between the root service and the fetcher, on `/run/holdfast/fetch.sock`.
//!
//! One request a connection. The root service sends a [`Request`]; after [`Request::Push`] it sends the objects as an
//! object stream (see `holdfast_trust::stream`). The fetcher answers one [`Reply`]; after [`Reply::Changed`] it sends an
//! object stream. The root service believes nothing of what it gets: it hashes and verifies every object itself.

use std::fmt;

use holdfast_trust::ObjectId;
use serde::{Deserialize, Serialize};

/// What the root service wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "want", rename_all = "snake_case")]
pub enum Request {
    /// Is there something new on a branch? Answered with `Unchanged`, `Changed` or `Failed`.
    Poll {
        /// Where.
        remote: Remote,
        /// The full name of the branch, such as `refs/heads/main`.
        reference: String,
        /// What was seen last; the same again is `Unchanged`.
        known: Option<Known>,
        /// The last verified commit or, at first, the introduced one: the stream holds the first-parent chain from it on,
        /// or where no way leads to it, from a commit that a `reset/` tag names; and the `ok/` and `reset/` tags on it. With an id of zeros only, it is only asked where the branch is: the answer
        /// is `Diverged`, and nothing is fetched.
        base: ObjectId,
        /// The commit whose whole tree the stream must hold; `None`: the tip's. Asked for when only a part of the chain
        /// could be verified, so it is on the first-parent chain.
        at: Option<ObjectId>,
    },
    /// Move a branch from `old` to `new` if it is at `old`. Answered with `Pushed`, `Moved` or `Failed`.
    Push {
        /// Where.
        remote: Remote,
        /// The full name of the branch, such as `refs/heads/status/web-1`.
        reference: String,
        /// Where the branch must be now; `None`: it must not exist.
        old: Option<ObjectId>,
        /// The commit it should be at.
        new: ObjectId,
    },
}

/// What an earlier answer told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The branch's tip.
    pub tip: ObjectId,
    /// The tags that were listed then, as the answer named them; `None` if none can matter as long as the branch stays
    /// there, because its tip is verified: then they are not listed at all.
    pub tags: Option<String>,
}

/// What the fetcher answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Reply {
    /// All is as it was `known`.
    Unchanged,
    /// The branch is at `tip`. An object stream follows.
    Changed {
        /// The branch's tip.
        tip: ObjectId,
        /// Names the tags that were listed; only good for comparing.
        tags: String,
    },
    /// The branch is at `tip`, which does not descend from `base` by first parents: it was rewritten, or never was ours.
    Diverged {
        /// The branch's tip.
        tip: ObjectId,
        /// Names the tags that were listed; only good for comparing.
        tags: String,
    },
    /// The branch is at `new` now, or was already.
    Pushed,
    /// Nothing was pushed: the branch is somewhere else. An object stream with the commit that it is at follows, empty if
    /// there is no such branch.
    Moved {
        /// Where it is; `None`: there is no such branch.
        current: Option<ObjectId>,
    },
    /// It could not be done.
    Failed(Failure),
}

/// Why the Git server did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The stable code, such as `E_GIT_UNREACHABLE`.
    pub code: String,
    /// What was tried on what and why it failed, in one line. Never holds a credential.
    pub message: String,
    /// What mends it.
    pub remedy: Option<String>,
}

/// A Git server's repository and how to reach it. The fetcher keeps none of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// `https://`, `ssh://`, `user@host:path`, `file://` or an absolute path. Plain `http://` takes no credential.
    pub url: String,
    /// How the host proves who it is, over https.
    #[serde(default)]
    pub credential: Credential,
    /// The only certificate authorities to trust, in PEM; `None` takes the public ones.
    pub ca: Option<String>,
    /// `http://[user:password@]host:port` of a proxy for https.
    pub proxy: Option<Secret>,
    /// How the host proves who it is, and who the server must be, over ssh.
    pub ssh: Option<Ssh>,
    /// Whether to use no connection that is open already.
    #[serde(default)]
    pub fresh: bool,
    /// How long a peer may say nothing, in seconds.
    pub stall_seconds: u32,
    /// How long one whole exchange may take, in seconds.
    pub total_seconds: u32,
}

/// How a host proves who it is, over https.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Credential {
    /// It does not.
    #[default]
    None,
    /// With a user name and a password.
    Basic {
        /// The user's name.
        user: String,
        /// The password or access token.
        password: Secret,
    },
    /// With a token.
    Bearer {
        /// The token.
        token: Secret,
    },
}

/// A private key and the server keys to accept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ssh {
    /// A private key file's text.
    pub key: Secret,
    /// A `known_hosts` file's text; a server that it does not list is refused.
    pub known_hosts: String,
}

/// A text that no message, log or error may show.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself, for the one place that hands it to the Git server.
    pub fn expose(&self) -> &str {
        &self.0
    }
}
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
