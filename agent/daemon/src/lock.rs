//! One agent at a time: an flock(2) that dies with its process.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
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
        /// Its process, if it has said so.
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
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(fail)?;
        let mut held = match Flock::lock(file.try_clone().map_err(fail)?, FlockArg::LockExclusiveNonblock) {
            Ok(held) => held,
            Err((_, nix::Error::EWOULDBLOCK)) => {
                let mut text = String::new();
                let holder = file.read_to_string(&mut text).ok().and_then(|_length| text.trim().parse().ok());
                return Err(LockError::Held { holder });
            }
            Err((_, why)) => return Err(fail(why.into())),
        };
        held.set_len(0).and_then(|()| held.rewind()).map_err(fail)?;
        writeln!(held, "{}", std::process::id()).map_err(fail)?;
        Ok(Self { _held: held })
    }
}

#[cfg(test)]
mod tests;
