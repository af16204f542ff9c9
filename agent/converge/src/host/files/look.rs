//! Looks at nodes: metadata, digests, bytes, directory entries.

use std::{
    fs::File,
    io::{self, Read as _},
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStringExt as _,
    },
    sync::Arc,
};

use holdfast_schema::{AbsolutePath, Sha256};
use holdfast_secrets::Secret;
use nix::{
    dir::{Dir, Type as EntryType},
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat},
    sys::stat::{Mode, fstat},
};

use zeroize::{Zeroize as _, Zeroizing};

use super::{Digest, Files, Type, io_error, stage};
use crate::host::{Entry, HostError, Node, Stat, clock};

/// Reads at once; larger only costs memory.
const BUFFER: usize = 64 * 1024;

/// How often a look starts over when the node is replaced under it.
const TRIES: u32 = 5;

/// What opening a file to read it found.
enum Opened {
    File(File),
    /// Another kind of node, or none, took its place just now.
    Replaced,
    MountPoint,
}

impl Files {
    /// What is at `path`, with the digest of a file's content that is asked for.
    pub(in crate::host) fn node(&self, path: &AbsolutePath, digest: Digest<'_>) -> Result<Node, HostError> {
        let Some(directory) = self.parent(path)? else { return Ok(Node::Absent) };
        let name = path.file_name();
        for _ in 0..TRIES {
            let found = self.lstat(&directory, name).map_err(|errno| look_error(path, errno))?;
            let Some((kind, stat)) = found else { return Ok(Node::Absent) };
            return Ok(match kind {
                Type::Directory => Node::Directory { stat },
                Type::Other(what) => Node::Other { what },
                Type::Symlink => match readlinkat(&directory, name) {
                    Ok(target) => {
                        let target = String::from_utf8_lossy(&target.into_vec()).into_owned();
                        Node::Symlink { stat, target }
                    }
                    Err(Errno::ENOENT | Errno::EINVAL) => continue,
                    Err(errno) => return Err(look_error(path, errno)),
                },
                Type::File if matches!(digest, Digest::None) => Node::File { stat, sha256: None },
                Type::File => {
                    let known = self.fingerprints.borrow_mut().get(&stat, digest.is_keyed());
                    if known.is_some() {
                        return Ok(Node::File { stat, sha256: known });
                    }
                    match open_file(&directory, name).map_err(|errno| read_error(path, errno))? {
                        Opened::Replaced => continue,
                        Opened::MountPoint => Node::Other { what: "a mount point" },
                        Opened::File(file) => {
                            let sha256 =
                                self.digest(&file, &stat, digest).map_err(|error| read_error(path, error))?;
                            Node::File { stat, sha256: Some(sha256) }
                        }
                    }
                }
            });
        }
        Err(HostError::Changed { what: path.to_string() })
    }

