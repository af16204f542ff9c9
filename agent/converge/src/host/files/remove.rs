//! Removes nodes. Never through a symbolic link and never into another filesystem or mount.

use std::{
    io,
    os::fd::{AsFd, AsRawFd as _, OwnedFd},
    path::PathBuf,
};

use holdfast_schema::AbsolutePath;
use nix::{
    dir::Type as EntryType,
    errno::Errno,
    fcntl::{OFlag, OpenHow, RenameFlags, ResolveFlag, openat, openat2, readlink, renameat2},
    sys::stat::Mode,
    unistd::{UnlinkatFlags, unlinkat},
};

use super::{Editor, Type, io_error, look::list, mounts::mount_points, stage::Staged, swap::Place};
use crate::host::{Expected, HostError, Stat};

/// Deeper trees are left to people; each level keeps a file open.
const DEEPEST: usize = 256;

impl Editor {
    /// Removes a file, a symlink or an empty directory. What is gone already is no error, unless it was expected.
    pub(in crate::host) fn remove(&self, path: &AbsolutePath, expects: &Expected) -> Result<(), HostError> {
        let Some(place) = self.place_if_there(path)? else { return absent(path, expects) };
        match place.check(expects)? {
            None => Ok(()),
            Some((Type::Other(what), _)) => Err(place.in_the_way(what)),
            Some((Type::Directory, _)) => {
                unlinkat(&place.directory, place.name(), UnlinkatFlags::RemoveDir)
                    .map_err(|errno| place.error("remove the directory", errno))?;
                place.flush()
            }
            Some(before) => {
                let staged = self.move_aside(&place, before)?;
                staged.remove().map_err(|errno| place.error("remove", errno))?;
                // Only now: nobody may ever look into this directory again, so nothing of it may come back.
                place.flush()
            }
        }
    }

    /// Removes a directory with all that is in it. It disappears at once; what is under it goes piece by piece.
    pub(in crate::host) fn remove_tree(
        &self,
        path: &AbsolutePath,
        expects: &Expected,
    ) -> Result<(), HostError> {
        let Some(place) = self.place_if_there(path)? else { return absent(path, expects) };
        match place.check(expects)? {
            None => Ok(()),
            Some(before @ (Type::Directory, _)) => {
                if let Some(mounted) = mounted_below(&place)? {
                    return Err(HostError::InTheWay { path: mounted, found: "a mount point" });
                }
                let mut staged = self.move_aside(&place, before)?;
                // Half of it must not come back.
                place.flush()?;
                // A sweep goes on with what cannot be removed now.
                let removed = remove_tree_at(&place.directory, staged.name());
                staged.release();
                removed.map_err(|errno| place.error("remove what was in", errno))?;
                place.flush()
            }
            Some(_) => Err(place.in_the_way("not a directory")),
        }
    }

    /// Gives what is at `place` a staged name, if it is `before`.
    fn move_aside<'a>(&'a self, place: &'a Place<'_>, before: (Type, Stat)) -> Result<Staged<'a>, HostError> {
        let here = &place.directory;
        let mut staged = self.stage(here, None).map_err(|errno| place.error("remove", errno))?;
        let moved = renameat2(here, place.name(), here, staged.name(), RenameFlags::RENAME_NOREPLACE);
        match moved {
            Err(Errno::EINVAL | Errno::ENOSYS) => {
                nix::fcntl::renameat(here, place.name(), here, staged.name())
            }
            moved => moved,
        }
        .map_err(|errno| match errno {
            Errno::ENOENT => place.changed(),
            errno => place.error("remove", errno),
        })?;
        let (kind, was) = before;
        match place.files.lstat(here, staged.name()) {
            Ok(Some((is, stat))) if is == kind && is_unchanged(kind, &was, &stat) => {
                staged.holds(kind == Type::Directory);
                Ok(staged)
            }
            _ => {
                // Somebody else's: back it goes. Where something newer is by now, that has replaced it.
                match place.put_new(&staged) {
                    Ok(()) => {}
                    Err(HostError::Changed { .. }) => staged.holds(is_directory(place, &staged)),
                    Err(error) => {
                        staged.keep();
                        tracing::warn!(
                            path = %place.path,
                            "{} was edited at the same moment; its edit is kept as {}: {error}",
                            place.path,
                            staged.name()
                        );
                    }
                }
                Err(place.changed())
            }
        }
    }
}

/// Whether a node that was just renamed is still what was seen. A directory's own times count as little as in
/// [`Expected::Node`].
fn is_unchanged(kind: Type, was: &Stat, is: &Stat) -> bool {
    let was = Stat { changed: is.changed, ..*was };
    let was =
        if kind == Type::Directory { Stat { size: is.size, modified: is.modified, ..was } } else { was };
    was == *is
}

fn is_directory(place: &Place<'_>, staged: &Staged<'_>) -> bool {
    matches!(place.files.lstat(&place.directory, staged.name()), Ok(Some((Type::Directory, _))))
}

fn absent(path: &AbsolutePath, expects: &Expected) -> Result<(), HostError> {
    match expects {
        Expected::Node(_) | Expected::Object(_) => Err(HostError::Changed { what: path.to_string() }),
        Expected::Anything | Expected::Nothing => Ok(()),
    }
}

/// Removes the directory `name` of `parent` with all that is in it.
pub(super) fn remove_tree_at(parent: impl AsFd, name: &str) -> Result<(), Errno> {
    remove_level(parent.as_fd(), name.as_bytes(), 0)
}

fn remove_level(parent: impl AsFd, name: &[u8], depth: usize) -> Result<(), Errno> {
    if depth > DEEPEST {
        return Err(Errno::ENAMETOOLONG);
    }
    let directory = open_level(&parent, name)?;
    for (entry, kind) in list(&directory, ".")? {
        let entry = entry.as_slice();
        let removed = if kind == Some(EntryType::Directory) {
            remove_level(&directory, entry, depth + 1)
        } else {
            match unlinkat(&directory, entry, UnlinkatFlags::NoRemoveDir) {
                Err(Errno::EISDIR) => remove_level(&directory, entry, depth + 1),
                removed => removed,
            }
        };
        match removed {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    unlinkat(&parent, name, UnlinkatFlags::RemoveDir)
}

/// Opens the next directory down, unless a link or another mount took its place.
fn open_level(parent: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let resolve = ResolveFlag::RESOLVE_NO_XDEV | ResolveFlag::RESOLVE_NO_SYMLINKS;
    match openat2(&parent, name, OpenHow::new().flags(flags).resolve(resolve)) {
        Err(Errno::ENOSYS) => openat(parent, name, flags, Mode::empty()),
        opened => opened,
    }
}

/// A mount point at or below `place`, if there is one.
fn mounted_below(place: &Place<'_>) -> Result<Option<String>, HostError> {
    let failed = |error: io::Error| io_error(format!("look for mounts below {}", place.path), error);
    let physical = readlink(format!("/proc/self/fd/{}", place.directory.as_raw_fd()).as_str())
        .map_err(|errno| failed(errno.into()))?;
    let physical = PathBuf::from(physical).join(place.name());
    let mounts = mount_points().map_err(failed)?;
    let below = mounts.into_iter().find(|mount| mount.starts_with(&physical));
    Ok(below.map(|mount| mount.to_string_lossy().into_owned()))
}
