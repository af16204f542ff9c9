use std::{collections::BTreeSet, time::Duration};

use holdfast_schema::{
    FileMode, Sha256,
    spec::{
        Attached, EndpointMode, Ensure, FailureAction, Healthcheck, Limits, Logging, Mount, MountSource,
        RestartCondition, ServiceConfig, ServiceMode, ServiceSpec, TaskRestart, Ulimit, UpdateOrder,
        UpdatePolicy,
    },
};
use serde_json::{Value, json};

use super::{Kept, body, compare};
use crate::{
    engine::{Outcome, undo},
    host::{
        SwarmRole,
        fake::FakeHost,
        faulty::{MemoryJournal, MemoryStore},
    },
    kinds::swarm,
    ledger::Ledger,
    plan::render::{plain, render},
    testing::{AsSpec as _, Scene, block_on, id, planned, shorts},
};

const SHOP: &str = "service:shop";
const ONE: &str = "shop:1@sha256:1111111111111111111111111111111111111111111111111111111111111111";
const TWO: &str = "shop:2@sha256:2222222222222222222222222222222222222222222222222222222222222222";

/// Converges to a service, changes the declaration or the Swarm, and tells what is planned then.
fn after(change: impl Fn(&mut ServiceSpec, &FakeHost)) -> String {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    *scene.swarm_service("shop", ONE).as_service() = full();
    assert_eq!(scene.pass(&host, &mut store).summary().changed, 1);
    assert_eq!(planned(&scene, SHOP, &host, &store.ledger()), "");
    change(scene.get(SHOP).as_service(), &host);
    planned(&scene, SHOP, &host, &store.ledger())
}

#[test]
fn it_is_made_and_changed() {
    assert_eq!(after(|_, _| {}), "");
    let put = "put service shop";
    assert_eq!(after(|want, _| want.config.image = Some(TWO.parse().unwrap())), put);
    assert_eq!(after(|want, _| want.config.mode = ServiceMode::Replicated(7)), put);
    assert_eq!(after(|want, _| want.config.mode = ServiceMode::Global), put);
    assert_eq!(after(|want, _| want.config.limits = Limits::default()), put, "no longer declared");
    assert_eq!(after(|want, _| want.config.environment.clear()), put);
    assert_eq!(after(|want, _| want.ensure = Ensure::Absent), "remove service shop");
    // That it is given longer is no change of it.
    assert_eq!(after(|want, _| want.healthy_within = Duration::from_secs(1)), "");
}

#[test]
fn drift() {
    let by_hand = |change: fn(&mut Value)| {
        after(move |_, host| host.inner().docker.swarm.update_by_hand("shop", change))
    };
    let put = "put service shop";
    assert_eq!(by_hand(|spec| spec["Mode"]["Replicated"]["Replicas"] = json!(1)), put);
    assert_eq!(by_hand(|spec| spec["TaskTemplate"]["ContainerSpec"]["Image"] = json!("other")), put);
    assert_eq!(by_hand(|spec| spec["UpdateConfig"]["Order"] = json!("stop-first")), put);
    let more = |spec: &mut Value| {
        spec["TaskTemplate"]["ContainerSpec"]["Env"].as_array_mut().unwrap().push(json!("MORE=1"));
    };
    assert_eq!(by_hand(more), put);
    // What the engine fills in, and what its own commands leave behind.
    let filled = |spec: &mut Value| {
        spec["TaskTemplate"]["ForceUpdate"] = json!(3);
        spec["TaskTemplate"]["Runtime"] = json!("container");
        spec["TaskTemplate"]["ContainerSpec"]["Isolation"] = json!("default");
        spec["TaskTemplate"]["Placement"]["Platforms"] = json!([{ "OS": "linux" }]);
    };
    assert_eq!(by_hand(filled), "");
    assert_eq!(after(|_, host| host.inner().docker.swarm.services.clear()), put);
}

#[test]
fn tasks_that_are_missing_or_on_their_way_are_waited_for() {
    let state = |update: &'static str, running: u64| {
        after(move |_, host| {
            let mut inner = host.inner();
            let service = inner.docker.swarm.services.get_mut("shop").unwrap();
            (service.update, service.running) = (update.to_owned(), running);
        })
    };
    assert_eq!(state("completed", 3), "");
    assert_eq!(state("completed", 2), "await service shop");
    // Another manager began it: it is neither begun again nor forgotten.
    assert_eq!(state("updating", 3), "await service shop");
    assert_eq!(state("rollback_completed", 3), "", "somebody else's change was taken back");
    assert_eq!(state("paused", 3), "E_SERVICE_FAILED");
}

