//! Taking back what a pass did: written down first, put back whole, from wherever it was cut off.

use proptest::prelude::*;

use super::properties::{found, host, scene, world};
use crate::{
    engine::{Outcome, Undone, undo},
    host::{
        PackageNow,
        fake::{Active, FakeHost, Supply, Temper},
        faulty::{Fault, Faulty, MemoryJournal, MemoryStore},
    },
    journal::{Before, Record, Was},
    testing::{AsSpec as _, Scene, block_on, id, path, shorts},
};

const OLD_IMAGE: &str = "shop:1";
const NEW_IMAGE: &str = "shop:2";

/// The host without units of which the manager has only a memory.
fn picture(host: &FakeHost) -> std::collections::BTreeMap<String, String> {
    let mut picture = host.inner().picture();
    picture.retain(|_, what| what != "Resting enabled=false");
    picture
}

fn take_back(host: &impl crate::host::Write, journal: &MemoryJournal) -> Undone {
    block_on(undo(&journal.recorded(), &journal.kept, host))
}

/// A pass that writes its journal.
fn pass(scene: &Scene, host: &impl crate::host::Write, journal: &mut MemoryJournal) -> crate::engine::Report {
    let mut store = MemoryStore::default();
    let mut ledger = store.ledger();
    scene.pass_and_record(host, &mut ledger, &mut store, journal)
}

fn a_little_of_everything() -> (Scene, FakeHost) {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    {
        let mut inner = host.inner();
        let versions = vec!["2.0", "1.0"];
        inner.supplies.insert("app".to_owned(), Supply { versions, ..Supply::default() });
        inner.supplies.insert("new".to_owned(), Supply { versions: vec!["1.0"], ..Supply::default() });
        let now = PackageNow::Installed { version: "1.0".to_owned(), held: false };
        inner.packages.insert("app".to_owned(), now);
        inner.file("/etc/conf", b"theirs");
        inner.access("/etc/conf", 33, 4, 0o640);
        inner.symlink("/etc/link", "somewhere");
        inner.directory("/etc/old");
        inner.file("/etc/old/in", b"in it");
        inner.bring_unit("app.service");
        for (image, id) in [(OLD_IMAGE, "sha256:old"), (NEW_IMAGE, "sha256:new")] {
            inner.docker.images.insert(image.to_owned(), id.to_owned());
        }
        for network in ["theirs", "bridge"] {
            inner.docker.networks.insert(network.to_owned(), crate::host::NetworkNow::default());
        }
        let host = serde_json::json!({
            "NetworkMode": "theirs", "Memory": 5, "MemorySwap": 10, "RestartPolicy": { "Name": "no", "MaximumRetryCount": 0 },
        });
        for name in ["changed", "updated", "removed"] {
            let body = serde_json::json!({ "Image": OLD_IMAGE, "Env": ["A=1"], "HostConfig": host });
            inner.docker.run_by_hand(name, body);
        }
    }
    scene.network("ours");
    let changed = scene.container("changed", NEW_IMAGE);
    changed.as_container().networks = ["ours".to_owned()].into();
    changed.needs = [id("network:ours")].into();
    let updated = scene.container("updated", OLD_IMAGE).as_container();
    (updated.limits.memory, updated.networks) = (Some(7), ["bridge".to_owned(), "theirs".to_owned()].into());
    scene.container("removed", OLD_IMAGE).as_container().ensure = holdfast_schema::spec::Ensure::Absent;
    scene.container("new", NEW_IMAGE);
    scene.file("/etc/conf", "ours");
    scene.symlink("/etc/link", "elsewhere");
    scene.directory("/etc/new");
    scene.file("/etc/new/in", "new");
    let old = scene.directory("/etc/old").as_directory();
    (old.ensure, old.purge) = (holdfast_schema::spec::Ensure::Absent, true);
    scene.package("app").as_package().version = Some("2.0".to_owned());
    scene.package("new");
    let drop_in = scene.contents.add(b"[Service]\nNice=1\n".to_vec());
    let unit = scene.unit("app.service").as_unit();
    unit.drop_ins.insert("nice.conf".to_owned(), drop_in);
    unit.restart_on.insert(id("file:/etc/conf"));
    unit.enabled = Some(false);
    scene.service("other.service", "[Service]\n");
    scene.connect();
    (scene, host)
}

