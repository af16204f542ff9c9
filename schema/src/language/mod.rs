//! What the documents of a fleet repository say: the tables, one a document and one a kind.

pub(crate) mod common;
pub(crate) mod documents;
pub(crate) mod kinds;
pub(crate) mod values;
pub(crate) mod variables;
