use holdfast_schema::state::{Apply, RemovalGuard};

use super::*;

fn state() -> HostState {
    let (guard, apply) = (RemovalGuard::default(), Apply::default());
    HostState { host: "web-1".parse().unwrap(), resources: BTreeMap::new(), guard, apply }
}

fn commit() -> ObjectId {
    ObjectId::from_bytes([7; 20])
}

#[test]
fn a_saved_revision_is_found_again_with_its_contents() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    assert!(Applied::load(&store, Slot::InForce).unwrap().is_none());
    let mut contents = Contents::default();
    let (one, two) = (contents.add(*b"one"), contents.add(*b"second"));
    Applied::save(&store, Slot::InForce, commit(), "alice".into(), Facts::sample(), state(), &contents)
        .unwrap();
    let applied = Applied::load(&store, Slot::InForce).unwrap().unwrap();
    assert_eq!(applied.record.commit, commit());
    assert_eq!(&*applied.content(&one.sha256).unwrap(), b"one");
    assert_eq!(&*applied.content(&two.sha256).unwrap(), b"second");
    assert_eq!(applied.content(&Sha256::of(b"other")).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn damaged_contents_are_never_handed_out() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let mut contents = Contents::default();
    let one = contents.add(*b"one");
    let applied =
        Applied::save(&store, Slot::InForce, commit(), "alice".into(), Facts::sample(), state(), &contents)
            .unwrap();
    std::fs::OpenOptions::new()
        .write(true)
        .open(store.path(Slot::InForce.file()))
        .unwrap()
        .write_all_at(b"X", applied.base)
        .unwrap();
    assert_eq!(applied.content(&one.sha256).unwrap_err().kind(), io::ErrorKind::InvalidData);
}

#[test]
fn a_damaged_record_is_never_believed() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    Applied::save(
        &store,
        Slot::InForce,
        commit(),
        "alice".into(),
        Facts::sample(),
        state(),
        &Contents::default(),
    )
    .unwrap();
    let file =
        std::fs::OpenOptions::new().read(true).write(true).open(store.path(Slot::InForce.file())).unwrap();
    let length = file.metadata().unwrap().len();
    for at in 0..length {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1], at).unwrap();
        assert!(Applied::load(&store, Slot::InForce).is_err(), "byte {at} flipped");
        file.write_all_at(&byte, at).unwrap();
    }
    file.set_len(length - 1).unwrap();
    assert!(Applied::load(&store, Slot::InForce).is_err(), "cut");
}