#[test]
fn a_service_of_others_is_taken_over_if_it_fits() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    scene.swarm_service("shop", ONE).as_service().config.environment =
        [("A".to_owned(), "1".to_owned())].into();
    scene.pass(&host, &mut store);
    // As `docker service create` would have made it: other labels, another policy, more of everything.
    host.inner().docker.swarm.update_by_hand("shop", |spec| {
        spec["Labels"] = json!({ "team": "shop" });
        spec["UpdateConfig"] = json!({ "Parallelism": 2 });
        spec["TaskTemplate"]["ContainerSpec"]["Env"] = json!(["A=1", "B=2"]);
    });
    let mut store = MemoryStore::default();
    host.take_done();
    assert_eq!(scene.pass(&host, &mut store).same, 1);
    assert!(host.take_done().is_empty());
    // It is not Holdfast's own, so it stays.
    let mut gone = scene.clone();
    gone.drop(SHOP);
    let report = gone.pass(&host, &mut store);
    assert!(matches!(report.outcomes[&id(SHOP)], Outcome::Released(_)), "{report:?}");
    let mut store = MemoryStore::default();
    scene.get(SHOP).as_service().config.environment.insert("A".to_owned(), "2".to_owned());
    scene.pass(&host, &mut store);
    assert_eq!(shorts(&host.take_done()), ["put service shop"]);
    scene.drop(SHOP);
    scene.pass(&host, &mut store);
    assert_eq!(shorts(&host.take_done()), ["remove service shop"]);
}

#[test]
fn what_the_swarm_took_back_has_failed_and_no_manager_tries_it_again() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    host.inner().docker.swarm.broken.insert(TWO.to_owned());
    scene.swarm_service("shop", ONE);
    scene.pass(&host, &mut store);
    let good = scene.clone();
    let before = host.inner().docker.swarm.services["shop"].clone();
    scene.swarm_service("shop", TWO);
    let (mut journal, mut ledger) = (MemoryJournal::default(), store.ledger());
    let report = scene.pass_and_record(&host, &mut ledger, &mut store, &mut journal);
    let Outcome::Failed(failure) = &report.outcomes[&id(SHOP)] else { panic!("{report:#?}") };
    assert_eq!((failure.code, failure.message.contains("secret")), ("E_SERVICE", false));
    assert!(failure.message.contains("took the change back"));

    // The service is what it was, but for the mark.
    host.take_done();
    let undone = block_on(undo(&journal.recorded(), &journal.kept, &host));
    assert_eq!((undone.changes, undone.left.len()), (0, 0), "{undone:?}");
    assert_eq!(planned(&good, SHOP, &host, &store.ledger()), "", "the mark is no difference");
    assert_eq!(before.spec["TaskTemplate"], host.inner().docker.swarm.services["shop"].spec["TaskTemplate"]);
    // Another manager, which knows nothing of it.
    let tasks = host.inner().docker.swarm.tasks;
    let report = scene.pass(&host, &mut MemoryStore::default());
    let Outcome::Failed(failure) = &report.outcomes[&id(SHOP)] else { panic!("{report:#?}") };
    assert_eq!(failure.code, "E_SERVICE_FAILED");
    assert_eq!(host.inner().docker.swarm.tasks, tasks);
    // A declaration that is mended is tried.
    scene.get(SHOP).as_service().config.command = Some(vec!["serve".to_owned()]);
    assert_eq!(planned(&scene, SHOP, &host, &Ledger::default()), "put service shop");
}

