//! The files of one revision of a fleet repository, from wherever the caller has them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    sync::Arc,
};

use crate::{HostName, limits};

/// Bytes that are read when they are needed.
pub trait Blob: Send + Sync {
    /// How many bytes there are, told without reading them.
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

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { blob, executable } => {
                f.debug_struct("File").field("size", &blob.size()).field("executable", executable).finish()
            }
            Self::Symlink => f.write_str("Symlink"),
            Self::Submodule => f.write_str("Submodule"),
        }
    }
}

/// The files of one revision.
#[derive(Debug, Clone, Default)]
pub struct Repository {
    entries: BTreeMap<String, Entry>,
    /// Paths that cannot be named in a document: not UTF-8, control characters, too deep or too long.
    odd: BTreeSet<Vec<u8>>,
    full: bool,
}

impl Repository {
    /// A revision without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what the revision has at `path`: parts separated by `/`, as Git stores them. Directories are not added. What
    /// is beyond [`limits::ENTRIES`] is not kept, and every use of the repository then says so.
    pub fn insert(&mut self, path: impl AsRef<[u8]>, entry: Entry) {
        let path = path.as_ref();
        if self.entries.len() + self.odd.len() >= limits::ENTRIES {
            self.full = true;
            return;
        }
        let plain = str::from_utf8(path).ok().filter(|path| {
            path.len() <= limits::PATH_BYTES
                && path.split('/').count() <= limits::PATH_DEPTH
                && !path.chars().any(char::is_control)
        });
        match plain {
            Some(path) => {
                self.entries.insert(path.to_owned(), entry);
            }
            None => {
                self.odd.insert(path.to_owned());
            }
        }
    }

    /// Every host that has a file, by name.
    pub fn hosts(&self) -> Vec<HostName> {
        let names =
            self.under("hosts/").filter_map(|(path, _)| path.strip_prefix("hosts/")?.strip_suffix(".toml"));
        names.filter_map(|name| name.parse().ok()).collect()
    }

    /// What is at `path`.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// Every path that begins with `prefix`, with what is there.
    pub fn under<'r>(&'r self, prefix: &'r str) -> impl Iterator<Item = (&'r str, &'r Entry)> {
        self.entries
            .range(prefix.to_owned()..)
            .take_while(move |(path, _)| path.starts_with(prefix))
            .map(|(path, entry)| (path.as_str(), entry))
    }

    /// The paths that no document can name.
    pub(crate) fn odd(&self) -> impl Iterator<Item = &[u8]> {
        self.odd.iter().map(Vec::as_slice)
    }

    /// Whether there are more entries than are read.
    pub(crate) fn is_too_large(&self) -> bool {
        self.full
    }
}

impl<P: AsRef<[u8]>, B: Into<Arc<[u8]>>> FromIterator<(P, B)> for Repository {
    /// A revision of plain files.
    fn from_iter<I: IntoIterator<Item = (P, B)>>(files: I) -> Self {
        let mut repository = Self::new();
        for (path, bytes) in files {
            repository.insert(path, Entry::file(bytes));
        }
        repository
    }
}
