//! The files of one revision of a fleet repository, from wherever the caller has them.

use std::{collections::BTreeMap, io, sync::Arc};

/// Bytes that are read when they are needed.
pub trait Blob: Send + Sync {
    /// How many bytes there are.
    fn size(&self) -> u64;

    /// The bytes.
    ///
    /// # Errors
    /// Whatever the store's I/O says.
    fn read(&self) -> io::Result<Arc<[u8]>>;
}

impl Blob for Arc<[u8]> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self) -> io::Result<Arc<[u8]>> {
        Ok(Arc::clone(self))
    }
}

/// What a revision has at a path.
#[derive(Clone)]
pub enum Entry {
    /// A regular file.
    File {
        /// Its bytes.
        blob: Arc<dyn Blob>,
        /// Whether its executable flag is set.
        executable: bool,
    },
    /// A symbolic link.
    Symlink,
    /// A submodule.
    Submodule,
}

impl Entry {
    /// A plain file with these bytes.
    pub fn file(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::File { blob: Arc::new(bytes.into()), executable: false }
    }
}

/// The files of one revision.
#[derive(Clone, Default)]
pub struct Repository {
    entries: BTreeMap<Vec<u8>, Entry>,
}

impl Repository {
    /// A revision without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what the revision has at `path`: parts separated by `/`, as Git stores them. Directories are not added.
    pub fn insert(&mut self, path: impl Into<Vec<u8>>, entry: Entry) {
        self.entries.insert(path.into(), entry);
    }
}
