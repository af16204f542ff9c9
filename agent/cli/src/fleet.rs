//! Commands over all hosts, from their status branches alone.

mod report;
pub(crate) mod status;
