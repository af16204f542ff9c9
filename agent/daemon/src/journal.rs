//! The journal on disk, and the bytes that were overwritten.
//!
//! `journal` grows while a pass changes things, or while a revision is on trial, and is gone afterwards. `originals/` keeps
//! what was overwritten, each content once and under its digest, until newer ones need the room; `overwritten.jsonl` says what
//! was where. See [`holdfast_converge::journal`] for what the records mean.
#![expect(clippy::disallowed_methods, reason = "this module is the room of the journal and the originals")]

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::{
        fd::AsFd as _,
        unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    },
    path::PathBuf,
    sync::Arc,
    time::SystemTime,
};

use holdfast_converge::journal::{self, Before, Damage, JournalStore, Record, Recorded, Was};
use holdfast_schema::{ContentSource, ResourceId, Sha256};
use nix::unistd::syncfs;
use serde::{Deserialize, Serialize};

use crate::store::{Store, StoreError};

const JOURNAL: &str = "journal";
const ORIGINALS: &str = "originals";
const OVERWRITTEN: &str = "overwritten.jsonl";

/// How much may be kept of what was overwritten, in bytes.
const MOST_KEPT: u64 = 256 << 20;

/// No more originals than this are kept.
const MOST_FILES: usize = 10_000;

/// How long the list of what was overwritten grows before its older half is dropped, in bytes.
const LIST_LIMIT: u64 = 1 << 20;

/// The longest journal that is read back.
const MAX_JOURNAL: u64 = 256 << 20;

/// So few kept files are flushed one by one; for more the whole filesystem is asked once.
const FEW: usize = 4;

/// Something that Holdfast overwrote or removed, and may put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overwritten {
    /// When: RFC 3339, UTC.
    pub time: String,
    /// The commit that was in force or on trial.
    pub revision: String,
    /// For which resource.
    pub resource: ResourceId,
    /// Where.
    pub path: String,
    /// What was there.
    pub was: Was,
}

/// The journal and the originals.
#[derive(Debug)]
pub struct JournalFiles {
    store: Store,
    file: Option<File>,
    /// Kept since the last flush: no more of them than are flushed one by one.
    fresh: Vec<File>,
    /// Whether more were kept than `fresh` has.
    many: bool,
}

impl JournalFiles {
    /// Those below `store`.
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone(), file: None, fresh: Vec::new(), many: false }
    }

    /// What the journal holds, and what is wrong with it; nothing if there is none.
    ///
    /// # Errors
    /// [`StoreError::Io`] if it cannot be read.
    pub fn read(&self) -> Result<(Recorded, Damage), StoreError> {
        let Some(file) = self.store.read(JOURNAL)? else { return Ok(Default::default()) };
        let mut bytes = Vec::new();
        file.take(MAX_JOURNAL).read_to_end(&mut bytes).map_err(|source| StoreError::Io {
            tried: "read",
            path: self.store.path(JOURNAL),
            source,
        })?;
        let (records, damage) = journal::parse(&bytes);
        Ok((Recorded::of(records), damage))
    }

    /// Whether there is a journal.
    pub fn is_there(&self) -> bool {
        self.store.path(JOURNAL).exists()
    }

    /// Ends the journal: lists what was overwritten, for people, and makes room.
    ///
    /// # Errors
    /// [`StoreError`] if the journal stays.
    pub fn end(&mut self, recorded: &Recorded, time: &str, revision: &str) -> Result<(), StoreError> {
        for before in recorded.befores.iter().chain(&recorded.overwritten) {
            if let Before::Path {
                resource,
                path,
                was: was @ (Was::File { .. } | Was::Secret { .. } | Was::Symlink { .. }),
            } = before
            {
                let entry = Overwritten {
                    time: time.to_owned(),
                    revision: revision.to_owned(),
                    resource: resource.clone(),
                    path: path.to_string(),
                    was: was.clone(),
                };
                let line = serde_json::to_string(&entry).unwrap_or_default();
                self.store.append(OVERWRITTEN, &line, LIST_LIMIT)?;
            }
        }
        self.file = None;
        self.fresh.clear();
        self.store.remove(JOURNAL)?;
        if let Err(why) = self.sweep() {
            tracing::warn!("what was overwritten long ago stays: {why}");
        }
        Ok(())
    }

    /// What was overwritten, the newest last.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the list cannot be read.
    pub fn overwritten(store: &Store) -> Result<Vec<Overwritten>, StoreError> {
        let mut entries = Vec::new();
        for name in [&format!("{OVERWRITTEN}.old"), OVERWRITTEN] {
            let Some(mut file) = store.read(name)? else { continue };
            let mut text = String::new();
            let path = store.path(name);
            file.read_to_string(&mut text).map_err(|source| StoreError::Io {
                tried: "read",
                path,
                source,
            })?;
            entries.extend(text.lines().filter_map(|line| serde_json::from_str(line).ok()));
        }
        Ok(entries)
    }

    fn directory(&self) -> PathBuf {
        self.store.path(ORIGINALS)
    }

    fn open(&mut self) -> io::Result<&mut File> {
        if self.file.is_none() {
            let path = self.store.path(JOURNAL);
            let mut options = OpenOptions::new();
            let mut file = options.append(true).create(true).read(true).mode(0o600).open(&path)?;
            end_torn_line(&mut file)?;
            self.store.sync().map_err(io::Error::other)?;
            self.file = Some(file);
        }
        self.file.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn flush_kept(&mut self) -> io::Result<()> {
        let (fresh, many) = (std::mem::take(&mut self.fresh), std::mem::take(&mut self.many));
        if fresh.is_empty() {
            return Ok(());
        }
        let directory = File::open(self.directory())?;
        if many {
            return Ok(syncfs(directory.as_fd())?);
        }
        fresh.iter().try_for_each(File::sync_data)?;
        directory.sync_all()
    }

    /// Notes a file that is yet to be flushed. Files that are open are few, whatever a pass changes.
    fn flush_later(&mut self, file: File) {
        if self.fresh.len() < FEW {
            self.fresh.push(file);
        } else {
            self.many = true;
        }
    }

    /// Removes the oldest originals until the rest is within bounds.
    fn sweep(&self) -> io::Result<()> {
        let mut kept: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        let entries = match fs::read_dir(self.directory()) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let metadata = entry.metadata()?;
            kept.push((metadata.modified()?, metadata.len(), entry.path()));
        }
        kept.sort();
        let mut size: u64 = kept.iter().map(|(_, size, _)| size).sum();
        let mut left = kept.len();
        for (_, bytes, path) in kept {
            if size <= MOST_KEPT && left <= MOST_FILES {
                break;
            }
            fs::remove_file(path)?;
            size -= bytes;
            left -= 1;
        }
        Ok(())
    }
}

