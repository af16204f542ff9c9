//! What the fetcher may hand over, by accident or on purpose.

use std::cell::Cell;

use super::*;
use crate::{IndexedObjects, StoreError, stream};

/// a ── b(+bob) ── c(bob), in memory, with a rule that looks into every directory.
fn fleet() -> (Fleet, [ObjectId; 3]) {
    let mut fleet = Fleet::default();
    let rule = |people| format!("[[rule]]\npaths = [\"hosts/\"]\npeople = [{people}]\nneed = 1\n");
    let content = |state: State, commit: &str| State {
        file: format!("content of {commit}"),
        database: format!("content of {commit}'s database"),
        ..state
    };
    let both = State::of(&["alice", "bob"]).with_policy(&rule("\"alice\", \"bob\""));
    let a = fleet.commit(&[], Some("alice"), &content(alice().with_policy(&rule("\"alice\"")), "a"));
    let b = fleet.commit(&[a], Some("alice"), &content(both.clone(), "b"));
    let c = fleet.commit(&[b], Some("bob"), &content(both, "c"));
    (fleet, [a, b, c])
}

fn judge(objects: &dyn Objects, first: ObjectId, tip: ObjectId) -> Verification {
    let introduction = Introduction { fleet: fleet_id(), commit: first, key: key("alice").fingerprint() };
    let limits = &Limits::default();
    let request = request(tip, &introduction, limits);
    verify(objects, &request)
}

fn stream_of(objects: &MemoryObjects) -> Vec<u8> {
    let mut objects: Vec<_> = objects.iter().collect();
    objects.sort_by_key(|(id, _)| **id);
    let mut writer = stream::Writer::new(Vec::new(), &Limits::default()).unwrap();
    for (_, object) in objects {
        writer.write(object.kind, &object.data).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn without_any_one_object_there_is_a_refusal_or_nothing_missed_it() {
    let (fleet, [a, b, c]) = fleet();
    for (absent, object) in fleet.objects.iter() {
        let mut objects = MemoryObjects::new();
        for (id, object) in fleet.objects.iter() {
            if id != absent {
                objects.insert(object.clone()).unwrap();
            }
        }
        let (verified, code) = outcome(&judge(&objects, a, c));
        let content = object.kind == ObjectKind::Blob && object.data.starts_with(b"content");
        if content {
            assert_eq!((verified, code), (Some(c), None), "file contents are not looked at");
        } else {
            assert_eq!(code, Some("E_OBJECT_MISSING"), "{absent}");
            assert!(verified.is_none() || verified == Some(a) || verified == Some(b));
        }
    }
}

#[test]
fn objects_that_nobody_asked_for_change_nothing() {
    let (mut fleet, [a, _, c]) = fleet();
    fleet.commit(&[c], Some("mallory"), &State::of(&["mallory"]));
    fleet.commit(&[], Some("mallory"), &State::of(&["mallory"]));
    fleet.blob("a large file");
    fleet.objects.insert(Object { kind: ObjectKind::Tag, data: b"junk".to_vec() }).unwrap();
    fleet.objects.insert(Object { kind: ObjectKind::Commit, data: b"junk".to_vec() }).unwrap();
    fleet.objects.insert(Object { kind: ObjectKind::Tree, data: b"junk".to_vec() }).unwrap();
    assert_eq!(see(&fleet, a, c), (Some(c), None));
}

#[test]
fn a_tip_that_is_no_commit() {
    let (mut fleet, [a, ..]) = fleet();
    let blob = fleet.blob("x");
    let tree = fleet.state(&alice());
    let tag = fleet.objects.insert(Object { kind: ObjectKind::Tag, data: b"x".to_vec() }).unwrap();
    for tip in [blob, tree, tag] {
        assert_eq!(see(&fleet, a, tip), (None, Some("E_COMMIT_GRAMMAR")));
    }
    assert_eq!(see(&fleet, a, ObjectId::from_bytes([1; 20])), (None, Some("E_OBJECT_MISSING")));
}

/// A store that answers with another kind than it hashed.
struct Liar<'a>(&'a MemoryObjects, ObjectId, ObjectKind);

impl Objects for Liar<'_> {
    fn get(&self, id: &ObjectId) -> Result<Option<Object>, StoreError> {
        let object = self.0.get(id)?;
        Ok(object.map(|object| if *id == self.1 { Object { kind: self.2, ..object } } else { object }))
    }
}

/// The same objects under other kinds: a tree that is a blob, and so on.
#[test]
fn objects_of_the_wrong_kind() {
    let (fleet, [a, b, c]) = fleet();
    let commit = fleet.objects.get(&c).unwrap().unwrap();
    let root = Commit::parse(&commit.data).unwrap().tree;
    for (id, object) in fleet.objects.iter() {
        for kind in [ObjectKind::Commit, ObjectKind::Tree, ObjectKind::Blob, ObjectKind::Tag] {
            if kind == object.kind {
                continue;
            }
            let (verified, code) = outcome(&judge(&Liar(&fleet.objects, *id, kind), a, c));
            let unused = object.kind == ObjectKind::Blob
                && !object.data.starts_with(b"format")
                && !object.data.starts_with(b"alice");
            if unused {
                assert_eq!((verified, code), (Some(c), None));
            } else {
                assert!(verified != Some(c), "{id} as {kind}; root {root}, {b}");
                assert!(matches!(code, Some("E_COMMIT_GRAMMAR" | "E_TREE_GRAMMAR")), "{code:?}");
            }
        }
    }
}

/// T5: whenever looking up fails, the answer is a refusal, and never more is verified than without the failure.
#[test]
fn a_store_that_fails_at_any_call() {
    struct Failing<'a> {
        objects: &'a MemoryObjects,
        left: Cell<u32>,
    }
    impl Objects for Failing<'_> {
        fn get(&self, id: &ObjectId) -> Result<Option<Object>, StoreError> {
            match self.left.get() {
                0 => Err(StoreError::Other { id: *id, source: "disk on fire".into() }),
                left => {
                    self.left.set(left - 1);
                    self.objects.get(id)
                }
            }
        }
    }
    let (fleet, [a, b, c]) = fleet();
    let mut failures = 0;
    for calls in 0.. {
        let objects = Failing { objects: &fleet.objects, left: Cell::new(calls) };
        let (verified, code) = outcome(&judge(&objects, a, c));
        if code.is_none() {
            assert_eq!(verified, Some(c));
            break;
        }
        failures += 1;
        assert_eq!(code, Some("E_STORE"));
        assert!([None, Some(a), Some(b)].contains(&verified));
    }
    assert!(failures > 10, "only {failures} calls failed");
}

/// T1: nobody without a key changes a byte of what is verified, wherever in the stream the byte is.
#[test]
fn a_changed_byte_anywhere_in_the_stream() {
    let (fleet, [a, _, c]) = fleet();
    let good = judge(&fleet.objects, a, c).verified.unwrap();
    let bytes = stream_of(&fleet.objects);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let Ok(objects) = IndexedObjects::open(changed, &Limits::default()) else { continue };
        let got = judge(&objects, a, c);
        if got.verified.as_ref().is_some_and(|verified| verified.commit() == c) {
            // It was in a file's content, whose object is missing now.
            assert_eq!(got.verified.unwrap(), good);
            let missing: Vec<_> =
                fleet.objects.iter().filter(|(id, _)| objects.get(id).unwrap().is_none()).collect();
            assert!(matches!(missing[..], [(_, object)] if object.kind == ObjectKind::Blob), "{at}");
        } else {
            assert_eq!(got.refused.unwrap().code(), "E_OBJECT_MISSING", "{at}");
        }
    }
}
