#![expect(clippy::disallowed_methods, reason = "tests ask Docker's own command")]

use std::{collections::BTreeSet, process::Command, time::Duration};

use holdfast_schema::spec::{Healthcheck, Limits, Mount, MountSource, Restart, Ulimit};
use serde_json::json;

use super::{ContainerNow, ContainerWas, NetworkNow, client::encode, former::carry_volumes, now::ImageNow};
use crate::{
    engine::{Outcome, Report, undo},
    host::{
        LocalHost,
        faulty::{MemoryJournal, MemoryStore},
    },
    testing::{AsSpec as _, Scene, block_on, id, planned},
};

#[test]
fn lists_are_read() {
    let listed: ContainerNow = serde_json::from_value(json!({
        "Id": "1", "ImageID": "sha256:2", "State": "running", "Status": "Up", "Labels": null, "Ports": [{}],
        "NetworkSettings": { "Networks": { "front": { "IPAMConfig": null }, "back": null } },
    }))
    .unwrap();
    let expected = ContainerNow {
        id: "1".to_owned(),
        image: "sha256:2".to_owned(),
        state: "running".to_owned(),
        status: "Up".to_owned(),
        labels: [].into(),
        networks: ["back".to_owned(), "front".to_owned()].into(),
    };
    assert_eq!(listed, expected);
    let network: NetworkNow = serde_json::from_value(json!({
        "Id": "1", "Driver": "bridge", "EnableIPv6": true, "Options": null, "Labels": {},
        "IPAM": { "Config": [{ "Subnet": "10.0.0.0/8", "Gateway": "10.0.0.1" }, { "Subnet": "fd00::/64" }] },
    }))
    .unwrap();
    let gateway = "10.0.0.1".parse().unwrap();
    assert_eq!(network.subnets, [("10.0.0.0/8".to_owned(), Some(gateway)), ("fd00::/64".to_owned(), None)]);
    assert!(network.ipv6 && !network.internal);
}

#[test]
fn images_are_told_apart() {
    let digest = |letter: &str| format!("sha256:{}", letter.repeat(64));
    let image = ImageNow {
        id: digest("a"),
        repo_tags: vec!["nginx:1.27".to_owned(), "localhost:5000/shop:1".to_owned()],
        repo_digests: vec![format!("nginx@{}", digest("b"))],
    };
    let is = |text: &str| image.is(&text.parse().unwrap());
    assert!(is(&digest("a")) && is("docker.io/library/nginx:1.27") && is("localhost:5000/shop:1"));
    assert!(is(&format!("nginx:1.27@{}", digest("b"))) && is(&format!("nginx@{}", digest("b"))));
    assert!(!is(&digest("b")) && !is("nginx") && !is(&format!("nginx:1.27@{}", digest("a"))));
}

#[test]
fn nothing_has_a_meaning_in_an_encoded_name() {
    assert_eq!(encode("shop-1_a.b~c"), "shop-1_a.b~c");
    assert_eq!(encode("a/b:c@d e?f&g%"), "a%2Fb%3Ac%40d%20e%3Ff%26g%25");
}

#[test]
fn anonymous_volumes_go_along() {
    let name = "0123456789abcdef".repeat(4);
    let old = json!({ "Mounts": [
        { "Type": "volume", "Name": name, "Destination": "/data" },
        { "Type": "volume", "Name": name, "Destination": "/declared" },
        { "Type": "volume", "Name": "named", "Destination": "/named" },
        { "Type": "bind", "Source": "/srv", "Destination": "/srv" },
    ]});
    let mut body = json!({ "HostConfig": { "Mounts": [{ "Type": "tmpfs", "Target": "/declared" }] } });
    carry_volumes(&old, &mut body);
    let expected = json!([
        { "Type": "tmpfs", "Target": "/declared" },
        { "Type": "volume", "Source": name, "Target": "/data" },
    ]);
    assert_eq!(body["HostConfig"]["Mounts"], expected);
}

