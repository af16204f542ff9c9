//! What holds for any states on any host: small worlds, many of them.

use std::collections::BTreeSet;

use holdfast_schema::{
    spec::{Ensure, PackageEnsure, RepositoryPlace},
    state::Mode,
};
use proptest::prelude::*;
use serde_json::json;

use crate::{
    host::{
        NetworkNow, PackageNow,
        fake::{FakeHost, Supply},
        faulty::{Fault, Faulty, MemoryStore, StoreOn},
    },
    testing::{AsSpec as _, Scene, id},
};

/// One choice for each thing that a small world has.
#[derive(Debug, Clone)]
pub(super) struct World {
    directory: u8,
    file: u8,
    shape: u8,
    link: u8,
    package: u8,
    unit: u8,
    drop_in: bool,
    watch: u8,
    container: u8,
    repository: u8,
    audit: u16,
}

prop_compose! {
    pub(super) fn world()(
        directory in 0..4_u8, file in 0..6_u8, shape in 0..5_u8, link in 0..3_u8, package in 0..5_u8,
        unit in 0..6_u8, drop_in: bool, watch in 0..4_u8, container in 0..9_u8, repository in 0..7_u8,
    ) -> World {
        World { directory, file, shape, link, package, unit, drop_in, watch, container, repository, audit: 0 }
    }
}

/// What is on the host before Holdfast comes: a bit each.
pub(super) fn found() -> impl Strategy<Value = u16> {
    any::<u16>()
}

pub(super) fn host(found: u16) -> FakeHost {
    let host = FakeHost::new();
    let has = |bit: u8| found & (1 << bit) != 0;
    {
        let mut inner = host.inner();
        inner.supplies.insert("p".to_owned(), Supply { versions: vec!["2", "1"], ..Supply::default() });
        inner.file("/srv/foreign", b"foreign");
        if has(0) {
            inner.directory("/srv/d");
        }
        if has(0) && has(1) {
            inner.file("/srv/d/a", b"found");
            inner.access("/srv/d/a", 33, 33, 0o600);
        }
        if has(0) && has(2) {
            inner.file("/srv/d/stray", b"stray");
        }
        if has(3) {
            inner.file("/srv/x", b"found");
        }
        if has(4) {
            inner.symlink("/srv/l", "found");
        }
        if has(5) {
            let now = PackageNow::Installed { version: "1".to_owned(), held: has(6) };
            inner.packages.insert("p".to_owned(), now);
        }
        if has(7) {
            inner.bring_unit("u.service");
        }
        inner.place = Some(RepositoryPlace::Dnf);
        inner.forged.insert("forged".to_owned());
        for directory in ["/etc/yum.repos.d", "/etc/pki", "/etc/pki/rpm-gpg"] {
            inner.directory(directory);
        }
        if has(10) {
            inner.file("/etc/yum.repos.d/rr.repo", b"one");
        }
        if has(11) {
            inner.file("/etc/pki/rpm-gpg/RPM-GPG-KEY-rr", b"1");
        }
        if has(12) {
            let now = PackageNow::Installed { version: "0".to_owned(), held: false };
            inner.packages.insert("gpg-pubkey-1".to_owned(), now);
        }
        let docker = &mut inner.docker;
        docker.images.insert("one".to_owned(), "sha256:one".to_owned());
        docker.images.insert("broken".to_owned(), "sha256:broken".to_owned());
        docker.registry.insert("two".to_owned(), "sha256:two".to_owned());
        docker.broken.insert("broken".to_owned());
        docker.networks.insert("bridge".to_owned(), NetworkNow::default());
        if has(8) {
            docker.networks.insert("nn".to_owned(), NetworkNow::default());
        }
        if has(9) {
            let limits = json!({ "Memory": 3, "MemorySwap": 6, "RestartPolicy": { "Name": "no", "MaximumRetryCount": 0 } });
            docker.run_by_hand("cc", json!({ "Image": "one", "Env": ["A=1"], "HostConfig": limits }));
        }
    }
    host
}

