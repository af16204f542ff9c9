//! Somebody else wants a resource otherwise, again and again.

use holdfast_schema::state::Mode;

use crate::{
    engine::Outcome,
    host::{
        fake::{Active, FakeHost},
        faulty::MemoryStore,
        watch::Culprit,
    },
    testing::{AsSpec as _, Scene, id},
};

const MINUTE: i64 = 60;

/// What became of `/etc/contested`, which somebody has changed, at this time.
fn at(scene: &mut Scene, host: &FakeHost, store: &mut MemoryStore, now: i64) -> &'static str {
    host.inner().file("/etc/contested", b"theirs");
    scene.repairs = Some(now);
    let report = scene.pass(host, store);
    match report.outcomes.get(&id("file:/etc/contested")) {
        Some(Outcome::Changed(_)) => "repaired",
        Some(Outcome::Conflict(failure)) => failure.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_somebody_undoes_again_and_again_is_left_alone_for_a_while() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    scene.file("/etc/contested", "ours");
    scene.file("/etc/needs-it", "x").needs.insert(id("file:/etc/contested"));
    scene.pass(&host, &mut store);
    for minute in 0..3 {
        assert_eq!(at(&mut scene, &host, &mut store, minute * MINUTE), "repaired");
    }
    host.take_done();
    for second in [121, 130, 149] {
        assert_eq!(at(&mut scene, &host, &mut store, second), "E_CONFLICT");
    }
    assert!(host.take_done().is_empty(), "it is left alone");
    assert_eq!(at(&mut scene, &host, &mut store, 150), "repaired", "once more");
    assert_eq!(at(&mut scene, &host, &mut store, 209), "E_CONFLICT", "for twice as long");

    // A new revision is put in force whatever was before.
    host.inner().file("/etc/contested", b"theirs");
    scene.file("/etc/contested", "newly ours");
    scene.repairs = None;
    let report = scene.pass(&host, &mut store);
    assert!(matches!(report.outcomes[&id("file:/etc/contested")], Outcome::Changed(_)), "{report:?}");
    assert_eq!(at(&mut scene, &host, &mut store, 210), "repaired");
}

#[test]
fn a_person_can_have_it_repaired_at_once() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    scene.file("/etc/contested", "ours");
    scene.pass(&host, &mut store);
    for second in 0..3 {
        assert_eq!(at(&mut scene, &host, &mut store, second), "repaired");
    }
    assert_eq!(at(&mut scene, &host, &mut store, 4), "E_CONFLICT");
    scene.repairs = None;
    let report = scene.pass(&host, &mut store);
    assert!(matches!(report.outcomes[&id("file:/etc/contested")], Outcome::Changed(_)), "{report:?}");
}

#[test]
fn each_resource_has_fights_of_its_own_and_what_is_only_audited_has_none() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    scene.file("/etc/contested", "ours");
    scene.file("/etc/other", "ours");
    scene.file("/etc/audited", "ours").mode = Mode::Audit;
    scene.pass(&host, &mut store);
    for second in 0..4 {
        host.inner().file("/etc/audited", b"theirs");
        at(&mut scene, &host, &mut store, second);
    }
    host.inner().file("/etc/other", b"theirs");
    let report = scene.pass(&host, &mut store);
    assert!(matches!(report.outcomes[&id("file:/etc/other")], Outcome::Changed(_)), "{report:?}");
    assert!(matches!(report.outcomes[&id("file:/etc/audited")], Outcome::Differs(_)), "{report:?}");
}

#[test]
fn a_unit_that_dies_again_and_again_is_not_started_for_ever() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    scene.service("app.service", "[Service]\n").as_unit().enabled = None;
    scene.pass(&host, &mut store);
    let mut outcomes = Vec::new();
    for second in 0..5 {
        host.inner().units.get_mut("app.service").unwrap().active = Active::Resting;
        scene.repairs = Some(second);
        let report = scene.pass(&host, &mut store);
        outcomes.push(matches!(report.outcomes[&id("unit:app.service")], Outcome::Changed(_)));
    }
    assert_eq!(outcomes, [true, true, true, false, false]);
}

#[test]
fn who_undoes_the_repairs_is_named() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    scene.file("/etc/contested", "ours");
    scene.pass(&host, &mut store);
    let puppet =
        Culprit { program: "puppet".to_owned(), pid: 7, user: None, unit: Some("puppet.service".to_owned()) };
    let contested = id("file:/etc/contested");
    scene.by.insert(contested.clone(), puppet);
    for second in 0..3 {
        host.inner().file("/etc/contested", b"theirs");
        scene.repairs = Some(second);
        let report = scene.pass(&host, &mut store);
        assert_eq!(report.by[&contested], "puppet (puppet.service, pid 7)");
        assert_eq!(report.resources()[0].by.as_deref(), Some("puppet (puppet.service, pid 7)"));
    }
    // A later pass, which nobody told of a change.
    scene.by.clear();
    host.inner().file("/etc/contested", b"theirs");
    scene.repairs = Some(4);
    let report = scene.pass(&host, &mut store);
    let Some(Outcome::Conflict(failure)) = report.outcomes.get(&contested) else { panic!("{report:?}") };
    assert_eq!(
        failure.message,
        "content was repaired 3 times within 10 min and differs again, last because of puppet (puppet.service, pid 7); \
         it is left alone for 30 s"
    );
}
