//! The language of a fleet repository: documents in, [`HostState`] or [`Problems`] out.
//!
//! Pure: no I/O, no clock, no async runtime. Whoever calls brings the repository's files and the host's facts.

pub mod agent_config;
mod codes;
pub mod compose;
mod document;
pub mod explain;
pub mod facts;
pub mod fleet;
pub mod id;
pub mod json_schema;
mod language;
pub mod limits;
mod openpgp;
pub mod problem;
pub mod reference;
pub mod repository;
mod resolve;
mod resource_set;
pub mod secrets;
pub mod spec;
pub mod state;
pub mod status;
mod template;
pub mod text;
mod yaml;

pub use codes::CODES;
pub use facts::Facts;
pub use fleet::{Fleet, Resolved};
pub use id::{
    AbsolutePath, FileMode, HostName, HostPath, ImageReference, InvalidName, KindName, ObjectName,
    ResourceId, Sha256, UnitName,
};
pub use problem::{Location, Problem, Problems};
pub use repository::{Blob, Entry, Repository};
pub use resource_set::ResourceSet;
pub use state::{ContentSource, Contents, HostState, Resource};

#[cfg(test)]
mod tests;
