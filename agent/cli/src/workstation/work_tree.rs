//! Reads a fleet repository from a directory, as far as a commit of all of it would hold it.
#![expect(clippy::disallowed_methods, reason = "this module is the room that reads work trees")]

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use holdfast_schema::{Blob, Entry, Repository};

use crate::{
    arguments::workstation::WorkTree,
    failure::{Code, Failure},
};

/// A file that is read when it is needed.
struct FileOnDisk {
    path: PathBuf,
    size: u64,
}

impl Blob for FileOnDisk {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self) -> io::Result<Arc<[u8]>> {
        fs::read(&self.path).map(Into::into)
    }
}

/// The repository that the arguments name, or the one around the current directory.
pub(crate) fn find(arguments: &WorkTree, directory: &Path) -> Result<PathBuf, Failure> {
    if let Some(dir) = &arguments.dir {
        return at(&directory.join(dir));
    }
    directory.ancestors().find(|dir| dir.join("fleet.toml").is_file()).map(Path::to_owned).ok_or_else(|| {
        Failure::new(
            Code::NoRepository,
            format!("there is no fleet.toml in {} or above it", directory.display()),
        )
    })
}

/// The repository in just this directory.
pub(crate) fn at(directory: &Path) -> Result<PathBuf, Failure> {
    if directory.join("fleet.toml").is_file() {
        return Ok(directory.to_owned());
    }
    Err(Failure::new(Code::NoRepository, format!("there is no fleet.toml in {}", directory.display())))
}

/// Everything in the work tree at `root`, but what Git itself and editors keep there.
pub(crate) fn read(root: &Path) -> Result<Repository, Failure> {
    let mut repository = Repository::new();
    entries(root, Hidden::LeftOut)?.into_iter().for_each(|(path, entry)| repository.insert(path, entry));
    Ok(repository)
}

/// Everything below a directory that is no fleet repository, but what Git itself keeps there.
pub(crate) fn files(root: &Path) -> Result<Repository, Failure> {
    let mut repository = Repository::new();
    entries(root, Hidden::TakenIn)?.into_iter().for_each(|(path, entry)| repository.insert(path, entry));
    Ok(repository)
}

/// Whether what is hidden at the top is taken in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hidden {
    LeftOut,
    TakenIn,
}

fn entries(root: &Path, top: Hidden) -> Result<BTreeMap<Vec<u8>, Entry>, Failure> {
    let mut entries = BTreeMap::new();
    let mut folders = vec![(root.to_owned(), Vec::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|why| Failure::read(&folder, why))? {
            let entry = entry.map_err(|why| Failure::read(&folder, why))?;
            let (name, path) = (entry.file_name(), entry.path());
            let hidden = name.as_bytes().starts_with(b".");
            // A compose file at the top has its variables beside it.
            let ours = name == ".trust" || name.as_bytes().starts_with(b".env");
            let at_top = prefix.is_empty() && !ours && top == Hidden::LeftOut;
            if hidden && (at_top || name == ".git") {
                continue;
            }
            let inside = [&prefix, name.as_bytes()].concat();
            // Of the entry itself: a symbolic link is not followed.
            let metadata = entry.metadata().map_err(|why| Failure::read(&path, why))?;
            if metadata.is_symlink() {
                entries.insert(inside, Entry::Symlink);
            } else if metadata.is_dir() && path.join(".git").exists() {
                entries.insert(inside, Entry::Submodule);
            } else if metadata.is_dir() {
                folders.push((path, [inside.as_slice(), b"/"].concat()));
            } else if metadata.is_file() {
                let executable = metadata.permissions().mode() & 0o100 != 0;
                let blob = Arc::new(FileOnDisk { path, size: metadata.len() });
                entries.insert(inside, Entry::File { blob, executable });
            }
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests;
