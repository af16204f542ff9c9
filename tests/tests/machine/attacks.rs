//! Somebody has the Git server, and does with it what they like: end to end on a real host, after each attack of which the
//! last good state must still be in force, and somebody must be told what to do.
//!
//! The names in brackets are rows of the threat table, which tests/defences.txt lists.

mod history;
mod host;
mod mirror;
mod server;
mod volume;
mod witness;
