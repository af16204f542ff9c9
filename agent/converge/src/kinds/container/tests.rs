use std::{collections::BTreeSet, time::Duration};

use holdfast_schema::{
    spec::{
        ContainerConfig, ContainerSpec, Ensure, Healthcheck, Limits, Logging, Mount, MountSource, Restart,
        Ulimit,
    },
    status::PinnedImage,
};
use serde_json::{Value, json};

use super::{body, compare};
use crate::{
    engine::Outcome,
    host::{fake::FakeHost, faulty::MemoryStore},
    ledger::Ledger,
    plan::render::{plain, render},
    testing::{AsSpec as _, Scene, id, planned, shorts},
};

const SHOP: &str = "container:shop";
const ONE: &str = "shop:1@sha256:1111111111111111111111111111111111111111111111111111111111111111";
const TWO: &str = "shop:2@sha256:2222222222222222222222222222222222222222222222222222222222222222";

/// An engine that has one image and can pull the other.
fn engine() -> FakeHost {
    let host = FakeHost::new();
    {
        let docker = &mut host.inner().docker;
        docker.images.insert(ONE.to_owned(), "sha256:id-of-one".to_owned());
        docker.registry.insert(TWO.to_owned(), "sha256:id-of-two".to_owned());
        for network in ["front", "back"] {
            docker.networks.insert(network.to_owned(), crate::host::NetworkNow::default());
        }
    }
    host
}

/// Converges to a container, changes the declaration or the host, and tells what is planned then.
fn after(change: impl Fn(&mut ContainerSpec, &FakeHost)) -> String {
    let (mut scene, host, mut store) = (Scene::new(), engine(), MemoryStore::default());
    let want = scene.container("shop", ONE).as_container();
    want.networks = ["front".to_owned()].into();
    want.config.environment.insert("A".to_owned(), "1".to_owned());
    want.limits.memory = Some(1 << 20);
    assert_eq!(scene.pass(&host, &mut store).outcomes.len(), 1);
    assert_eq!(planned(&scene, SHOP, &host, &store.ledger()), "");
    change(scene.get(SHOP).as_container(), &host);
    planned(&scene, SHOP, &host, &store.ledger())
}

#[test]
fn it_is_made_with_its_image() {
    let (mut scene, host) = (Scene::new(), engine());
    scene.container("shop", ONE);
    assert_eq!(planned(&scene, SHOP, &host, &Ledger::default()), "put shop");
    scene.container("shop", TWO);
    assert_eq!(planned(&scene, SHOP, &host, &Ledger::default()), "pull shop:2; put shop");
    scene.get(SHOP).as_container().pull = holdfast_schema::spec::Pull::Never;
    assert_eq!(planned(&scene, SHOP, &host, &Ledger::default()), "E_IMAGE_MISSING");
    scene.container("shop", ONE).as_container().running = false;
    assert_eq!(planned(&scene, SHOP, &host, &Ledger::default()), "put shop stopped");
}

#[test]
fn what_can_be_is_changed_in_place() {
    assert_eq!(after(|want, _| want.limits.memory = Some(2 << 20)), "update shop");
    assert_eq!(after(|want, _| want.limits.pids = Some(7)), "update shop");
    assert_eq!(after(|want, _| want.restart = Restart::Always), "update shop");
    let both = ["front".to_owned(), "back".to_owned()];
    assert_eq!(after(|want, _| want.networks = both.clone().into()), "connect shop back");
    let moved = after(|want, _| want.networks = ["back".to_owned()].into());
    assert_eq!(moved, "connect shop back; disconnect shop front");
    assert_eq!(after(|want, _| want.running = false), "stop shop");
}

#[test]
fn anything_else_makes_it_anew() {
    let set = |name: &'static str| {
        move |want: &mut ContainerSpec, _: &FakeHost| {
            drop(want.config.environment.insert(name.to_owned(), "2".to_owned()));
        }
    };
    assert_eq!(after(set("A")), "put shop");
    assert_eq!(after(set("B")), "put shop");
    // Also what is declared no longer, which no look at the container could tell.
    assert_eq!(after(|want, _| want.config.environment.clear()), "put shop");
    assert_eq!(after(|want, _| want.limits = Limits::default()), "put shop");
    assert_eq!(after(|want, _| want.networks = ["host".to_owned()].into()), "put shop");
    assert_eq!(after(|want, _| want.config.image = Some(TWO.parse().unwrap())), "pull shop:2; put shop");
}

