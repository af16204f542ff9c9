//! What the tests of this crate share.

pub(crate) mod fleet;
pub(crate) mod git;
