//! What one resource of each kind lives through: converge, quiet, tampered with, repaired, removed.

use std::collections::BTreeSet;

use holdfast_schema::{
    UnitName,
    spec::{Ensure, PackageEnsure},
    state::Mode,
    status::PassResult,
};

use crate::{
    engine::{Outcome, Scope, Stop, pass},
    host::{
        PackageNow,
        fake::{Active, FakeHost, Supply, Temper},
        faulty::{MemoryJournal, MemoryStore},
    },
    journal::{Journal, Recorded},
    ledger::{Ledger, Origin},
    testing::{AsSpec as _, Scene, block_on, id, path, shorts},
};

/// A scene with one of each kind and a host that can have it all.
fn everything() -> (Scene, FakeHost) {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    scene.directory("/etc/app");
    scene.file("/etc/app/conf", "one");
    scene.symlink("/etc/app/link", "conf");
    scene.package("app");
    scene.service("app.service", "[Service]\n").as_unit().restart_on.insert(id("file:/etc/app/conf"));
    scene.connect();
    host.inner().supplies.insert("app".to_owned(), Supply { versions: vec!["1.0"], ..Supply::default() });
    (scene, host)
}

#[test]
fn a_first_pass_makes_everything_and_a_second_nothing() {
    let (scene, host) = everything();
    let mut store = MemoryStore::default();
    let report = scene.pass(&host, &mut store);
    assert_eq!(report.result(), PassResult::Converged, "{report:#?}");
    assert_eq!(report.summary().changed, 5);
    let done = shorts(&host.take_done());
    assert_eq!(
        done,
        [
            "mkdir /etc/app",
            "write /etc/app/conf",
            "link /etc/app/link conf",
            "write /etc/systemd/system/app.service",
            "enable app.service",
            "packages install app",
            "reload manager",
            "start app.service",
        ]
    );
    assert_eq!(store.saves, 2, "once before the first change, once at the end");

    // The first quiet pass learns nothing either: what the start came to was seen by the pass that made it.
    let report = scene.pass(&host, &mut store);
    assert_eq!((report.summary().same, report.outcomes.len()), (5, 0));
    assert_eq!((host.take_done().len(), store.saves), (0, 2));
}

/// Changes a host behind Holdfast's back.
type Tamper = fn(&FakeHost);

#[test]
fn what_is_tampered_with_is_repaired_and_nothing_else_is_touched() {
    let (scene, host) = everything();
    let mut store = MemoryStore::default();
    scene.pass(&host, &mut store);
    let before = host.inner().picture();
    host.take_done();
    let tamper: [(&str, Tamper); 6] = [
        ("write /etc/app/conf", |host| host.inner().file("/etc/app/conf", b"two")),
        ("access /etc/app/conf 0:0 0644", |host| host.inner().access("/etc/app/conf", 33, 0, 0o644)),
        ("write /etc/app/conf", |host| host.inner().remove("/etc/app/conf")),
        ("link /etc/app/link conf", |host| host.inner().symlink("/etc/app/link", "/etc/shadow")),
        ("packages install app", |host| drop(host.inner().packages.remove("app"))),
        ("start app.service", |host| {
            host.inner().units.get_mut("app.service").unwrap().active = Active::Resting;
        }),
    ];
    for (repair, tamper) in tamper {
        tamper(&host);
        let report = scene.pass(&host, &mut store);
        assert_eq!(report.summary().changed, 1, "{repair}: {report:?}");
        assert_eq!(shorts(&host.take_done()), [repair]);
        assert_eq!(host.inner().picture(), before, "{repair}");
        assert_eq!(scene.pass(&host, &mut store).outcomes.len(), 0);
    }
    // What was repaired without a change of what the unit was started with restarts nothing.
    assert_eq!(host.inner().units["app.service"].starts, 2);
}

#[test]
fn what_is_declared_absent_goes_and_is_forgotten() {
    let (mut scene, host) = everything();
    let mut store = MemoryStore::default();
    scene.pass(&host, &mut store);
    host.take_done();
    scene.get("unit:app.service").as_unit().ensure = Ensure::Absent;
    scene.get("package:app").as_package().ensure = PackageEnsure::Absent;
    scene.get("file:/etc/app/conf").as_file().ensure = Ensure::Absent;
    let report = scene.pass(&host, &mut store);
    assert_eq!(report.summary().changed, 3, "{report:?}");
    assert_eq!(
        shorts(&host.take_done()),
        [
            "remove /etc/app/conf",
            "packages remove app",
            "stop app.service",
            "disable app.service",
            "remove /etc/systemd/system/app.service",
            "reload manager",
        ]
    );
    let left: Vec<String> = store.ledger().owned().keys().map(ToString::to_string).collect();
    assert_eq!(left, ["directory:/etc/app", "symlink:/etc/app/link"]);
    assert_eq!(scene.pass(&host, &mut store).outcomes.len(), 0);
    assert_eq!(host.take_done().len(), 0);
}

#[test]
fn an_audited_resource_is_reported_and_left_alone() {
    let (mut scene, host) = everything();
    for resource in scene.state.resources.values_mut() {
        resource.mode = Mode::Audit;
    }
    let before = host.inner().picture();
    let mut store = MemoryStore::default();
    let report = scene.pass(&host, &mut store);
    assert_eq!((report.summary().differs, report.result()), (5, PassResult::Converged));
    assert_eq!(host.inner().picture(), before);
    assert_eq!((host.take_done().len(), store.saves), (0, 0));
}

