//! What crosses Holdfast's two local sockets. Types and framing only: no sockets here.
//!
//! - [`fetch`]: the root service asks the unprivileged fetcher to poll and to push.
//! - [`control`]: the `holdfast` command asks the root service for its state, a pass, a pause.

pub mod control;
pub mod fetch;
pub mod frame;
