//! Images from a real registry with TLS and a login: what is pulled, what cannot be, and that what runs goes on.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::{Host, wait};
use holdfast_schema::status::{PassResult, ResourceOutcome};

use crate::site::{NAME, Site};

mod three_nodes;

/// What a host has for an engine and a registry of images, `registry.test:5000`, with TLS and one login.
const PACKAGES: &str = "docker.io,iptables,busybox-static,docker-registry,apache2-utils";
const USER: &str = "deploy";
const PASSWORD: &str = "canary-token-31f7";
const FOREVER: &str =
    r#"["/bin/sh", "-c", "trap \"exit 0\" TERM; while :; do /bin/busybox sleep 1 & wait; done"]"#;
const LOGIN: &str = "registry:registry.test:5000";
const SHOP: &str = "container:shop";

/// A site with a registry on its host, and a fleet that can keep secrets for it.
pub(crate) struct Shop {
    pub(crate) site: Site,
    key: String,
}

impl Shop {
    pub(crate) fn new(name: &str) -> Result<Self> {
        let host = Host::boot_with(name, PACKAGES)?;
        // The engine's layers cannot lie on those of the one that the host runs on.
        host.shell("systemctl stop docker; mount -t tmpfs tmpfs /var/lib/docker; systemctl start docker")?;
        host.write_file("/root/registry.sh", include_str!("registry.sh"))?;
        host.run(&["sh", "-eu", "/root/registry.sh", USER, PASSWORD])?;
        let site = Site::on(host, "")?;
        let text = site.host.read_file("/etc/holdfast/age_key")?;
        let key = text.lines().find_map(|line| line.strip_prefix("# public key: "));
        let key = key.context("the host has no key")?.to_owned();
        site.fleet.holdfast(&["secret", "recovery", "--dir", "work", "safe.key"])?;
        let shop = Self { site, key };
        shop.secret("token", PASSWORD)?;
        shop.secret("wrong", "nobody's password")?;
        Ok(shop)
    }

    fn secret(&self, name: &str, value: &str) -> Result<()> {
        self.secret_for(name, &format!("{value}\n"), LOGIN)
    }

    /// Encrypts a secret that only one resource of the host may have.
    pub(crate) fn secret_for(&self, name: &str, value: &str, destination: &str) -> Result<()> {
        self.site.fleet.write("../value", value)?;
        self.site.fleet.write(crate::site::STATE, &self.state(""))?;
        let encrypt = ["secret", "encrypt", name, "--host", NAME, "--destination", destination];
        self.site.fleet.holdfast(&[&encrypt[..], &["--dir", "work", "--from", "value"]].concat()).map(drop)
    }

    /// Pushes an image of about that many KiB, and gives its digest. The engine does not have it afterwards.
    pub(crate) fn push(&self, tag: &str, kibibytes: u32) -> Result<String> {
        let script = format!(
            "rm -rf /root/image && mkdir -p /root/image/bin /root/image/tmp && cp /bin/busybox /root/image/bin/sh
             ln -s sh /root/image/bin/busybox && head -c {kibibytes}k /dev/urandom >/root/image/filler
             tar -C /root/image -c . | docker import -c 'CMD {FOREVER}' - registry.test:5000/shop:{tag} >/dev/null
             docker login --username {USER} --password {PASSWORD} registry.test:5000 >/dev/null 2>&1
             docker push --quiet registry.test:5000/shop:{tag} >/dev/null
             docker image inspect --format '{{{{index .RepoDigests 0}}}}' registry.test:5000/shop:{tag}
             docker image rm registry.test:5000/shop:{tag} >/dev/null"
        );
        let digest = self.site.host.shell(&script)?;
        Ok(digest.trim().rsplit('@').next().unwrap_or_default().to_owned())
    }

    pub(crate) fn forget_login(&self) -> Result<()> {
        self.site.host.run(&["rm", "-rf", "/root/.docker"]).map(drop)
    }

    fn state(&self, more: &str) -> String {
        format!("age_key = \"{}\"\n{more}", self.key)
    }

    pub(crate) fn logged_in(&self, secret: &str, image: &str) -> String {
        let login =
            format!("[registry.\"registry.test:5000\"]\nuser = \"{USER}\"\npassword = \"{secret}\"\n");
        self.state(&format!("{login}{}", container(image)))
    }

    fn container(&self) -> Result<String> {
        let format = "{{.Id}} {{.State.Running}}";
        self.site.host.run(&["docker", "container", "inspect", "--format", format, "shop"])
    }

    /// Publishes a state that fails; gives what the status says of it.
    fn refused(&self, state: &str) -> Result<String> {
        self.site.publish(state)?;
        let sync = self.site.sync()?;
        ensure!(sync.code != Some(0), "it was taken: {sync}");
        let status = self.site.status()?;
        let problems = status.problem.iter().map(|problem| format!("{} {}", problem.code, problem.message));
        Ok(problems.collect::<Vec<_>>().join("\n"))
    }
}

