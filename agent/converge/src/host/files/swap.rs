//! Puts a staged node in its place, and only over what was seen there.
//!
//! `renameat2(RENAME_EXCHANGE)` leaves the displaced node under the staged name, where it can be compared with what was
//! planned against before it is thrown away: an edit that came in between is put back, not lost.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use holdfast_schema::AbsolutePath;
use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, RenameFlags, openat, renameat, renameat2},
    sys::stat::{Mode, fstat},
    unistd::{fsync, linkat},
};
use rustix::fs::{AtFlags as StatxAt, StatxAttributes, StatxFlags, statx};

use super::{Files, Type, io_error, stage::Staged};
use crate::host::{Expected, HostError, Node, Stat};

/// A name in an open directory, about to be changed.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) files: &'a Files,
    pub(super) directory: OwnedFd,
    pub(super) path: &'a AbsolutePath,
}

/// What was found at a place.
pub(super) type Found = Option<(Type, Stat)>;

impl Place<'_> {
    pub(super) fn name(&self) -> &str {
        self.path.file_name()
    }

    /// What is there now.
    pub(super) fn look(&self) -> Result<Found, HostError> {
        self.files
            .lstat(&self.directory, self.name())
            .map_err(|errno| io_error(format!("look at {}", self.path), errno))
    }

    /// What is there now, if that is what the step expects.
    pub(super) fn check(&self, expects: &Expected) -> Result<Found, HostError> {
        let found = self.look()?;
        let node = match found {
            None => Node::Absent,
            Some((Type::File, stat)) => Node::File { stat, sha256: None },
            Some((Type::Symlink, stat)) => Node::Symlink { stat, target: String::new() },
            Some((Type::Directory, stat)) => Node::Directory { stat },
            Some((Type::Other(what), _)) => Node::Other { what },
        };
        if expects.matches(&node) { Ok(found) } else { Err(self.changed()) }
    }

    /// As [`Place::check`], and what is there can be replaced by a rename.
    pub(super) fn check_replaceable(&self, expects: &Expected) -> Result<Found, HostError> {
        match self.check(expects)? {
            Some((Type::Directory, _)) => Err(self.in_the_way("a directory")),
            Some((Type::Other(what), _)) => Err(self.in_the_way(what)),
            found => Ok(found),
        }
    }

    pub(super) fn changed(&self) -> HostError {
        HostError::Changed { what: self.path.to_string() }
    }

    pub(super) fn in_the_way(&self, found: &'static str) -> HostError {
        HostError::InTheWay { path: self.path.to_string(), found }
    }

    /// Puts what is staged here. `before` is what was seen here, `made` the staged node.
    pub(super) fn swap(
        &self,
        mut staged: Staged<'_>,
        made: impl AsFd,
        before: Found,
    ) -> Result<(), HostError> {
        match before {
            None => {
                self.put_new(&staged)?;
                staged.release();
                self.flush()
            }
            Some(before) => {
                // Sees an edit in the same inode by its ctime, which the exchange itself will change.
                if self.look()? != Some(before) {
                    return Err(self.changed());
                }
                self.exchange(&mut staged, made, before)?;
                self.flush()?;
                staged.remove().map_err(|errno| self.error("replace", errno))
            }
        }
    }

    /// Moves what is staged here, where nothing is.
    pub(super) fn put_new(&self, staged: &Staged<'_>) -> Result<(), HostError> {
        let here = &self.directory;
        let renamed = match renameat2(here, staged.name(), here, self.name(), RenameFlags::RENAME_NOREPLACE) {
            // The filesystem or the kernel does not know the flag. A link also refuses what exists.
            Err(Errno::EINVAL | Errno::ENOSYS) => {
                linkat(here, staged.name(), here, self.name(), AtFlags::empty())
                    .and_then(|()| renameat(here, staged.name(), here, self.name()))
            }
            renamed => renamed,
        };
        match renamed {
            Ok(()) => Ok(()),
            Err(Errno::EEXIST) => Err(self.changed()),
            Err(errno) => Err(self.error("create", errno)),
        }
    }

    /// Exchanges what is staged with what is here, and back again if it was not `before`. Afterwards the old node is under
    /// the staged name.
    pub(super) fn exchange(
        &self,
        staged: &mut Staged<'_>,
        made: impl AsFd,
        before: (Type, Stat),
    ) -> Result<(), HostError> {
        let here = &self.directory;
        match self.exchange_once(staged) {
            Ok(()) => {}
            Err(Errno::ENOENT) => return Err(self.changed()),
            // The filesystem or the kernel cannot exchange: the check just before must do.
            Err(Errno::EINVAL | Errno::ENOSYS) => {
                renameat(here, staged.name(), here, self.name())
                    .map_err(|errno| self.error("replace", errno))?;
                staged.release();
                return Ok(());
            }
            Err(errno) => return Err(self.error("replace", errno)),
        }
        if let Ok(Some(displaced)) = self.files.lstat(here, staged.name())
            && is_same_but_moved(before, displaced)
        {
            return Ok(());
        }
        if let Err(errno) = self.put_back(staged, made.as_fd()) {
            staged.keep();
            tracing::warn!(
                path = %self.path,
                "{} was edited at the same moment; its edit is kept as {}: {errno}",
                self.path,
                staged.name()
            );
        }
        Err(self.changed())
    }

    fn exchange_once(&self, staged: &Staged<'_>) -> Result<(), Errno> {
        let here = &self.directory;
        renameat2(here, staged.name(), here, self.name(), RenameFlags::RENAME_EXCHANGE)
    }

    /// Puts what the staged name holds, an edit by somebody else, back to its place. If that displaces something other than
    /// what we put there last, then that is newer and goes back in its turn. In the end the staged name holds what nobody
    /// wants any more.
    fn put_back(&self, staged: &Staged<'_>, made: BorrowedFd<'_>) -> Result<(), Errno> {
        // An open descriptor keeps an inode's number from being given to another file.
        let mut put_last = made.try_clone_to_owned().map_err(|_no_descriptor| Errno::EMFILE)?;
        for _ in 0..EDITS_IN_A_ROW {
            let held = openat(&self.directory, staged.name(), IDENTIFY, Mode::empty())?;
            match self.exchange_once(staged) {
                Ok(()) => {}
                // It was removed since: so be it.
                Err(Errno::ENOENT) => return Ok(()),
                Err(errno) => return Err(errno),
            }
            let displaced = openat(&self.directory, staged.name(), IDENTIFY, Mode::empty())?;
            if identity(&displaced)? == identity(&put_last)? {
                return Ok(());
            }
            put_last = held;
        }
        Err(Errno::EAGAIN)
    }

    /// Makes the directory's change last through a power cut.
    pub(super) fn flush(&self) -> Result<(), HostError> {
        fsync(&self.directory)
            .map_err(|errno| io_error(format!("flush the directory of {}", self.path), errno))
    }

    /// What `errno` means for a change of this place.
    pub(super) fn error(&self, verb: &str, errno: Errno) -> HostError {
        match errno {
            Errno::EPERM | Errno::EACCES => {
                let marked = mark(&self.directory, self.name())
                    .map(|mark| (self.path.as_str(), mark))
                    .or_else(|| mark(&self.directory, "").map(|mark| (self.path.directory(), mark)));
                match marked {
                    Some((path, mark)) => HostError::Immutable { path: path.to_owned(), mark },
                    None => io_error(format!("{verb} {}", self.path), errno),
                }
            }
            Errno::EBUSY | Errno::EXDEV => self.in_the_way("a mount point"),
            errno => io_error(format!("{verb} {}", self.path), errno),
        }
    }
}

const IDENTIFY: OFlag = OFlag::O_PATH.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Somebody who saves more often than this while one edit is put back is no longer followed.
const EDITS_IN_A_ROW: usize = 100;

fn identity(node: &OwnedFd) -> Result<(u64, u64), Errno> {
    fstat(node).map(|stat| (stat.st_dev, stat.st_ino))
}

/// Whether `after` is `before` under another name. A rename changes the ctime, and nothing else.
fn is_same_but_moved((was, before): (Type, Stat), (is, after): (Type, Stat)) -> bool {
    was == is && Stat { changed: after.changed, ..before } == after
}

/// The mark that chattr(1) put on a node, which even root cannot change then.
fn mark(directory: &OwnedFd, name: &str) -> Option<&'static str> {
    let flags = StatxAt::SYMLINK_NOFOLLOW | StatxAt::EMPTY_PATH;
    let attributes = statx(directory, name, flags, StatxFlags::empty()).ok()?.stx_attributes;
    if attributes.contains(StatxAttributes::IMMUTABLE) {
        Some("immutable")
    } else if attributes.contains(StatxAttributes::APPEND) {
        Some("append-only")
    } else {
        None
    }
}