#[test]
fn everything_that_a_pass_did_is_taken_back() {
    let (scene, host) = a_little_of_everything();
    let before = picture(&host);
    let mut journal = MemoryJournal::default();
    let report = pass(&scene, &host, &mut journal);
    assert_eq!(report.summary().failed, 0, "{report:#?}");
    assert_ne!(picture(&host), before);
    assert!(
        host.inner().units["app.service"]
            .started_with
            .contains_key("/etc/systemd/system/app.service.d/nice.conf")
    );
    host.take_done();

    let undone = take_back(&host, &journal);
    assert_eq!(undone.left, [].into());
    assert_eq!(picture(&host), before);
    let unit = host.inner().units["app.service"].clone();
    assert_eq!(unit.active, Active::Running);
    assert_eq!(unit.started_with.get("/etc/conf").map(Vec::as_slice), Some(b"theirs".as_slice()));
    assert_eq!(
        shorts(&host.take_done()),
        [
            "remove new",
            "stop other.service",
            "disable other.service",
            "remove /etc/systemd/system/other.service",
            "remove /etc/systemd/system/app.service.d/nice.conf",
            "remove /etc/systemd/system/app.service.d",
            "remove /etc/new/in",
            "remove /etc/new",
            "write /etc/conf",
            "link /etc/link somewhere",
            "mkdir /etc/old",
            "write /etc/old/in",
            "packages install app=1.0, purge new",
            "reload manager",
            "enable app.service",
            "restart app.service",
            "put changed stopped",
            "start changed",
            "put removed stopped",
            "start removed",
            "update updated",
            "disconnect updated bridge",
            "remove network ours",
        ]
    );
    // What is back needs nothing more.
    assert_eq!(
        take_back(&host, &journal).changes,
        2,
        "only the manager reads again, and the restart shows for ever"
    );
}

#[test]
fn one_write_to_the_disk_serves_all_that_can_be_foreseen() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    for number in 0..100 {
        scene.file(&format!("/etc/{number}"), "x");
        host.inner().file(&format!("/etc/{number}"), b"theirs");
    }
    let mut journal = MemoryJournal::default();
    pass(&scene, &host, &mut journal);
    assert_eq!(journal.flushes, 1);
    let recorded = journal.recorded();
    assert_eq!((recorded.befores.len(), recorded.intents.len(), recorded.done.len()), (100, 100, 100));
    assert_eq!(recorded.unfinished().count(), 0);
}

#[test]
fn a_quiet_pass_writes_nothing_down() {
    let (scene, host) = a_little_of_everything();
    let mut store = MemoryStore::default();
    let mut ledger = store.ledger();
    scene.pass_with(&host, &mut ledger, &mut store);
    let mut journal = MemoryJournal::default();
    let report = scene.pass_and_record(&host, &mut ledger, &mut store, &mut journal);
    assert_eq!((report.outcomes.len(), journal.records.len()), (0, 0), "{report:#?}");
}

#[test]
fn what_cannot_be_written_down_is_not_done() {
    let (scene, host) = a_little_of_everything();
    let before = picture(&host);
    let mut journal = MemoryJournal { full: true, ..MemoryJournal::default() };
    let report = pass(&scene, &host, &mut journal);
    assert_eq!(picture(&host), before);
    let failed =
        |outcome: &Outcome| matches!(outcome, Outcome::Failed(failure) if failure.code == "E_JOURNAL");
    assert!(report.outcomes.values().any(failed), "{report:#?}");
}

