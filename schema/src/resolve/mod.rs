//! From documents to one host's state: layers, variables, merging, contents, conflicts, order.

pub(crate) mod apply;
pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod conflict;
pub(crate) mod declarations;
pub(crate) mod inputs;
pub(crate) mod library;
pub(crate) mod merge;
pub(crate) mod order;
pub(crate) mod rename;
pub(crate) mod secrets;
pub(crate) mod variables;