    /// The digest of `file`, which had `stat` just before it was opened. If it changes meanwhile the digest is of a mixture;
    /// nothing is overwritten on its ground, for every step expects the stat.
    fn digest(&self, mut file: &File, stat: &Stat, digest: Digest<'_>) -> io::Result<Sha256> {
        let now = clock::nanoseconds();
        let mut buffer = self.buffer.borrow_mut();
        buffer.resize(BUFFER, 0);
        let mut hasher = digest.hasher();
        let mut left = stat.size;
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    hasher.update(buffer.get(..count).unwrap_or_default());
                    left = left.saturating_sub(count as u64);
                    // Whether there is more now shows in the stat that follows.
                    if left == 0 {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let sha256 = hasher.finish();
        if digest.is_keyed() {
            buffer.zeroize();
        }
        if self.stat(&fstat(file)?) == *stat {
            self.fingerprints.borrow_mut().put(stat, digest.is_keyed(), sha256, now);
        }
        Ok(sha256)
    }

    /// At most `limit` bytes of a file; `None` if it is none.
    pub(in crate::host) fn bytes(
        &self,
        path: &AbsolutePath,
        limit: u64,
    ) -> Result<Option<Arc<[u8]>>, HostError> {
        let Some(directory) = self.parent(path)? else { return Ok(None) };
        let found = self.lstat(&directory, path.file_name()).map_err(|errno| look_error(path, errno))?;
        if !matches!(found, Some((Type::File, _))) {
            return Ok(None);
        }
        match open_file(&directory, path.file_name()).map_err(|errno| read_error(path, errno))? {
            Opened::Replaced | Opened::MountPoint => Ok(None),
            Opened::File(file) => {
                let mut bytes = Vec::new();
                file.take(limit).read_to_end(&mut bytes).map_err(|error| read_error(path, error))?;
                Ok(Some(bytes.into()))
            }
        }
    }

    /// All of a file that may hold a secret, and its stat; `None` if it is none, or not what it was a moment ago.
    pub(in crate::host) fn secret(
        &self,
        path: &AbsolutePath,
        limit: u64,
    ) -> Result<Option<(Secret, Stat)>, HostError> {
        let Some(directory) = self.parent(path)? else { return Ok(None) };
        let found = self.lstat(&directory, path.file_name()).map_err(|errno| look_error(path, errno))?;
        let Some((Type::File, stat)) = found.filter(|(_, stat)| stat.size <= limit) else { return Ok(None) };
        let opened = open_file(&directory, path.file_name()).map_err(|errno| read_error(path, errno))?;
        let Opened::File(mut file) = opened else { return Ok(None) };
        // As large as it is: to grow it would leave a copy behind.
        let mut bytes = Zeroizing::new(vec![0; usize::try_from(stat.size).unwrap_or(0)]);
        let whole = file.read_exact(&mut bytes);
        let same = fstat(&file).map(|raw| self.stat(&raw)) == Ok(stat);
        Ok((whole.is_ok() && same).then(|| (Secret::new(std::mem::take(&mut *bytes)), stat)))
    }

    /// The names in a directory, sorted. What Holdfast itself has staged there is not told.
    pub(in crate::host) fn entries(&self, path: &AbsolutePath) -> Result<Vec<Entry>, HostError> {
        let failed = |errno: Errno| io_error(format!("list {path}"), errno);
        let parent = self.parent(path)?.ok_or_else(|| failed(Errno::ENOENT))?;
        let mut entries = Vec::new();
        for (name, kind) in list(&parent, path.file_name()).map_err(failed)? {
            let text = String::from_utf8_lossy(&name);
            if stage::is_staged(&text) {
                continue;
            }
            let plain = str::from_utf8(&name).is_ok() && !text.chars().any(char::is_control);
            let directory = match kind {
                Some(kind) => kind == EntryType::Directory,
                // Some filesystems do not say.
                None => matches!(
                    openat(&parent, path.file_name(), LIST, Mode::empty())
                        .and_then(|directory| self.lstat(directory, &text))
                        .map_err(failed)?,
                    Some((Type::Directory, _))
                ),
            };
            let name = if plain { text.into_owned() } else { name.escape_ascii().to_string() };
            entries.push(Entry { name, plain, directory });
        }
        entries.sort();
        Ok(entries)
    }
}

const LIST: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// A name as the filesystem has it, and its kind if the filesystem says it.
pub(super) type Listed = (Vec<u8>, Option<EntryType>);

/// The names and kinds in the directory `name` of `parent`, without `.` and `..`.
pub(super) fn list(parent: impl AsFd, name: &str) -> Result<Vec<Listed>, Errno> {
    let mut directory = Dir::from_fd(openat(parent, name, LIST, Mode::empty())?)?;
    let mut names = Vec::new();
    for entry in directory.iter() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push((name.to_owned(), entry.file_type()));
        }
    }
    Ok(names)
}

/// Opens a regular file to read it. `RESOLVE_NO_XDEV` tells a file that something is mounted on.
fn open_file(directory: &OwnedFd, name: &str) -> Result<Opened, Errno> {
    // Without O_NONBLOCK a fifo that was put there just now would hold the pass up.
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_NO_XDEV);
    let opened = match openat2(directory, name, how) {
        Err(Errno::ENOSYS | Errno::EPERM) => openat(directory, name, flags, Mode::empty()),
        opened => opened,
    };
    match opened {
        Ok(file) => Ok(Opened::File(file.into())),
        Err(Errno::EXDEV) => Ok(Opened::MountPoint),
        Err(Errno::ENOENT | Errno::ELOOP | Errno::ENXIO) => Ok(Opened::Replaced),
        Err(errno) => Err(errno),
    }
}

fn look_error(path: &AbsolutePath, errno: Errno) -> HostError {
    io_error(format!("look at {path}"), errno)
}

fn read_error(path: &AbsolutePath, source: impl Into<io::Error>) -> HostError {
    io_error(format!("read {path}"), source)
}
