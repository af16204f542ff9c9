//! Git over http and https.
//!
//! One request of our own where one is enough (a poll, a push); [`mod@transport`] lends the same client to gix for the rest.

mod client;
mod raw;
mod transport;

pub(crate) use client::{AGENT, Clients, Web, authorization};
pub(crate) use raw::{Raw, poll, push};
pub(crate) use transport::transport;
