//! Secrets in a fleet repository: files that only the hosts meant can read, and that say inside where they may go.
//!
//! Pure: bytes in, a [`Secret`] or a reason out. Who may read and write files, and where keys lie, is decided elsewhere.
//!
//! ```text
//! secrets/<name>.age ── age: is it for this key? ──▶ envelope: which name, which destinations? ──▶ Secret
//! ```
#![forbid(unsafe_code)]

pub mod age;
pub mod envelope;
mod secret;

pub use age::{Identity, OpenError, Recipient};
pub use envelope::{Envelope, EnvelopeError};
pub use secret::{KeyedDigest, Secret, keyed_digest};
