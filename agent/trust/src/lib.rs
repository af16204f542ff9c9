//! Which revision of a fleet repository may be believed.
//!
//! Pure: raw Git objects in, a verified revision or a refusal out. No I/O, no clock, no network.
//!
//! ```text
//! object stream ──▶ store ──▶ verify ──▶ Verified ──▶ walk: the revision's files
//!                               │
//!                 commit, sshsig, rules (policy + signers), introduction, ratchet
//! ```
#![forbid(unsafe_code)]

mod armour;
mod change;
mod codes;
pub mod commit;
mod fleet;
mod headers;
mod hex;
pub mod identity;
pub mod introduction;
pub mod key;
pub mod limits;
pub mod object;
mod pattern;
pub mod payload;
mod place;
pub mod policy;
mod ratchet;
pub mod refusal;
pub mod rules;
pub mod sign;
pub mod signers;
pub mod sshsig;
mod state;
pub mod store;
pub mod stream;
pub mod tag;
#[cfg(test)]
mod testing;
mod time;
pub mod trailer;
pub mod tree;
mod verify;
mod walk;
mod wire;

pub use codes::{CODES, remedy};
pub use fleet::FleetId;
pub use introduction::Introduction;
pub use key::{Fingerprint, PublicKey};
pub use limits::Limits;
pub use object::{Object, ObjectId, ObjectKind};
pub use payload::PayloadDigest;
pub use ratchet::Ratchet;
pub use refusal::{Reason, Refusal};
pub use state::{StateError, check_state, state};
pub use store::{IndexedObjects, MemoryObjects, Objects, StoreError};
pub use time::UnixTime;
pub use verify::{Beat, Halt, Request, Verification, Verified, introduce, verify};
pub use walk::{File, WalkError, walk};
