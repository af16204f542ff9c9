//! Which revision of a fleet repository may be believed.
//!
//! Pure: raw Git objects in, a verified revision or a refusal out. No I/O, no clock, no network.
#![forbid(unsafe_code)]

pub mod limits;
pub mod object;
pub mod store;
pub mod stream;

pub use limits::Limits;
pub use object::{Object, ObjectId, ObjectKind};
pub use store::{IndexedObjects, MemoryObjects, Objects, StoreError};