#[test]
fn drift() {
    let engine = |meddle: fn(&mut crate::host::fake::FakeDocker)| {
        after(move |_, host| meddle(&mut host.inner().docker))
    };
    assert_eq!(engine(|docker| docker.containers.clear()), "put shop");
    let state = |state: &'static str, status: &'static str| {
        after(move |_, host| {
            let mut inner = host.inner();
            let container = inner.docker.containers.get_mut("shop").unwrap();
            (container.state, container.status) = (state.to_owned(), status.to_owned());
        })
    };
    assert_eq!(state("exited", "Exited (137) 2 seconds ago"), "start shop");
    assert_eq!(state("paused", "Up 2 seconds (Paused)"), "start shop");
    assert_eq!(state("running", "Up 2 seconds (unhealthy)"), "await shop");
    assert_eq!(state("restarting", "Restarting (1) 2 seconds ago"), "await shop");
    assert_eq!(state("running", "Up 2 minutes (healthy)"), "");
    let network = |docker: &mut crate::host::fake::FakeDocker| {
        docker.containers.get_mut("shop").unwrap().networks.clear();
    };
    assert_eq!(engine(network), "connect shop front");
    let memory = |docker: &mut crate::host::fake::FakeDocker| {
        docker.containers.get_mut("shop").unwrap().body["HostConfig"]["Memory"] = json!(5);
    };
    assert_eq!(engine(memory), "update shop");
    let other =
        |docker: &mut crate::host::fake::FakeDocker| docker.run_by_hand("shop", json!({ "Image": "other" }));
    assert_eq!(engine(other), "put shop");
}

#[test]
fn a_container_of_others_is_taken_over_if_it_fits() {
    let (mut scene, host, mut store) = (Scene::new(), engine(), MemoryStore::default());
    let by_hand = |body: Value| host.inner().docker.run_by_hand("shop", body);
    let restart = json!({ "RestartPolicy": { "Name": "unless-stopped" }, "Memory": 77 });
    by_hand(json!({ "Image": ONE, "Env": ["A=1", "PATH=/bin"], "Cmd": ["serve"], "HostConfig": restart }));
    let want = scene.container("shop", ONE).as_container();
    want.config.environment.insert("A".to_owned(), "1".to_owned());
    assert_eq!(planned(&scene, SHOP, &host, &Ledger::default()), "");
    assert_eq!(scene.pass(&host, &mut store).same, 1);
    // It is not Holdfast's own, so it stays.
    scene.drop(SHOP);
    let report = scene.pass(&host, &mut store);
    assert!(matches!(report.outcomes[&id(SHOP)], Outcome::Released(_)), "{report:?}");
    assert!(host.take_done().is_empty());

    scene.container("shop", ONE).as_container().config.environment.insert("A".to_owned(), "2".to_owned());
    assert_eq!(planned(&scene, SHOP, &host, &Ledger::default()), "put shop");
    // From here on it is.
    scene.pass(&host, &mut store);
    host.take_done();
    scene.drop(SHOP);
    scene.pass(&host, &mut store);
    assert_eq!(shorts(&host.take_done()), ["remove shop"]);
}

#[test]
fn a_tag_is_looked_up_once() {
    let (mut scene, host, mut store) = (Scene::new(), engine(), MemoryStore::default());
    let (one, two) = (format!("sha256:{}", "1".repeat(64)), format!("sha256:{}", "2".repeat(64)));
    host.inner().docker.images.insert("shop:latest".to_owned(), one.clone());
    scene.container("shop", "shop:latest");
    scene.pass(&host, &mut store);
    scene.pass(&host, &mut store);
    assert_eq!(store.ledger().pinned(), [PinnedImage { id: id(SHOP), image: one.clone() }]);
    assert_eq!(planned(&scene, SHOP, &host, &store.ledger()), "");

    // Somebody pulled a newer one, and the old one is still there.
    host.inner().docker.images.insert("shop:latest".to_owned(), two.clone());
    host.inner().docker.images.insert("shop:old".to_owned(), one.clone());
    let image = |host: &FakeHost| host.inner().docker.containers["shop"].body["Image"].clone();
    assert_eq!(planned(&scene, SHOP, &host, &store.ledger()), "");
    host.inner().docker.containers.clear();
    scene.pass(&host, &mut store);
    assert_eq!(image(&host), json!(one));
    // Another tag is looked up anew.
    host.inner().docker.images.insert("shop:next".to_owned(), two.clone());
    scene.container("shop", "shop:next");
    scene.pass(&host, &mut store);
    scene.pass(&host, &mut store);
    assert_eq!(store.ledger().pinned(), [PinnedImage { id: id(SHOP), image: two }]);
}

