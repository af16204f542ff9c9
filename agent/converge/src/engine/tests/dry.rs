//! The dry run.

use std::collections::BTreeSet;

use holdfast_schema::{
    spec::{Ensure, PackageEnsure},
    state::{Mode, RemovalGuard},
};

use crate::{
    engine::{Scope, plan},
    host::{
        PackageNow,
        fake::{FakeHost, Supply},
        faulty::MemoryStore,
    },
    ledger::Ledger,
    plan::{
        Preview,
        preview::{Diff, Intent},
        render::{plain, render},
    },
    testing::{AsSpec as _, Scene, block_on, id},
};

fn intents(preview: &Preview) -> Vec<(String, Intent)> {
    preview.resources.iter().map(|foreseen| (foreseen.id.to_string(), foreseen.intent)).collect()
}

fn intent(id: &str, intent: Intent) -> (String, Intent) {
    (id.to_owned(), intent)
}

/// A host with something of everything to do, and what is to be done.
fn busy() -> (Scene, FakeHost, MemoryStore) {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    let supply = Supply { versions: vec!["1.0"], user: Some(("app", 200)), ..Supply::default() };
    host.inner().supplies.insert("app".to_owned(), supply);
    scene.file("/etc/app.conf", "one\ntwo\nthree\n");
    scene.file("/etc/old.conf", "old\n");
    scene.service("app.service", "[Service]\n").as_unit().restart_on.insert(id("file:/etc/app.conf"));
    scene.connect();
    scene.pass(&host, &mut store);
    host.take_done();

    scene.drop("file:/etc/old.conf");
    scene.file("/etc/app.conf", "one\n2\nthree\n");
    scene.package("app");
    let owned_by_app = scene.file("/etc/app.key", "x\n");
    owned_by_app.needs.insert(id("package:app"));
    owned_by_app.as_file().access.owner = "app".to_owned();
    let secret = scene.file("/etc/secret", "hunter2\n").as_file();
    secret.sensitive = true;
    host.inner().file("/etc/audited", b"found\n");
    scene.file("/etc/audited", "wanted\n").mode = Mode::Audit;
    host.inner().directory("/etc/blocked");
    scene.file("/etc/blocked", "x\n");
    host.inner().file("/etc/binary", b"\xff\x00");
    scene.file("/etc/binary", "text\n");
    scene.connect();
    (scene, host, store)
}

#[test]
fn it_tells_all_and_touches_nothing() {
    let (scene, host, store) = busy();
    let before = host.inner().picture();
    let preview = scene.plan(&host, &store.ledger());
    assert_eq!((host.take_done().len(), host.inner().picture()), (0, before));
    assert_eq!(
        intents(&preview),
        [
            intent("file:/etc/app.conf", Intent::Change),
            intent("file:/etc/audited", Intent::Audit),
            intent("file:/etc/binary", Intent::Change),
            intent("file:/etc/blocked", Intent::Fail),
            intent("file:/etc/secret", Intent::Create),
            intent("package:app", Intent::Create),
            intent("file:/etc/app.key", Intent::Later),
            intent("unit:app.service", Intent::Change),
            intent("file:/etc/old.conf", Intent::Remove),
        ]
    );
    let text = render(&preview, &plain);
    assert!(!text.contains("hunter2"));
    insta::assert_snapshot!(text);
}

#[test]
fn its_json_form_is_stable_and_keeps_secrets() {
    let (scene, host, store) = busy();
    let json = serde_json::to_string_pretty(&scene.plan(&host, &store.ledger())).unwrap();
    assert!(!json.contains("hunter2"));
    insta::assert_snapshot!(json);
}

#[test]
fn nothing_to_do_is_said_in_a_line() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    scene.file("/etc/a", "x");
    scene.pass(&host, &mut store);
    let preview = scene.plan(&host, &store.ledger());
    assert_eq!(render(&preview, &plain), "Nothing to do: 1 in order.\n");
}

