//! A repository on this machine, read and written directly: no `git` program, and no copy of it.
//!
//! Its hooks do not run.

#![expect(clippy::disallowed_methods, reason = "this module looks at a repository's files")]

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use gix_lock::acquire::Fail;
use gix_object::Write as _;
use gix_ref::{
    FullName, Target,
    file::Store,
    store::{WriteReflog, init::Options},
    transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog},
};
use holdfast_trust::{Object, ObjectId, ObjectKind};

use crate::{
    error::Fault,
    ids,
    listing::{Listing, Query},
    meter::Meter,
    objects::Objects,
    repository::check_format,
    text,
};

/// How long to wait for the lock of a branch.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// A repository on this machine.
pub(crate) struct Local {
    git_dir: PathBuf,
    references: Store,
}

impl Local {
    /// Opens the repository at `path`, which may have a work tree.
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        let is_repository = |dir: &Path| dir.join("objects").is_dir() && dir.join("HEAD").is_file();
        let git_dir = [path.to_owned(), path.join(".git")]
            .into_iter()
            .find(|dir| is_repository(dir))
            .ok_or_else(|| match fs::metadata(path) {
                Err(error) => Fault::NoRepository(format!("it can not be opened: {error}")),
                Ok(_) => Fault::NoRepository("there is no Git repository".to_owned()),
            })?;
        check_format(&git_dir)?;
        let options = Options { write_reflog: WriteReflog::Disable, ..Options::default() };
        let references = Store::at_opts(git_dir.clone(), gix_hash::Kind::Sha1, options);
        Ok(Self { git_dir, references })
    }

    /// What is in it.
    pub(crate) fn objects(&self) -> Result<Objects, Fault> {
        Objects::open(&self.git_dir.join("objects"))
    }

    /// Where `reference` is.
    pub(crate) fn find(&self, reference: &str) -> Result<Option<ObjectId>, Fault> {
        let mut name = full_name(reference)?;
        // A symbolic branch is followed, though not for ever.
        for _ in 0..5 {
            let found = self.references.try_find(name.as_ref().as_partial_name());
            match found.map_err(|why| Fault::Protocol(text::chain(&why)))? {
                None => return Ok(None),
                Some(found) => match found.target {
                    Target::Object(id) => return Ok(Some(ids::from_git(&id))),
                    Target::Symbolic(next) => name = next,
                },
            }
        }
        Err(Fault::Protocol("it is a symbolic branch that leads nowhere".to_owned()))
    }

    /// Where the branch is, and its tags.
    pub(crate) fn list(&self, query: &Query<'_>) -> Result<Listing, Fault> {
        let mut listing = Listing { tip: self.find(query.reference)?, tags: Vec::new() };
        let malformed =
            |why: &dyn std::fmt::Display| Fault::Protocol(format!("its tags cannot be listed: {why}"));
        let references = self.references.iter().map_err(|why| malformed(&text::chain(&why)))?;
        let objects = self.objects()?;
        for prefix in query.tag_prefixes() {
            let prefix = prefix.as_bytes().try_into().map_err(|why| malformed(&text::chain(&why)))?;
            for found in references.prefixed(prefix).map_err(|why| malformed(&why))? {
                let found = found.map_err(|why| malformed(&text::chain(&why)))?;
                let (Ok(name), Target::Object(id)) = (str::from_utf8(found.name.as_bstr()), &found.target)
                else {
                    continue;
                };
                let id = ids::from_git(id);
                // A lightweight tag is no object of its own.
                if let Some(Object { kind: ObjectKind::Tag, data }) = objects.find(id)?
                    && let Some(target) = ids::tagged(&data)
                {
                    listing.take(query, name, id, Some(target));
                }
            }
        }
        Ok(listing)
    }

    /// Writes `objects` and moves `reference` from `old` to `new`. That it fails says nothing of where the branch is.
    pub(crate) fn push(
        &self,
        reference: &str,
        old: Option<ObjectId>,
        new: ObjectId,
        objects: &[Object],
        meter: &Meter,
    ) -> Result<(), Fault> {
        let name = full_name(reference)?;
        if self.is_checked_out(reference) {
            return Err(Fault::PushRefused("the branch is checked out there".to_owned()));
        }
        let store = gix_odb::loose::Store::at(self.git_dir.join("objects"), gix_hash::Kind::Sha1);
        for object in objects {
            let written = store.write_buf(ids::kind_to_git(object.kind), &object.data);
            written.map_err(|why| Fault::PushRefused(text::chain(&why)))?;
        }
        let expected = match old {
            Some(old) => PreviousValue::MustExistAndMatch(Target::Object(ids::to_git(old))),
            None => PreviousValue::MustNotExist,
        };
        let log = LogChange { mode: RefLog::AndReference, force_create_reflog: false, message: "".into() };
        let change = Change::Update { log, expected, new: Target::Object(ids::to_git(new)) };
        let edit = RefEdit { change, name, deref: false };
        let patience = Fail::AfterDurationWithBackoff(meter.left()?.min(meter.stall()).min(LOCK_PATIENCE));
        let attempt = || {
            let moved = self.references.transaction().prepare([edit.clone()], patience, patience);
            moved
                .and_then(|transaction| transaction.commit(None))
                .map(drop)
                .map_err(|why| Fault::PushRefused(text::chain(&why)))
        };
        let lock = self.git_dir.join(format!("{reference}.lock"));
        let held = identity(&lock);
        attempt().or_else(|why| {
            // Whoever moves a branch holds its lock for an instant. The one that was here all the time is a dead one's.
            if held.is_none() || identity(&lock) != held {
                return Err(why);
            }
            tracing::warn!(lock = %lock.display(), "a lock that a killed process left is removed");
            fs::remove_file(&lock).map_err(|why| Fault::PushRefused(text::chain(&why)))?;
            attempt()
        })
    }

    fn is_checked_out(&self, reference: &str) -> bool {
        let has_work_tree = self.git_dir.file_name().is_some_and(|name| name == ".git");
        let head = fs::read_to_string(self.git_dir.join("HEAD")).unwrap_or_default();
        has_work_tree && head.strip_prefix("ref: ").map(str::trim) == Some(reference)
    }
}

/// What tells one lock file from the next.
fn identity(lock: &Path) -> Option<(u64, i64, i64)> {
    let metadata = fs::symlink_metadata(lock).ok()?;
    Some((metadata.ino(), metadata.ctime(), metadata.ctime_nsec()))
}

fn full_name(reference: &str) -> Result<FullName, Fault> {
    reference
        .try_into()
        .map_err(|_why| Fault::Address(format!("{reference:?} is not the full name of a branch")))
}

/// Checks that `reference` is a branch's full name, for it becomes a part of paths and of messages to servers.
pub(crate) fn check_name(reference: &str) -> Result<(), Fault> {
    let name = full_name(reference)?;
    if name.as_bstr().starts_with(b"refs/") && !reference.contains(char::is_whitespace) {
        Ok(())
    } else {
        Err(Fault::Address(format!("{reference:?} is not the full name of a branch")))
    }
}

#[cfg(test)]
pub(crate) mod tests;
