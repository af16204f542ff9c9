//! Bad moments: errors, crashes, a full disk, and other people's hands.

use crate::{
    engine::Outcome,
    host::{
        fake::{FakeHost, Supply},
        faulty::{Fault, Faulty, MemoryStore, StoreOn},
    },
    testing::{AsSpec as _, Scene, id, shorts},
};

/// A host with a package to install, and a scene that uses every kind and every way to write.
fn everything() -> (Scene, FakeHost) {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    host.inner().supplies.insert("app".to_owned(), Supply { versions: vec!["1.0"], ..Supply::default() });
    scene.package("app");
    scene.directory("/etc/app");
    scene.file("/etc/app/conf", "conf").needs.insert(id("package:app"));
    scene.symlink("/etc/app/link", "conf");
    scene.file("/etc/alone", "alone");
    let drop_in = scene.contents.add(b"[Service]\nNice=1\n".to_vec());
    let unit = scene.service("app.service", "[Service]\n").as_unit();
    unit.drop_ins.insert("nice.conf".to_owned(), drop_in);
    unit.restart_on.insert(id("file:/etc/app/conf"));
    scene.connect();
    (scene, host)
}

fn forked(store: &MemoryStore) -> MemoryStore {
    MemoryStore { stored: store.stored.clone(), ..MemoryStore::default() }
}

#[test]
fn an_error_at_any_call_hurts_only_what_it_hit_and_heals() {
    let (scene, host) = everything();
    let healthy = host.fork();
    let counting = Faulty::new(&healthy, Fault::None);
    scene.pass(&counting, &mut MemoryStore::default());
    let end = healthy.inner().picture();
    for call in 0..counting.calls() {
        let (host, mut store) = (host.fork(), MemoryStore::default());
        let report = scene.pass(&Faulty::new(&host, Fault::ErrorAt(call)), &mut store);
        let summary = report.summary();
        assert!(summary.failed <= 1, "call {call}: {report:#?}");
        let hit = summary.failed + summary.blocked;
        assert_eq!(summary.same + summary.changed + hit, 6, "call {call}: {report:#?}");
        if summary.failed == 0 {
            assert_eq!(hit, 0, "call {call}: {report:#?}");
        }
        scene.pass(&host, &mut store);
        assert_eq!(host.inner().picture(), end, "call {call}");
        assert_eq!(scene.pass(&host, &mut store).outcomes.len(), 0, "call {call}");
    }
}

#[test]
fn a_crash_at_any_effect_leaves_no_orphan_and_the_next_pass_ends_the_same() {
    let (scene, host) = everything();
    let bare = host.inner().picture();
    let whole = host.fork();
    scene.pass(&whole, &mut MemoryStore::default());
    let end = whole.inner().picture();
    let mut points = 0;
    for point in 0.. {
        let (host, mut store) = (host.fork(), MemoryStore::default());
        let faulty = Faulty::new(&host, Fault::CrashBefore(point));
        let mut ledger = store.ledger();
        scene.pass_with(&faulty, &mut ledger, &mut StoreOn { host: &faulty, store: &mut store });

        // Removing all from Git now removes all that was made so far.
        let (abandoned, mut abandoned_store) = (host.fork(), forked(&store));
        let mut empty = Scene::new();
        empty.state.guard = scene.state.guard;
        empty.pass(&abandoned, &mut abandoned_store);
        let left = abandoned.inner().picture();
        let orphans: Vec<_> =
            left.keys().filter(|path| path.starts_with('/') && !bare.contains_key(*path)).collect();
        assert!(orphans.is_empty(), "crash before {point}: {orphans:?}");

        scene.pass(&host, &mut store);
        assert_eq!(host.inner().picture(), end, "crash before {point}");
        let saves = store.saves;
        host.take_done();
        assert_eq!(scene.pass(&host, &mut store).outcomes.len(), 0, "crash before {point}");
        assert_eq!((host.take_done().len(), store.saves), (0, saves), "crash before {point}");
        if !faulty.crashed() {
            break;
        }
        points += 1;
    }
    assert_eq!(points, 13, "the first save, eleven changes, the last save");
}

#[test]
fn a_ledger_that_cannot_be_saved_stops_what_depends_on_it() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    scene.file("/etc/new", "x");
    host.inner().file("/etc/old", b"tampered with");
    scene.file("/etc/old", "x");
    let mut store = MemoryStore { full: true, ..MemoryStore::default() };
    let report = scene.pass(&host, &mut store);
    let Outcome::Failed(failure) = &report.outcomes[&id("file:/etc/new")] else { panic!("{report:?}") };
    assert_eq!((failure.code, host.take_done().len()), ("E_LEDGER_SAVE", 0));
    assert_eq!(report.unsaved.map(|failure| failure.code), Some("E_LEDGER_SAVE"));
    store.full = false;
    assert_eq!(scene.pass(&host, &mut store).summary().changed, 2);
}

#[test]
fn an_edit_in_between_is_seen_and_the_plan_made_anew() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    host.inner().file("/etc/motd", b"old");
    scene.file("/etc/motd", "new");
    let mut edits = 0;
    let faulty = Faulty::new(&host, Fault::None).meddle(0, |host: &FakeHost| {
        edits += 1;
        if edits == 1 {
            host.inner().file("/etc/motd", b"edited meanwhile");
        }
    });
    assert_eq!(scene.pass(&faulty, &mut MemoryStore::default()).summary().changed, 1);
    drop(faulty);
    assert_eq!((edits, shorts(&host.take_done())), (2, vec!["write /etc/motd".to_owned()]));
}

#[test]
fn somebody_who_keeps_editing_is_not_fought() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    host.inner().file("/etc/motd", b"old");
    scene.file("/etc/motd", "new");
    let mut edits = 0;
    let faulty = Faulty::new(&host, Fault::None).meddle(0, |host: &FakeHost| {
        edits += 1;
        host.inner().file("/etc/motd", format!("edit {edits}").as_bytes());
    });
    let report = scene.pass(&faulty, &mut MemoryStore::default());
    drop(faulty);
    let Outcome::Failed(failure) = &report.outcomes[&id("file:/etc/motd")] else { panic!("{report:?}") };
    assert_eq!((failure.code, edits), ("E_CONCURRENT_EDIT", 3));
    assert_eq!(host.inner().content("/etc/motd").unwrap().as_ref(), b"edit 3");
}

#[test]
fn a_thing_that_somebody_makes_first_is_not_owned() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    scene.file("/etc/motd", "new");
    let faulty = Faulty::new(&host, Fault::None).meddle(0, |host: &FakeHost| {
        if host.inner().content("/etc/motd").is_none() {
            host.inner().file("/etc/motd", b"theirs");
        }
    });
    let mut store = MemoryStore::default();
    assert_eq!(scene.pass(&faulty, &mut store).summary().changed, 1);
    drop(faulty);
    scene.drop("file:/etc/motd");
    assert_eq!(scene.pass(&host, &mut store).summary().released, 1);
}
