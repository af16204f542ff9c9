//! How what differs would have to be declared to be in order as it is.

use holdfast_schema::{spec::ServiceMode, state::Mode};
use serde_json::json;

use crate::{
    host::{
        PackageNow,
        fake::{Active, FakeHost, Supply},
        faulty::MemoryStore,
    },
    plan::{found::Value, preview::Intent},
    testing::{AsSpec as _, Scene},
};

/// A host in order, with something of every kind that can be adopted.
fn scene() -> (Scene, FakeHost, MemoryStore) {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    let supply = Supply { versions: vec!["1.0", "2.0"], ..Supply::default() };
    host.inner().supplies.insert("app".to_owned(), supply);
    scene.file("/etc/app.conf", "ours\n");
    scene.directory("/etc/pure").as_directory().purge = true;
    scene.symlink("/etc/link", "app.conf");
    scene.package("app").as_package().version = Some("1.0".to_owned());
    let drop_in = scene.contents.add(&b"[Service]\nNice=1\n"[..]);
    let unit = scene.service("app.service", "[Service]\n").as_unit();
    unit.drop_ins.insert("nice.conf".to_owned(), drop_in);
    unit.drop_ins.insert("other.conf".to_owned(), drop_in);
    scene.connect();
    scene.pass(&host, &mut store);
    (scene, host, store)
}

/// Every field that would be declared otherwise, in one line each.
fn found(scene: &Scene, host: &FakeHost, store: &MemoryStore) -> Vec<String> {
    let preview = scene.plan(host, &store.ledger());
    let mut lines = Vec::new();
    for foreseen in &preview.resources {
        let Some(found) = &foreseen.found else {
            lines.push(format!("{} cannot be said", foreseen.id));
            continue;
        };
        for (field, value) in &found.fields {
            let value = match value {
                Value::Text(text) => format!("{text:?}"),
                Value::Flag(flag) => flag.to_string(),
                Value::Number(number) => number.to_string(),
                Value::Billionths(number) => format!("{number} billionths"),
                Value::List(texts) => format!("{texts:?}"),
                Value::Table(texts) => format!("{texts:?}"),
                Value::ContentOf(path) => format!("what {path} holds"),
                Value::Files(files) => files.keys().cloned().collect::<Vec<_>>().join(" and "),
            };
            lines.push(format!("{} {field} = {value}", foreseen.id));
        }
    }
    lines.sort();
    lines
}

#[test]
fn what_was_changed_is_said_field_by_field() {
    let (scene, host, store) = scene();
    assert_eq!(found(&scene, &host, &store), Vec::<String>::new());
    host.inner().file("/etc/app.conf", b"theirs\n");
    host.inner().file("/etc/pure/stranger", b"x");
    host.inner().file("/etc/systemd/system/app.service.d/nice.conf", b"[Service]\nNice=9\n");
    host.inner()
        .packages
        .insert("app".to_owned(), PackageNow::Installed { version: "2.0".to_owned(), held: false });
    let mut inner = host.inner();
    let unit = inner.units.get_mut("app.service").unwrap();
    (unit.active, unit.enabled) = (Active::Resting, false);
    drop(inner);
    assert_eq!(
        found(&scene, &host, &store),
        [
            "directory:/etc/pure purge = false",
            "file:/etc/app.conf content = what /etc/app.conf holds",
            "package:app version = \"2.0\"",
            "unit:app.service active = false",
            "unit:app.service drop_ins = nice.conf and other.conf",
            "unit:app.service enabled = false",
        ]
    );
}

#[test]
fn what_is_gone_is_absent_and_what_is_something_else_cannot_be_said() {
    let (scene, host, store) = scene();
    host.inner().remove("/etc/app.conf");
    host.inner().remove("/etc/link");
    host.inner().file("/etc/link", b"a file now");
    host.inner().packages.remove("app");
    assert_eq!(
        found(&scene, &host, &store),
        [
            "file:/etc/app.conf ensure = \"absent\"",
            "package:app ensure = \"absent\"",
            "symlink:/etc/link cannot be said",
        ]
    );
}