fn container(image: &str) -> String {
    format!("[container.shop]\nimage = \"{image}\"\n")
}

pub(crate) fn at(digest: &str) -> String {
    format!("registry.test:5000/shop:1@{digest}")
}

#[test]
fn an_image_is_pulled_with_a_login_and_what_cannot_be_pulled_changes_nothing() -> Result<()> {
    let shop = Shop::new("registry")?;
    let host = &shop.site.host;
    let (first, second) = (shop.push("1", 10)?, shop.push("2", 10)?);
    let (big, cut) = (shop.push("big", 20_000)?, shop.push("cut", 20_000)?);
    shop.forget_login()?;

    // Without a login, and with a wrong one.
    let said = shop.refused(&shop.state(&container(&at(&first))))?;
    ensure!(said.contains("E_REGISTRY_LOGIN") && said.contains("does not give it"), "{said}");
    let said = shop.refused(&shop.logged_in("wrong", &at(&first)))?;
    ensure!(said.contains("E_REGISTRY_LOGIN") && said.contains("refuses the login of deploy"), "{said}");
    ensure!(!host.has("/root/.docker/config.json")?, "a login that is refused was kept");

    let status = shop.site.apply(&shop.logged_in("token", &at(&first)))?;
    assert_eq!(status.result, PassResult::Converged);
    let mode = host.run(&["stat", "-c", "%U:%a", "/root/.docker/config.json"])?;
    assert_eq!(mode, "root:600\n");
    shop.site.is_quiet()?;
    let runs = shop.container()?;
    ensure!(runs.contains("true"), "{runs}");

    // Nothing that cannot be brought disturbs what runs.
    let nobody = format!("sha256:{}", "0".repeat(64));
    let goes_on = |digest: &str, words: &[&str]| -> Result<()> {
        let said = shop.refused(&shop.logged_in("token", &at(digest)))?;
        ensure!(words.iter().all(|word| said.contains(word)), "{said}");
        assert_eq!(shop.container()?, runs, "{said}");
        Ok(())
    };
    goes_on(&nobody, &["E_IMAGE_PULL", "does not have it"]).context("an unknown digest")?;

    host.run(&["systemctl", "stop", "docker-registry"])?;
    goes_on(&second, &["E_IMAGE_PULL", "cannot be reached"]).context("no registry")?;
    host.run(&["systemctl", "start", "docker-registry"])?;

    host.shell("mount -t tmpfs -o size=4m tmpfs /var/lib/docker/tmp")?;
    goes_on(&big, &["E_DISK_FULL", "disk is full"]).context("a full disk")?;
    host.shell("umount /var/lib/docker/tmp")?;

    // The layer ends in the middle.
    host.shell("find /var/lib/docker-registry -name data -size +10000k -exec truncate --size 9000000 {} +")?;
    host.run(&["systemctl", "restart", "docker-registry"])?;
    goes_on(&cut, &["E_IMAGE_PULL"]).context("a layer that ends in the middle")?;

    // With all in order again the next revision comes through.
    shop.site.apply(&shop.logged_in("token", &at(&second)))?;
    assert_ne!(shop.container()?, runs);

    // The password is nowhere but in the one file.
    let base = "ZGVwbG95OmNhbmFyeS10b2tlbi0zMWY3";
    host.shell(&format!(
        "journalctl --no-pager --all >/root/journal; ! grep -raF -e {PASSWORD} -e {base} /root/journal /var/lib/holdfast /var/log /run/holdfast"
    ))?;
    host.run(&["grep", "-qF", base, "/root/.docker/config.json"])?;
    let all = shop.site.fleet.shell("git fetch -q origin '+refs/*:refs/all/*'; git log --all --patch")?;
    ensure!(!all.contains(PASSWORD) && !all.contains(base), "Git has the password");

    // What is no longer declared goes, login and container.
    shop.site.apply(&shop.state(""))?;
    ensure!(!host.read_file("/root/.docker/config.json")?.contains("registry.test"), "the login stays");
    Ok(())
}

#[test]
fn a_tag_is_looked_up_once() -> Result<()> {
    let shop = Shop::new("tag")?;
    let first = shop.push("1", 10)?;
    shop.forget_login()?;
    shop.site.fleet.write("fleet.toml", "[docker]\nallow_tags = true\n")?;
    let state = shop.logged_in("token", "registry.test:5000/shop:1");
    let status = shop.site.apply(&state)?;
    let pinned = format!("{:?}", status.image);
    ensure!(pinned.contains(&first), "the status does not tell {first}: {pinned}");
    let runs = shop.container()?;

    // Somebody moves the tag.
    let second = shop.push("1", 11)?;
    assert_ne!(first, second);
    shop.site.sync()?.success()?;
    shop.site.is_quiet()?;
    assert_eq!(shop.container()?, runs);
    ensure!(format!("{:?}", shop.site.status()?.image).contains(&first));
    Ok(())
}

