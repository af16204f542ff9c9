//! What Git no longer has.

use holdfast_schema::state::{Mode, RemovalGuard};

use crate::{
    engine::Outcome,
    host::{
        fake::{FakeHost, Supply},
        faulty::{Fault, Faulty, MemoryStore},
    },
    testing::{AsSpec as _, Scene, id, shorts},
};

fn owned(store: &MemoryStore) -> Vec<String> {
    store.ledger().owned().keys().map(ToString::to_string).collect()
}

/// A directory with things in it, converged.
fn nested() -> (Scene, FakeHost, MemoryStore) {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    scene.directory("/etc/app");
    scene.directory("/etc/app/conf.d");
    scene.file("/etc/app/conf.d/a", "a");
    scene.symlink("/etc/app/current", "conf.d");
    scene.connect();
    scene.pass(&host, &mut store);
    host.take_done();
    (scene, host, store)
}

#[test]
fn what_holdfast_made_goes_from_the_inside_out() {
    let (mut scene, host, mut store) = nested();
    scene.state.resources.clear();
    let report = scene.pass(&host, &mut store);
    assert_eq!((report.summary().removed, owned(&store).len()), (4, 0), "{report:?}");
    assert_eq!(
        shorts(&host.take_done()),
        ["remove /etc/app/conf.d/a", "remove /etc/app/conf.d", "remove /etc/app/current", "remove /etc/app",]
    );
    assert_eq!(scene.pass(&host, &mut store).outcomes.len(), 0);
}

#[test]
fn a_directory_with_foreign_things_is_released() {
    let (mut scene, host, mut store) = nested();
    host.inner().file("/etc/app/conf.d/foreign", b"x");
    scene.state.resources.clear();
    let report = scene.pass(&host, &mut store);
    assert_eq!((report.summary().removed, report.summary().released), (2, 2), "{report:?}");
    assert!(matches!(report.outcomes[&id("directory:/etc/app/conf.d")], Outcome::Released(_)));
    assert!(host.inner().content("/etc/app/conf.d/foreign").is_some());
    assert_eq!(owned(&store).len(), 0);
}

#[test]
fn a_directory_that_still_serves_stays_owned_until_it_does_not() {
    let (mut scene, host, mut store) = nested();
    scene.drop("directory:/etc/app/conf.d").drop("directory:/etc/app");
    for resource in scene.state.resources.values_mut() {
        resource.needs.clear();
    }
    assert_eq!(scene.pass(&host, &mut store).outcomes.len(), 0);
    assert_eq!(owned(&store).len(), 4);
    scene.state.resources.clear();
    assert_eq!(scene.pass(&host, &mut store).summary().removed, 4);
}

#[test]
fn what_was_changed_since_is_released() {
    let (mut scene, host, mut store) = nested();
    host.inner().file("/etc/app/conf.d/a", b"edited by hand");
    scene.drop("file:/etc/app/conf.d/a");
    let report = scene.pass(&host, &mut store);
    assert_eq!(
        report.outcomes[&id("file:/etc/app/conf.d/a")],
        Outcome::Released("it was changed since Holdfast wrote it")
    );
    assert_eq!(host.inner().content("/etc/app/conf.d/a").unwrap().as_ref(), b"edited by hand");
}

#[test]
fn a_package_is_only_released() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    host.inner().supplies.insert("app".to_owned(), Supply { versions: vec!["1.0"], ..Supply::default() });
    scene.package("app");
    scene.pass(&host, &mut store);
    scene.drop("package:app");
    assert_eq!(scene.pass(&host, &mut store).summary().released, 1);
    assert!(host.inner().packages.contains_key("app"));
    assert_eq!((scene.pass(&host, &mut store).outcomes.len(), owned(&store).len()), (0, 0));
}

#[test]
fn a_unit_goes_if_its_file_is_holdfasts_and_else_only_the_drop_ins() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    host.inner().bring_unit("packaged.service");
    let drop_in = scene.contents.add(b"[Service]\nNice=1\n".to_vec());
    let unit = scene.unit("packaged.service").as_unit();
    unit.active = Some(true);
    unit.drop_ins.insert("nice.conf".to_owned(), drop_in);
    scene.service("own.service", "[Service]\n");
    scene.pass(&host, &mut store);
    host.take_done();
    scene.state.resources.clear();
    let report = scene.pass(&host, &mut store);
    assert_eq!((report.summary().removed, report.summary().released), (1, 1), "{report:?}");
    assert_eq!(
        shorts(&host.take_done()),
        [
            "remove /etc/systemd/system/packaged.service.d/nice.conf",
            "remove /etc/systemd/system/packaged.service.d",
            "stop own.service",
            "disable own.service",
            "remove /etc/systemd/system/own.service",
            "reload manager",
        ]
    );
    assert_eq!(owned(&store).len(), 0);
}

#[test]
fn a_removal_that_fails_stays_owned_and_is_tried_again() {
    let (mut scene, host, mut store) = nested();
    scene.state.resources.clear();
    let calls = {
        let (host, faulty_store) =
            (host.fork(), &mut MemoryStore { stored: store.stored.clone(), ..Default::default() });
        let faulty = Faulty::new(&host, Fault::None);
        scene.pass(&faulty, faulty_store);
        faulty.calls()
    };
    for call in 0..calls {
        let host = host.fork();
        let mut store = MemoryStore { stored: store.stored.clone(), ..MemoryStore::default() };
        scene.pass(&Faulty::new(&host, Fault::ErrorAt(call)), &mut store);
        let inner = host.inner();
        for path in inner.picture().keys().filter(|path| path.starts_with("/etc/app")) {
            assert!(
                owned(&store).iter().any(|id| id.ends_with(path.as_str())),
                "{path} is an orphan after {call}"
            );
        }
        drop(inner);
        scene.pass(&host, &mut store);
        assert_eq!((owned(&store).len(), scene.pass(&host, &mut store).outcomes.len()), (0, 0), "{call}");
        assert!(!host.inner().picture().contains_key("/etc/app"));
    }
    assert_eq!(scene.pass(&host, &mut store).summary().removed, 4);
}

