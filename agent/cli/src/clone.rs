//! Opens the Git repository around a directory.

use std::path::Path;

use holdfast_git::{Fault, LocalRepository};
use holdfast_trust::ObjectId;

use crate::failure::{Code, Failure};

/// The repository around `directory`.
pub(crate) fn open(directory: &Path) -> Result<LocalRepository, Failure> {
    LocalRepository::discover(directory).map_err(|why| fault(directory, why))
}

/// The commit that a revision names.
pub(crate) fn commit(
    repository: &LocalRepository,
    revision: &str,
    directory: &Path,
) -> Result<ObjectId, Failure> {
    let found = repository.find(revision).map_err(|why| fault(directory, why))?;
    found.ok_or_else(|| {
        Failure::new(Code::NoRevision, format!("there is no commit {revision:?} in {}", directory.display()))
    })
}

/// A failure to read the repository.
pub(crate) fn fault(directory: &Path, why: Fault) -> Failure {
    let remedy = why.remedy();
    Failure::coded(why.code(), message(directory), remedy).because(why)
}

/// A failure to read the repository's objects.
pub(crate) fn unreadable(directory: &Path, code: &str) -> Failure {
    Failure::coded(code, message(directory), Some("See what `git fsck` says of it."))
}

fn message(directory: &Path) -> String {
    format!("cannot read the Git repository around {}", directory.display())
}