#[test]
fn only_what_needs_the_login_waits_for_it() -> Result<()> {
    let shop = Shop::new("refused")?;
    let first = shop.push("1", 10)?;
    shop.forget_login()?;
    let rest = "[apply]\non_failure = \"continue\"\n[file.\"/etc/motd\"]\ncontent = \"hello\\n\"\n";
    shop.site.publish(&shop.logged_in("wrong", &at(&first)).replacen(
        "[registry",
        &format!("{rest}[registry"),
        1,
    ))?;
    shop.site.sync()?;
    assert_eq!(shop.site.host.read_file("/etc/motd")?, "hello\n");
    let told = shop.site.resource(LOGIN)?.context("nothing is said of the login")?;
    assert_eq!((told.outcome, told.code.as_deref()), (ResourceOutcome::Failed, Some("E_REGISTRY_LOGIN")));
    let told = shop.site.resource(SHOP)?.context("nothing is said of the container")?;
    assert_eq!(told.outcome, ResourceOutcome::Blocked);
    Ok(())
}

/// One more host in the Swarm of the first, which knows the registry and has no login there.
fn join(shop: &Shop, name: &str) -> Result<Host> {
    let (first, worker) = (&shop.site.host, Host::boot_with_docker(name)?);
    let address = first.address()?;
    let token = first.run(&["docker", "swarm", "join-token", "--quiet", "worker"])?;
    worker.shell(&format!(
        "echo {address} registry.test >>/etc/hosts; mkdir -p /etc/docker/certs.d/registry.test:5000"
    ))?;
    let authority = first.read_file("/root/registry.crt")?;
    worker.write_file("/etc/docker/certs.d/registry.test:5000/ca.crt", authority)?;
    worker.run(&["docker", "swarm", "join", "--token", token.trim(), &format!("{address}:2377")])?;
    // A Swarm gives no task to a node that it has not heard of yet.
    let state = ["docker", "node", "inspect", "--format", "{{.Status.State}}", name];
    wait::until("the node is ready", Duration::from_secs(30), || Ok(first.run(&state)?.trim() == "ready"))?;
    Ok(worker)
}

#[test]
fn tasks_on_other_nodes_pull_with_the_login_that_their_service_was_made_with() -> Result<()> {
    let shop = Shop::new("web-1")?;
    shop.site.host.init_swarm()?;
    let worker = join(&shop, "web-2")?;
    let first = shop.push("1", 10)?;
    shop.forget_login()?;
    shop.site.fleet.write("fleet.toml", "[docker]\nallow_tags = true\n")?;
    let service = "[service.shop]\nimage = \"registry.test:5000/shop:1\"\nconstraints = [\"node.role == worker\"]\n\
                   stop_grace_period = \"1s\"\nhealthy_within = \"1m\"\nupdate = { monitor = \"2s\" }\n";
    let login =
        format!("[registry.\"registry.test:5000\"]\nuser = \"{USER}\"\npassword = \"token\"\n{service}");
    let status = shop.site.apply(&shop.state(&login))?;
    assert_eq!(status.result, PassResult::Converged);
    ensure!(format!("{:?}", status.image).contains(&first), "the status does not tell {first}: {status:?}");
    let tasks = || shop.site.host.run(&["docker", "service", "ps", "--no-trunc", "--quiet", "shop"]);
    let runs = tasks()?;
    let there = worker.run(&["docker", "ps", "--no-trunc", "--format", "{{.Image}}"])?;
    ensure!(there.contains(&first), "{there}");
    ensure!(!worker.has("/root/.docker/config.json")?, "the worker was given a login");

    // Somebody moves the tag: what was looked up once stays, whatever else of the service changes.
    let second = shop.push("1", 11)?;
    assert_ne!(first, second);
    shop.site.sync()?.success()?;
    shop.site.is_quiet()?;
    assert_eq!(tasks()?, runs);
    let format = "{{.Spec.TaskTemplate.ContainerSpec.Image}}";
    let image = || shop.site.host.run(&["docker", "service", "inspect", "--format", format, "shop"]);
    shop.site.apply(&shop.state(&format!("{login}environment = {{ COLOUR = \"red\" }}\n")))?;
    assert_eq!(image()?.trim(), format!("registry.test:5000/shop:1@{first}"));
    assert_ne!(tasks()?, runs);

    // The worker wants the same, and leaves it to the manager.
    worker.install_deb(&harness::deb::path()?)?;
    shop.site.server.admit("web-2")?;
    shop.site.fleet.change("hosts/web-2.toml", service)?;
    shop.site.enrol_as(&worker, "web-2")?;
    worker.output(&["holdfast", "sync"])?.success()?;
    let told = shop.site.fleet.status("web-2", "status.toml")?.unwrap_or_default();
    ensure!(told.contains("managed by manager"), "{told}");
    Ok(())
}