#[test]
fn one_that_ends_again_and_again_is_not_taken_for_well() {
    let (mut scene, host, mut store) = (Scene::new(), engine(), MemoryStore::default());
    host.inner().docker.flapping.insert(ONE.to_owned());
    scene.container("shop", ONE);
    let report = scene.pass(&host, &mut store);
    let Outcome::Failed(failure) = &report.outcomes[&id(SHOP)] else { panic!("{report:#?}") };
    assert_eq!(failure.code, "E_CONTAINER");
}

#[test]
fn absent_removes_whatever_has_the_name() {
    let (mut scene, host) = (Scene::new(), engine());
    scene.container("shop", ONE).as_container().ensure = Ensure::Absent;
    assert_eq!(planned(&scene, SHOP, &host, &Ledger::default()), "");
    host.inner().docker.run_by_hand("shop", json!({ "Image": "other" }));
    assert_eq!(planned(&scene, SHOP, &host, &Ledger::default()), "remove shop");
}

/// Everything that a container takes.
fn full() -> ContainerSpec {
    let mut scene = Scene::new();
    let mut want = scene.container("shop", ONE).as_container().clone();
    let texts = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let set = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<BTreeSet<_>>();
    let mount = |source, read_only| Mount { read_only, ..Mount::of(source) };
    want.networks = set(&["back", "front"]);
    want.config = ContainerConfig {
        entrypoint: Some(words(&["/init"])),
        command: Some(words(&["serve", "--all"])),
        environment: texts(&[("PASSWORD", "hunter2")]),
        ports: ["80", "8080:80", "127.0.0.1:53:53/udp"].map(parse).into(),
        mounts: [
            ("/data".parse().unwrap(), mount(MountSource::Volume("data".parse().unwrap()), false)),
            ("/etc/shop".parse().unwrap(), mount(MountSource::Bind("/srv/shop".parse().unwrap()), true)),
            ("/tmp".parse().unwrap(), mount(MountSource::Tmpfs(1 << 20), false)),
        ]
        .into(),
        aliases: set(&["web"]),
        healthcheck: Some(Healthcheck {
            test: words(&["CMD", "true"]),
            interval: Some(Duration::from_secs(5)),
            timeout: None,
            retries: Some(2),
            start_period: None,
        }),
        labels: texts(&[("team", "shop")]),
        user: Some("1000".to_owned()),
        working_dir: Some("/srv".to_owned()),
        domainname: Some("example.com".to_owned()),
        tty: Some(true),
        stdin_open: Some(true),
        group_add: ["dialout".to_owned()].into(),
        pid: Some("host".to_owned()),
        ipc: Some("host".to_owned()),
        userns: Some("host".to_owned()),
        runtime: Some("nvidia".to_owned()),
        oom_score_adj: Some(-500),
        dns_search: vec!["example.com".to_owned()],
        hostname: Some("shop".to_owned()),
        logging: Some(Logging { driver: "json-file".to_owned(), options: texts(&[("max-size", "1m")]) }),
        cap_add: set(&["NET_ADMIN"]),
        cap_drop: set(&["ALL"]),
        security_opt: set(&["no-new-privileges"]),
        privileged: Some(false),
        read_only: Some(true),
        init: Some(true),
        ulimits: [("nofile".to_owned(), Ulimit { soft: 1, hard: 2 })].into(),
        sysctls: texts(&[("kernel.msgmax", "1")]),
        devices: ["/dev/null:/dev/nothing:r"].map(parse_device).into(),
        shm_size: Some(1 << 20),
        stop_signal: Some("SIGINT".to_owned()),
        stop_grace_period: Some(Duration::from_secs(3)),
        dns: vec!["192.0.2.53".parse().unwrap()],
        extra_hosts: texts(&[("gateway", "host-gateway")]),
        ..want.config
    };
    want.limits = Limits { memory: Some(64 << 20), nano_cpus: Some(500_000_000), pids: Some(50) };
    want
}

