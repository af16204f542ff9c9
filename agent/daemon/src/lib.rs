//! The root service of Holdfast: the loop, its memory and the status branch.
//!
//! No network and no Git here: objects come from the unprivileged fetcher and are believed only once they are verified.
//! How a host is looked at and changed is `holdfast-converge`'s.

pub mod agent;
pub mod applied;
pub mod ceiling;
pub mod codes;
pub mod document;
pub mod freshness;
pub mod journal;
pub mod lock;
pub mod memory;
pub mod publish;
pub mod remote;
pub mod revision;
pub mod schedule;
pub mod service;
pub mod settings;
pub mod store;
pub mod trial;

pub use agent::Agent;
pub use codes::CODES;
