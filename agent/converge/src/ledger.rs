//! What Holdfast remembers of a host between passes: what it owns there, and what each unit was last started with.
//!
//! A pure value and its changes. Whoever runs passes keeps it on disk, through [`LedgerStore`]. When it is saved is the
//! engine's part of the contract:
//!
//! - **before** a change that depends on it: the claim on a path before the path is made, the digest of a content before
//!   the content is written, the inputs of a running unit before any of them changes, the health owed before a unit is
//!   started. A crash therefore never leaves an orphan and never loses a restart;
//! - **once at the end** of a pass that learned anything else;
//! - never in a pass that changed and learned nothing.

use std::{collections::BTreeMap, io};

use holdfast_schema::{AbsolutePath, KindName, ResourceId, ResourceSet, Sha256, status::PinnedImage};
use serde::{Deserialize, Serialize};

use crate::{host::Expected, plan::Action};

mod entry;
mod repairs;

pub use entry::{Entry, Fetched, Inputs, Lesson, Mark, Origin, Pinned, Started};
pub use repairs::Repairs;
pub(crate) use repairs::{MOST as MOST_REPAIRS, WINDOW as REPAIRS_WINDOW};

/// The version of the document that this code writes, and the only one that it reads.
pub const FORMAT: u32 = 1;

/// Why a ledger cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// It is no ledger, or a damaged one.
    #[error("read the ledger")]
    Damaged {
        /// Where it stops making sense.
        #[source]
        source: serde_json::Error,
    },
    /// A newer agent wrote it.
    #[error("the ledger has format {found}, and this agent reads only format {FORMAT}")]
    Format {
        /// The document's format.
        found: u32,
    },
}

impl LedgerError {
    /// The stable, documented code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => "E_LEDGER_DAMAGED",
            Self::Format { .. } => "E_LEDGER_FORMAT",
        }
    }
}

/// Keeps a ledger where a crash cannot take it.
pub trait LedgerStore {
    /// Replaces the stored ledger, durably and wholly or not at all.
    ///
    /// # Errors
    /// Whatever the store's I/O says. The pass then changes nothing that depends on what could not be saved.
    fn save(&mut self, ledger: &Ledger) -> io::Result<()>;
}

/// The local memory of one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    format: u32,
    /// Every resource in force, and those that Git no longer has and that are not gone yet.
    owned: BTreeMap<ResourceId, Entry>,
    /// What was repaired lately.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    repairs: BTreeMap<ResourceId, Repairs>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { format: FORMAT, owned: BTreeMap::new(), repairs: BTreeMap::new() }
    }
}

