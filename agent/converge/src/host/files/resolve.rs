//! Walks from a root to the directory that holds a path, and decides which symbolic links lead there.
//!
//! The last part of a path is never followed. On the host itself a link in the parents is followed only if root made it
//! and nobody else can replace it: `/bin → usr/bin` works, while a link that a user puts in place of a directory in her
//! home does not turn a managed file into `/etc/shadow`. In a scratch root every link is followed, and none leads out.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat},
    sys::stat::{FileStat, Mode, SFlag, fstat},
    unistd::geteuid,
};

/// As many as the kernel follows, see `path_resolution(7)`.
const MOST_LINKS: usize = 40;

/// Where absolute paths start.
#[derive(Debug)]
pub(in crate::host) struct Tree {
    root: OwnedFd,
    path: PathBuf,
    kind: Kind,
    own_uid: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The host's own root directory.
    Host,
    /// A directory that stands for one.
    Scratch,
}

/// Why a directory could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::host) enum Unresolved {
    /// The operating system's own reason.
    Errno(Errno),
    /// This link is not followed.
    Untrusted(String),
}

impl From<Errno> for Unresolved {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl Tree {
    /// The host's own tree.
    pub(in crate::host) fn host() -> io::Result<Self> {
        Self::new(Path::new("/"), Kind::Host)
    }

    /// The tree under `root`, which is there.
    pub(in crate::host) fn scratch(root: &Path) -> io::Result<Self> {
        Self::new(root, Kind::Scratch)
    }

    fn new(root: &Path, kind: Kind) -> io::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let path = root.to_owned();
        let root = openat(AT_FDCWD, root, flags, Mode::empty())?;
        Ok(Self { root, path, kind, own_uid: geteuid().as_raw() })
    }

    /// Whether this is a scratch root.
    pub(in crate::host) fn is_scratch(&self) -> bool {
        self.kind == Kind::Scratch
    }

    /// Where other programs find the absolute path `path`.
    pub(in crate::host) fn on_host(&self, path: &str) -> PathBuf {
        self.path.join(path.trim_start_matches('/'))
    }

    /// Opens the directory at the absolute path `path`; an empty one stands for the root itself.
    pub(in crate::host) fn directory(&self, path: &str, how: OFlag) -> Result<OwnedFd, Unresolved> {
        let inside = match path.trim_start_matches('/') {
            "" => ".",
            inside => inside,
        };
        let resolve = ResolveFlag::RESOLVE_NO_MAGICLINKS
            | match self.kind {
                Kind::Host => ResolveFlag::RESOLVE_NO_SYMLINKS,
                Kind::Scratch => ResolveFlag::RESOLVE_IN_ROOT,
            };
        let how = how | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        match openat2(&self.root, inside, OpenHow::new().flags(how).resolve(resolve)) {
            Ok(directory) => Ok(directory),
            // A link on the way (host), a rename during the walk (scratch), a kernel before 5.6 or a filter that does not
            // know the call: walk by hand.
            Err(Errno::ELOOP | Errno::EAGAIN | Errno::ENOSYS | Errno::EPERM) => {
                let mut walk = Walk { tree: self, open: Vec::new(), links: 0 };
                walk.follow(OsStr::new(inside))?;
                Ok(openat(walk.here(), ".", how, Mode::empty())?)
            }
            Err(errno) => Err(errno.into()),
        }
    }

    /// Whether only root (or whoever runs this) could have put a link with this `link` stat into `directory`.
    fn trusts(&self, link: &FileStat, directory: &FileStat) -> bool {
        let ours = |stat: &FileStat| stat.st_uid == 0 || stat.st_uid == self.own_uid;
        let others_write = directory.st_mode & 0o022 != 0;
        let sticky = directory.st_mode & 0o1000 != 0;
        self.kind == Kind::Scratch || (ours(link) && ours(directory) && (!others_write || sticky))
    }
}

/// A walk by hand. The open directories are the physical way down from the root, so `..` can never lead above it.
struct Walk<'a> {
    tree: &'a Tree,
    open: Vec<(OsString, OwnedFd)>,
    links: usize,
}

impl Walk<'_> {
    fn here(&self) -> &OwnedFd {
        self.open.last().map_or(&self.tree.root, |(_, directory)| directory)
    }

    fn follow(&mut self, path: &OsStr) -> Result<(), Unresolved> {
        if path.as_bytes().first() == Some(&b'/') {
            self.open.clear();
        }
        for part in path.as_bytes().split(|byte| *byte == b'/').map(OsStr::from_bytes) {
            match part.as_bytes() {
                b"" | b"." => {}
                b".." => {
                    self.open.pop();
                }
                _ => self.enter(part)?,
            }
        }
        Ok(())
    }

    fn enter(&mut self, part: &OsStr) -> Result<(), Unresolved> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let next = openat(self.here(), part, flags, Mode::empty())?;
        let stat = fstat(&next)?;
        match SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) {
            SFlag::S_IFDIR => {
                self.open.push((part.to_owned(), next));
                Ok(())
            }
            SFlag::S_IFLNK => {
                self.links += 1;
                if self.links > MOST_LINKS {
                    return Err(Errno::ELOOP.into());
                }
                if !self.tree.trusts(&stat, &fstat(self.here())?) {
                    return Err(Unresolved::Untrusted(self.path_of(part)));
                }
                // Of the very link that was judged: an empty path reads the descriptor's own target.
                let target = readlinkat(&next, "")?;
                self.follow(&target)
            }
            _ => Err(Errno::ENOTDIR.into()),
        }
    }

    fn path_of(&self, part: &OsStr) -> String {
        let names = self.open.iter().map(|(name, _)| name.as_os_str()).chain([part]);
        names.fold(String::new(), |path, name| path + "/" + &name.to_string_lossy())
    }
}