#[test]
fn the_guard_holds_the_whole_prune_and_nothing_else() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    for number in 0..12 {
        scene.file(&format!("/etc/f{number:02}"), "x");
    }
    scene.pass(&host, &mut store);
    host.take_done();
    for number in 0..7 {
        scene.drop(&format!("file:/etc/f{number:02}"));
    }
    scene.file("/etc/new", "x");
    scene.state.guard = RemovalGuard { max_removals: 100, max_removal_percent: 50, allowed: 0 };
    let report = scene.pass(&host, &mut store);
    assert_eq!((report.summary().waiting, report.summary().changed), (7, 1));
    let Outcome::Held(failure) = &report.outcomes[&id("file:/etc/f00")] else { panic!("{report:?}") };
    assert_eq!(failure.code, "E_REMOVAL_GUARD");
    assert_eq!((shorts(&host.take_done()), owned(&store).len()), (vec!["write /etc/new".to_owned()], 13));
    scene.state.guard = RemovalGuard { max_removals: 6, max_removal_percent: 100, allowed: 0 };
    assert_eq!(scene.pass(&host, &mut store).summary().waiting, 7);
    // The author can allow just as many, and no more.
    scene.state.guard = RemovalGuard { max_removals: 6, max_removal_percent: 10, allowed: 6 };
    assert_eq!(scene.pass(&host, &mut store).summary().waiting, 7);
    let before = (host.fork(), store.ledger());
    scene.state.guard.allowed = 7;
    assert_eq!(scene.pass(&host, &mut store).summary().removed, 7);
    let (host, mut ledger) = before;
    scene.state.guard = RemovalGuard { max_removals: 7, max_removal_percent: 54, allowed: 0 };
    assert_eq!(scene.pass_with(&host, &mut ledger, &mut store).summary().removed, 7);
}

#[test]
fn what_waits_for_what_the_guard_holds_is_held_too() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    scene.directory("/etc/d");
    scene.file("/etc/d/f", "x");
    scene.connect();
    scene.pass(&host, &mut store);
    scene.drop("directory:/etc/d").drop("file:/etc/d/f");
    scene.state.guard = RemovalGuard { max_removals: 1, max_removal_percent: 100, allowed: 0 };
    let report = scene.pass(&host, &mut store);
    let held =
        |outcome: &Outcome| matches!(outcome, Outcome::Held(failure) if failure.code == "E_REMOVAL_GUARD");
    assert!(report.outcomes.len() == 2 && report.outcomes.values().all(held), "{report:?}");
}

#[test]
fn a_path_that_changes_its_kind_is_replaced_in_place() {
    let mut link = Scene::new();
    link.symlink("/etc/x", "target");
    let mut file = Scene::new();
    file.file("/etc/x", "x");
    let mut directory = Scene::new();
    directory.directory("/etc/x");
    let mut nested = directory.clone();
    nested.file("/etc/x/inside", "x");
    nested.connect();
    let mut empty = Scene::new();
    empty.symlink("/etc/other", "x");
    let scenes = [&link, &file, &directory, &nested, &empty];
    for (number, first) in scenes.iter().enumerate() {
        for second in scenes.iter().enumerate().filter(|(other, _)| *other != number).map(|(_, scene)| scene)
        {
            let (host, mut store) = (FakeHost::new(), MemoryStore::default());
            first.pass(&host, &mut store);
            let report = second.pass(&host, &mut store);
            assert_eq!(report.summary().failed + report.summary().blocked, 0, "{report:#?}");
            let fresh = FakeHost::new();
            second.pass(&fresh, &mut MemoryStore::default());
            assert_eq!(host.inner().picture(), fresh.inner().picture());
            assert_eq!(second.pass(&host, &mut store).outcomes.len(), 0);
            assert_eq!(owned(&store).len(), second.state.resources.len());
        }
    }
}

#[test]
fn a_removal_waits_for_what_used_the_thing() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    scene.file("/etc/used", "x");
    let user = scene.file("/etc/user", "uses it");
    user.needs.insert(id("file:/etc/used"));
    scene.pass(&host, &mut store);
    host.take_done();
    // The user cannot be brought to do without, so what it uses stays.
    scene.drop("file:/etc/used");
    let user = scene.file("/etc/user", "does without").as_file();
    user.validate = Some(vec!["false".to_owned()]);
    let report = scene.pass(&host, &mut store);
    let by = id("file:/etc/user");
    assert_eq!(report.outcomes[&id("file:/etc/used")], Outcome::Blocked { by });
    assert_eq!(host.take_done().len(), 0);
    scene.get("file:/etc/user").as_file().validate = None;
    scene.pass(&host, &mut store);
    assert_eq!(shorts(&host.take_done()), ["write /etc/user", "remove /etc/used"]);
}

#[test]
fn what_is_only_audited_is_not_taken_over() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    scene.symlink("/etc/x", "target");
    scene.pass(&host, &mut store);
    host.take_done();
    scene.drop("symlink:/etc/x");
    scene.file("/etc/x", "x").mode = Mode::Audit;
    scene.pass(&host, &mut store);
    assert_eq!(shorts(&host.take_done()), ["remove /etc/x"]);
}
