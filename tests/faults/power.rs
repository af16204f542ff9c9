//! What a power cut leaves of a place: the worst that POSIX allows of what was not flushed, made anew from what was.
//!
//! [`Disk`] watches a run. It keeps each file as it was when it was last flushed, and each directory's entries as they were
//! when that directory was last flushed; [`Disk::cut`] then makes the place one of several states in which a machine may
//! wake up. So does ALICE (Pillai et al., OSDI 2014), which finds such states from a trace.
//!
//! What is modelled: unflushed data is lost; unflushed entries, so also renames and removals, are lost; or they are kept
//! while the data is not, which reads as zeros; or one half of the machine lost what the other half kept. A flush of a file
//! does not flush its entry, though most filesystems do so.
//!
//! What is not: part of one directory's changes kept and part of them lost (journals keep their order), single sectors
//! of a write, a disk that lies about flushes, and damage to what was flushed. The Git server is another machine.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    ffi::OsString,
    fs::{self, File, OpenOptions},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use nix::libc::{O_NOFOLLOW, O_PATH};

use crate::{
    scene::{ROOT, SERVER},
    tree::{self, Body, Node, Tree},
};

/// What is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// All that was not flushed: data and entries.
    All,
    /// Unflushed data; all entries are there. What the files held beyond it reads as zeros.
    Data,
    /// All that was not flushed in the host's root, and nothing in the agent's memory.
    OnHost,
    /// All that was not flushed in the agent's memory, and nothing in the host's root.
    InMemory,
}

/// The part of the place that would outlast a power cut.
#[derive(Debug)]
pub(crate) struct Disk {
    place: PathBuf,
    /// The place's own inode.
    top: u64,
    inodes: BTreeMap<u64, Kept>,
}

/// An inode as it was flushed last.
#[derive(Debug)]
struct Kept {
    node: Node,
    /// Of a directory.
    entries: BTreeMap<OsString, u64>,
    /// While it is open, its number is given to no other.
    _held: File,
}

impl Disk {
    /// A disk on which all that is in `place` has been flushed.
    pub(crate) fn new(place: &Path) -> Result<Self> {
        let top = fs::metadata(place)?.ino();
        let mut disk = Self { place: place.to_owned(), top, inodes: BTreeMap::new() };
        disk.flush_all()?;
        Ok(disk)
    }

    /// Notes that everything is flushed.
    pub(crate) fn flush_all(&mut self) -> Result<()> {
        let place = self.place.clone();
        self.flush(&place)?;
        tree::walk(&place, &mut |path, _| {
            if path.starts_with(place.join(SERVER)) { Ok(()) } else { self.flush(path) }
        })
    }

    /// Notes that what can be opened as `path` is flushed. A path below `/proc/PID/fd` is what is open there.
    pub(crate) fn flush(&mut self, path: &Path) -> Result<()> {
        let held = hold(path, !path.starts_with("/proc"))?;
        let metadata = held.metadata()?;
        let node = Node::read(path, &metadata).with_context(|| format!("keep {}", path.display()))?;
        let mut entries = BTreeMap::new();
        if metadata.is_dir() {
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                let inode = entry.metadata()?.ino();
                if let Entry::Vacant(unknown) = self.inodes.entry(inode) {
                    unknown.insert(Kept::unflushed(&entry.path())?);
                }
                entries.insert(entry.file_name(), inode);
            }
        }
        self.inodes.insert(metadata.ino(), Kept { node, entries, _held: held });
        Ok(())
    }

    /// Makes the place what is found when the power is back.
    pub(crate) fn cut(&self, loss: Loss) -> Result<()> {
        let flushed = self.flushed()?;
        let (now, stamps) = tree::read(&self.place)?;
        let left: Tree = match loss {
            Loss::All => flushed,
            Loss::Data => now
                .into_iter()
                .map(|(path, node)| {
                    let inode = stamps.get(&path).map(|(inode, ..)| *inode);
                    let kept = inode.and_then(|inode| self.inodes.get(&inode));
                    let node = node.without_data(kept.map(|kept| &kept.node));
                    (path, node)
                })
                .collect(),
            Loss::OnHost | Loss::InMemory => {
                let is_cut = |path: &Path| path.starts_with(ROOT) == (loss == Loss::OnHost);
                let old = flushed.into_iter().filter(|(path, _)| is_cut(path));
                old.chain(now.into_iter().filter(|(path, _)| !is_cut(path))).collect()
            }
        };
        let (server, aside) = (self.place.join(SERVER), self.place.with_extension("server"));
        fs::rename(&server, &aside)?;
        let left = left.into_iter().filter(|(path, _)| !path.starts_with(SERVER)).collect();
        tree::write(&left, &self.place)?;
        Ok(fs::rename(&aside, &server)?)
    }

    /// All that was flushed and can be reached by flushed entries.
    fn flushed(&self) -> Result<Tree> {
        let mut tree = Tree::new();
        self.collect(self.top, Path::new(""), &mut tree)?;
        Ok(tree)
    }

    fn collect(&self, inode: u64, path: &Path, tree: &mut Tree) -> Result<()> {
        let kept =
            self.inodes.get(&inode).with_context(|| format!("nothing is kept of {}", path.display()))?;
        if inode != self.top {
            tree.insert(path.to_owned(), kept.node.clone());
        }
        kept.entries.iter().try_for_each(|(name, inode)| self.collect(*inode, &path.join(name), tree))
    }
}

impl Kept {
    /// What has an entry that is flushed and is not flushed itself: an empty file, an empty directory.
    fn unflushed(path: &Path) -> Result<Self> {
        let held = hold(path, true)?;
        let mut node = Node::read(path, &held.metadata()?)?;
        if let Body::File(bytes) = &mut node.body {
            bytes.clear();
        }
        Ok(Self { node, entries: BTreeMap::new(), _held: held })
    }
}

impl Node {
    /// The same of which only the data of `kept` is on the disk.
    fn without_data(mut self, kept: Option<&Self>) -> Self {
        if let Body::File(bytes) = &mut self.body {
            let length = bytes.len();
            match kept.map(|kept| &kept.body) {
                Some(Body::File(flushed)) => bytes.clone_from(flushed),
                _ => bytes.clear(),
            }
            bytes.resize(length, 0);
        }
        self
    }
}

/// Opens something only to hold it; `as_link` does so with a link itself.
fn hold(path: &Path, as_link: bool) -> Result<File> {
    let flags = if as_link { O_PATH | O_NOFOLLOW } else { O_PATH };
    OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .with_context(|| format!("hold {}", path.display()))
}