#[test]
fn what_is_to_be_adopted_is_left_alone() {
    let (mut scene, host, mut store) = scene();
    scene.get("file:/etc/app.conf").mode = Mode::Adopt;
    host.inner().file("/etc/app.conf", b"theirs\n");
    host.take_done();
    let preview = scene.plan(&host, &store.ledger());
    assert_eq!(preview.resources[0].intent, Intent::Adopt);
    let report = scene.pass(&host, &mut store);
    assert_eq!((report.summary().differs, host.take_done().len()), (1, 0));
}

const SHOP: &str = "shop:1@sha256:1111111111111111111111111111111111111111111111111111111111111111";
const NEXT: &str = "shop:2@sha256:2222222222222222222222222222222222222222222222222222222222222222";

/// A host in order, with a container and a service.
fn engine() -> (Scene, FakeHost, MemoryStore) {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    for image in [SHOP, NEXT] {
        host.inner().docker.images.insert(image.to_owned(), format!("id of {image}"));
    }
    let container = scene.container("shop", SHOP).as_container();
    container.config.environment.insert("MODE".to_owned(), "fast".to_owned());
    container.config.user = Some("app".to_owned());
    container.config.cap_add.insert("NET_ADMIN".to_owned());
    container.limits.nano_cpus = Some(1_500_000_000);
    container.limits.memory = Some(64 << 20);
    let service = scene.swarm_service("shop", SHOP).as_service();
    service.config.environment.insert("MODE".to_owned(), "fast".to_owned());
    service.config.mode = ServiceMode::Replicated(2);
    scene.pass(&host, &mut store);
    assert_eq!(found(&scene, &host, &store), Vec::<String>::new());
    (scene, host, store)
}

#[test]
fn what_the_engine_was_told_by_hand_is_said_field_by_field() {
    let (scene, host, store) = engine();
    host.inner().docker.run_by_hand(
        "shop",
        json!({
            "Image": NEXT, "Env": ["MODE=slow", "PATH=/bin"], "User": "root",
            "HostConfig": { "NanoCpus": 250_000_000, "Memory": 1536u64 << 20, "CapAdd": ["CAP_SYS_TIME"], "RestartPolicy": { "Name": "no" } },
        }),
    );
    host.inner().docker.swarm.update_by_hand("shop", |spec| {
        spec["Mode"]["Replicated"]["Replicas"] = json!(5);
        spec["TaskTemplate"]["ContainerSpec"]["Env"] = json!(["MODE=slow", "MORE=1"]);
    });
    assert_eq!(
        found(&scene, &host, &store),
        [
            "container:shop cap_add = [\"SYS_TIME\"]",
            "container:shop cpus = 250000000 billionths",
            "container:shop environment = {\"MODE\": \"slow\"}",
            &format!("container:shop image = {NEXT:?}"),
            "container:shop memory = \"1536m\"",
            "container:shop restart = \"no\"",
            "container:shop user = \"root\"",
            "service:shop environment = {\"MODE\": \"slow\", \"MORE\": \"1\"}",
            "service:shop replicas = 5",
        ]
    );
    host.inner().docker.containers.clear();
    host.inner().docker.swarm.services.clear();
    let absent = ["container:shop ensure = \"absent\"", "service:shop ensure = \"absent\""];
    assert_eq!(found(&scene, &host, &store), absent);
}

#[test]
fn what_the_language_has_no_word_for_is_not_said() {
    let (scene, host, store) = engine();
    // A variable that an image or nobody sets, and a mode that nobody can declare.
    host.inner().docker.run_by_hand("shop", json!({ "Image": SHOP, "User": "root" }));
    host.inner().docker.swarm.update_by_hand("shop", |spec| {
        spec["Mode"] = json!({ "ReplicatedJob": {} });
    });
    assert_eq!(
        found(&scene, &host, &store),
        ["container:shop cannot be said", "service:shop cannot be said"]
    );
}
