//! What resources share is done once, and what fails of it fails alone.

use holdfast_schema::UnitName;

use crate::{
    engine::{Outcome, Stopper, pass},
    host::{
        PackageNow,
        fake::{Active, FakeHost, Supply, Temper},
        faulty::{Fault, Faulty, MemoryJournal, MemoryStore},
    },
    journal::{Journal, Recorded},
    plan::Action,
    testing::{AsSpec as _, Scene, block_on, id, shorts},
};

fn supply(host: &FakeHost, name: &str) {
    host.inner().supplies.insert(name.to_owned(), Supply { versions: vec!["1.0"], ..Supply::default() });
}

fn code(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Failed(failure)
        | Outcome::Waiting(failure)
        | Outcome::Held(failure)
        | Outcome::Unsupported(failure) => failure.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_transaction_and_one_reload_for_all() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    for number in 0..20 {
        supply(&host, &format!("p{number}"));
        scene.package(&format!("p{number}"));
    }
    for number in 0..10 {
        scene.service(&format!("u{number}.service"), "[Service]\n").needs.insert(id("package:p0"));
    }
    let report = scene.pass(&host, &mut MemoryStore::default());
    assert_eq!(report.summary().changed, 30, "{report:?}");
    let done = shorts(&host.take_done());
    let count = |what: &str| done.iter().filter(|action| action.starts_with(what)).count();
    assert_eq!((count("packages"), count("reload manager"), count("start")), (1, 1, 10));
}

#[test]
fn a_package_that_cannot_be_had_fails_alone() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    for name in ["good", "other"] {
        supply(&host, name);
        scene.package(name);
    }
    scene.package("missing");
    scene.package("old").as_package().version = Some("9.*".to_owned());
    supply(&host, "old");
    scene.file("/etc/of-good", "x").needs.insert(id("package:good"));
    scene.file("/etc/of-missing", "x").needs.insert(id("package:missing"));
    scene.file("/etc/of-its-file", "x").needs.insert(id("file:/etc/of-missing"));
    let report = scene.pass(&host, &mut MemoryStore::default());
    assert_eq!(code(&report.outcomes[&id("package:missing")]), "E_PACKAGE_NOT_FOUND");
    assert_eq!(code(&report.outcomes[&id("package:old")]), "E_PACKAGE_NOT_FOUND");
    assert_eq!((report.summary().changed, report.summary().blocked), (3, 2), "{report:?}");
    let by = id("package:missing");
    assert_eq!(report.outcomes[&id("file:/etc/of-its-file")], Outcome::Blocked { by });
}

#[test]
fn a_transaction_is_judged_by_what_it_left() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    for name in ["good", "bad"] {
        supply(&host, name);
        scene.package(name);
    }
    host.inner().supplies.get_mut("bad").unwrap().breaks = true;
    let mut store = MemoryStore::default();
    let report = scene.pass(&host, &mut store);
    assert!(matches!(report.outcomes[&id("package:good")], Outcome::Changed(_)), "{report:?}");
    assert_eq!(code(&report.outcomes[&id("package:bad")]), "E_PACKAGE");
    // What dpkg said stays on the host.
    let told = report.resources().into_iter().find(|told| told.id == id("package:bad")).unwrap();
    assert_eq!(told.message.as_deref(), Some("package bad could not be brought in order"));
    host.inner().supplies.get_mut("bad").unwrap().breaks = false;
    assert_eq!(scene.pass(&host, &mut store).summary().changed, 1);
}

#[test]
fn a_held_lock_makes_packages_wait_and_nothing_else() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    supply(&host, "app");
    scene.package("app");
    scene.file("/etc/of-app", "x").needs.insert(id("package:app"));
    scene.file("/etc/motd", "x");
    host.inner().packages_busy = true;
    let report = scene.pass(&host, &mut MemoryStore::default());
    assert_eq!(code(&report.outcomes[&id("package:app")]), "E_BUSY");
    assert!(matches!(report.outcomes[&id("package:app")], Outcome::Waiting(_)));
    assert_eq!((report.summary().changed, report.summary().blocked, report.summary().failed), (1, 1, 0));
    assert_eq!(report.result(), holdfast_schema::status::PassResult::Waiting);
}

#[test]
fn without_a_service_manager_units_wait_and_files_go_on() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    scene.service("app.service", "[Service]\n");
    scene.file("/etc/motd", "x");
    host.inner().manager_gone = true;
    let mut store = MemoryStore::default();
    let report = scene.pass(&host, &mut store);
    assert_eq!(code(&report.outcomes[&id("unit:app.service")]), "E_SYSTEMD_GONE");
    assert_eq!((report.summary().changed, report.summary().waiting), (1, 1));
    host.inner().manager_gone = false;
    assert_eq!(scene.pass(&host, &mut store).summary().changed, 1);
}

