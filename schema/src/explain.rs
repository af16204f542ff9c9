//! Where each field of a resource comes from.

use serde::Serialize;

use crate::{ResourceId, problem::Location};

/// A resource's fields with their origins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Which resource.
    pub id: ResourceId,
    /// Whether it applies to the host; `false` when its `when` says no.
    pub applies: bool,
    /// Its fields, in the order of the reference.
    pub fields: Vec<FieldOrigin>,
}

/// Where one field's value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldOrigin {
    /// The field, such as `mode` or `health.within`.
    pub field: String,
    /// What holds.
    pub winner: Setting,
    /// What was overridden, from the highest layer down.
    pub overridden: Vec<Setting>,
}

/// A value that a layer sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The value as TOML.
    pub value: String,
    /// Which layer sets it, such as `role web` or `host web-1`.
    pub layer: String,
    /// Where.
    pub at: Location,
}