/// A line that a crash cut off must not be the beginning of the next one.
fn end_torn_line(file: &mut File) -> io::Result<()> {
    use std::os::unix::fs::FileExt as _;
    let length = file.metadata()?.len();
    let mut last = [b'\n'];
    if length > 0 {
        file.read_exact_at(&mut last, length - 1)?;
    }
    if last == *b"\n" { Ok(()) } else { file.write_all(b"\n") }
}

impl JournalStore for JournalFiles {
    fn keep(&mut self, bytes: &[u8]) -> io::Result<Sha256> {
        let sha256 = Sha256::of(bytes);
        let directory = self.directory();
        let path = directory.join(sha256.to_string());
        if fs::metadata(&path).is_ok_and(|there| there.len() == bytes.len() as u64)
            && fs::read(&path).is_ok_and(|there| Sha256::of(&there) == sha256)
        {
            // It is as good as new.
            let file = File::options().write(true).open(&path)?;
            file.set_modified(SystemTime::now())?;
            self.flush_later(file);
            return Ok(sha256);
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        let staged = directory.join("new");
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&staged)?;
        file.write_all(bytes)?;
        fs::rename(&staged, &path)?;
        self.flush_later(file);
        Ok(sha256)
    }

    fn append(&mut self, records: &[Record]) -> io::Result<()> {
        self.flush_kept()?;
        let text = journal::encode(records)?;
        let file = self.open()?;
        file.write_all(text.as_bytes())?;
        file.sync_data()
    }

    fn note(&mut self, record: &Record) {
        let write = |this: &mut Self| {
            let text = journal::encode(std::slice::from_ref(record))?;
            this.open()?.write_all(text.as_bytes())
        };
        if let Err(why) = write(self) {
            tracing::debug!("a done step was not noted: {why}");
        }
    }
}

/// Reads what was kept; what is no longer what it was is not given out.
impl ContentSource for JournalFiles {
    fn content(&self, sha256: &Sha256) -> io::Result<Arc<[u8]>> {
        original(&self.store, sha256)
    }
}

/// The kept bytes with this digest.
///
/// # Errors
/// `NotFound` if they are not kept any more, `InvalidData` if they are damaged.
pub fn original(store: &Store, sha256: &Sha256) -> io::Result<Arc<[u8]>> {
    let bytes = fs::read(store.path(ORIGINALS).join(sha256.to_string()))?;
    if Sha256::of(&bytes) == *sha256 {
        Ok(bytes.into())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, format!("the kept content {sha256} is damaged")))
    }
}

#[cfg(test)]
mod tests;
