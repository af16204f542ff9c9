//! Files, directories and symbolic links: [`Files`] looks at them, [`Editor`] changes them.
//!
//! Everything goes through an open directory and one name in it, never through a path that somebody could bend in between.
//! Packages, units and what a file means are not known here.

use std::{
    cell::RefCell,
    io,
    os::fd::{AsFd, OwnedFd},
    rc::Rc,
};

use holdfast_schema::{AbsolutePath, FileMode, Sha256};
use holdfast_secrets::KeyedDigest;
use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag},
    sys::stat::{FileStat, SFlag, fstatat},
    unistd::{getegid, geteuid},
};

use super::{HostError, Stat};

mod access;
mod edit;
mod fingerprint;
mod labels;
mod look;
mod mounts;
mod remove;
mod resolve;
mod stage;
mod swap;

pub(super) use edit::{Editor, NewFile};
pub(super) use mounts::mount_points;
pub(super) use resolve::Tree;
use resolve::Unresolved;

#[cfg(test)]
mod tests;

/// Open directories that are kept; more would only matter to a pass that jumps between directories.
const KEPT_DIRECTORIES: usize = 16;

/// The read side.
#[derive(Debug)]
pub(super) struct Files {
    tree: Tree,
    own: (u32, u32),
    directories: RefCell<Vec<(String, Rc<OwnedFd>)>>,
    fingerprints: RefCell<fingerprint::Fingerprints>,
    buffer: RefCell<Vec<u8>>,
}

/// Which digest of a file's content is wanted.
#[derive(Clone, Copy)]
pub(super) enum Digest<'k> {
    /// None.
    None,
    /// That which names contents.
    Plain,
    /// One under a key, for what may be a secret.
    Keyed(&'k [u8; 32]),
}

impl Digest<'_> {
    fn is_keyed(self) -> bool {
        matches!(self, Self::Keyed(_))
    }

    fn hasher(self) -> Hasher {
        match self {
            Self::None | Self::Plain => Hasher::Plain(sha2::Sha256::default()),
            Self::Keyed(key) => Hasher::Keyed(Box::new(KeyedDigest::new(key))),
        }
    }
}

/// A digest in the making.
enum Hasher {
    Plain(sha2::Sha256),
    Keyed(Box<KeyedDigest>),
}

impl Hasher {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Plain(hasher) => sha2::Digest::update(hasher, bytes),
            Self::Keyed(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> Sha256 {
        match self {
            Self::Plain(hasher) => Sha256::from_bytes(sha2::Digest::finalize(hasher).into()),
            Self::Keyed(hasher) => hasher.finish(),
        }
    }
}

/// What kind of node something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    File,
    Directory,
    Symlink,
    Other(&'static str),
}

impl Files {
    /// Looks at what is under `tree`.
    pub(super) fn new(tree: Tree) -> Self {
        Self {
            tree,
            own: (geteuid().as_raw(), getegid().as_raw()),
            directories: RefCell::default(),
            fingerprints: RefCell::default(),
            buffer: RefCell::default(),
        }
    }

    /// Starts a pass: nothing of the last one's directories is believed, and fingerprints that it did not use are dropped.
    pub(super) fn begin_pass(&self) {
        self.forget_directories();
        self.fingerprints.borrow_mut().begin_pass();
    }

    /// Forgets open directories, for a change may have put another one in the place of any of them.
    pub(super) fn forget_directories(&self) {
        self.directories.borrow_mut().clear();
    }

    /// The directory that holds `path`; `None` if it is not there.
    fn parent(&self, path: &AbsolutePath) -> Result<Option<Rc<OwnedFd>>, HostError> {
        let parent = path.directory();
        let mut kept = self.directories.borrow_mut();
        if let Some((_, directory)) = kept.iter().rev().find(|(known, _)| known == parent) {
            return Ok(Some(Rc::clone(directory)));
        }
        match self.tree.directory(parent, OFlag::O_PATH) {
            Ok(directory) => {
                let directory = Rc::new(directory);
                if kept.len() >= KEPT_DIRECTORIES {
                    kept.remove(0);
                }
                kept.push((parent.to_owned(), Rc::clone(&directory)));
                Ok(Some(directory))
            }
            Err(Unresolved::Errno(Errno::ENOENT | Errno::ENOTDIR)) => Ok(None),
            Err(unresolved) => Err(unresolved_error(path, unresolved)),
        }
    }

    /// Opens the directory at `path`, only to name it; an empty path is the root. Whether its own name is a link.
    pub(super) fn open_directory(&self, path: &str) -> Result<(OwnedFd, bool), Errno> {
        let open = |path: &str| match self.tree.directory(path, OFlag::O_PATH) {
            Ok(directory) => Ok(directory),
            Err(Unresolved::Errno(errno)) => Err(errno),
            Err(Unresolved::Untrusted(_)) => Err(Errno::ELOOP),
        };
        let directory = open(path)?;
        let is_link = match path.rsplit_once('/') {
            Some((parent, name)) => {
                matches!(self.lstat(open(parent)?, name)?, Some((Type::Symlink, _)))
            }
            None => false,
        };
        Ok((directory, is_link))
    }

    /// The stat of `name` in `directory`, links not followed; `None` if there is nothing.
    fn lstat(&self, directory: impl AsFd, name: &str) -> Result<Option<(Type, Stat)>, Errno> {
        match fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(raw) => Ok(Some((type_of(&raw), self.stat(&raw)))),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// In a scratch root owner and group are always those who run this, for [`super::accounts`] says that everybody is.
    fn stat(&self, raw: &FileStat) -> Stat {
        let (uid, gid) = if self.tree.is_scratch() { self.own } else { (raw.st_uid, raw.st_gid) };
        Stat {
            device: raw.st_dev,
            inode: raw.st_ino,
            size: u64::try_from(raw.st_size).unwrap_or_default(),
            modified: nanoseconds(raw.st_mtime, raw.st_mtime_nsec),
            changed: nanoseconds(raw.st_ctime, raw.st_ctime_nsec),
            uid,
            gid,
            mode: FileMode::new((raw.st_mode & 0o7777) as u16),
        }
    }
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

fn type_of(raw: &FileStat) -> Type {
    match SFlag::from_bits_truncate(raw.st_mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFREG => Type::File,
        SFlag::S_IFDIR => Type::Directory,
        SFlag::S_IFLNK => Type::Symlink,
        SFlag::S_IFIFO => Type::Other("a fifo"),
        SFlag::S_IFSOCK => Type::Other("a socket"),
        SFlag::S_IFCHR => Type::Other("a character device"),
        SFlag::S_IFBLK => Type::Other("a block device"),
        _ => Type::Other("something unknown"),
    }
}

fn io_error(tried: impl Into<String>, source: impl Into<io::Error>) -> HostError {
    HostError::Io { tried: tried.into(), source: source.into() }
}

fn unresolved_error(path: &AbsolutePath, unresolved: Unresolved) -> HostError {
    match unresolved {
        Unresolved::Untrusted(link) => HostError::UnsafePath { path: path.to_string(), link },
        Unresolved::Errno(Errno::ENOTDIR) => {
            HostError::InTheWay { path: path.directory().to_owned(), found: "not a directory" }
        }
        Unresolved::Errno(errno) => io_error(format!("open the directory of {path}"), errno),
    }
}
