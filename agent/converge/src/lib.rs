//! Converges a host: observe → plan → run → observe again → outcome.
//!
//! `kinds/` and `plan/` only think. Every effect is in `host/`, behind [`host::Read`] and [`host::Write`].

pub mod host;
pub mod plan;
