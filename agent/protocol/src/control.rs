//! Between the `holdfast` command and the root service, on `/run/holdfast/control.sock`.
//!
//! One request a connection; any number of [`Reply::Progress`], then one other reply.

use serde::{Deserialize, Serialize};

/// What the command wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "want", rename_all = "snake_case")]
pub enum Request {
    /// The newest status. Answered with `Status`.
    Status,
    /// Poll and converge now. Answered with progress and then `Status`.
    Sync,
    /// Change nothing on the host until resumed. Answered with `Status`.
    Pause {
        /// Why, for whoever looks at the status.
        reason: String,
        /// When it ends by itself: RFC 3339, UTC.
        until: Option<String>,
    },
    /// End a pause. Answered with progress and then `Status`.
    Resume,
    /// Try again what failed and was taken back or is held. Answered with progress and then `Status`.
    Retry,
    /// Take back the revision that is on trial or held. Answered with progress and then `Status`, or `Failed` if there is
    /// none.
    Rollback,
    /// Read `/etc/holdfast/agent.toml` again. Answered with `Status` or `Failed`.
    Reload,
}

/// What the root service answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Reply {
    /// What is being done, in one line.
    Progress {
        /// Such as `fetched 3fa2c1d` or `file:/etc/motd changed`.
        line: String,
    },
    /// The status document as `status.toml` has it, and what only this host knows.
    Status {
        /// The TOML text.
        document: String,
        /// Local extras.
        local: Local,
    },
    /// It could not be done.
    Failed {
        /// The stable code.
        code: String,
        /// Why, in one line.
        message: String,
        /// What mends it.
        remedy: Option<String>,
    },
}

/// What only this host knows of its agent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Local {
    /// When the next poll is due: RFC 3339, UTC.
    pub next_poll: Option<String>,
    /// The newest status commit that reached the server.
    pub pushed: Option<String>,
    /// Why a newer one did not.
    pub push_failure: Option<String>,
    /// Why the agent is paused, and until when.
    pub paused: Option<Pause>,
}

/// A pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Why.
    pub reason: String,
    /// When it began: RFC 3339, UTC.
    pub since: String,
    /// When it ends by itself.
    pub until: Option<String>,
}
