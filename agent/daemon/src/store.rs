//! What the agent remembers on disk, below `/var/lib/holdfast`.
//!
//! Every record is replaced whole: written beside the old one, synced, renamed over it, and the directory synced. A
//! record carries the digest of its text, so that damage is noticed and never believed.
#![expect(clippy::disallowed_methods, reason = "this module is the room of the agent's own files")]

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use holdfast_schema::Sha256;
use serde::{Serialize, de::DeserializeOwned};

/// The longest record that is read back.
const MAX_RECORD: u64 = 64 << 20;

/// The extension of what is still being written; whoever finds such a file without its writer may remove it.
const STAGED: &str = "new";

/// The agent's directory.
#[derive(Debug, Clone)]
pub struct Store {
    directory: PathBuf,
}

/// A record that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A system call failed.
    #[error("{tried} {path}")]
    Io {
        /// What was tried.
        tried: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The record's text is not what was written.
    #[error("{path} is damaged: {why}")]
    Damaged {
        /// Which record.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A newer agent wrote the ledger, and this one may have been put back in its place. What is owned must not be forgotten.
    #[error("{path} is of a newer agent: it has format {found}")]
    Newer {
        /// Which record.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
}

impl StoreError {
    /// The stable, documented code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => "E_DISK_FULL",
            Self::Io { .. } => "E_STORE",
            Self::Damaged { .. } => "E_STORE_DAMAGED",
            Self::Newer { .. } => "E_LEDGER_FORMAT",
        }
    }
}