#[test]
fn a_failed_revision_puts_back_what_services_and_nodes_were() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    scene.swarm_service("shop", ONE);
    scene.swarm_service("gone", ONE);
    scene.pass(&host, &mut store);
    let before = host.inner().picture();
    scene.swarm_service("shop", TWO);
    scene.swarm_service("new", TWO);
    scene.drop("service:gone");
    let (mut journal, mut ledger) = (MemoryJournal::default(), store.ledger());
    let report = scene.pass_and_record(&host, &mut ledger, &mut store, &mut journal);
    assert_eq!(report.summary().failed, 0, "{report:#?}");
    for _ in 0..2 {
        let undone = block_on(undo(&journal.recorded(), &journal.kept, &host));
        assert!(undone.left.is_empty(), "{undone:#?}");
        assert_eq!(host.inner().picture(), before);
    }
    // What another manager has taken over is that one's.
    scene.pass_and_record(&host, &mut store.ledger(), &mut store, &mut MemoryJournal::default());
    let there = host.inner().picture();
    host.inner().docker.swarm.role = Some(SwarmRole::Manager { leader: "swarm-2".to_owned() });
    let undone = block_on(undo(&journal.recorded(), &journal.kept, &host));
    assert_eq!((undone.changes, undone.left.len(), undone.waits), (0, 0, false));
    assert_eq!(host.inner().picture(), there);
}

/// Everything that a service takes.
fn full() -> ServiceSpec {
    let mut scene = Scene::new();
    let mut want = scene.swarm_service("shop", ONE).as_service().clone();
    let texts = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let set = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<BTreeSet<_>>();
    let mount = |source, read_only| Mount { read_only, ..Mount::of(source) };
    want.config = ServiceConfig {
        mode: ServiceMode::Replicated(3),
        entrypoint: Some(words(&["/init"])),
        command: Some(words(&["serve", "--all"])),
        environment: texts(&[("PASSWORD", "hunter2")]),
        ports: ["8080:80".parse().unwrap()].into(),
        host_ports: ["53:53/udp".parse().unwrap()].into(),
        endpoint_mode: Some(EndpointMode::Dnsrr),
        mounts: [
            ("/data".parse().unwrap(), mount(MountSource::Volume("data".parse().unwrap()), false)),
            ("/etc/shop".parse().unwrap(), mount(MountSource::Bind("/srv/shop".parse().unwrap()), true)),
            ("/tmp".parse().unwrap(), mount(MountSource::Tmpfs(1 << 20), false)),
        ]
        .into(),
        networks: set(&["back", "front"]),
        aliases: set(&["web"]),
        healthcheck: Some(Healthcheck {
            test: words(&["CMD", "true"]),
            interval: Some(Duration::from_secs(5)),
            timeout: None,
            retries: Some(2),
            start_period: None,
        }),
        labels: texts(&[("team", "shop")]),
        container_labels: texts(&[("part", "front")]),
        user: Some("1000".to_owned()),
        working_dir: Some("/srv".to_owned()),
        hostname: Some("shop".to_owned()),
        logging: Some(Logging { driver: "json-file".to_owned(), options: texts(&[("max-size", "1m")]) }),
        cap_add: set(&["NET_ADMIN"]),
        cap_drop: set(&["ALL"]),
        read_only: Some(true),
        init: Some(true),
        ulimits: [("nofile".to_owned(), Ulimit { soft: 1, hard: 2 })].into(),
        sysctls: texts(&[("kernel.msgmax", "1")]),
        stop_signal: Some("SIGINT".to_owned()),
        stop_grace_period: Some(Duration::from_secs(3)),
        dns: vec!["192.0.2.53".parse().unwrap()],
        extra_hosts: texts(&[("legacy", "192.0.2.7")]),
        limits: Limits { memory: Some(64 << 20), nano_cpus: Some(500_000_000), pids: Some(50) },
        reservations: Limits { memory: Some(32 << 20), nano_cpus: None, pids: None },
        constraints: set(&["node.role == worker"]),
        spread: words(&["node.labels.rack"]),
        max_replicas_per_node: Some(2),
        restart: Some(TaskRestart {
            condition: RestartCondition::OnFailure,
            delay: Some(Duration::from_secs(1)),
            max_attempts: Some(3),
            window: None,
        }),
        update: UpdatePolicy {
            parallelism: Some(2),
            delay: Some(Duration::from_secs(1)),
            failure_action: Some(FailureAction::Pause),
            monitor: Some(Duration::from_secs(2)),
            max_failure_ratio: Some(250_000_000),
            order: Some(UpdateOrder::StartFirst),
        },
        rollback: UpdatePolicy { parallelism: Some(0), ..UpdatePolicy::default() },
        ..want.config
    };
    want
}

/// The same with configs, which need their own resources.
fn with_config() -> ServiceSpec {
    let mut want = full();
    let file = Attached { target: "/etc/shop.conf".to_owned(), uid: 0, gid: 0, mode: FileMode::new(0o444) };
    want.config.configs.insert("shop.conf".parse().unwrap(), file);
    want
}