impl Ledger {
    /// Reads a stored ledger.
    pub fn parse(bytes: &[u8]) -> Result<Self, LedgerError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let damaged = |source| LedgerError::Damaged { source };
        // The usual case is read in one go; the head alone only explains a failure.
        match serde_json::from_slice::<Self>(bytes) {
            Ok(ledger) if ledger.format == FORMAT => Ok(ledger),
            Ok(ledger) => Err(LedgerError::Format { found: ledger.format }),
            Err(source) => match serde_json::from_slice::<Head>(bytes) {
                Ok(Head { format }) if format != FORMAT => Err(LedgerError::Format { found: format }),
                Ok(_) | Err(_) => Err(damaged(source)),
            },
        }
    }

    /// The version of the document that it was read from.
    pub fn format(&self) -> u32 {
        self.format
    }

    /// The document to store.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Every entry.
    pub fn owned(&self) -> &BTreeMap<ResourceId, Entry> {
        &self.owned
    }

    /// The entry of one resource.
    pub fn entry(&self, id: &ResourceId) -> Option<&Entry> {
        self.owned.get(id)
    }

    /// Notes that `path` is about to be made or overwritten with `digest`; `absent` says that nothing is there yet. Whether
    /// that was news.
    pub fn intend(
        &mut self,
        id: &ResourceId,
        path: &AbsolutePath,
        digest: Option<Sha256>,
        absent: bool,
    ) -> bool {
        let entry = self.entry_or_new(id);
        let Some(mark) = entry.marks.iter_mut().find(|mark| mark.path == *path) else {
            let origin = if absent { Origin::Claimed } else { Origin::Found };
            let digests = if absent { digest.into_iter().collect() } else { Vec::new() };
            entry.marks.push(Mark { path: path.clone(), origin, digests, secret: false });
            return true;
        };
        if absent {
            // Nothing is there, so whatever was known of it no longer holds.
            let known = mark.origin != Origin::Found
                && digest.map_or(mark.digests.is_empty(), |digest| mark.digests.contains(&digest));
            if !known {
                mark.origin = Origin::Claimed;
                mark.digests = digest.into_iter().collect();
            }
            return !known;
        }
        match digest {
            Some(digest) if !mark.covers(Some(digest)) => {
                mark.digests.push(digest);
                true
            }
            Some(_) | None => false,
        }
    }

    /// Notes that a path holds a secret or is about to. Whether that was news.
    pub fn hold_secret(&mut self, id: &ResourceId, path: &AbsolutePath) -> bool {
        match self.mark_mut(id, path) {
            Some(mark) => !std::mem::replace(&mut mark.secret, true),
            None => false,
        }
    }

    /// Whether a path may hold a secret, whoever speaks for it.
    pub fn holds_secret(&self, id: &ResourceId, path: &AbsolutePath) -> bool {
        let file = ResourceId::new(KindName::File, path.as_str());
        [id, &file]
            .iter()
            .any(|id| self.owned.get(*id).and_then(|entry| entry.mark(path)).is_some_and(|mark| mark.secret))
    }

    /// Notes that `action` was done for a resource. Whether that was news.
    pub fn did(&mut self, id: &ResourceId, action: &Action, expected: &Expected) -> bool {
        match action {
            Action::WriteFile { path, content, .. } => self.made(id, path, Some(content.sha256), expected),
            Action::WriteSecret { path, digest, .. } => {
                let made = self.made(id, path, Some(*digest), expected);
                self.hold_secret(id, path) || made
            }
            Action::MakeSymlink { path, target } => {
                self.made(id, path, Some(Sha256::of(target.as_bytes())), expected)
            }
            Action::MakeDirectory { path, .. } => self.made(id, path, None, expected),
            Action::RefreshRepository { inputs, .. } => self.learn(id, Lesson::Fetched(Some(*inputs))),
            Action::DistrustKey { key, .. } => {
                self.learn(id, Lesson::Trusted { key: key.clone(), trusted: false })
            }
            // A removal only counts once it was seen.
            Action::RemovePath { .. }
            | Action::RemoveTree { .. }
            | Action::SetAccess { .. }
            | Action::SetLogin { .. }
            | Action::RemoveLogin { .. }
            | Action::TrustKey { .. }
            | Action::Packages(_)
            | Action::ReloadManager
            | Action::EnableUnit { .. }
            | Action::MaskUnit { .. }
            | Action::ControlUnit { .. }
            | Action::AwaitHealth { .. }
            | Action::Docker(_) => false,
        }
    }

    fn made(
        &mut self,
        id: &ResourceId,
        path: &AbsolutePath,
        digest: Option<Sha256>,
        expected: &Expected,
    ) -> bool {
        let Some(mark) = self.mark_mut(id, path) else { return false };
        let before = mark.clone();
        mark.secret = false;
        if *expected == Expected::Nothing {
            mark.origin = Origin::Created;
        }
        if mark.origin != Origin::Found {
            mark.digests = digest.into_iter().collect();
        }
        before != *mark
    }

    /// Takes in what a look at the host taught. Whether that was news.
    pub fn learn(&mut self, id: &ResourceId, lesson: Lesson) -> bool {
        match lesson {
            Lesson::Origin { path, origin } => {
                let Some(mark) = self.mark_mut(id, &path) else { return false };
                mark.origin = origin;
                if origin == Origin::Found {
                    mark.digests.clear();
                }
                true
            }
            Lesson::Holds { path, digest } => {
                let Some(mark) = self.mark_mut(id, &path) else { return false };
                mark.digests = vec![digest];
                true
            }
            Lesson::Gone { path } => {
                let Some(entry) = self.owned.get_mut(id) else { return false };
                entry.marks.retain(|mark| mark.path != path);
                true
            }
            Lesson::Made(made) => {
                let entry = self.entry_or_new(id);
                std::mem::replace(&mut entry.made, made) != made
            }
            Lesson::Pinned(pinned) => {
                self.entry_or_new(id).pinned = Some(pinned);
                true
            }
            Lesson::Started(started) => {
                self.entry_or_new(id).started = Some(started);
                true
            }
            Lesson::Stopped => match self.owned.get_mut(id) {
                Some(entry) => entry.started.take().is_some(),
                None => false,
            },
            Lesson::Fetched(inputs) => {
                let fetched = self.fetched(id);
                std::mem::replace(&mut fetched.inputs, inputs) != inputs
            }
            Lesson::Trusted { key, trusted: true } => self.fetched(id).keys.insert(key),
            Lesson::Trusted { key, trusted: false } => self.fetched(id).keys.remove(&key),
        }
    }

    fn fetched(&mut self, id: &ResourceId) -> &mut Fetched {
        self.entry_or_new(id).fetched.get_or_insert_default()
    }

    /// Whether rpm trusts a key because of any source of packages.
    pub fn brought(&self, key: &str) -> bool {
        self.owned
            .values()
            .filter_map(|entry| entry.fetched.as_ref())
            .any(|fetched| fetched.keys.contains(key))
    }

    /// For how long a resource is left alone because somebody undoes every repair, in seconds, if it is.
    pub fn left_alone(&self, id: &ResourceId, now: i64) -> Option<i64> {
        self.repairs.get(id)?.pause_at(now)
    }

    /// Who made the last repair of a resource necessary, if that is known.
    pub fn fought_by(&self, id: &ResourceId) -> Option<&str> {
        self.repairs.get(id)?.by()
    }

    /// Notes that a resource was repaired, and who made it necessary. It is always news.
    pub fn repaired(&mut self, id: &ResourceId, now: i64, by: Option<String>) -> bool {
        self.repairs.retain(|_, repairs| !repairs.are_over(now));
        self.repairs.entry(id.clone()).or_default().add(now, by);
        true
    }

    /// Forgets the repairs of a resource. Whether that was news.
    pub fn forget_repairs(&mut self, id: &ResourceId) -> bool {
        self.repairs.remove(id).is_some()
    }

    /// The images that tags stand for, by the resources that name them.
    pub fn pinned(&self) -> Vec<PinnedImage> {
        let pinned = |(id, entry): (&ResourceId, &Entry)| {
            Some(PinnedImage { id: id.clone(), image: entry.pinned.as_ref()?.image.to_string() })
        };
        self.owned.iter().filter_map(pinned).collect()
    }

    /// Gives back the memory that reading it from a record has left over: a third.
    pub fn shrink_to_fit(&mut self) {
        for mark in self.owned.values_mut().flat_map(|entry| {
            entry.marks.shrink_to_fit();
            &mut entry.marks
        }) {
            mark.digests.shrink_to_fit();
        }
    }

    /// Notes what a resource needs now. Whether that was news.
    pub fn set_needs(&mut self, id: &ResourceId, needs: &ResourceSet) -> bool {
        match self.owned.get_mut(id) {
            Some(entry) if entry.needs == *needs => false,
            Some(entry) => {
                entry.needs.clone_from(needs);
                true
            }
            None => {
                self.entry_or_new(id).needs.clone_from(needs);
                true
            }
        }
    }

    /// Hands the mark of a path over: another resource speaks for it now. An entry with nothing else left goes. Whether
    /// that was news.
    pub fn hand_over(&mut self, path: &AbsolutePath, from: &ResourceId, to: &ResourceId) -> bool {
        let Some(entry) = self.owned.get_mut(from) else { return false };
        let Some(position) = entry.marks.iter().position(|mark| mark.path == *path) else { return false };
        let mark = entry.marks.remove(position);
        if entry.marks.is_empty() {
            self.owned.remove(from);
        }
        let entry = self.entry_or_new(to);
        entry.marks.retain(|old| old.path != *path);
        entry.marks.push(mark);
        true
    }

    /// Forgets a resource: its removal is confirmed, or it is released. Whether that was news.
    pub fn forget(&mut self, id: &ResourceId) -> bool {
        self.repairs.remove(id);
        self.owned.remove(id).is_some()
    }

    fn entry_or_new(&mut self, id: &ResourceId) -> &mut Entry {
        self.owned.entry(id.clone()).or_default()
    }

    fn mark_mut(&mut self, id: &ResourceId, path: &AbsolutePath) -> Option<&mut Mark> {
        self.owned.get_mut(id)?.marks.iter_mut().find(|mark| mark.path == *path)
    }
}

#[cfg(test)]
mod tests;
