//! One agent at a time: an flock(2) that dies with its process. Nothing is written into the file: a pass with nothing to do
//! touches no disk.
#![expect(clippy::disallowed_methods, reason = "asks the kernel who has a lock")]

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use nix::fcntl::{Flock, FlockArg};

/// The right to change this host and its agent's memory.
#[derive(Debug)]
pub struct Lock {
    _held: Flock<File>,
}

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error("another agent is at work here{}", .holder.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    Held {
        /// Its process, if the kernel tells.
        holder: Option<u32>,
    },
    /// The lock file could not be used.
    #[error("lock {path}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl Lock {
    /// Takes the lock at `path` or says at once who has it.
    ///
    /// # Errors
    /// [`LockError::Held`] if another process has it.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let fail = |source| LockError::Io { path: path.to_owned(), source };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(fail)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(held) => Ok(Self { _held: held }),
            Err((file, nix::Error::EWOULDBLOCK)) => Err(LockError::Held { holder: holder(&file) }),
            Err((_, why)) => Err(fail(why.into())),
        }
    }
}

/// Who has the lock, as `/proc/locks` tells it: `1: FLOCK ADVISORY WRITE 4711 fe:01:1234 0 EOF`.
fn holder(file: &File) -> Option<u32> {
    let inode = format!(":{}", file.metadata().ok()?.ino());
    let locks = fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
        // Some filesystems show another device number here than stat(2) does.
        [_, "FLOCK", _, "WRITE", pid, place, ..] if place.ends_with(&inode) => pid.parse().ok(),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
