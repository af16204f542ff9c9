//! Restarts and reloads as levels.

use holdfast_schema::spec::{Health, Probe};

use crate::{
    engine::Outcome,
    host::{
        fake::{FakeHost, Supply, Temper},
        faulty::{Fault, Faulty, MemoryStore, StoreOn},
    },
    testing::{AsSpec as _, Scene, id, shorts},
};

const APP: &str = "app.service";

/// A unit that watches two files: restarted for one, reloaded for the other.
fn scene(restart: &str, reload: &str) -> Scene {
    let mut scene = Scene::new();
    scene.file("/etc/restart", restart);
    scene.file("/etc/reload", reload);
    let unit = scene.service(APP, "[Service]\n").as_unit();
    unit.restart_on.insert(id("file:/etc/restart"));
    unit.reload_on.insert(id("file:/etc/reload"));
    scene.connect();
    scene
}

/// How often the unit was started and reloaded.
fn counts(host: &FakeHost) -> (u32, u32) {
    let inner = host.inner();
    (inner.units[APP].starts, inner.units[APP].reloads)
}

fn health() -> Health {
    Health { probe: Probe::Tcp("127.0.0.1:80".to_owned()), within: std::time::Duration::from_secs(1) }
}

#[test]
fn a_change_restarts_or_reloads_once() {
    let (host, mut store) = (FakeHost::new(), MemoryStore::default());
    scene("1", "1").pass(&host, &mut store);
    assert_eq!(counts(&host), (1, 0));
    scene("1", "2").pass(&host, &mut store);
    assert_eq!(counts(&host), (1, 1));
    scene("2", "2").pass(&host, &mut store);
    assert_eq!(counts(&host), (2, 1));
    // A restart reads what a reload would have read.
    scene("3", "3").pass(&host, &mut store);
    assert_eq!(counts(&host), (3, 1));
    scene("3", "3").pass(&host, &mut store);
    assert_eq!(counts(&host), (3, 1));
}

#[test]
fn the_units_own_files_restart_it() {
    let (host, mut store) = (FakeHost::new(), MemoryStore::default());
    let mut scene = scene("1", "1");
    scene.pass(&host, &mut store);
    let drop_in = scene.contents.add(b"[Service]\nNice=1\n".to_vec());
    scene.get("unit:app.service").as_unit().drop_ins.insert("nice.conf".to_owned(), drop_in);
    scene.pass(&host, &mut store);
    assert_eq!(counts(&host), (2, 0));
    host.take_done();
    scene.get("unit:app.service").as_unit().drop_ins.clear();
    scene.pass(&host, &mut store);
    assert_eq!(
        shorts(&host.take_done()),
        [
            "remove /etc/systemd/system/app.service.d/nice.conf",
            "remove /etc/systemd/system/app.service.d",
            "reload manager",
            "restart app.service",
        ]
    );
    assert_eq!(counts(&host), (3, 0));
    let ledger = store.ledger();
    assert_eq!(ledger.entry(&id("unit:app.service")).unwrap().marks.len(), 1);
    assert_eq!(scene.pass(&host, &mut store).outcomes.len(), 0);
}

#[test]
fn a_crash_at_any_point_loses_no_restart_and_makes_none_twice() {
    for (restart, reload) in [("2", "1"), ("1", "2"), ("2", "2")] {
        let (host, mut store) = (FakeHost::new(), MemoryStore::default());
        scene("1", "1").pass(&host, &mut store);
        let next = scene(restart, reload);
        let mut crashes = 0;
        for point in 0.. {
            let host = host.fork();
            let mut store = MemoryStore { stored: store.stored.clone(), ..MemoryStore::default() };
            let faulty = Faulty::new(&host, Fault::CrashBefore(point));
            let mut ledger = store.ledger();
            next.pass_with(&faulty, &mut ledger, &mut StoreOn { host: &faulty, store: &mut store });
            next.pass(&host, &mut store);
            let read = host.inner().units[APP].loaded_with.clone();
            assert_eq!(read["/etc/reload"], reload.as_bytes(), "crash before {point}");
            let started = host.inner().units[APP].started_with.clone();
            assert_eq!(started["/etc/restart"], restart.as_bytes(), "crash before {point}");
            // A restart whose record was lost is seen by its invocation; a reload leaves no trace, and is repeated.
            let (starts, reloads) = counts(&host);
            assert!(starts <= 2 && reloads <= 2, "crash before {point}: {starts} {reloads}");
            assert_eq!(next.pass(&host, &mut store).outcomes.len(), 0);
            if !faulty.crashed() {
                break;
            }
            crashes += 1;
        }
        assert!(crashes >= 3, "{crashes}");
    }
}

