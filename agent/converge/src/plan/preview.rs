//! The plan as people and programs read it: what would change, and why. How it is printed is [`super::render`]'s affair.

use holdfast_schema::ResourceId;
use serde::Serialize;

use super::{Difference, Disruption, found::Found};

/// What a pass would do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Preview {
    /// How many declared resources are in order.
    pub same: u32,
    /// Every other resource, in the order in which the pass would take them up.
    pub resources: Vec<Foreseen>,
}

/// What would happen to one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Foreseen {
    /// Which one.
    pub id: ResourceId,
    /// What would happen, in one word.
    pub intent: Intent,
    /// What would be done, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Why it is not, or not yet, known or done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// How it would have to be declared to be in order as it is, if that can be said.
    #[serde(skip)]
    pub found: Option<Found>,
}

/// What would happen to a resource, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Intent {
    /// It would be made.
    Create,
    /// It would be changed.
    Change,
    /// It would be removed.
    Remove,
    /// It would be left as it is and be Holdfast's no longer.
    Release,
    /// It differs, and is only audited.
    Audit,
    /// It differs, and is to be declared as it is.
    Adopt,
    /// It cannot be told before what it needs is in order.
    Later,
    /// A guard would keep it as it is.
    Hold,
    /// It would fail.
    Fail,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What differs.
    #[serde(flatten)]
    pub because: Difference,
    /// What people and programs would notice.
    pub disrupts: Disruption,
    /// Why it could not be taken back; `None` if it could.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_undo: Option<String>,
    /// What would change in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<Diff>,
}

/// What would change in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Diff {
    /// A unified diff.
    Text(String),
    /// Contents that are not shown: why, and how large they are.
    Hidden(String),
}

/// Why something is not, or not yet, known or done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// What is in the way.
    pub message: String,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<&'static str>,
}
