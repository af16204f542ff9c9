//! Compose files: read, filled in and translated into the language. Pure, like everything here.
//!
//! The translation is a document of the language whose every part keeps its place in the YAML. So what the language checks it
//! checks here too, and what it tells points into the compose file. What has no equivalent becomes a [`Note`], never nothing.
//!
//! See <https://github.com/compose-spec/compose-spec/blob/main/spec.md>.

mod deploy;
mod engine;
mod files;
mod images;
mod import;
mod interpolate;
mod mounts;
mod networks;
mod project;
mod reader;
mod service;
mod swarm;
mod tree;
mod write;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use images::images;
pub use import::{Import, Imported, import};
pub(crate) use interpolate::{Variables, environment_file};
pub(crate) use tree::Table;

use crate::{AbsolutePath, InvalidName, Location, ObjectName, Problem, Repository, document::source::Source};

/// Something in a compose file that is not taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The key, such as `build`.
    pub what: String,
    /// Why, and what can be done.
    pub why: String,
    /// Where it is.
    pub at: Location,
    /// Whether things would be otherwise if it were taken over.
    pub matters: bool,
}

/// What a compose file is translated for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target<'c> {
    /// One engine: its services become containers.
    Engine {
        /// Where on the host the paths begin that the file writes as relative ones.
        directory: &'c AbsolutePath,
    },
    /// A Swarm: its services become services.
    Swarm,
}

/// What a translation depends on besides the file itself.
#[derive(Debug)]
pub(crate) struct Setting<'c> {
    /// The project's name, or the stack's.
    pub(crate) project: &'c ObjectName,
    pub(crate) target: Target<'c>,
    /// The files beside it.
    pub(crate) repository: &'c Repository,
    /// Where in the repository it lies: empty, or with a `/` at its end.
    pub(crate) folder: &'c str,
    pub(crate) variables: &'c Variables,
    pub(crate) profiles: BTreeSet<String>,
    /// Secrets of the fleet that stand for the file's own, by their names there.
    pub(crate) secrets: BTreeMap<String, String>,
    /// Whether everything carries the labels by which Docker's own tools know a project or stack.
    pub(crate) labelled: bool,
}

/// A compose file in the language.
#[derive(Debug)]
pub(crate) struct Translation {
    /// Resources by kind and name.
    pub(crate) resources: Table,
    pub(crate) problems: Vec<Problem>,
    pub(crate) notes: Vec<Note>,
    /// Services that no active profile has.
    pub(crate) asleep: BTreeSet<String>,
}

/// Where on the host a project's relative paths begin, if nothing says otherwise.
pub(crate) fn default_directory(project: &ObjectName) -> Result<AbsolutePath, Problem> {
    format!("/srv/{project}")
        .parse()
        .map_err(|invalid: InvalidName| Problem::new("E_VALUE", invalid.to_string()))
}

/// Translates a compose file.
pub(crate) fn translate(source: &Source, setting: &Setting<'_>) -> Translation {
    project::translate(source, setting)
}
