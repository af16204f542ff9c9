//! A repository of whoever uses the command, on their own machine: found, and read as it is. Nothing is written to it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use gix_ref::{
    PartialName, Target,
    file::Store,
    store::{WriteReflog, init::Options},
};
use holdfast_trust::{Object, ObjectId, ObjectKind, StoreError};

use crate::{error::Fault, ids, objects::Objects, text};

/// A repository with all its branches.
pub struct LocalRepository {
    references: Store,
    objects: Objects,
}

impl LocalRepository {
    /// The repository that `directory` is in: a clone, one of its other work trees, or a bare repository.
    ///
    /// # Errors
    /// [`Fault::NoRepository`] if there is none; [`Fault::Protocol`] if it is of a format that cannot be read.
    pub fn discover(directory: &Path) -> Result<Self, Fault> {
        let (found, _trust) = gix_discover::upwards(directory)
            .map_err(|_not_found| Fault::NoRepository("there is no Git repository".to_owned()))?;
        let (git_dir, _work_tree) = found.into_repository_and_work_tree_directories();
        // Another work tree of a clone has branches of its own and shares the rest.
        let common_dir = match gix_discover::path::from_plain_file(&git_dir.join("commondir")) {
            Some(Ok(common)) => git_dir.join(common),
            Some(Err(source)) => return Err(Fault::mirror("its file commondir cannot be read")(source)),
            None => git_dir.clone(),
        };
        check_format(&common_dir)?;
        let options = Options { write_reflog: WriteReflog::Disable, ..Options::default() };
        let objects = Objects::open(&common_dir.join("objects"))?;
        let references = Store::for_linked_worktree_opts(git_dir, common_dir, gix_hash::Kind::Sha1, options);
        Ok(Self { references, objects })
    }

    /// The commit that `revision` names: a branch or tag, short or in full, `HEAD`, or an object id, which may be cut.
    ///
    /// # Errors
    /// [`Fault::Protocol`] if a branch or an object is malformed.
    pub fn find(&self, revision: &str) -> Result<Option<ObjectId>, Fault> {
        let id = match self.reference(revision)? {
            Some(id) => Some(id),
            None => self.abbreviated(revision),
        };
        id.map_or(Ok(None), |id| self.peel(id))
    }

    /// Every branch by its full name, with its tip: those of the repository itself and those of its remotes.
    ///
    /// # Errors
    /// [`Fault::Protocol`] if one is malformed.
    pub fn branches(&self) -> Result<Vec<(String, ObjectId)>, Fault> {
        let malformed =
            |why: &dyn std::fmt::Display| Fault::Protocol(format!("its branches cannot be listed: {why}"));
        let listing = self.references.iter().map_err(|why| malformed(&text::chain(&why)))?;
        let mut branches = Vec::new();
        for prefix in [&b"refs/heads/"[..], b"refs/remotes/"] {
            let prefix = prefix.try_into().map_err(|why| malformed(&text::chain(&why)))?;
            for found in listing.prefixed(prefix).map_err(|why| malformed(&why))? {
                let found = found.map_err(|why| malformed(&text::chain(&why)))?;
                if let (Ok(name), Target::Object(id)) = (str::from_utf8(found.name.as_bstr()), &found.target)
                {
                    branches.push((name.to_owned(), ids::from_git(id)));
                }
            }
        }
        Ok(branches)
    }

    /// The object ids of the tags that can say something about a branch: those in `ok/`, `reset/`, `stop/`, `go/` and `beat/`.
    fn approvals(&self) -> Vec<ObjectId> {
        let mut tags = Vec::new();
        let Ok(listing) = self.references.iter() else { return tags };
        for prefix in [
            &b"refs/tags/ok/"[..],
            b"refs/tags/reset/",
            b"refs/tags/stop/",
            b"refs/tags/go/",
            b"refs/tags/beat/",
        ] {
            let Some(found) = prefix.try_into().ok().and_then(|prefix| listing.prefixed(prefix).ok()) else {
                continue;
            };
            // One that cannot be read approves nothing.
            tags.extend(found.flatten().filter_map(|tag| match &tag.target {
                Target::Object(id) => Some(ids::from_git(id)),
                Target::Symbolic(_) => None,
            }));
        }
        tags
    }

    fn reference(&self, name: &str) -> Result<Option<ObjectId>, Fault> {
        let Ok(mut name) = PartialName::try_from(name.to_owned()) else { return Ok(None) };
        // A symbolic branch such as HEAD is followed, though not for ever.
        for _ in 0..5 {
            let found = self.references.try_find(&name);
            match found.map_err(|why| Fault::Protocol(text::chain(&why)))? {
                None => return Ok(None),
                Some(found) => match found.target {
                    Target::Object(id) => return Ok(Some(ids::from_git(&id))),
                    Target::Symbolic(next) => name = next.as_ref().as_partial_name().to_owned(),
                },
            }
        }
        Err(Fault::Protocol("a symbolic branch leads nowhere".to_owned()))
    }

    /// The object whose id begins with these digits, if there is just one.
    fn abbreviated(&self, digits: &str) -> Option<ObjectId> {
        let prefix = gix_hash::Prefix::from_hex(digits).ok()?;
        let found = self.objects.handle().lookup_prefix(prefix, None).ok()??;
        found.ok().map(|id| ids::from_git(&id))
    }

    /// The commit itself or the one that an annotated tag names, perhaps through other tags.
    fn peel(&self, mut id: ObjectId) -> Result<Option<ObjectId>, Fault> {
        for _ in 0..5 {
            let Some(object) = self.objects.find(id)? else { return Ok(None) };
            let target = match object.kind {
                ObjectKind::Commit => return Ok(Some(id)),
                ObjectKind::Tree | ObjectKind::Blob => return Ok(None),
                ObjectKind::Tag => ids::tagged(&object.data),
            };
            id = target.ok_or_else(|| Fault::Protocol(format!("the tag {id} is malformed")))?;
        }
        Ok(None)
    }
}

impl holdfast_trust::Objects for LocalRepository {
    fn get(&self, id: &ObjectId) -> Result<Option<Object>, StoreError> {
        self.objects.find(*id).map_err(|fault| StoreError::Other { id: *id, source: fault.into() })
    }

    fn tags(&self) -> Vec<ObjectId> {
        self.approvals()
    }
}

/// Refuses what gix would misread or not read at all.
pub(crate) fn check_format(common_dir: &Path) -> Result<(), Fault> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one file of a repository that gix-ref and gix-odb do not read"
    )]
    let config = fs::read_to_string(PathBuf::from(common_dir).join("config")).unwrap_or_default();
    let words: String = config.to_ascii_lowercase().split_whitespace().collect();
    if words.contains("objectformat=sha256") {
        return Err(Fault::sha256());
    }
    if words.contains("refstorage=reftable") || common_dir.join("reftable").exists() {
        return Err(Fault::Protocol(
            "its branches are in the reftable format, which is not supported".to_owned(),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