#[test]
fn an_edit_that_came_after_the_look_ahead_is_kept() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    scene.file("/etc/a", "a");
    scene.file("/etc/b", "ours");
    host.inner().file("/etc/b", b"theirs");
    let mut journal = MemoryJournal::default();
    // Just before the second change, which is that of /etc/b.
    let mut edits = vec!["edited"];
    let faulty = Faulty::new(&host, Fault::None).meddle(0, |host: &FakeHost| {
        if host.inner().content("/etc/a").is_none()
            && let Some(text) = edits.pop()
        {
            host.inner().file("/etc/b", text.as_bytes());
        }
    });
    pass(&scene, &faulty, &mut journal);
    let recorded = journal.recorded();
    let sha256 = holdfast_schema::Sha256::of(b"edited");
    let kept = |before: &Before| matches!(before, Before::Path { was: Was::File { sha256: found, .. }, .. } if *found == sha256);
    assert!(recorded.overwritten.iter().any(kept), "{recorded:#?}");
    take_back(&host, &journal);
    assert_eq!(host.inner().content("/etc/b").as_deref(), Some(b"theirs".as_slice()));
}

#[test]
fn a_directory_that_others_use_by_now_is_left_and_told() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    scene.directory("/srv/app");
    let mut journal = MemoryJournal::default();
    pass(&scene, &host, &mut journal);
    host.inner().file("/srv/app/data", b"precious");
    let undone = take_back(&host, &journal);
    assert_eq!(undone.left["/srv/app"].code, "E_NOT_EMPTY");
    assert!(host.inner().content("/srv/app/data").is_some());
}

#[test]
fn a_version_that_nobody_has_any_more_is_told_and_the_rest_goes_back() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    for (name, versions) in [("gone", vec!["2"]), ("there", vec!["2", "1"])] {
        host.inner().supplies.insert(name.to_owned(), Supply { versions, ..Supply::default() });
        let now = PackageNow::Installed { version: "1".to_owned(), held: false };
        host.inner().packages.insert(name.to_owned(), now);
        scene.package(name).as_package().version = Some("2".to_owned());
    }
    let mut journal = MemoryJournal::default();
    pass(&scene, &host, &mut journal);
    let undone = take_back(&host, &journal);
    assert_eq!(undone.left.keys().collect::<Vec<_>>(), ["package gone"]);
    assert_eq!(undone.left["package gone"].code, "E_PACKAGE_NOT_FOUND");
    let now = PackageNow::Installed { version: "1".to_owned(), held: false };
    assert_eq!(host.inner().packages["there"], now);
}

#[test]
fn a_busy_package_manager_is_waited_for() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    host.inner().supplies.insert("app".to_owned(), Supply { versions: vec!["1"], ..Supply::default() });
    scene.package("app");
    let before = picture(&host);
    let mut journal = MemoryJournal::default();
    pass(&scene, &host, &mut journal);
    host.inner().packages_busy = true;
    assert!(take_back(&host, &journal).waits);
    host.inner().packages_busy = false;
    let undone = take_back(&host, &journal);
    assert_eq!((undone.waits, undone.left.len()), (false, 0));
    assert_eq!(picture(&host), before);
}

#[test]
fn what_others_installed_meanwhile_stays() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    host.inner().supplies.insert("app".to_owned(), Supply { versions: vec!["1"], ..Supply::default() });
    scene.package("app");
    let mut journal = MemoryJournal::default();
    pass(&scene, &host, &mut journal);
    let now = PackageNow::Installed { version: "1".to_owned(), held: false };
    host.inner().packages.insert("theirs".to_owned(), now);
    take_back(&host, &journal);
    assert_eq!(host.inner().packages.keys().collect::<Vec<_>>(), ["theirs"]);
}

