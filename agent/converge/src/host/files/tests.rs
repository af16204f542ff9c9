#![expect(clippy::disallowed_methods, reason = "tests arrange files behind the room's back")]

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::PathBuf,
    rc::Rc,
};

use holdfast_schema::{AbsolutePath, FileMode, Sha256};
use nix::unistd::{getegid, geteuid};
use tempfile::TempDir;

use super::{Digest, Editor, Files, NewFile, Tree};
use crate::{
    host::{Expected, HostError, Node, outside::Outside},
    plan::step::Owned,
};

mod attacks;
mod edit;
mod kill;
mod look;
mod privileged;
mod remove;

/// A directory of its own, seen with the host's rules.
struct Sandbox {
    directory: TempDir,
    files: Rc<Files>,
    editor: Editor,
}

impl Sandbox {
    fn new() -> Self {
        Self::over(Tree::host().unwrap())
    }

    fn over(tree: Tree) -> Self {
        let files = Rc::new(Files::new(tree));
        Self {
            directory: tempfile::tempdir().unwrap(),
            editor: Editor::new(Rc::clone(&files), Rc::new(Outside::Children)),
            files,
        }
    }

    /// The managed path `name` in the directory.
    fn path(&self, name: &str) -> AbsolutePath {
        self.real(name).to_str().unwrap().parse().unwrap()
    }

    fn real(&self, name: &str) -> PathBuf {
        self.directory.path().canonicalize().unwrap().join(name)
    }

    fn put(&self, name: &str, content: &str) {
        fs::write(self.real(name), content).unwrap();
    }

    fn get(&self, name: &str) -> String {
        fs::read_to_string(self.real(name)).unwrap()
    }

    fn node(&self, name: &str) -> Node {
        self.files.forget_directories();
        self.files.node(&self.path(name), Digest::Plain).unwrap()
    }

    /// What a step that was planned now would expect.
    fn seen(&self, name: &str) -> Expected {
        match self.node(name) {
            Node::Absent => Expected::Nothing,
            Node::File { stat, .. } | Node::Directory { stat } | Node::Symlink { stat, .. } => {
                Expected::Node(stat)
            }
            Node::Other { what } => panic!("{what}"),
        }
    }

    async fn write(&self, name: &str, content: &str, expects: &Expected) -> Result<(), HostError> {
        self.editor.write_file(&self.path(name), &file(content.as_bytes()), expects).await
    }

    /// The names in the directory, staged ones included.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn own(mode: u16) -> Owned {
    Owned { uid: geteuid().as_raw(), gid: getegid().as_raw(), mode: FileMode::new(mode) }
}

fn file(bytes: &[u8]) -> NewFile<'_> {
    NewFile { bytes, access: own(0o640), validate: None, sensitive: false }
}

fn mode_of(path: PathBuf) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn inode_of(path: PathBuf) -> u64 {
    fs::symlink_metadata(path).unwrap().ino()
}

fn digest_of(node: &Node) -> Option<Sha256> {
    match node {
        Node::File { sha256, .. } => *sha256,
        _ => None,
    }
}