#[test]
fn what_stops_makes_room_before_anything_starts() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    scene.service("old.service", "[Service]\n");
    let mut store = MemoryStore::default();
    scene.pass(&host, &mut store);
    host.take_done();
    scene.drop("unit:old.service");
    scene.service("a-new.service", "[Service]\n");
    let report = scene.pass(&host, &mut store);
    assert_eq!((report.summary().changed, report.summary().removed), (1, 1), "{report:?}");
    assert_eq!(
        shorts(&host.take_done()),
        [
            "write /etc/systemd/system/a-new.service",
            "enable a-new.service",
            "stop old.service",
            "disable old.service",
            "remove /etc/systemd/system/old.service",
            "reload manager",
            "start a-new.service",
        ]
    );
}

#[test]
fn one_unit_that_fails_keeps_no_other_from_starting() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    for name in ["a.service", "b.service", "c.service"] {
        scene.service(name, "[Service]\n");
    }
    scene.file("/etc/of-b", "x").needs.insert(id("unit:b.service"));
    host.inner().units.entry("b.service".to_owned()).or_default().temper = Temper::FailsToStart;
    let report = scene.pass(&host, &mut MemoryStore::default());
    assert_eq!((report.summary().changed, report.summary().failed, report.summary().blocked), (2, 1, 1));
}

#[test]
fn a_stop_ends_the_pass_between_steps() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    scene.file("/etc/a", "x");
    scene.file("/etc/b", "x");
    let (stopper, stop) = Stopper::new();
    stopper.stop();
    let mut store = MemoryStore::default();
    let mut ledger = store.ledger();
    let mut records = MemoryJournal::default();
    let journal = Journal::new(&mut records, &Recorded::default());
    let report = block_on(pass(&scene.task(), &host, &mut ledger, &mut store, journal, &stop));
    assert!(report.stopped);
    assert_eq!((report.summary().waiting, host.take_done().len()), (2, 0));
    assert_eq!(code(&report.outcomes[&id("file:/etc/a")]), "E_STOPPED");
}

#[test]
fn a_stop_does_not_wait_for_a_transaction_or_a_start() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    supply(&host, "app");
    scene.package("app");
    scene.service("app.service", "[Service]\n").needs.insert(id("package:app"));
    // The changes: the transaction; the unit's file, its enablement, the reload; the start.
    for (hangs, changed) in [(0, 0), (4, 1)] {
        let (host, mut store) = (host.fork(), MemoryStore::default());
        let faulty = Faulty::new(&host, Fault::HangAt(hangs));
        let (stopper, stop) = Stopper::new();
        let mut ledger = store.ledger();
        let task = scene.task();
        let report = block_on(async {
            let mut records = MemoryJournal::default();
            let journal = Journal::new(&mut records, &Recorded::default());
            let pass = pass(&task, &faulty, &mut ledger, &mut store, journal, &stop);
            // Polled second, so that the pass is already hanging.
            let (report, ()) = futures_util::future::join(pass, async { stopper.stop() }).await;
            report
        });
        assert!(report.stopped);
        assert_eq!((report.summary().changed, report.summary().waiting), (changed, 2 - changed));
        // The next pass goes on where this one was cut.
        let report = scene.pass(&host, &mut store);
        assert_eq!(report.result(), holdfast_schema::status::PassResult::Converged);
        assert_eq!(scene.pass(&host, &mut store).outcomes.len(), 0);
    }
}

#[test]
fn packages_are_told_which_units_are_not_theirs_to_start() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    supply(&host, "shop");
    scene.package("shop");
    scene.file("/etc/shop.conf", "x").needs.insert(id("package:shop"));
    scene.service("own.service", "[Service]\n");
    for (name, active, waits_for) in [
        ("package.service", Active::Resting, "package:shop"),
        ("file.service", Active::Resting, "file:/etc/shop.conf"),
        ("runs.service", Active::Running, "file:/etc/shop.conf"),
    ] {
        host.inner().bring_unit(name);
        host.inner().units.get_mut(name).unwrap().active = active;
        let unit = scene.unit(name);
        unit.needs.insert(id(waits_for));
        unit.as_unit().active = Some(true);
    }
    scene.pass(&host, &mut MemoryStore::default());
    let done = host.take_done();
    let not_yet = done.iter().find_map(|action| match action {
        Action::Packages(transaction) => Some(&transaction.not_yet),
        _ => None,
    });
    let not_yet: Vec<&str> = not_yet.unwrap().iter().map(UnitName::as_str).collect();
    assert_eq!(not_yet, ["file.service", "own.service"]);

    // Once a unit runs, packages may restart it.
    host.inner().packages.insert("shop".to_owned(), PackageNow::Absent);
    scene.pass(&host, &mut MemoryStore::default());
    let done = host.take_done();
    assert!(
        done.iter()
            .any(|action| matches!(action, Action::Packages(transaction) if transaction.not_yet.is_empty()))
    );
}
