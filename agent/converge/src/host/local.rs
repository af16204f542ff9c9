//! The host that this process runs on: [`ReadOnlyHost`] looks, [`LocalHost`] also changes.
//!
//! This only hands each question and each action to the module that knows.

use std::{collections::BTreeSet, io, path::Path, rc::Rc, sync::Arc};

use holdfast_schema::{AbsolutePath, ContentSource, Sha256, UnitName};

use super::{
    Entry, Expected, HostError, Look, Node, PackageNow, Read, UnitNow, Wanted, Write,
    accounts::Accounts,
    files::{Editor, Files, NewFile, Tree},
};
use crate::plan::Action;

#[cfg(test)]
mod tests;

/// Looks at the host and cannot change it.
#[derive(Debug)]
pub struct ReadOnlyHost {
    files: Rc<Files>,
    accounts: Accounts,
}

/// Looks at the host and changes it.
#[derive(Debug)]
pub struct LocalHost {
    read: ReadOnlyHost,
    editor: Editor,
}

impl ReadOnlyHost {
    /// The host itself.
    pub fn new() -> Result<Self, HostError> {
        Ok(Self::over(Tree::host().map_err(|error| opened("/", error))?))
    }

    /// The directory `root` in the place of a host's root directory. There everybody is the one who runs this, and there are
    /// neither packages nor units.
    pub fn scratch(root: &Path) -> Result<Self, HostError> {
        Ok(Self::over(Tree::scratch(root).map_err(|error| opened(&root.to_string_lossy(), error))?))
    }

    fn over(tree: Tree) -> Self {
        let scratch = tree.is_scratch();
        Self { files: Rc::new(Files::new(tree)), accounts: Accounts::new(scratch) }
    }
}

impl LocalHost {
    /// The host itself.
    pub fn new() -> Result<Self, HostError> {
        ReadOnlyHost::new().map(Self::over)
    }

    /// See [`ReadOnlyHost::scratch`]. Directories that a path needs and nobody declares are made.
    pub fn scratch(root: &Path) -> Result<Self, HostError> {
        ReadOnlyHost::scratch(root).map(Self::over)
    }

    fn over(read: ReadOnlyHost) -> Self {
        let editor = Editor::new(Rc::clone(&read.files));
        Self { read, editor }
    }
}

fn opened(root: &str, source: io::Error) -> HostError {
    HostError::Io { tried: format!("open {root}"), source }
}

impl Read for ReadOnlyHost {
    async fn prepare(&self, _wanted: &Wanted) -> Result<(), HostError> {
        self.files.begin_pass();
        self.accounts.forget();
        Ok(())
    }

    async fn node(&self, path: &AbsolutePath, look: Look) -> Result<Node, HostError> {
        self.files.node(path, look)
    }

    async fn entries(&self, path: &AbsolutePath) -> Result<Vec<Entry>, HostError> {
        self.files.entries(path)
    }

    async fn bytes(&self, path: &AbsolutePath, limit: u64) -> Result<Option<Arc<[u8]>>, HostError> {
        self.files.bytes(path, limit)
    }

    async fn user(&self, name: &str) -> Result<Option<u32>, HostError> {
        self.accounts.user(name)
    }

    async fn group(&self, name: &str) -> Result<Option<u32>, HostError> {
        self.accounts.group(name)
    }

    async fn package(&self, _name: &str) -> Result<PackageNow, HostError> {
        Err(HostError::Unsupported { what: "installing packages".into() })
    }

    async fn unit(&self, _name: &UnitName) -> Result<UnitNow, HostError> {
        Err(HostError::Unsupported { what: "managing units".into() })
    }

    fn finish(&self) {
        self.files.forget_directories();
    }
}

impl Read for LocalHost {
    async fn prepare(&self, wanted: &Wanted) -> Result<(), HostError> {
        self.editor.begin_pass();
        self.read.prepare(wanted).await
    }

    async fn node(&self, path: &AbsolutePath, look: Look) -> Result<Node, HostError> {
        self.read.node(path, look).await
    }

    async fn entries(&self, path: &AbsolutePath) -> Result<Vec<Entry>, HostError> {
        self.read.entries(path).await
    }

    async fn bytes(&self, path: &AbsolutePath, limit: u64) -> Result<Option<Arc<[u8]>>, HostError> {
        self.read.bytes(path, limit).await
    }

    async fn user(&self, name: &str) -> Result<Option<u32>, HostError> {
        self.read.user(name).await
    }

    async fn group(&self, name: &str) -> Result<Option<u32>, HostError> {
        self.read.group(name).await
    }

    async fn package(&self, name: &str) -> Result<PackageNow, HostError> {
        self.read.package(name).await
    }

    async fn unit(&self, name: &UnitName) -> Result<UnitNow, HostError> {
        self.read.unit(name).await
    }

    fn finish(&self) {
        self.read.finish();
    }
}

impl Write for LocalHost {
    async fn run(
        &self,
        action: &Action,
        expects: &Expected,
        contents: &dyn ContentSource,
    ) -> Result<(), HostError> {
        // Whatever it does may put another directory in the place of one that is open.
        self.read.files.forget_directories();
        match action {
            Action::WriteFile { path, content, access, validate, sensitive } => {
                let bytes = verified(path, content.sha256, contents)?;
                let validate = validate.as_deref();
                let new = NewFile { bytes: &bytes, access: *access, validate, sensitive: *sensitive };
                self.editor.write_file(path, &new, expects).await
            }
            Action::SetAccess { path, access } => self.editor.set_access(path, access, expects),
            Action::MakeDirectory { path, access } => self.editor.make_directory(path, access, expects),
            Action::MakeSymlink { path, target } => self.editor.make_symlink(path, target, expects),
            Action::RemovePath { path } => self.editor.remove(path, expects),
            Action::RemoveTree { path } => self.editor.remove_tree(path, expects),
            Action::Packages(_) => Err(HostError::Unsupported { what: "installing packages".into() }),
            Action::ReloadManager
            | Action::EnableUnit { .. }
            | Action::MaskUnit { .. }
            | Action::ControlUnit { .. }
            | Action::AwaitHealth { .. } => Err(HostError::Unsupported { what: "managing units".into() }),
        }
    }

    async fn sweep(&self, directories: &BTreeSet<AbsolutePath>) -> Result<(), HostError> {
        directories.iter().try_for_each(|directory| self.editor.sweep(directory))
    }
}

/// The bytes with the digest `sha256`, which is checked: a store on a failing disk must not end up in a file.
fn verified(
    path: &AbsolutePath,
    sha256: Sha256,
    contents: &dyn ContentSource,
) -> Result<Arc<[u8]>, HostError> {
    let failed = |source| HostError::Io { tried: format!("get the content of {path}"), source };
    let bytes = contents.content(&sha256).map_err(failed)?;
    if Sha256::of(&bytes) == sha256 {
        Ok(bytes)
    } else {
        Err(failed(io::Error::new(io::ErrorKind::InvalidData, "it does not have its digest")))
    }
}