pub(super) fn scene(world: &World) -> Scene {
    let mut scene = Scene::new();
    if world.directory > 0 || world.file > 0 {
        let directory = scene.directory("/srv/d").as_directory();
        directory.purge = world.directory == 2;
        if world.directory == 3 && world.file == 0 {
            (directory.ensure, directory.purge) = (Ensure::Absent, true);
        }
    }
    match world.file {
        0 => {}
        1 => drop(scene.file("/srv/d/a", "1").tags.insert("one".to_owned())),
        2 => scene.file("/srv/d/a", "2").as_file().access.group = "adm".to_owned(),
        3 => scene.file("/srv/d/a", "1").as_file().replace = false,
        4 => scene.file("/srv/d/a", "1").as_file().ensure = Ensure::Absent,
        _ => scene.file("/srv/d/a", "3").as_file().sensitive = true,
    }
    match world.shape {
        0 => {}
        1 => drop(scene.file("/srv/x", "1").tags.insert("one".to_owned())),
        2 => drop(scene.symlink("/srv/x", "foreign").tags.insert("one".to_owned())),
        3 => drop(scene.directory("/srv/x").tags.insert("one".to_owned())),
        _ => drop(scene.file("/srv/x", "2").tags.insert("one".to_owned())),
    }
    if world.link > 0 {
        scene.symlink("/srv/l", &format!("target-{}", world.link));
    }
    if world.package > 0 {
        let package = scene.package("p").as_package();
        match world.package {
            1 => {}
            2 => package.version = Some("2".to_owned()),
            3 => package.hold = Some(true),
            _ => package.ensure = PackageEnsure::Absent,
        }
    }
    if world.unit > 0 {
        let drop_in = scene.contents.add(b"[Service]\nNice=1\n".to_vec());
        let watched: Vec<_> = ["file:/srv/d/a", "file:/srv/x"]
            .map(id)
            .into_iter()
            .filter(|id| scene.state.resources.contains_key(id))
            .collect();
        let unit = scene.service("u.service", &format!("[Service]\n# {}\n", world.unit)).as_unit();
        match world.unit {
            1 | 2 => {}
            3 => unit.active = None,
            4 => (unit.active, unit.enabled) = (Some(false), Some(false)),
            _ => unit.ensure = Ensure::Absent,
        }
        if world.drop_in {
            unit.drop_ins.insert("nice.conf".to_owned(), drop_in);
        }
        match world.watch {
            0 => {}
            1 => unit.restart_on.extend(watched),
            2 => unit.reload_on.extend(watched),
            _ => {
                unit.restart_on.extend(watched.iter().take(1).cloned());
                unit.reload_on.extend(watched.into_iter().skip(1));
            }
        }
    }
    if world.container > 0 {
        scene.network("nn");
        let container = scene.container("cc", "one");
        container.needs = [id("network:nn")].into();
        let want = container.as_container();
        want.networks = ["nn".to_owned()].into();
        match world.container {
            1 => {}
            2 => want.config.image = Some("two".parse().unwrap()),
            3 => drop(want.config.environment.insert("A".to_owned(), "1".to_owned())),
            4 => want.limits.memory = Some(7),
            5 => want.running = false,
            6 => want.ensure = Ensure::Absent,
            7 => want.networks = ["bridge".to_owned(), "nn".to_owned()].into(),
            _ => want.config.image = Some("broken".parse().unwrap()),
        }
    }
    match world.repository {
        0 => {}
        1 => drop(scene.repository("rr", false, "one", &["1"]).tags.insert("one".to_owned())),
        2 => drop(scene.repository("rr", false, "two", &["1", "2"]).tags.insert("one".to_owned())),
        3 => {
            scene.repository("rr", false, "one", &["2"]);
            scene.repository("other", false, "other", &["1"]);
        }
        4 => drop(scene.repository("rr", false, "one", &[]).tags.insert("one".to_owned())),
        5 => scene.repository("rr", false, "one", &["1"]).as_repository().ensure = Ensure::Absent,
        _ => drop(scene.repository("forged", false, "one", &["2"]).tags.insert("one".to_owned())),
    }
    for (number, resource) in scene.state.resources.values_mut().enumerate() {
        if world.audit & (1 << number) != 0 {
            resource.mode = Mode::Audit;
        }
    }
    scene.connect();
    scene
}

fn forked(store: &MemoryStore) -> MemoryStore {
    MemoryStore { stored: store.stored.clone(), ..MemoryStore::default() }
}

/// Passes until nothing changes any more: at most one that works and one that is quiet.
fn settle(scene: &Scene, host: &FakeHost, store: &mut MemoryStore) {
    let first = scene.pass(host, store);
    let saves = store.saves;
    host.take_done();
    let preview = scene.plan(host, &store.ledger());
    let second = scene.pass(host, store);
    assert_eq!(host.take_done(), [], "the second pass changed something\n{first:#?}\n{second:#?}");
    assert_eq!(store.saves, saves, "the second pass learned something\n{first:#?}\n{second:#?}");
    if first.summary().failed + first.summary().blocked == 0 {
        assert_eq!(second.outcomes.len(), 0, "{second:#?}");
        assert_eq!(preview.resources, [], "a plan is left");
    }
}

/// What a unit whose inputs are declared must have read.
fn assert_read(scene: &Scene, host: &FakeHost) {
    let inner = host.inner();
    let Some(unit) = inner.units.get("u.service") else { return };
    let mut scene = scene.clone();
    if !scene.state.resources.contains_key(&id("unit:u.service")) {
        return;
    }
    let want = scene.get("unit:u.service").as_unit().clone();
    if want.active != Some(true) || want.ensure == Ensure::Absent {
        return;
    }
    for (watched, read) in [(&want.restart_on, &unit.started_with), (&want.reload_on, &unit.loaded_with)] {
        for id in watched {
            let file = scene.get(&id.to_string()).as_file().clone();
            if file.replace {
                assert_eq!(
                    read.get(&id.name).cloned(),
                    inner.content(&id.name).map(|bytes| bytes.to_vec()),
                    "{id}"
                );
            }
        }
    }
}