#[test]
fn a_pass_over_a_part_touches_only_that_part() {
    let (scene, host) = everything();
    let mut store = MemoryStore::default();
    scene.pass(&host, &mut store);
    host.take_done();
    host.inner().file("/etc/app/conf", b"two");
    host.inner().symlink("/etc/app/link", "/etc/shadow");
    let only = BTreeSet::from([id("symlink:/etc/app/link"), id("unit:app.service")]);
    let mut task = scene.task();
    task.scope = Scope::Only(&only);
    let mut ledger = store.ledger();
    let mut records = MemoryJournal::default();
    let journal = Journal::new(&mut records, &Recorded::default());
    let report = block_on(pass(&task, &host, &mut ledger, &mut store, journal, &Stop::never()));
    assert_eq!(report.summary().same + report.summary().changed, 2);
    // The unit sees that what it watches is not what it was started with, whoever changed it.
    assert_eq!(shorts(&host.take_done()), ["link /etc/app/link conf", "restart app.service"]);
    let asked = host.inner().prepared.clone();
    assert!(
        asked.packages.is_empty() && asked.units.iter().map(UnitName::as_str).eq(["app.service"]),
        "{asked:?}"
    );
}

#[test]
fn what_was_there_before_is_brought_in_order_but_never_owned() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    host.inner().file("/etc/motd", b"the distribution's");
    scene.file("/etc/motd", "ours");
    let mut store = MemoryStore::default();
    assert_eq!(scene.pass(&host, &mut store).summary().changed, 1);
    let ledger = store.ledger();
    let mark = ledger.entry(&id("file:/etc/motd")).unwrap().mark(&path("/etc/motd")).unwrap().clone();
    assert_eq!((mark.origin, mark.digests.len()), (Origin::Found, 0));
    scene.drop("file:/etc/motd");
    let report = scene.pass(&host, &mut store);
    assert!(matches!(report.outcomes[&id("file:/etc/motd")], Outcome::Released(_)));
    assert_eq!(host.inner().content("/etc/motd").unwrap().as_ref(), b"ours");
    assert_eq!(store.ledger(), Ledger::default());
}

#[test]
fn a_file_that_its_package_brings_first_is_the_packages() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    let supply =
        Supply { versions: vec!["1.0"], files: vec![("/etc/app.conf", "default")], ..Supply::default() };
    host.inner().supplies.insert("app".to_owned(), supply);
    scene.package("app");
    scene.file("/etc/app.conf", "ours").needs.insert(id("package:app"));
    let mut store = MemoryStore::default();
    scene.pass(&host, &mut store);
    assert_eq!(host.inner().content("/etc/app.conf").unwrap().as_ref(), b"ours");
    let mark = &store.ledger().entry(&id("file:/etc/app.conf")).unwrap().marks[0].clone();
    assert_eq!(
        mark.origin,
        Origin::Found,
        "it was claimed while nothing was there, and then the package made it"
    );
}

#[test]
fn an_owner_that_a_package_brings_is_known_in_the_same_pass() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    let supply = Supply { versions: vec!["1.0"], user: Some(("nginx", 101)), ..Supply::default() };
    host.inner().supplies.insert("nginx".to_owned(), supply);
    scene.package("nginx");
    let file = scene.file("/etc/nginx.conf", "x");
    file.as_file().access.owner = "nginx".to_owned();
    file.needs.insert(id("package:nginx"));
    let report = scene.pass(&host, &mut MemoryStore::default());
    assert_eq!((report.summary().changed, report.result()), (2, PassResult::Converged), "{report:?}");
}

#[test]
fn a_unit_that_dies_is_failed_and_not_tried_twice_in_a_pass() {
    for temper in [Temper::Dies, Temper::FailsToStart] {
        let (scene, host) = everything();
        host.inner().units.entry("app.service".to_owned()).or_default().temper = temper;
        let mut store = MemoryStore::default();
        let report = scene.pass(&host, &mut store);
        assert_eq!((report.summary().failed, report.summary().changed), (1, 4));
        let Outcome::Failed(failure) = &report.outcomes[&id("unit:app.service")] else {
            panic!("{report:?}")
        };
        assert_eq!(failure.code, if temper == Temper::Dies { "E_NOT_CONVERGED" } else { "E_UNIT" });
        assert_eq!(host.inner().units["app.service"].starts, 1);
        // The next pass tries it once more.
        scene.pass(&host, &mut store);
        assert_eq!(host.inner().units["app.service"].starts, 2);
        host.inner().units.get_mut("app.service").unwrap().temper = Temper::Good;
        assert_eq!(scene.pass(&host, &mut store).summary().changed, 1);
        assert_eq!(scene.pass(&host, &mut store).outcomes.len(), 0);
    }
}

#[test]
fn broken_packages_are_repaired() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    host.inner().supplies.insert("app".to_owned(), Supply { versions: vec!["1.0"], ..Supply::default() });
    let broken = PackageNow::Broken { state: "half-installed".to_owned() };
    host.inner().packages.insert("app".to_owned(), broken);
    scene.package("app");
    assert_eq!(scene.pass(&host, &mut MemoryStore::default()).summary().changed, 1);
    assert_eq!(shorts(&host.take_done()), ["packages repair app, install app"]);
}
