//! Every file below a root tree, within the limits.

use crate::{
    ObjectId, ObjectKind, Objects, StoreError,
    limits::{Exceeded, Limits},
    tree::{self, Entry, Mode, TreeError},
};

#[cfg(test)]
mod tests;

/// Something in a repository that is not a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path from the root, parts joined by `/`; need not be text.
    pub path: Vec<u8>,
    /// What it is; never a directory.
    pub mode: Mode,
    /// The blob, or for a submodule another repository's commit.
    pub id: ObjectId,
}

/// Why a repository's files cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// Objects cannot be looked up.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A directory's tree is not among the objects.
    #[error("tree {id} of directory {path:?} was not fetched")]
    Missing {
        /// The directory's path; empty for the root.
        path: String,
        /// Its tree.
        id: ObjectId,
    },
    /// A directory is not a tree, or not one in the canonical form.
    #[error("directory {path:?} (tree {id}) is malformed")]
    Tree {
        /// The directory's path; empty for the root.
        path: String,
        /// Its tree.
        id: ObjectId,
        /// How.
        #[source]
        source: TreeError,
    },
    /// It is too much.
    #[error("the repository is too large: {0}")]
    Limit(Exceeded),
    /// A link, a submodule or a name that has no place in a fleet's state.
    #[error("{path:?} {problem}")]
    Refused {
        /// The path, as far as it is text.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl WalkError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Store(why) => why.code(),
            Self::Missing { .. } => "E_OBJECT_MISSING",
            Self::Tree { .. } => "E_TREE_GRAMMAR",
            Self::Limit(_) => "E_LIMIT",
            Self::Refused { .. } => "E_TREE_CONTENT",
        }
    }
}

impl File {
    /// The path as text, if this is a plain file whose name every file system and terminal can bear.
    ///
    /// # Errors
    /// [`WalkError::Refused`] for symbolic links, submodules, names that are not UTF-8 or hold control characters.
    pub fn plain_path(&self) -> Result<&str, WalkError> {
        let refused =
            |problem| WalkError::Refused { path: String::from_utf8_lossy(&self.path).into_owned(), problem };
        match self.mode {
            Mode::File | Mode::Executable => {}
            Mode::Symlink => return Err(refused("is a symbolic link")),
            Mode::Submodule => return Err(refused("is a submodule")),
            Mode::Directory => return Err(refused("is a directory")),
        }
        let path = str::from_utf8(&self.path).map_err(|_not_text| refused("has a name that is not UTF-8"))?;
        if path.chars().any(char::is_control) {
            return Err(refused("has a control character in its name"));
        }
        Ok(path)
    }
}

/// Lists the files below a root tree, directories before what stands after them, in Git's order.
///
/// Entries are counted when their directory is read, so that a tree bomb ends early.
pub fn walk(objects: &dyn Objects, root: ObjectId, limits: &Limits) -> Result<Vec<File>, WalkError> {
    let mut files = Vec::new();
    let mut seen: u64 = 0;
    // What is left to do, the next thing last.
    let mut pending = vec![Pending { path: Vec::new(), depth: 0, mode: Mode::Directory, id: root }];
    while let Some(Pending { path, depth, mode, id }) = pending.pop() {
        if mode != Mode::Directory {
            files.push(File { path, mode, id });
            continue;
        }
        let text = || String::from_utf8_lossy(&path).into_owned();
        let missing = || WalkError::Missing { path: text(), id };
        let malformed = |source| WalkError::Tree { path: text(), id, source };
        let object = objects.get(&id)?.ok_or_else(missing)?;
        if object.kind != ObjectKind::Tree {
            return Err(malformed(TreeError::Layout { at: 0 }));
        }
        let entries = tree::parse(&object.data).map_err(malformed)?;
        seen = seen.saturating_add(entries.len() as u64);
        let depth = if entries.is_empty() { depth } else { depth + 1 };
        Exceeded::check("entries", seen, limits.tree_entries.into())
            .and_then(|()| Exceeded::check("parts of a path", u64::from(depth), limits.tree_depth.into()))
            .map_err(WalkError::Limit)?;
        pending.extend(entries.iter().rev().map(|entry| Pending::below(&path, depth, entry)));
    }
    Ok(files)
}

struct Pending {
    path: Vec<u8>,
    /// How many parts the path has.
    depth: u32,
    mode: Mode,
    id: ObjectId,
}

impl Pending {
    fn below(path: &[u8], depth: u32, entry: &Entry<'_>) -> Self {
        let mut path = path.to_vec();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(entry.name);
        Self { path, depth, mode: entry.mode, id: entry.id }
    }
}
