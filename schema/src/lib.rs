//! The language of a fleet repository: documents in, [`HostState`] or [`Problems`] out.
//!
//! Pure: no I/O, no clock, no async runtime. Whoever calls brings the repository's files and the host's facts.

pub mod facts;
pub mod id;
pub mod spec;
pub mod state;
pub mod status;

pub use facts::Facts;
pub use id::{AbsolutePath, FileMode, HostName, InvalidName, KindName, ResourceId, Sha256, UnitName};
pub use state::{ContentSource, Contents, HostState, Resource};
