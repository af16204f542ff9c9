//! Object ids and kinds as gix has them, and as the rest of Holdfast has them.

use holdfast_trust::{ObjectId, ObjectKind};

pub(crate) fn to_git(id: ObjectId) -> gix_hash::ObjectId {
    gix_hash::ObjectId::Sha1(*id.as_bytes())
}

pub(crate) fn from_git(id: &gix_hash::oid) -> ObjectId {
    let mut bytes = [0; 20];
    // gix is built for SHA-1 only, so the lengths are equal.
    bytes.iter_mut().zip(id.as_bytes()).for_each(|(to, from)| *to = *from);
    ObjectId::from_bytes(bytes)
}

pub(crate) const fn kind_to_git(kind: ObjectKind) -> gix_object::Kind {
    match kind {
        ObjectKind::Commit => gix_object::Kind::Commit,
        ObjectKind::Tree => gix_object::Kind::Tree,
        ObjectKind::Blob => gix_object::Kind::Blob,
        ObjectKind::Tag => gix_object::Kind::Tag,
    }
}

pub(crate) const fn kind_from_git(kind: gix_object::Kind) -> ObjectKind {
    match kind {
        gix_object::Kind::Commit => ObjectKind::Commit,
        gix_object::Kind::Tree => ObjectKind::Tree,
        gix_object::Kind::Blob => ObjectKind::Blob,
        gix_object::Kind::Tag => ObjectKind::Tag,
    }
}

/// What a tag's bytes say that it tags: `object ID`, the first line; see git-mktag(1).
pub(crate) fn tagged(tag: &[u8]) -> Option<ObjectId> {
    str::from_utf8(tag.strip_prefix(b"object ")?.get(..40)?).ok()?.parse().ok()
}
