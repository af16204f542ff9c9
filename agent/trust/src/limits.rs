//! How much of everything is taken from a repository before it is refused.
//!
//! Whoever can push to the Git server can make it serve anything, so each limit is checked before the memory or time
//! that it bounds is spent.

use crate::ObjectKind;

/// The most of everything that is taken; the defaults are what every host uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Objects in one stream.
    pub objects: u32,
    /// Bytes of all objects of one stream together.
    pub total_bytes: u64,
    /// Bytes of a blob.
    pub blob_bytes: u32,
    /// Bytes of a tree.
    pub tree_bytes: u32,
    /// Bytes of a commit.
    pub commit_bytes: u32,
    /// Bytes of an annotated tag.
    pub tag_bytes: u32,
    /// Files, directories and other entries below one commit's root tree.
    pub tree_entries: u32,
    /// Parts of a path.
    pub tree_depth: u32,
    /// Commits from the last verified one, or the introduction, to the tip.
    pub chain_commits: u32,
    /// Annotated tags.
    pub tags: u32,
    /// Bytes of each file under `.trust/`.
    pub trust_file_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        const KIB: u32 = 1 << 10;
        const MIB: u32 = 1 << 20;
        Self {
            objects: 200_000,
            total_bytes: 512 * u64::from(MIB),
            blob_bytes: 64 * MIB,
            tree_bytes: 8 * MIB,
            commit_bytes: MIB,
            tag_bytes: 64 * KIB,
            tree_entries: 200_000,
            tree_depth: 32,
            chain_commits: 50_000,
            tags: 10_000,
            trust_file_bytes: 256 * KIB,
        }
    }
}

impl Limits {
    /// The most bytes that an object of this kind may have.
    pub const fn object_bytes(&self, kind: ObjectKind) -> u32 {
        match kind {
            ObjectKind::Commit => self.commit_bytes,
            ObjectKind::Tree => self.tree_bytes,
            ObjectKind::Blob => self.blob_bytes,
            ObjectKind::Tag => self.tag_bytes,
        }
    }
}

/// A repository holds more of something than is taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {found} is over the limit of {limit}")]
pub struct Exceeded {
    /// What there is too much of, such as `bytes of a blob`.
    pub what: &'static str,
    /// How much there is, or how much there was when counting stopped.
    pub found: u64,
    /// The most that is taken.
    pub limit: u64,
}

impl Exceeded {
    /// Checks an amount against its limit.
    pub(crate) fn check(what: &'static str, found: u64, limit: u64) -> Result<(), Self> {
        if found > limit { Err(Self { what, found, limit }) } else { Ok(()) }
    }
}
