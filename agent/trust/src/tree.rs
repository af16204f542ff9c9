//! The canonical grammar of trees, read from and written to raw bytes.

use std::{cmp::Ordering, collections::HashSet};

use crate::{Object, ObjectId, ObjectKind, key::shown};

#[cfg(test)]
mod tests;

/// What an entry of a tree is. These five modes are all that Git writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// A file, `100644`.
    File,
    /// An executable file, `100755`.
    Executable,
    /// A symbolic link, `120000`.
    Symlink,
    /// A directory, `40000`.
    Directory,
    /// A commit of another repository, `160000`.
    Submodule,
}

impl Mode {
    const ALL: [Self; 5] = [Self::File, Self::Executable, Self::Symlink, Self::Directory, Self::Submodule];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Symlink => "120000",
            Self::Directory => "40000",
            Self::Submodule => "160000",
        }
    }
}

/// One name in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What it is.
    pub mode: Mode,
    /// Its name: 1 to 255 bytes, which need not be text; never `.`, `..` or `.git`.
    pub name: &'a [u8],
    /// The object.
    pub id: ObjectId,
}

/// Why bytes are not a canonical tree, or entries do not make one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The bytes are not laid out as `MODE NAME\0ID`.
    #[error("the directory listing is damaged at byte {at}")]
    Layout {
        /// Where.
        at: usize,
    },
    /// A mode that Git does not write.
    #[error("{name:?} has the mode {mode:?}, which Git does not write")]
    Mode {
        /// The entry.
        name: String,
        /// Its mode.
        mode: String,
    },
    /// A name that would be dangerous or impossible on a file system.
    #[error("the name {name:?} is not allowed")]
    Name {
        /// The name.
        name: String,
    },
    /// A name comes twice.
    #[error("the name {name:?} comes twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// A name is not where Git would put it.
    #[error("the name {name:?} is out of order")]
    Order {
        /// The name.
        name: String,
    },
}

/// Reads a tree's raw bytes into its entries, in Git's order.
pub fn parse(data: &[u8]) -> Result<Vec<Entry<'_>>, TreeError> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let layout = TreeError::Layout { at: data.len().saturating_sub(rest.len()) };
        let (entry, after) = entry(rest)?.ok_or(layout)?;
        rest = after;
        if let Some(last) = entries.last()
            && order(last, &entry) != Ordering::Less
        {
            let name = shown(entry.name);
            let same = last.name == entry.name;
            return Err(if same { TreeError::Twice { name } } else { TreeError::Order { name } });
        }
        entries.push(entry);
    }
    unique(&entries)?;
    Ok(entries)
}

/// The id of the entry with this name, if it is there and is of this mode.
pub fn find(entries: &[Entry<'_>], name: &str, mode: Mode) -> Option<ObjectId> {
    entries.iter().find(|entry| entry.name == name.as_bytes() && entry.mode == mode).map(|entry| entry.id)
}

/// Makes a tree of entries in any order.
pub fn make(entries: &mut [Entry<'_>]) -> Result<Object, TreeError> {
    entries.sort_by(order);
    let mut data = Vec::new();
    for entry in &*entries {
        data.extend_from_slice(entry.mode.as_str().as_bytes());
        data.push(b' ');
        data.extend_from_slice(entry.name);
        data.push(0);
        data.extend_from_slice(entry.id.as_bytes());
    }
    parse(&data)?;
    Ok(Object { kind: ObjectKind::Tree, data })
}

/// One entry and what follows it; `None` when the bytes are not laid out as one.
fn entry(bytes: &[u8]) -> Result<Option<(Entry<'_>, &[u8])>, TreeError> {
    let Some((mode, rest)) = split_once(bytes, b' ') else { return Ok(None) };
    let Some((name, rest)) = split_once(rest, 0) else { return Ok(None) };
    let Some((id, rest)) = rest.split_first_chunk() else { return Ok(None) };
    let Some(mode) = Mode::ALL.into_iter().find(|known| known.as_str().as_bytes() == mode) else {
        return Err(TreeError::Mode { name: shown(name), mode: shown(mode) });
    };
    // `.git` in any case: there are file systems that do not tell them apart.
    let special = name.eq_ignore_ascii_case(b".git") || matches!(name, b"." | b"..");
    if special || name.is_empty() || name.len() > 255 || name.contains(&b'/') {
        return Err(TreeError::Name { name: shown(name) });
    }
    Ok(Some((Entry { mode, name, id: ObjectId::from_bytes(*id) }, rest)))
}

/// What stands before and after the first `at`.
fn split_once(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let (before, rest) = bytes.split_at_checked(bytes.iter().position(|&byte| byte == at)?)?;
    Some((before, rest.get(1..)?))
}

/// Git's order: by bytes, a directory as if its name ended in `/`.
fn order(one: &Entry<'_>, other: &Entry<'_>) -> Ordering {
    fn key<'a>(entry: &'a Entry<'_>) -> impl Iterator<Item = &'a u8> {
        entry.name.iter().chain((entry.mode == Mode::Directory).then_some(&b'/'))
    }
    key(one).cmp(key(other))
}

/// A file `a` and a directory `a` need not be neighbours in Git's order.
fn unique(entries: &[Entry<'_>]) -> Result<(), TreeError> {
    let directories: HashSet<_> =
        entries.iter().filter(|entry| entry.mode == Mode::Directory).map(|entry| entry.name).collect();
    let twice =
        entries.iter().find(|entry| entry.mode != Mode::Directory && directories.contains(entry.name));
    twice.map_or(Ok(()), |entry| Err(TreeError::Twice { name: shown(entry.name) }))
}
