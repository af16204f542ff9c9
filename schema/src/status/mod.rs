//! The status document: what a host tells the fleet through its status branch.
//!
//! Allow-listed fields only: never file content, diffs, environment, command output or secrets.

mod alike;
mod document;
mod readme;

#[cfg(test)]
mod tests;

pub use alike::Alike;
pub use document::StatusError;
use serde::{Deserialize, Serialize};

use crate::{Facts, HostName, ResourceId, text};

/// `status.toml` on branch `status/<host>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The document's version: 1.
    pub format: u32,
    /// The host it speaks of.
    pub host: HostName,
    /// When it was written: RFC 3339, UTC, whole seconds.
    pub time: String,
    /// The result in one word.
    pub result: PassResult,
    /// Which agent wrote it.
    pub agent: AgentInfo,
    /// Which revisions it speaks of.
    pub revision: RevisionInfo,
    /// How many resources ended how.
    pub summary: Summary,
    /// What stands in the way of the whole pass; empty when nothing does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problem: Vec<StatusProblem>,
    /// Every resource that is not simply in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource: Vec<ResourceStatus>,
    /// The images that tags stand for, by the resources that name them so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image: Vec<PinnedImage>,
    /// What the host is.
    pub facts: Facts,
}

/// A pass in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PassResult {
    /// The host is as the applied revision says.
    Converged,
    /// Something could not be done; the rest was.
    Failed,
    /// Something waits for a thing outside Holdfast, such as a package manager's lock.
    Waiting,
    /// A new revision was refused or could not be fetched; the last good one stays in force.
    Held,
    /// An operator paused the agent.
    Paused,
}

impl PassResult {
    /// The word that the document has.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Converged => "converged",
            Self::Failed => "failed",
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Paused => "paused",
        }
    }
}

/// The image that a tag stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedImage {
    /// The resource that names the tag.
    pub id: ResourceId,
    /// The image with its digest, or its id where no registry has it.
    pub image: String,
}

/// The agent that wrote a status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentInfo {
    /// Its version.
    pub version: String,
    /// How its trust began: `introduction`, `tofu`, `local-reset`.
    pub trust_origin: String,
}

/// Revisions: full commit ids.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RevisionInfo {
    /// The newest revision that was seen and tried, verified or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempted: Option<String>,
    /// The verified revision that is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// A newer revision that is being tried, or waits to be confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<String>,
    /// A revision that failed and was taken back; it is not tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<String>,
    /// Who signed the applied revision, as `.trust/allowed_signers` names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// The branch they are from, such as `main`.
    pub branch: String,
}

/// Counts of outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Already in order.
    pub same: u32,
    /// Changed by this pass.
    pub changed: u32,
    /// Removed by this pass because Git no longer has them.
    pub removed: u32,
    /// Left as they are because Git no longer has them and removing them is not safe.
    #[serde(default)]
    pub released: u32,
    /// Different, and only audited.
    pub differs: u32,
    /// Failed.
    pub failed: u32,
    /// Not tried because something they need failed.
    pub blocked: u32,
    /// Waiting or held.
    pub waiting: u32,
}

/// Something that stands in the way of a whole pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusProblem {
    /// The stable code, such as `E_UNSIGNED`; `holdfast explain CODE` tells more.
    pub code: String,
    /// What is wrong, in one line.
    pub message: String,
    /// What mends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The commit it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Where in the repository, as `path:line:column`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// How one resource ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceStatus {
    /// Which one.
    pub id: ResourceId,
    /// How it ended.
    pub outcome: ResourceOutcome,
    /// The stable code of a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What happened, in one line, without any content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Who made it differ, where that is known: a program's name, its user and unit, and its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What mends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// A resource's end in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceOutcome {
    /// Changed by this pass.
    Changed,
    /// Removed by this pass because Git no longer has it.
    Removed,
    /// Left as it is: Git no longer has it, and removing it is not safe.
    Released,
    /// Different, and only audited.
    Differs,
    /// Could not be brought in order.
    Failed,
    /// Not tried: something it needs failed.
    Blocked,
    /// Waits for something outside Holdfast.
    Waiting,
    /// Kept back by a guard or an operator.
    Held,
    /// Different again after every repair, and left alone for a while: somebody else changes it.
    Conflict,
    /// This agent does not know its kind or one of its settings.
    Unsupported,
    /// Managed by another host, which is no failure.
    Elsewhere,
}

impl ResourceOutcome {
    /// The word that the document has.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Released => "released",
            Self::Differs => "differs",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Conflict => "conflict",
            Self::Unsupported => "unsupported",
            Self::Elsewhere => "elsewhere",
        }
    }
}

impl Summary {
    /// Each count with its word, in the order in which people want to read them.
    pub fn counts(&self) -> [(&'static str, u32); 8] {
        [
            ("failed", self.failed),
            ("blocked", self.blocked),
            ("waiting", self.waiting),
            ("changed", self.changed),
            ("removed", self.removed),
            ("released", self.released),
            ("differs", self.differs),
            ("same", self.same),
        ]
    }
}

impl Status {
    /// The subject line of the commit, such as `converged 3fa2c1d: 2 changed`.
    pub fn subject(&self) -> String {
        let revision = self.revision.applied.as_ref().or(self.revision.attempted.as_ref());
        let revision = revision.map(|revision| format!(" {}", short(revision))).unwrap_or_default();
        let mut parts: Vec<String> = self
            .problem
            .first()
            .map(|problem| text::escape(&problem.code).into_owned())
            .into_iter()
            .collect();
        let counts = self.summary.counts().into_iter().filter(|(word, count)| *count > 0 && *word != "same");
        parts.extend(counts.map(|(word, count)| format!("{count} {word}")));
        if parts.is_empty() {
            parts.push("nothing to do".to_owned());
        }
        format!("{}{revision}: {}", self.result.as_str(), parts.join(", "))
    }
}

/// The first seven digits of a commit id.
fn short(revision: &str) -> String {
    text::escape(revision).chars().take(7).collect()
}
