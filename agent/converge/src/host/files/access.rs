//! Changes owner, group and mode of what is there.

use std::fs::File;

use holdfast_schema::AbsolutePath;
use nix::{
    errno::Errno,
    fcntl::{OFlag, openat},
    sys::stat::{FileStat, Mode, fchmod, fstat},
    unistd::{Gid, Uid, fchown, fsync},
};

use super::{Editor, Type, swap::Place, type_of};
use crate::{
    host::{Expected, HostError},
    plan::step::Owned,
};

impl Editor {
    /// Changes owner, group and mode of the file or directory at `path`.
    pub(in crate::host) fn set_access(
        &self,
        path: &AbsolutePath,
        access: &Owned,
        expects: &Expected,
    ) -> Result<(), HostError> {
        let place = self.place(path)?;
        let expected = match place.check(expects)? {
            None => return Err(place.changed()),
            Some((Type::Symlink, _)) => return Err(place.in_the_way("a symbolic link")),
            Some((Type::Other(what), _)) => return Err(place.in_the_way(what)),
            Some((_, stat)) => stat,
        };
        let flags =
            OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let node = match openat(&place.directory, place.name(), flags, Mode::empty()) {
            Ok(node) => File::from(node),
            Err(Errno::ENOENT | Errno::ELOOP | Errno::ENXIO) => return Err(place.changed()),
            Err(errno) => return Err(place.error("open", errno)),
        };
        let raw = fstat(&node).map_err(|errno| place.error("look at", errno))?;
        let stat = self.files().stat(&raw);
        if (stat.device, stat.inode) != (expected.device, expected.inode) {
            return Err(place.changed());
        }
        if type_of(&raw) == Type::File && raw.st_nlink > 1 && others_may_link(&place)? {
            return Err(
                place.in_the_way("a file with further hard links in a directory that others may write")
            );
        }
        self.narrow(&node, &raw, access)
            .and_then(|()| self.set_access_of(&node, access))
            .map_err(|errno| place.error("change owner and mode of", errno))?;
        fsync(&node).map_err(|errno| place.error("flush", errno))
    }

    /// Takes away what is not allowed afterwards before somebody else gets the node: in between nobody has a right that
    /// they have neither before nor after.
    fn narrow(&self, node: &File, now: &FileStat, access: &Owned) -> Result<(), Errno> {
        let (mode, wanted) = (now.st_mode & 0o7777, u32::from(access.mode.bits()));
        let stays = (now.st_uid, now.st_gid) == (access.uid, access.gid);
        if self.files().tree.is_scratch() || stays || mode & !wanted == 0 {
            return Ok(());
        }
        fchmod(node, Mode::from_bits_truncate(mode & wanted))
    }

    /// Owner first: a change of owner takes setuid and setgid away.
    pub(super) fn set_access_of(&self, node: &File, access: &Owned) -> Result<(), Errno> {
        if !self.files().tree.is_scratch() {
            fchown(node, Some(Uid::from_raw(access.uid)), Some(Gid::from_raw(access.gid)))?;
        }
        fchmod(node, Mode::from_bits_truncate(access.mode.bits().into()))
    }
}

/// Whether somebody else could have linked another's file here to have it given away, see `fs.protected_hardlinks` in
/// `proc_sys_fs(5)`.
fn others_may_link(place: &Place<'_>) -> Result<bool, HostError> {
    let directory =
        fstat(&place.directory).map_err(|errno| place.error("look at the directory of", errno))?;
    let owned = directory.st_uid == 0 || directory.st_uid == place.files.own.0;
    Ok(!owned || directory.st_mode & 0o022 != 0)
}