fn parse(port: &str) -> holdfast_schema::spec::Port {
    port.parse().unwrap()
}

fn parse_device(device: &str) -> holdfast_schema::spec::Device {
    device.parse().unwrap()
}

#[test]
fn the_body_has_everything() {
    let new = body::new(&id(SHOP), &full(), full().config.image.as_ref());
    insta::assert_snapshot!(serde_json::to_string_pretty(&new).unwrap());
}

#[test]
fn each_field_is_compared() {
    let (mut scene, host) = (Scene::new(), engine());
    *scene.container("shop", ONE).as_container() = full();
    let mut store = MemoryStore::default();
    scene.pass(&host, &mut store);
    let listed = host.inner().docker.containers["shop"].id.clone();
    let all = crate::testing::block_on(crate::host::Read::inspect(
        &host,
        &crate::host::ContainerNow { id: listed, ..Default::default() },
    ))
    .unwrap();
    assert_eq!(compare::compare(&full(), Some("sha256:id-of-one"), &all).found, []);
    // A container that says nothing differs in all that is declared.
    let nothing = json!({ "NetworkSettings": { "Networks": { "front": {} } } });
    let found = compare::compare(&full(), Some("sha256:id-of-one"), &nothing).found;
    let fields: BTreeSet<String> =
        found.iter().map(|difference| difference.field.split('.').next().unwrap().to_owned()).collect();
    let mut declared: BTreeSet<String> =
        serde_json::to_value(full().config).unwrap().as_object().unwrap().keys().cloned().collect();
    // That it is not privileged is so already.
    assert!(declared.remove("privileged"));
    assert_eq!(fields, declared);
    assert!(!format!("{found:?}").contains("hunter2"), "a secret is told");
}

#[test]
fn plans_read_well() {
    let (mut scene, host, mut store) = (Scene::new(), engine(), MemoryStore::default());
    scene.network("front");
    scene.volume("data");
    *scene.container("shop", TWO).as_container() = full();
    let preview = |scene: &Scene, store: &MemoryStore| render(&scene.plan(&host, &store.ledger()), &plain);
    let first = preview(&scene, &store);
    scene.pass(&host, &mut store);
    let quiet = preview(&scene, &store);
    let want = scene.get(SHOP).as_container();
    want.config.image = Some(TWO.parse().unwrap());
    want.config.environment.insert("PASSWORD".to_owned(), "secret".to_owned());
    want.config.shm_size = Some(5);
    let changed = preview(&scene, &store);
    scene.drop(SHOP).drop("network:front").drop("volume:data");
    let gone = preview(&scene, &store);
    insta::assert_snapshot!([first, quiet, changed, gone].join("---\n"));
}

#[test]
fn what_a_container_of_others_restarts_on_is_remembered() {
    let (mut scene, host, mut store) = (Scene::new(), engine(), MemoryStore::default());
    host.inner().docker.run_by_hand(
        "shop",
        json!({ "Image": ONE, "HostConfig": { "RestartPolicy": { "Name": "unless-stopped" } } }),
    );
    let of = |text: &str| [(id("file:/etc/shop.conf"), holdfast_schema::Sha256::of(text.as_bytes()))].into();
    scene.container("shop", ONE).as_container().config.restart_on = of("one");
    scene.pass(&host, &mut store);
    scene.pass(&host, &mut store);
    assert_eq!(planned(&scene, SHOP, &host, &store.ledger()), "");
    scene.get(SHOP).as_container().config.restart_on = of("two");
    assert_eq!(planned(&scene, SHOP, &host, &store.ledger()), "put shop");
    scene.pass(&host, &mut store);
    assert_eq!(planned(&scene, SHOP, &host, &store.ledger()), "");
    // From now on its label tells.
    scene.pass(&host, &mut store);
    assert!(store.ledger().entry(&id(SHOP)).unwrap().started.is_none());
    scene.get(SHOP).as_container().config.restart_on = of("three");
    assert_eq!(planned(&scene, SHOP, &host, &store.ledger()), "put shop");
}
