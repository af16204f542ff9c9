//! Commands over all hosts, from their status branches alone.

pub(crate) mod report;
pub(crate) mod status;
