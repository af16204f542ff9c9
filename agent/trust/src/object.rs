//! Git objects as raw bytes, named by their hash.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha1_checked::{CollisionResult, Digest as _, Sha1};

use crate::hex;

#[cfg(test)]
mod tests;

/// A SHA-1 object id; 40 lower-case hex digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectId([u8; 20]);

/// Why a text is no object id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a Git object id: it must be 40 lower-case hex digits")]
pub struct InvalidObjectId(String);

impl ObjectId {
    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The 20 bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// The first seven digits, for people.
    pub fn short(&self) -> String {
        self.to_string().chars().take(7).collect()
    }
}

impl FromStr for ObjectId {
    type Err = InvalidObjectId;
    fn from_str(text: &str) -> Result<Self, InvalidObjectId> {
        hex::parse(text).map(Self).ok_or_else(|| InvalidObjectId(text.chars().take(100).collect()))
    }
}
impl TryFrom<String> for ObjectId {
    type Error = InvalidObjectId;
    fn try_from(text: String) -> Result<Self, InvalidObjectId> {
        text.parse()
    }
}
impl From<ObjectId> for String {
    fn from(id: ObjectId) -> String {
        id.to_string()
    }
}
impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}
impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectId({self})")
    }
}

/// The four kinds of Git object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// A commit.
    Commit,
    /// A tree.
    Tree,
    /// A blob.
    Blob,
    /// An annotated tag.
    Tag,
}

impl ObjectKind {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Commit, Self::Tree, Self::Blob, Self::Tag];

    /// The word that Git hashes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One object's raw bytes, without Git's `kind size\0` prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Which kind it is.
    pub kind: ObjectKind,
    /// The bytes as Git stores them.
    pub data: Vec<u8>,
}

impl Object {
    /// The object's id.
    ///
    /// # Errors
    /// When the bytes were made so that another object gets the same id.
    pub fn id(&self) -> Result<ObjectId, Collision> {
        let mut hasher = Hasher::new(self.kind, self.data.len() as u64);
        hasher.update(&self.data);
        hasher.finish()
    }
}

/// An object was made so that another one gets the same id; see <https://shattered.io>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an object carries a SHA-1 collision attack")]
pub struct Collision;

/// Hashes an object piece by piece, with SHA-1 collision detection.
pub(crate) struct Hasher(Sha1);

impl Hasher {
    /// Begins an object of `length` bytes.
    pub(crate) fn new(kind: ObjectKind, length: u64) -> Self {
        let mut sha1 = Sha1::new();
        sha1.update(format!("{kind} {length}\0"));
        Self(sha1)
    }

    /// Takes the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The id of everything taken.
    pub(crate) fn finish(self) -> Result<ObjectId, Collision> {
        match self.0.try_finalize() {
            CollisionResult::Ok(hash) => Ok(ObjectId(hash.into())),
            CollisionResult::Mitigated(_) | CollisionResult::Collision(_) => Err(Collision),
        }
    }
}