#[test]
fn a_running_unit_is_adopted_as_it_was_found() {
    let host = FakeHost::new();
    host.inner().file("/etc/restart", b"1");
    host.inner().file("/etc/reload", b"1");
    host.inner().file("/etc/systemd/system/app.service", b"[Service]\n");
    host.inner().units.entry(APP.to_owned()).or_default().enabled = true;
    host.inner().start(APP);
    // Nothing differs, so nothing is restarted.
    let mut store = MemoryStore::default();
    let mut unchanged = host.fork();
    scene("1", "1").pass(&unchanged, &mut store);
    assert_eq!(counts(&unchanged), (1, 0));
    // What the first pass itself changes is read by a restart, wherever the pass is cut.
    for point in 0.. {
        unchanged = host.fork();
        let mut store = MemoryStore::default();
        let faulty = Faulty::new(&unchanged, Fault::CrashBefore(point));
        let mut ledger = store.ledger();
        scene("2", "1").pass_with(&faulty, &mut ledger, &mut StoreOn { host: &faulty, store: &mut store });
        scene("2", "1").pass(&unchanged, &mut store);
        assert_eq!(unchanged.inner().units[APP].started_with["/etc/restart"], b"2", "{point}");
        assert_eq!(counts(&unchanged).0, 2, "{point}");
        if !faulty.crashed() {
            break;
        }
    }
}

#[test]
fn a_unit_that_its_package_started_reads_what_came_after() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    let supply = Supply {
        versions: vec!["1.0"],
        files: vec![("/etc/app.conf", "default")],
        unit: Some(APP),
        ..Supply::default()
    };
    host.inner().supplies.insert("app".to_owned(), supply);
    scene.package("app");
    scene.file("/etc/app.conf", "ours").needs.insert(id("package:app"));
    let unit = scene.unit(APP).as_unit();
    unit.active = Some(true);
    unit.reload_on.insert(id("file:/etc/app.conf"));
    scene.connect();
    let mut store = MemoryStore::default();
    scene.pass(&host, &mut store);
    assert_eq!(counts(&host), (1, 1));
    assert_eq!(host.inner().units[APP].loaded_with["/etc/app.conf"], b"ours");
    assert_eq!(scene.pass(&host, &mut store).outcomes.len(), 0);
}

#[test]
fn a_restart_by_other_hands_pays_what_was_owed() {
    let (host, mut store) = (FakeHost::new(), MemoryStore::default());
    scene("1", "1").pass(&host, &mut store);
    // Like a reboot between the write and the restart.
    host.inner().file("/etc/restart", b"2");
    host.inner().start(APP);
    scene("2", "1").pass(&host, &mut store);
    assert_eq!(counts(&host), (2, 0));
    // And one with what was tampered with is undone.
    host.inner().file("/etc/restart", b"evil");
    host.inner().start(APP);
    scene("2", "1").pass(&host, &mut store);
    assert_eq!(counts(&host), (4, 0));
    assert_eq!(host.inner().units[APP].started_with["/etc/restart"], b"2");
}

#[test]
fn a_health_check_that_failed_stays_owed() {
    let (host, mut store) = (FakeHost::new(), MemoryStore::default());
    let mut scene = scene("1", "1");
    scene.get("unit:app.service").as_unit().health = Some(health());
    host.inner().units.entry(APP.to_owned()).or_default().temper = Temper::Unhealthy;
    for _ in 0..2 {
        let report = scene.pass(&host, &mut store);
        let Outcome::Failed(failure) = &report.outcomes[&id("unit:app.service")] else {
            panic!("{report:?}")
        };
        assert_eq!(
            (failure.code, failure.message.as_str()),
            ("E_UNHEALTHY", "unit app.service is not healthy")
        );
        assert!(failure.detail.contains("the probe said"));
        assert_eq!(counts(&host), (1, 0), "it is awaited, not started again");
    }
    host.inner().units.get_mut(APP).unwrap().temper = Temper::Good;
    assert!(matches!(scene.pass(&host, &mut store).outcomes[&id("unit:app.service")], Outcome::Changed(_)));
    assert_eq!(scene.pass(&host, &mut store).outcomes.len(), 0);
    assert_eq!(counts(&host), (1, 0));
}

