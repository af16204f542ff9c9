//! Directory trees as values: read, compared and written out again.

use std::{
    collections::BTreeMap,
    fs::{self, Metadata, OpenOptions, Permissions},
    io::Write as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown, lchown, symlink},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// What is below a directory, by the path from there. The directory itself is not in it.
pub(crate) type Tree = BTreeMap<PathBuf, Node>;

/// All of one file, directory or link that is to be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) body: Body,
    /// The permission bits; 0 for a link, which has none.
    pub(crate) mode: u32,
    pub(crate) owner: (u32, u32),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    File(Vec<u8>),
    Directory,
    Symlink(PathBuf),
}

/// What changes when somebody so much as touches a node: its inode's number and the time of its last change.
pub(crate) type Stamps = BTreeMap<PathBuf, (u64, i64, i64)>;

impl Node {
    /// The node at `path`, of which `metadata` is known.
    pub(crate) fn read(path: &Path, metadata: &Metadata) -> Result<Self> {
        let kind = metadata.file_type();
        let body = if kind.is_symlink() {
            Body::Symlink(fs::read_link(path)?)
        } else if kind.is_dir() {
            Body::Directory
        } else {
            Body::File(fs::read(path).with_context(|| format!("read {}", path.display()))?)
        };
        let mode = if kind.is_symlink() { 0 } else { metadata.mode() & 0o7777 };
        Ok(Self { body, mode, owner: (metadata.uid(), metadata.gid()) })
    }

    /// Makes it at `path`, where nothing is.
    pub(crate) fn make(&self, path: &Path) -> Result<()> {
        match &self.body {
            Body::File(bytes) => {
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(bytes)?;
            }
            Body::Directory => fs::create_dir(path)?,
            Body::Symlink(target) => {
                symlink(target, path)?;
                return Ok(lchown(path, Some(self.owner.0), Some(self.owner.1))?);
            }
        }
        chown(path, Some(self.owner.0), Some(self.owner.1))?;
        Ok(fs::set_permissions(path, Permissions::from_mode(self.mode))?)
    }
}

/// A few words on a node, or on none.
pub(crate) fn describe(node: Option<&Node>) -> String {
    let Some(Node { body, mode, owner: (uid, gid) }) = node else { return "nothing".to_owned() };
    let what = match body {
        Body::File(bytes) => {
            let start: Vec<u8> = bytes.iter().take(24).copied().collect();
            format!("a file of {} bytes, {:?}", bytes.len(), String::from_utf8_lossy(&start))
        }
        Body::Directory => "a directory".to_owned(),
        Body::Symlink(target) => format!("a link to {}", target.display()),
    };
    format!("{what}, mode {mode:04o}, owner {uid}:{gid}")
}

/// Reads everything below `directory`, with its stamps.
pub(crate) fn read(directory: &Path) -> Result<(Tree, Stamps)> {
    let (mut tree, mut stamps) = (Tree::new(), Stamps::new());
    walk(directory, &mut |path, metadata| {
        let inside = path.strip_prefix(directory)?.to_owned();
        stamps.insert(inside.clone(), (metadata.ino(), metadata.ctime(), metadata.ctime_nsec()));
        tree.insert(inside, Node::read(path, metadata)?);
        Ok(())
    })?;
    Ok((tree, stamps))
}

/// Shows `visit` everything below `directory`, a directory before what is in it.
pub(crate) fn walk(directory: &Path, visit: &mut dyn FnMut(&Path, &Metadata) -> Result<()>) -> Result<()> {
    for entry in fs::read_dir(directory).with_context(|| format!("list {}", directory.display()))? {
        let path = entry?.path();
        let metadata = fs::symlink_metadata(&path)?;
        visit(&path, &metadata)?;
        if metadata.is_dir() {
            walk(&path, visit)?;
        }
    }
    Ok(())
}

/// Makes `directory` hold exactly `tree`.
pub(crate) fn write(tree: &Tree, directory: &Path) -> Result<()> {
    remove(directory)?;
    fs::create_dir(directory).with_context(|| format!("make {}", directory.display()))?;
    // In this order a directory comes before what is in it.
    tree.iter().try_for_each(|(path, node)| {
        let path = directory.join(path);
        node.make(&path).with_context(|| format!("make {}", path.display()))
    })
}

/// Removes `directory` with all that is in it, if it is there.
pub(crate) fn remove(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
            Err(why).with_context(|| format!("remove {}", directory.display()))
        }
        _ => Ok(()),
    }
}

/// What is below `directory`, by the path from there.
pub(crate) fn below(tree: &Tree, directory: &str) -> Tree {
    let inside = |path: &Path| {
        path.strip_prefix(directory).ok().filter(|path| !path.as_os_str().is_empty()).map(Path::to_owned)
    };
    tree.iter().filter_map(|(path, node)| Some((inside(path)?, node.clone()))).collect()
}
