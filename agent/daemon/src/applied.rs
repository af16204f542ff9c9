//! The last good revision in a form that a pass can start from at once: one file with the
//! resolved state and, behind it, its contents.
//!
//! Contents stay on disk until a file is really written, so that a quiet agent holds none of them in memory.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _},
    os::unix::fs::FileExt as _,
    sync::Arc,
};

use holdfast_schema::{ContentSource, Contents, Facts, HostState, Sha256};
use holdfast_trust::ObjectId;
use serde::{Deserialize, Serialize};

use crate::store::{Store, StoreError};

/// Which of the two revisions a host can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The last good one.
    InForce,
    /// The one on trial.
    Candidate,
}

impl Slot {
    /// Its file.
    pub const fn file(self) -> &'static str {
        match self {
            Self::InForce => "applied",
            Self::Candidate => "candidate",
        }
    }
}

/// The version of the record that this code writes, and the only one that it reads.
const FORMAT: u32 = 1;

/// The longest record that is read back.
const MAX_RECORD: usize = 256 << 20;

/// The revision in force, resolved for this host.
#[derive(Debug)]
pub struct Applied {
    /// What the record says.
    pub record: Record,
    file: File,
    /// Where contents begin in `file`.
    base: u64,
}

/// What is kept of a good revision before its contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The record's version.
    pub format: u32,
    /// The verified commit.
    pub commit: ObjectId,
    /// Who signed it, as `.trust/allowed_signers` names them.
    pub signer: String,
    /// The facts that it was resolved with; other facts may give another state.
    pub facts: Facts,
    /// The agent that resolved it; another version may read the repository differently.
    pub agent: String,
    /// The host's state.
    pub state: HostState,
    /// Where each content lies, counted from the first: offset and length in bytes.
    places: BTreeMap<Sha256, (u64, u64)>,
}

impl Applied {
    /// Reads back a revision; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError`] if it is damaged.
    pub fn load(store: &Store, slot: Slot) -> Result<Option<Self>, StoreError> {
        let Some(file) = store.read(slot.file())? else { return Ok(None) };
        let path = store.path(slot.file());
        let damaged = |why: &str| StoreError::Damaged { path: path.clone(), why: why.to_owned() };
        let io = |source| StoreError::Io { tried: "read", path: path.clone(), source };
        let mut reader = BufReader::new(&file);
        let mut heading = String::new();
        (&mut reader).take(100).read_line(&mut heading).map_err(io)?;
        let (digest, length) =
            heading.trim_end().split_once(' ').ok_or_else(|| damaged("it has no heading"))?;
        let length = length.parse().ok().filter(|&length| length <= MAX_RECORD);
        let mut body = vec![0; length.ok_or_else(|| damaged("its heading has no length"))?];
        reader.read_exact(&mut body).map_err(io)?;
        if digest != Sha256::of(&body).to_string() {
            return Err(damaged("its text does not match its digest"));
        }
        let record: Record = serde_json::from_slice(&body).map_err(|why| damaged(&why.to_string()))?;
        if record.format != FORMAT {
            // It is only a copy of what Git has.
            return Err(damaged(&format!(
                "it has format {}, and this agent reads only {FORMAT}",
                record.format
            )));
        }
        let base = (heading.len() + body.len()) as u64;
        Ok(Some(Self { record, file, base }))
    }

    /// Keeps a newly resolved revision, durably.
    ///
    /// # Errors
    /// [`StoreError`]; the old one is then still there.
    pub fn save(
        store: &Store,
        slot: Slot,
        commit: ObjectId,
        signer: String,
        facts: Facts,
        state: HostState,
        contents: &Contents,
    ) -> Result<Self, StoreError> {
        let mut places = BTreeMap::new();
        let mut offset = 0;
        for (sha256, blob) in contents.iter() {
            places.insert(*sha256, (offset, blob.size()));
            offset += blob.size();
        }
        let agent = env!("CARGO_PKG_VERSION").to_owned();
        let record = Record { format: FORMAT, commit, signer, facts, agent, state, places };
        store.replace(slot.file(), |file| {
            let body = serde_json::to_vec(&record)?;
            let mut file = BufWriter::new(file);
            writeln!(file, "{} {}", Sha256::of(&body), body.len())?;
            file.write_all(&body)?;
            for (sha256, blob) in contents.iter() {
                let bytes = blob.read()?;
                if bytes.len() as u64 != blob.size() || Sha256::of(&bytes) != *sha256 {
                    return Err(io::Error::other(format!(
                        "the content with digest {sha256} changed meanwhile"
                    )));
                }
                file.write_all(&bytes)?;
            }
            file.flush()
        })?;
        Self::load(store, slot)?.ok_or_else(|| StoreError::Damaged {
            path: store.path(slot.file()),
            why: "it is missing right after it was written".to_owned(),
        })
    }
}

impl ContentSource for Applied {
    fn content(&self, sha256: &Sha256) -> io::Result<Arc<[u8]>> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("no content with digest {sha256}"));
        let &(offset, length) = self.record.places.get(sha256).ok_or_else(missing)?;
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, self.base + offset)?;
        if Sha256::of(&bytes) != *sha256 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the stored content with digest {sha256} is damaged"),
            ));
        }
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests;