#[test]
fn a_crash_after_a_start_leaves_its_health_check_owed() {
    let (host, mut store) = (FakeHost::new(), MemoryStore::default());
    let mut scene = scene("1", "1");
    scene.get("unit:app.service").as_unit().health = Some(health());
    let starts = |host: &FakeHost| counts(host).0;
    let mut cut = 0;
    for point in 0.. {
        let host = host.fork();
        let mut store = MemoryStore { stored: store.stored.take(), ..MemoryStore::default() };
        let faulty = Faulty::new(&host, Fault::CrashBefore(point));
        let mut ledger = store.ledger();
        scene.pass_with(&faulty, &mut ledger, &mut StoreOn { host: &faulty, store: &mut store });
        let begun = host.inner().units.get(APP).is_some_and(|unit| unit.starts == 1);
        if faulty.crashed() && begun {
            host.inner().units.get_mut(APP).unwrap().temper = Temper::Unhealthy;
            let report = scene.pass(&host, &mut store);
            assert_eq!(report.summary().failed, 1, "{point}: {report:?}");
            assert_eq!(starts(&host), 1, "{point}");
            cut += 1;
        }
        if !faulty.crashed() {
            break;
        }
    }
    assert!(cut > 0);
}

#[test]
fn a_unit_that_may_rest_is_left_at_rest() {
    let (host, mut store) = (FakeHost::new(), MemoryStore::default());
    let make = |text: &str| {
        let mut scene = scene(text, "1");
        scene.get("unit:app.service").as_unit().active = None;
        scene
    };
    make("1").pass(&host, &mut store);
    make("2").pass(&host, &mut store);
    assert_eq!(host.inner().units.get(APP).map_or(0, |unit| unit.starts), 0);
    // Somebody starts it, and from then on it follows its inputs.
    host.inner().start(APP);
    make("2").pass(&host, &mut store);
    assert_eq!(counts(&host).0, 1);
    make("3").pass(&host, &mut store);
    assert_eq!(counts(&host).0, 2);
    // A restart that fails stays owed, though it need not run.
    host.inner().units.get_mut(APP).unwrap().temper = Temper::FailsToStart;
    assert_eq!(make("4").pass(&host, &mut store).summary().failed, 1);
    assert_eq!(make("4").pass(&host, &mut store).summary().failed, 1);
    host.inner().units.get_mut(APP).unwrap().temper = Temper::Good;
    assert_eq!(make("4").pass(&host, &mut store).summary().changed, 1);
    assert_eq!(make("4").pass(&host, &mut store).outcomes.len(), 0);
}

#[test]
fn watching_more_or_less_restarts_nothing() {
    let (host, mut store) = (FakeHost::new(), MemoryStore::default());
    scene("1", "1").pass(&host, &mut store);
    let mut more = scene("1", "1");
    more.file("/etc/more", "x");
    more.pass(&host, &mut store);
    more.get("unit:app.service").as_unit().restart_on.insert(id("file:/etc/more"));
    more.connect().pass(&host, &mut store);
    assert_eq!(counts(&host), (1, 0));
    more.get("unit:app.service").as_unit().restart_on.remove(&id("file:/etc/more"));
    more.pass(&host, &mut store);
    assert_eq!(counts(&host), (1, 0));
    // Nor does it matter any more when the thing goes for good.
    more.get("unit:app.service").needs.remove(&id("file:/etc/more"));
    more.pass(&host, &mut store);
    more.drop("file:/etc/more").pass(&host, &mut store);
    assert_eq!(more.pass(&host, &mut store).outcomes.len(), 0);
    assert_eq!(counts(&host), (1, 0));
}

#[test]
fn a_watched_file_that_goes_is_gone_before_the_unit_reads_again() {
    let (host, mut store) = (FakeHost::new(), MemoryStore::default());
    let mut scene = scene("1", "1");
    scene.pass(&host, &mut store);
    host.take_done();
    scene.drop("file:/etc/reload");
    scene.get("unit:app.service").as_unit().reload_on.clear();
    scene.get("unit:app.service").needs.remove(&id("file:/etc/reload"));
    scene.pass(&host, &mut store);
    assert_eq!(shorts(&host.take_done()), ["remove /etc/reload", "reload app.service"]);
    assert_eq!(scene.pass(&host, &mut store).outcomes.len(), 0);
}
