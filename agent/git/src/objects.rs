//! Reads objects of a repository, and believes none before it has hashed it.

use std::path::Path;

use gix_object::Find as _;
use gix_odb::Header as _;
use holdfast_trust::{Object, ObjectId, ObjectKind};

use crate::{error::Fault, ids, limits};

/// A repository's objects as they are on disk now.
pub(crate) struct Objects(gix_odb::Handle);

impl Objects {
    /// Opens an `objects` directory.
    pub(crate) fn open(directory: &Path) -> Result<Self, Fault> {
        let options = gix_odb::store::init::Options {
            alloc_limit_bytes: Some(limits::OBJECT_BYTES),
            ..gix_odb::store::init::Options::default()
        };
        let mut handle = gix_odb::at_opts(directory, gix_hash::Kind::Sha1, None, options)
            .map_err(Fault::mirror("the objects can not be opened"))?;
        handle.refresh_never();
        Ok(Self(handle))
    }

    /// For gix, which completes packs with what is here already.
    pub(crate) const fn handle(&self) -> &gix_odb::Handle {
        &self.0
    }

    /// An object's kind and size; `None` if it is not here.
    pub(crate) fn header(&self, id: ObjectId) -> Result<Option<(ObjectKind, u64)>, Fault> {
        match self.0.try_header(&ids::to_git(id)) {
            Ok(header) => Ok(header.map(|header| (ids::kind_from_git(header.kind()), header.size()))),
            Err(_) => Err(Fault::Damaged(id.to_string())),
        }
    }

    /// A whole object; `None` if it is not here.
    pub(crate) fn find(&self, id: ObjectId) -> Result<Option<Object>, Fault> {
        let damaged = || Fault::Damaged(id.to_string());
        let mut data = Vec::new();
        let kind = match self.0.try_find(&ids::to_git(id), &mut data) {
            Ok(Some(found)) => ids::kind_from_git(found.kind),
            Ok(None) => return Ok(None),
            Err(_) => return Err(damaged()),
        };
        let object = Object { kind, data };
        match object.id() {
            Ok(found) if found == id => Ok(Some(object)),
            Ok(_) => Err(damaged()),
            Err(collision) => Err(Fault::Protocol(format!("{id}: {collision}"))),
        }
    }

    /// A whole object that must be here and of `kind`.
    pub(crate) fn get(&self, id: ObjectId, kind: ObjectKind) -> Result<Object, Fault> {
        match self.find(id)? {
            Some(object) if object.kind == kind => Ok(object),
            Some(object) => Err(Fault::Protocol(format!("{id} should be a {kind} and is a {}", object.kind))),
            None => Err(Fault::Damaged(id.to_string())),
        }
    }
}
