#![expect(clippy::disallowed_methods, reason = "this test makes a directory")]

use std::sync::atomic::AtomicBool;

use gix_object::Find as _;
use gix_utils::progress::Discard;
use holdfast_trust::{Object, ObjectKind};

use super::encode;
use crate::ids;

#[test]
fn a_pack_holds_what_was_put_into_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("pack");
    std::fs::create_dir(&store).unwrap();
    let objects = [
        Object { kind: ObjectKind::Blob, data: Vec::new() },
        Object { kind: ObjectKind::Blob, data: b"text".repeat(10_000) },
        Object { kind: ObjectKind::Tree, data: Vec::new() },
        Object { kind: ObjectKind::Commit, data: b"no commit, but who looks".to_vec() },
    ];
    let pack = encode(&objects).unwrap();
    let outcome = gix_pack::Bundle::write_to_directory(
        &mut &*pack,
        Some(&store),
        &mut Discard,
        &AtomicBool::new(false),
        None::<gix_odb::Handle>,
        gix_hash::Kind::Sha1,
        gix_pack::bundle::write::Options::default(),
    )
    .unwrap();
    assert_eq!(outcome.index.num_objects, 4);
    let odb = gix_odb::at(dir.path(), gix_hash::Kind::Sha1).unwrap();
    for object in &objects {
        let mut data = Vec::new();
        let found = odb.try_find(&ids::to_git(object.id().unwrap()), &mut data).unwrap().unwrap();
        assert_eq!((ids::kind_from_git(found.kind), found.data), (object.kind, &*object.data));
    }
    let empty = encode(&[]).unwrap();
    assert_eq!((empty.len(), empty.get(..12)), (32, Some(&b"PACK\0\0\0\x02\0\0\0\0"[..])));
}
