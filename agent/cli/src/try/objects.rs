//! The first commit of a fleet, as Git objects. Pure.

use std::collections::BTreeMap;

use holdfast_trust::{
    Object, ObjectId, ObjectKind, UnixTime,
    identity::Identity,
    object::Collision,
    sign::{NewCommit, SecretKey},
    tree::{self, Entry, Mode, TreeError},
};

/// A signed commit and all that it needs, the commit first.
pub(super) struct FirstCommit {
    pub(super) id: ObjectId,
    pub(super) objects: Vec<Object>,
}

/// Why it could not be made; a bug, for its files are ours.
#[derive(Debug, thiserror::Error)]
pub(super) enum ObjectsError {
    #[error(transparent)]
    Collision(#[from] Collision),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error(transparent)]
    Commit(#[from] holdfast_trust::commit::CommitError),
}

/// A directory that is being put together.
#[derive(Default)]
struct Folder<'a> {
    files: BTreeMap<&'a str, &'a str>,
    folders: BTreeMap<&'a str, Folder<'a>>,
}

impl<'a> Folder<'a> {
    fn insert(&mut self, path: &'a str, text: &'a str) {
        match path.split_once('/') {
            Some((folder, rest)) => self.folders.entry(folder).or_default().insert(rest, text),
            None => {
                self.files.insert(path, text);
            }
        }
    }

    /// Adds the objects of everything in it; gives the id of its tree.
    fn write(&self, objects: &mut Vec<Object>) -> Result<ObjectId, ObjectsError> {
        let mut children = Vec::new();
        for (name, folder) in &self.folders {
            children.push((*name, Mode::Directory, folder.write(objects)?));
        }
        for (name, text) in &self.files {
            let blob = Object { kind: ObjectKind::Blob, data: text.as_bytes().to_vec() };
            children.push((*name, Mode::File, blob.id()?));
            objects.push(blob);
        }
        let mut entries: Vec<Entry<'_>> = children
            .iter()
            .map(|(name, mode, id)| Entry { mode: *mode, name: name.as_bytes(), id: *id })
            .collect();
        let tree = tree::make(&mut entries)?;
        let id = tree.id()?;
        objects.push(tree);
        Ok(id)
    }
}

/// Makes a first commit of `files`, each a path and its text.
pub(super) fn first_commit(
    files: &[(String, String)],
    author: (&str, &str),
    time: i64,
    key: &SecretKey,
) -> Result<FirstCommit, ObjectsError> {
    let mut root = Folder::default();
    for (path, text) in files {
        root.insert(path, text);
    }
    let mut objects = Vec::new();
    let tree = root.write(&mut objects)?;
    let new = NewCommit {
        tree,
        parents: Vec::new(),
        author: Identity::new(author.0, author.1, UnixTime::from_seconds(time)),
        message: "Make the fleet\n",
    };
    let commit = new.sign(key)?;
    let id = commit.id()?;
    objects.insert(0, commit);
    Ok(FirstCommit { id, objects })
}
