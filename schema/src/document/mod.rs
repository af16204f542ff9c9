//! How a TOML document becomes typed, located values, and how these describe themselves.
//!
//! What the documents say is not here: see [`crate::language`].

pub(crate) mod decode;
pub(crate) mod duration;
pub(crate) mod field;
pub(crate) mod source;
pub(crate) mod table;