/// Whether the scene can be had on a host: what others made in the place of something else stays in the way.
fn in_order(scene: &Scene, host: &FakeHost, store: &MemoryStore) -> bool {
    let report = scene.pass(&host.fork(), &mut forked(store));
    report.summary().failed + report.summary().blocked == 0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_a_pass_nothing_is_left_to_do(found in found(), worlds in prop::collection::vec(world(), 1..4)) {
        let (host, mut store) = (host(found), MemoryStore::default());
        for world in &worlds {
            let scene = scene(world);
            let possible = in_order(&scene, &host, &store);
            settle(&scene, &host, &mut store);
            if possible {
                assert_read(&scene, &host);
            }
        }
        let foreign = host.inner().content("/srv/foreign").unwrap();
        prop_assert_eq!(foreign.as_ref(), b"foreign");
    }

    #[test]
    fn a_crash_anywhere_changes_nothing_about_the_end(found in found(), first in world(), second in world()) {
        let (host, mut store) = (host(found), MemoryStore::default());
        scene(&first).pass(&host, &mut store);
        let scene = scene(&second);
        let (whole, mut whole_store) = (host.fork(), forked(&store));
        scene.pass(&whole, &mut whole_store);
        let end = whole.inner().picture();
        for point in 0.. {
            let (host, mut store) = (host.fork(), forked(&store));
            let faulty = Faulty::new(&host, Fault::CrashBefore(point));
            let mut ledger = store.ledger();
            scene.pass_with(&faulty, &mut ledger, &mut StoreOn { host: &faulty, store: &mut store });
            settle(&scene, &host, &mut store);
            prop_assert_eq!(&host.inner().picture(), &end, "crash before {}", point);
            let ids = |store: &MemoryStore| store.ledger().owned().keys().cloned().collect::<BTreeSet<_>>();
            prop_assert_eq!(ids(&store), ids(&whole_store), "crash before {}", point);
            if in_order(&scene, &host, &store) {
                assert_read(&scene, &host);
            }
            if !faulty.crashed() {
                break;
            }
        }
    }

    #[test]
    fn what_leaves_git_leaves_the_host_and_takes_nothing_else_along(found in found(), worlds in prop::collection::vec(world(), 1..3)) {
        let (host, mut store) = (host(found), MemoryStore::default());
        let before = host.inner().picture();
        for world in &worlds {
            scene(world).pass(&host, &mut store);
        }
        let mut empty = Scene::new();
        settle(&empty, &host, &mut store);
        prop_assert!(store.ledger().owned().is_empty());
        let after = host.inner().picture();
        let made: Vec<_> = after.keys().filter(|path| path.starts_with('/') && !before.contains_key(*path)).collect();
        // Nothing that Holdfast made is left, but for a directory in which other people's things lie.
        let foreign = |path: &str| after.keys().any(|other| before.contains_key(other) && other.starts_with(&format!("{path}/")));
        prop_assert!(made.iter().all(|path| foreign(path)), "{:?}", made);
        empty.file("/srv/probe", "x");
        prop_assert_eq!(empty.pass(&host, &mut store).summary().changed, 1);
    }

    #[test]
    fn an_audit_changes_nothing(found in found(), first in world(), second in world()) {
        let (host, mut store) = (host(found), MemoryStore::default());
        scene(&first).pass(&host, &mut store);
        let before = host.inner().picture();
        host.take_done();
        let mut scene = scene(&World { audit: u16::MAX, ..second });
        scene.state.guard.max_removals = 0;
        let report = scene.pass(&host, &mut store);
        prop_assert_eq!(host.take_done(), []);
        prop_assert_eq!(host.inner().picture(), before);
        prop_assert_eq!(report.summary().changed + report.summary().removed, 0);
    }

    #[test]
    fn a_dry_run_foretells_what_the_pass_does(found in found(), first in world(), second in world()) {
        let (host, mut store) = (host(found), MemoryStore::default());
        scene(&first).pass(&host, &mut store);
        let scene = scene(&second);
        host.take_done();
        let preview = scene.plan(&host, &store.ledger());
        prop_assert_eq!(host.take_done(), []);
        let report = scene.pass(&host, &mut store);
        let foretold: BTreeSet<_> = preview.resources.iter().map(|foreseen| foreseen.id.clone()).collect();
        for (id, outcome) in &report.outcomes {
            prop_assert!(foretold.contains(id), "{} was not foretold: {:?}\n{:#?}", id, outcome, preview);
        }
    }
}
