//! Converges a host: observe → plan → run → observe again → outcome.
//!
//! `kinds/` and `plan/` only think. Every effect is in `host/`, behind [`host::Read`] and [`host::Write`]. Start at [`engine`].

pub mod engine;
pub mod host;
pub mod journal;
mod kinds;
pub mod ledger;
pub mod plan;
mod report;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use kinds::Refusal;

/// Code, meaning and remedy of every failure that this crate can report.
pub fn codes() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    engine::CODES.iter().chain(host::error::CODES).copied()
}