fn unlabelled(want: &ServiceSpec) -> Value {
    let name = swarm::generation(&id("config:shop.conf"), &Sha256::of(b"red"));
    let kept = Kept { configs: [("shop.conf".parse().unwrap(), name)].into(), ..Kept::default() };
    body::unlabelled(want, &kept)
}

#[test]
fn the_body_has_everything() {
    let want = with_config();
    let body = body::labelled(&id(SHOP), &want, &unlabelled(&want));
    insta::assert_snapshot!(serde_json::to_string_pretty(&body).unwrap());
}

#[test]
fn each_field_is_compared() {
    let want = with_config();
    let body = unlabelled(&want);
    let labelled = body::labelled(&id(SHOP), &want, &body);
    assert_eq!(compare::compare(&want, &body, &labelled, true).found, []);
    // A service that says nothing differs in all that is declared.
    for ours in [true, false] {
        let found = compare::compare(&want, &body, &json!({}), ours).found;
        let fields: BTreeSet<String> =
            found.iter().map(|difference| difference.field.split('.').next().unwrap().to_owned()).collect();
        let mut declared: BTreeSet<String> =
            serde_json::to_value(&want.config).unwrap().as_object().unwrap().keys().cloned().collect();
        // They are told by other names.
        for (field, told) in [("mode", Some("replicas")), ("host_ports", None), ("aliases", None)] {
            assert!(declared.remove(field), "{field}");
            declared.extend(told.map(str::to_owned));
        }
        assert_eq!(fields, declared);
        assert!(!format!("{found:?}").contains("hunter2"), "a secret is told");
    }
}

#[test]
fn plans_read_well() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    *scene.swarm_service("shop", ONE).as_service() = full();
    let preview = |scene: &Scene, store: &MemoryStore| render(&scene.plan(&host, &store.ledger()), &plain);
    let first = preview(&scene, &store);
    scene.pass(&host, &mut store);
    let quiet = preview(&scene, &store);
    let want = scene.get(SHOP).as_service();
    want.config.image = Some(TWO.parse().unwrap());
    want.config.environment.insert("PASSWORD".to_owned(), "secret".to_owned());
    want.config.mode = ServiceMode::Replicated(5);
    let changed = preview(&scene, &store);
    scene.drop(SHOP);
    let gone = preview(&scene, &store);
    host.inner().docker.swarm.role = Some(SwarmRole::Manager { leader: "swarm-2".to_owned() });
    let elsewhere = preview(&scene, &store);
    insta::assert_snapshot!([first, quiet, changed, gone, elsewhere].join("---\n"));
}

#[test]
fn a_tag_stays_what_it_was_looked_up_as() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    scene.swarm_service("shop", "shop:1");
    scene.pass(&host, &mut store);
    // The engine looked it up.
    let put = |text: &str| {
        let text = text.to_owned();
        host.inner().docker.swarm.update_by_hand("shop", |spec| {
            spec["TaskTemplate"]["ContainerSpec"]["Image"] = text.into();
        });
    };
    put(ONE);
    scene.pass(&host, &mut store);
    let pinned = store.ledger().pinned();
    assert_eq!(pinned.iter().map(|pinned| pinned.image.as_str()).collect::<Vec<_>>(), [ONE]);
    assert_eq!(planned(&scene, SHOP, &host, &store.ledger()), "");
    // Another manager, which has not looked it up, sees it on the service.
    assert_eq!(planned(&scene, SHOP, &host, &Ledger::default()), "");

    // Whatever else changes, the image does not; and what somebody makes of it is put right.
    let image =
        || host.inner().docker.swarm.services["shop"].spec["TaskTemplate"]["ContainerSpec"]["Image"].clone();
    scene.get(SHOP).as_service().config.user = Some("1000".to_owned());
    scene.pass(&host, &mut store);
    assert_eq!(image(), ONE);
    put(&ONE.replace("111", "333"));
    scene.pass(&host, &mut store);
    assert_eq!(image(), ONE);
    // Another tag is looked up anew.
    scene.get(SHOP).as_service().config.image = Some("shop:2".parse().unwrap());
    scene.pass(&host, &mut store);
    assert_eq!(image(), "shop:2");
}
