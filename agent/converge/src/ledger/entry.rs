//! What is remembered of one resource, and what a look at the host teaches of it.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_schema::{AbsolutePath, ImageReference, ResourceSet, Sha256};
use serde::{Deserialize, Serialize};

/// What is remembered of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Entry {
    /// The paths that it put on the host or found there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
    /// Whether Holdfast made, or is about to make, the thing itself where that is no path: a container, a network, a volume.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub made: bool,
    /// The one image that a tag stood for when it was looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Box<Pinned>>,
    /// What it needed: removals run in the reverse order.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub needs: ResourceSet,
    /// What a running unit was last started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Box<Started>>,
    /// Of a source of packages: what is known of its lists and keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched: Option<Box<Fetched>>,
}

/// What is known of the lists and keys of a source of packages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fetched {
    /// What its files said when its lists were last fetched; `None` if they were changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Sha256>,
    /// The keys that rpm trusts because of it, by rpm's names for them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub keys: BTreeSet<String>,
}

/// A tag and what it stood for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// The image as it is declared.
    pub declared: ImageReference,
    /// The same with its digest, or by its id where no registry has it.
    pub image: ImageReference,
}

/// One path of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Where.
    pub path: AbsolutePath,
    /// Who made it.
    pub origin: Origin,
    /// Of a path that Holdfast made: the content that it wrote there, or the link's target. Two while a replacement may or
    /// may not have happened; none for a directory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<Sha256>,
    /// Whether it holds a secret, or may. Its digests are then under the host's own key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

/// Who made a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Nothing was there, and Holdfast was about to make it. If it is there now and holds what Holdfast would have
    /// written, Holdfast made it.
    Claimed,
    /// Holdfast made it.
    Created,
    /// It was there before. Never removed, only released.
    Found,
}

/// What a unit runs with, each input by name with its digest: `content`, `drop-in/<name>`, or a resource's id.
pub type Inputs = BTreeMap<String, Sha256>;

/// What a running unit was last started with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Started {
    /// What it read when it was started: while one differs, a restart is owed.
    pub restart: Inputs,
    /// What it read when it was started or last reloaded: while one differs, a reload is owed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reload: Inputs,
    /// The start that this is about; `None` until it was seen running after Holdfast's own start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation: Option<String>,
    /// A health check that did not succeed yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub owes_health: bool,
}

impl Entry {
    /// The mark of one path.
    pub fn mark(&self, path: &AbsolutePath) -> Option<&Mark> {
        self.marks.iter().find(|mark| mark.path == *path)
    }

    /// Whether Holdfast made anything that this entry speaks of.
    pub fn made_something(&self) -> bool {
        self.made || self.marks.iter().any(|mark| mark.origin != Origin::Found)
    }
}

impl Mark {
    /// Whether a plan to have `digest` at this path is already written down. It is not for a directory that gives way to
    /// a file: only its removal makes place for the file's mark.
    pub fn covers(&self, digest: Option<Sha256>) -> bool {
        self.origin == Origin::Found
            || self.digests.is_empty()
            || digest.is_none_or(|digest| self.digests.contains(&digest))
    }
}

/// What a look at the host teaches the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lesson {
    /// It turned out who made a claimed path.
    Origin {
        /// Which path.
        path: AbsolutePath,
        /// Who made it.
        origin: Origin,
    },
    /// Of several contents that a path could have, it has this one.
    Holds {
        /// Which path.
        path: AbsolutePath,
        /// The digest that it has.
        digest: Sha256,
    },
    /// A path that is declared no longer is not there any more.
    Gone {
        /// Which path.
        path: AbsolutePath,
    },
    /// Whether Holdfast made the thing itself.
    Made(bool),
    /// What a tag stands for.
    Pinned(Box<Pinned>),
    /// What a unit runs with.
    Started(Box<Started>),
    /// A unit does not run, and nothing is owed to it.
    Stopped,
    /// What the files of a source of packages said when its lists were fetched; `None` if they are about to be changed.
    Fetched(Option<Sha256>),
    /// Whether rpm trusts a key because of a source of packages.
    Trusted {
        /// rpm's name for it.
        key: String,
        /// Whether it does.
        trusted: bool,
    },
}