#[test]
fn a_revision_ends_at_its_first_failure_if_it_is_all_or_nothing() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    scene.service("bad.service", "[Service]\n");
    scene.file("/etc/late", "x").needs.insert(id("package:app"));
    scene.package("app");
    host.inner()
        .supplies
        .insert("app".to_owned(), Supply { versions: vec!["1"], breaks: true, ..Supply::default() });
    host.inner().file("/etc/z", b"old");
    scene.file("/etc/z", "z").needs.insert(id("unit:bad.service"));
    let tolerated = [].into();
    let mut task = scene.task();
    task.whole_but_for = Some(&tolerated);
    let (mut store, mut records) = (MemoryStore::default(), MemoryJournal::default());
    let mut ledger = store.ledger();
    let journal = crate::journal::Journal::new(&mut records, &crate::journal::Recorded::default());
    let stop = crate::engine::Stop::never();
    let report = block_on(crate::engine::pass(&task, &host, &mut ledger, &mut store, journal, &stop));
    assert!(matches!(report.outcomes[&id("package:app")], Outcome::Failed(_)), "{report:#?}");
    let Outcome::Waiting(failure) = &report.outcomes[&id("unit:bad.service")] else { panic!("{report:#?}") };
    assert_eq!(failure.code, "E_ABANDONED");
    assert!(!shorts(&host.take_done()).contains(&"start bad.service".to_owned()));

    // A failure that is no news does not end it.
    let tolerated = [id("package:app")].into();
    let mut task = scene.task();
    task.whole_but_for = Some(&tolerated);
    let journal = crate::journal::Journal::new(&mut records, &crate::journal::Recorded::default());
    block_on(crate::engine::pass(&task, &host, &mut ledger, &mut store, journal, &stop));
    assert!(host.inner().content("/etc/z").is_some_and(|bytes| &*bytes == b"z"));
}

#[test]
fn a_unit_that_was_reloaded_reads_the_old_configuration_again() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    host.inner().bring_unit("app.service");
    scene.file("/etc/conf", "one");
    let unit = scene.unit("app.service").as_unit();
    (unit.active, unit.reload_on) = (Some(true), [id("file:/etc/conf")].into());
    scene.connect();
    let mut store = MemoryStore::default();
    scene.pass(&host, &mut store);
    scene.file("/etc/conf", "two");
    scene.connect();
    let mut journal = MemoryJournal::default();
    let mut ledger = store.ledger();
    scene.pass_and_record(&host, &mut ledger, &mut store, &mut journal);
    let reloads = host.inner().units["app.service"].reloads;
    assert_eq!(host.inner().units["app.service"].loaded_with["/etc/conf"], b"two");
    take_back(&host, &journal);
    let unit = host.inner().units["app.service"].clone();
    assert_eq!((unit.reloads, unit.loaded_with["/etc/conf"].as_slice()), (reloads + 1, b"one".as_slice()));
    assert_eq!(unit.temper, Temper::Good);
}

#[test]
fn a_file_that_is_too_large_is_not_kept_and_told() {
    let before = Before::Path {
        resource: id("file:/etc/large"),
        path: path("/etc/large"),
        was: Was::NotKept { what: "a file of 99999999 bytes".to_owned() },
    };
    let journal = MemoryJournal { records: vec![Record::Before(before)], ..MemoryJournal::default() };
    let undone = take_back(&FakeHost::new(), &journal);
    assert_eq!(undone.left["/etc/large"].code, "E_NOT_KEPT");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// All or nothing: whatever was applied, and wherever the next revision was cut off, taking it back gives the host as
    /// it was before it; also if taking back is itself cut off and begun anew.
    #[test]
    fn whatever_was_done_is_taken_back(
        found in found(), one in world(), two in world(), cut in 0..40_usize, cut_again in 0..40_usize,
    ) {
        let host = host(found);
        let mut store = MemoryStore::default();
        scene(&one).pass(&host, &mut store);
        let before = picture(&host);
        let mut journal = MemoryJournal::default();
        let mut ledger = store.ledger();
        let faulty = Faulty::new(&host, Fault::CrashBefore(cut));
        scene(&two).pass_and_record(&faulty, &mut ledger, &mut store, &mut journal);
        take_back(&Faulty::new(&host, Fault::CrashBefore(cut_again)), &journal);
        let undone = take_back(&host, &journal);
        prop_assert_eq!(undone.left, [].into());
        prop_assert_eq!(picture(&host), before);
    }
}