impl Store {
    /// Opens the directory and makes it, for root alone, if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Io`] if it cannot be made.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let directory = directory.into();
        let fail = |tried, path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Io { tried, path, source }
        };
        if !directory.is_dir() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&directory)
                .map_err(fail("make", &directory))?;
            // What is kept in it is only kept if it is.
            let parent = directory.parent().unwrap_or(Path::new("/"));
            File::open(parent).and_then(|parent| parent.sync_all()).map_err(fail("sync", parent))?;
        }
        Ok(Self { directory })
    }

    /// Removes what a killed process was writing. Only for whoever has the agent's lock.
    ///
    /// # Errors
    /// [`StoreError::Io`] if something stays.
    pub fn sweep(&self) -> Result<(), StoreError> {
        let fail = |tried, path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Io { tried, path, source }
        };
        for entry in fs::read_dir(&self.directory).map_err(fail("list", &self.directory))? {
            let path = entry.map_err(fail("list", &self.directory))?.path();
            if path.extension().is_some_and(|extension| extension == STAGED) {
                fs::remove_file(&path).map_err(fail("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Where the record or file `name` lies.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Reads the record `name`; `None` if there is none yet.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it is not as it was written.
    pub fn load<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let path = self.path(name);
        let mut text = String::new();
        match File::open(&path).and_then(|file| file.take(MAX_RECORD).read_to_string(&mut text)) {
            Ok(_length) => {}
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Io { tried: "read", path, source }),
        }
        let damaged = |why: &str| StoreError::Damaged { path: path.clone(), why: why.to_owned() };
        let (digest, body) = text.split_once('\n').ok_or_else(|| damaged("it has no first line"))?;
        if digest != Sha256::of(body.as_bytes()).to_string() {
            return Err(damaged("its text does not match its digest"));
        }
        serde_json::from_str(body).map(Some).map_err(|why| damaged(&why.to_string()))
    }

    /// Replaces the record `name`. When it returns, a power cut no longer undoes it.
    ///
    /// # Errors
    /// [`StoreError::Io`]; the old record is then still whole.
    pub fn save<T: Serialize>(&self, name: &str, record: &T) -> Result<(), StoreError> {
        let path = self.path(name);
        let body = serde_json::to_string(record).map_err(|why| StoreError::Io {
            tried: "encode",
            path: path.clone(),
            source: why.into(),
        })?;
        let text = format!("{}\n{body}", Sha256::of(body.as_bytes()));
        self.replace(name, |file| file.write_all(text.as_bytes()))
    }

    /// Replaces the file `name` by what `fill` writes.
    ///
    /// # Errors
    /// [`StoreError::Io`]; the old file is then still whole.
    pub fn replace(
        &self,
        name: &str,
        fill: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> Result<(), StoreError> {
        let path = self.path(name);
        let fresh = self.path(&format!("{name}.{STAGED}"));
        let fail = |tried, path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Io { tried, path, source }
        };
        let mut out = create(&fresh)?;
        fill(&mut out).and_then(|()| out.sync_all()).map_err(fail("write", &fresh))?;
        fs::rename(&fresh, &path).map_err(fail("put in place", &path))?;
        self.sync()
    }

    /// Makes the scratch file `name` anew, empty, for root alone. It is nothing until [`Store::adopt`] names it.
    ///
    /// # Errors
    /// [`StoreError::Io`] if it cannot be made.
    pub fn scratch(&self, name: &str) -> Result<File, StoreError> {
        create(&self.path(name))
    }

    /// Puts the finished scratch file `from` in place as `name`, durably.
    ///
    /// # Errors
    /// [`StoreError::Io`]; the old file is then still whole.
    pub fn adopt(&self, from: &str, name: &str) -> Result<(), StoreError> {
        let (staged, path) = (self.path(from), self.path(name));
        let fail = |tried| {
            let path = path.clone();
            move |source| StoreError::Io { tried, path, source }
        };
        File::open(&staged).and_then(|file| file.sync_all()).map_err(fail("sync"))?;
        fs::rename(&staged, &path).map_err(fail("put in place"))?;
        self.sync()
    }

    /// Removes the record or file `name` if it is there.
    ///
    /// # Errors
    /// [`StoreError::Io`] if it stays.
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::Io { tried: "remove", path, source })
            }
            _ => self.sync(),
        }
    }

    /// Removes records or files, those of them that are there. Without any nothing is written.
    ///
    /// # Errors
    /// [`StoreError::Io`] if one stays.
    pub fn remove_all(&self, names: &[&str]) -> Result<(), StoreError> {
        names.iter().filter(|name| self.path(name).exists()).try_for_each(|name| self.remove(name))
    }

    /// Appends one line to the log `name`; past `limit` bytes the log moves to `name.old` and starts anew.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the line could not be written.
    pub fn append(&self, name: &str, line: &str, limit: u64) -> Result<(), StoreError> {
        let path = self.path(name);
        let fail = |source| StoreError::Io { tried: "append to", path: path.clone(), source };
        if fs::metadata(&path).is_ok_and(|now| now.len() > limit) {
            fs::rename(&path, self.path(&format!("{name}.old"))).map_err(fail)?;
        }
        let mut log = OpenOptions::new().append(true).create(true).mode(0o600).open(&path).map_err(fail)?;
        log.write_all(format!("{line}\n").as_bytes()).map_err(fail)
    }

    /// Opens the file `name` for reading; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Io`] for any other reason than that it is not there.
    pub fn read(&self, name: &str) -> Result<Option<File>, StoreError> {
        let path = self.path(name);
        match File::open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Io { tried: "open", path, source }),
        }
    }

    /// Gives the file `from` the name `to`, durably; what had that name is gone.
    ///
    /// # Errors
    /// [`StoreError::Io`]; both are then as they were.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        let path = self.path(from);
        fs::rename(&path, self.path(to)).map_err(|source| StoreError::Io {
            tried: "rename",
            path,
            source,
        })?;
        self.sync()
    }

    /// Makes what was done to the directory's entries last through a power cut.
    ///
    /// # Errors
    /// [`StoreError::Io`] if that cannot be said.
    pub fn sync(&self) -> Result<(), StoreError> {
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .map_err(|source| StoreError::Io { tried: "sync", path: self.directory.clone(), source })
    }
}

/// Makes a file anew, empty, for root alone.
fn create(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(|source| StoreError::Io { tried: "create", path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