/// Objects of one test in the engine of this machine, all of whose names begin alike. Dropping it removes them.
struct Engine {
    prefix: String,
    root: tempfile::TempDir,
    host: LocalHost,
    store: MemoryStore,
    /// An image whose containers run for ever, and one whose containers end at once.
    image: String,
    broken: String,
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Engine {
    fn new(name: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let prefix = format!("holdfast-test-{name}-{}", std::process::id());
        let image = |tag: &str, command: &str| {
            // busybox-static: one program that is all a container needs.
            let script = format!(
                "mkdir -p {0}/{tag}/bin && cp /bin/busybox {0}/{tag}/bin/sh && ln -sf sh {0}/{tag}/bin/busybox && \
                 tar -C {0}/{tag} -c . | docker import -c 'CMD {command}' -c 'VOLUME /anonymous' - {prefix}:{tag}",
                root.path().display()
            );
            let output = Command::new("sh").args(["-euc", &script]).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        let forever =
            r#"["/bin/sh", "-c", "trap \"exit 0\" TERM; while :; do /bin/busybox sleep 1 & wait; done"]"#;
        let (image, broken) = (image("one", forever), image("broken", r#"["/bin/sh", "-c", "exit 3"]"#));
        let host = LocalHost::scratch_with_docker(root.path());
        Self { prefix, root, host, store: MemoryStore::default(), image, broken }
    }

    fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    fn pass(&mut self, scene: &Scene) -> Report {
        scene.pass(&self.host, &mut self.store)
    }

    /// One pass that changes something, and one that finds all in order.
    fn converge(&mut self, scene: &Scene) {
        let report = self.pass(scene);
        assert_eq!((report.summary().failed, report.summary().waiting), (0, 0), "{report:#?}");
        assert!(report.summary().changed + report.summary().removed > 0, "{report:#?}");
        self.is_quiet(scene);
    }

    fn is_quiet(&mut self, scene: &Scene) {
        self.has_nothing_left(scene);
        // What was looked at closely is known from here on.
        let before = self.host.docker_requests();
        self.has_nothing_left(scene);
        let requests = self.host.docker_requests() - before;
        assert!(requests <= 4, "{requests} requests: a version, and one list each of three kinds");
    }

    fn has_nothing_left(&mut self, scene: &Scene) {
        let report = self.pass(scene);
        let left: Vec<_> =
            report.outcomes.iter().filter(|(_, outcome)| !matches!(outcome, Outcome::Released(_))).collect();
        assert!(left.is_empty(), "{left:#?}");
    }

    fn ask(&self, name: &str, format: &str) -> String {
        docker(&["inspect", "--format", format, &self.name(name)])
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let script = format!(
            "docker ps -aq --filter name=^/{0} | xargs -r docker rm -fv; docker network ls -q --filter name=^{0} | xargs -r \
             docker network rm; docker volume ls -q --filter name=^{0} | xargs -r docker volume rm; docker images -q {0} | \
             xargs -r docker rmi -f",
            self.prefix
        );
        drop(Command::new("sh").args(["-c", &script]).output());
    }
}

#[test]
#[ignore = "needs a Docker engine"]
fn engine_one_life_of_a_container() {
    let mut engine = Engine::new("life");
    let (shop, front, data) = (engine.name("shop"), engine.name("front"), engine.name("data"));
    let mut scene = Scene::new();
    scene.network(&front);
    scene.volume(&data);
    let container = scene.container(&shop, &engine.image);
    container.needs = [id(&format!("network:{front}")), id(&format!("volume:{data}"))].into();
    let want = container.as_container();
    want.networks = [front.clone()].into();
    want.limits = Limits { memory: Some(64 << 20), nano_cpus: Some(500_000_000), pids: Some(50) };
    want.restart = Restart::Always;
    let mount = |source, read_only| Mount { read_only, ..Mount::of(source) };
    std::fs::create_dir(engine.root.path().join("bound")).unwrap();
    let bound = engine.root.path().join("bound").to_str().unwrap().parse().unwrap();
    want.config.mounts = [
        ("/data".parse().unwrap(), mount(MountSource::Volume(data.parse().unwrap()), false)),
        ("/bound".parse().unwrap(), mount(MountSource::Bind(bound), true)),
        ("/scratch".parse().unwrap(), mount(MountSource::Tmpfs(1 << 20), false)),
    ]
    .into();
    want.config.environment = [("COLOUR".to_owned(), "red".to_owned())].into();
    want.config.ports = ["127.0.0.1::80", "53/udp"].map(|port| port.parse().unwrap()).into();
    want.config.aliases = ["web".to_owned()].into();
    want.config.hostname = Some("shop".to_owned());
    want.config.user = Some("0:0".to_owned());
    want.config.working_dir = Some("/bin".to_owned());
    want.config.labels = [("team".to_owned(), "shop".to_owned())].into();
    (want.config.init, want.config.read_only) = (Some(false), Some(false));
    want.config.cap_add = ["NET_ADMIN".to_owned()].into();
    want.config.cap_drop = ["MKNOD".to_owned()].into();
    want.config.security_opt = ["no-new-privileges".to_owned()].into();
    want.config.ulimits = [("nofile".to_owned(), Ulimit { soft: 100, hard: 200 })].into();
    want.config.devices = ["/dev/null:/dev/nothing:r".parse().unwrap()].into();
    want.config.shm_size = Some(1 << 20);
    want.config.stop_signal = Some("SIGTERM".to_owned());
    want.config.stop_grace_period = Some(Duration::from_secs(2));
    want.config.dns = vec!["192.0.2.53".parse().unwrap()];
    want.config.extra_hosts = [("gateway".to_owned(), "192.0.2.1".to_owned())].into();
    want.config.logging = Some(holdfast_schema::spec::Logging {
        driver: "json-file".to_owned(),
        options: [("max-size".to_owned(), "1m".to_owned())].into(),
    });
    want.config.healthcheck = Some(Healthcheck {
        test: vec!["CMD".to_owned(), "/bin/sh".to_owned(), "-c".to_owned(), "exit 0".to_owned()],
        interval: Some(Duration::from_secs(1)),
        timeout: Some(Duration::from_secs(5)),
        retries: Some(3),
        start_period: None,
    });
    engine.converge(&scene);
    let made = engine.ask("shop", "{{.Id}}");
    assert_eq!(engine.ask("shop", "{{.State.Health.Status}}"), "healthy");

    // What is there fits field by field, as it would have to if others had made it.
    let all = block_on(crate::host::Read::inspect(
        &engine.host,
        &ContainerNow { id: made.clone(), ..Default::default() },
    ));
    let found = crate::kinds::container::differences(
        scene.get(&format!("container:{shop}")).as_container(),
        &all.unwrap(),
    );
    assert_eq!(found, []);

    // Changed in place.
    let spec = format!("container:{shop}");
    let back = engine.name("back");
    scene.network(&back);
    let container = scene.get(&spec);
    container.needs = [id(&format!("network:{front}")), id(&format!("network:{back}"))].into();
    container.as_container().networks.insert(back.clone());
    container.as_container().limits.memory = Some(128 << 20);
    container.as_container().restart = Restart::OnFailure;
    engine.converge(&scene);
    assert_eq!(engine.ask("shop", "{{.Id}} {{.HostConfig.Memory}}"), format!("{made} {}", 128 << 20));

    // Tampered with.
    docker(&["kill", &shop]);
    engine.converge(&scene);
    docker(&["update", "--restart=no", "--memory=90m", "--memory-swap=180m", &shop]);
    docker(&["network", "disconnect", &front, &shop]);
    engine.converge(&scene);
    assert_eq!(engine.ask("shop", "{{.Id}} {{.HostConfig.Memory}}"), format!("{made} {}", 128 << 20));
    docker(&["rm", "-f", "-v", &shop]);
    engine.converge(&scene);

    // Made anew, with what its anonymous volume holds.
    docker(&["exec", &shop, "/bin/sh", "-c", "echo precious >/anonymous/file"]);
    scene.get(&spec).as_container().config.environment.clear();
    engine.converge(&scene);
    assert_eq!(docker(&["exec", &shop, "/bin/busybox", "cat", "/anonymous/file"]), "precious");
    scene.get(&spec).as_container().config.working_dir = None;
    engine.converge(&scene);
    assert_eq!(docker(&["exec", &shop, "/bin/busybox", "cat", "/anonymous/file"]), "precious");

    // Gone, but for what holds data.
    let anonymous =
        engine.ask("shop", "{{range .Mounts}}{{if eq .Destination \"/anonymous\"}}{{.Name}}{{end}}{{end}}");
    scene
        .drop(&spec)
        .drop(&format!("network:{front}"))
        .drop(&format!("network:{back}"))
        .drop(&format!("volume:{data}"));
    engine.converge(&scene);
    let names = docker(&["ps", "-a", "--format", "{{.Names}}"]);
    assert!(!names.contains(&shop), "{names}");
    assert!(!docker(&["network", "ls"]).contains(&engine.prefix));
    let volumes = docker(&["volume", "ls"]);
    assert!(volumes.contains(&data) && volumes.contains(&anonymous), "{volumes}");
    docker(&["volume", "rm", &anonymous]);
}

#[test]
#[ignore = "needs a Docker engine"]
fn engine_a_container_that_fails_is_taken_back() {
    let mut engine = Engine::new("back");
    let (shop, front) = (engine.name("shop"), engine.name("front"));
    let spec = format!("container:{shop}");
    let mut scene = Scene::new();
    scene.network(&front);
    let container = scene.container(&shop, &engine.image);
    container.needs = [id(&format!("network:{front}"))].into();
    container.as_container().networks = [front.clone()].into();
    container.as_container().config.environment = [("COLOUR".to_owned(), "red".to_owned())].into();
    container.as_container().config.aliases = ["web".to_owned()].into();
    container.as_container().limits.memory = Some(64 << 20);
    engine.converge(&scene);
    docker(&["exec", &shop, "/bin/sh", "-c", "echo precious >/anonymous/file"]);
    let before = engine.ask("shop", "{{.Config.Env}} {{.HostConfig.Memory}} {{.Image}} {{.State.Running}}");

    let good = scene.clone();
    let (broken, new, other) = (engine.broken.clone(), engine.name("new"), engine.name("other"));
    scene.network(&other);
    scene.container(&new, &engine.image);
    let container = scene.get(&spec);
    container.needs = [id(&format!("container:{new}")), id(&format!("network:{other}"))].into();
    container.as_container().config.image = Some(broken.parse().unwrap());
    container.as_container().networks = [other.clone()].into();
    let mut journal = MemoryJournal::default();
    let mut ledger = engine.store.ledger();
    let report = scene.pass_and_record(&engine.host, &mut ledger, &mut engine.store, &mut journal);
    let Outcome::Failed(failure) = &report.outcomes[&id(&spec)] else { panic!("{report:#?}") };
    assert_eq!(failure.code, "E_CONTAINER");

    for _ in 0..2 {
        let undone = block_on(undo(&journal.recorded(), &journal.kept, &engine.host));
        assert!(undone.left.is_empty() && !undone.waits, "{undone:#?}");
        assert_eq!(
            engine.ask("shop", "{{.Config.Env}} {{.HostConfig.Memory}} {{.Image}} {{.State.Running}}"),
            before
        );
        assert_eq!(docker(&["exec", &shop, "/bin/busybox", "cat", "/anonymous/file"]), "precious");
        let names = docker(&["ps", "-a", "--format", "{{.Names}}"]);
        assert!(!names.contains(&new) && !names.contains(&format!("{shop}.holdfast-new")), "{names}");
        assert!(!docker(&["network", "ls"]).contains(&other));
    }
    // What was put back is what the good revision says.
    assert_eq!(planned(&good, &spec, &engine.host, &engine.store.ledger()), "");
}

#[test]
#[ignore = "needs a Docker engine"]
fn engine_others_containers_are_taken_over() {
    let mut engine = Engine::new("adopt");
    let (shop, front) = (engine.name("shop"), engine.name("front"));
    docker(&["network", "create", &front]);
    docker(&[
        "run",
        "-d",
        "--name",
        &shop,
        "--network",
        &front,
        "--restart",
        "unless-stopped",
        "-e",
        "COLOUR=red",
        "-p",
        "127.0.0.1::80",
        "--label",
        "team=shop",
        "-m",
        "64m",
        &engine.image,
    ]);
    let made = engine.ask("shop", "{{.Id}}");
    let mut scene = Scene::new();
    scene.network(&front);
    let want = scene.container(&shop, &engine.image).as_container();
    want.networks = BTreeSet::from([front.clone()]);
    want.config.environment = [("COLOUR".to_owned(), "red".to_owned())].into();
    want.config.ports = ["127.0.0.1::80".parse().unwrap()].into();
    engine.is_quiet(&scene);
    assert_eq!(engine.ask("shop", "{{.Id}}"), made);
    let all = block_on(crate::host::Read::inspect(
        &engine.host,
        &ContainerNow { id: made.clone(), ..Default::default() },
    ));
    assert!(ContainerWas::of(&all.unwrap()).running);
    scene.drop(&format!("container:{shop}")).drop(&format!("network:{front}"));
    engine.is_quiet(&scene);
    assert_eq!(engine.ask("shop", "{{.Id}}"), made);
}
