//! Commands over a fleet repository's work tree.

pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod facts;
pub(crate) mod import;
pub(crate) mod problems;
pub(crate) mod render;
pub(crate) mod resolve;
pub(crate) mod schema;
pub(crate) mod work_tree;