#[test]
fn what_the_guard_holds_and_what_is_released_is_foretold() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    scene.file("/etc/a", "x");
    scene.file("/etc/b", "x");
    scene.pass(&host, &mut store);
    host.inner().file("/etc/b", b"edited");
    scene.state.resources.clear();
    assert_eq!(
        intents(&scene.plan(&host, &store.ledger())),
        [intent("file:/etc/a", Intent::Remove), intent("file:/etc/b", Intent::Release)]
    );
    scene.state.guard = RemovalGuard { max_removals: 1, max_removal_percent: 100, allowed: 0 };
    assert_eq!(
        intents(&scene.plan(&host, &store.ledger())),
        [intent("file:/etc/a", Intent::Hold), intent("file:/etc/b", Intent::Hold)]
    );
}

#[test]
fn a_directory_goes_with_what_goes_from_it() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    scene.directory("/etc/app");
    scene.file("/etc/app/conf", "x");
    scene.connect().pass(&host, &mut store);
    scene.state.resources.clear();
    assert_eq!(
        intents(&scene.plan(&host, &store.ledger())),
        [intent("file:/etc/app/conf", Intent::Remove), intent("directory:/etc/app", Intent::Remove)]
    );
}

#[test]
fn a_part_is_planned_alone() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    scene.file("/etc/a", "x");
    scene.file("/etc/b", "x");
    let only = BTreeSet::from([id("file:/etc/b")]);
    let mut task = scene.task();
    task.scope = Scope::Only(&only);
    let preview = block_on(plan(&task, &host, &Ledger::default()));
    assert_eq!(intents(&preview), [intent("file:/etc/b", Intent::Create)]);
}

#[test]
fn a_content_that_cannot_be_read_is_told_in_the_diffs_place() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    scene.file("/etc/a", "x");
    scene.contents = holdfast_schema::Contents::default();
    let preview = scene.plan(&host, &Ledger::default());
    let Some(Diff::Hidden(why)) = &preview.resources[0].changes[0].diff else { panic!("{preview:?}") };
    assert!(why.starts_with("no content with digest"), "{why}");
}

#[test]
fn what_could_not_be_taken_back_is_foretold() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    let supply = |versions| Supply { versions, ..Supply::default() };
    for (name, now, versions) in [
        ("again", "1.0", vec!["2.0", "1.0"]),
        ("gone", "1.0", vec!["2.0"]),
        ("purged", "1.0", vec!["1.0"]),
        ("held", "2.0", vec!["3.0"]),
    ] {
        let now = PackageNow::Installed { version: now.to_owned(), held: false };
        host.inner().packages.insert(name.to_owned(), now);
        host.inner().supplies.insert(name.to_owned(), supply(versions));
        scene.package(name).as_package().version = Some("2.0".to_owned());
    }
    host.inner().supplies.insert("new".to_owned(), supply(vec!["1.0"]));
    scene.package("new");
    scene.package("purged").as_package().ensure = PackageEnsure::Purged;
    scene.package("held").as_package().hold = Some(true);
    host.inner().directory("/srv/small");
    host.inner().directory("/srv/large");
    for number in 0..1000 {
        host.inner().file(&format!("/srv/large/{number}"), b"x");
    }
    for path in ["/srv/small", "/srv/large"] {
        let directory = scene.directory(path).as_directory();
        (directory.ensure, directory.purge, directory.purge_limit) = (Ensure::Absent, true, 5000);
    }
    let preview = scene.plan(&host, &Ledger::default());
    let no_undo = preview.resources.iter().flat_map(|foreseen| {
        let whys = foreseen.changes.iter().filter_map(|change| change.no_undo.as_deref());
        whys.map(|why| (foreseen.id.to_string(), why)).collect::<Vec<_>>()
    });
    let text = |id: &str| id.to_owned();
    assert_eq!(
        no_undo.collect::<Vec<_>>(),
        [
            (
                text("directory:/srv/large"),
                "it is a directory with more than 1000 entries or with names that are no text, which is not kept"
            ),
            (text("package:gone"), "no package source has version 1.0 any more"),
            (text("package:purged"), "what it keeps in configuration files and elsewhere goes with it"),
        ]
    );
}
