//! A stack over three nodes, with its image from a registry and a secret of the fleet: all that a Swarm of a small team does.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Result, ensure};
use harness::{Host, wait};
use holdfast_schema::status::PassResult;

use super::{PASSWORD, Shop, USER, join};

const FILE: &str = "shop/stack.yaml";
const SECRET: &str = "shop-password";

/// One task on each node. The image is named by its tag.
const STACK: &str = "\
services:
  web:
    image: registry.test:5000/shop:1 # pinned by CI
    secrets: [password]
    networks: [back]
    stop_grace_period: 1s
    deploy:
      mode: global
      endpoint_mode: dnsrr
      update_config: {parallelism: 1, order: stop-first, failure_action: rollback, monitor: 2s}
      restart_policy: {condition: any, delay: 1s}
networks: {back: {}}
secrets:
  password: {file: ./password.txt}
";

struct Swarm {
    shop: Shop,
    workers: [Host; 2],
}

impl Swarm {
    fn boot() -> Result<Self> {
        let shop = Shop::new("web-1")?;
        shop.site.host.init_swarm()?;
        let workers = [join(&shop, "web-2")?, join(&shop, "web-3")?];
        Ok(Self { shop, workers })
    }

    fn state(&self) -> String {
        let login = format!("[registry.\"registry.test:5000\"]\nuser = \"{USER}\"\npassword = \"token\"\n");
        let stack = format!(
            "[stack.shop]\nsource = \"{FILE}\"\nhealthy_within = \"1m\"\nsecrets = {{ password = \"{SECRET}\" }}\n"
        );
        self.shop.state(&format!("{login}{stack}"))
    }

    fn nodes(&self) -> impl Iterator<Item = &Host> {
        std::iter::once(&self.shop.site.host).chain(&self.workers)
    }

    /// The ids of the tasks that are to run.
    fn tasks(&self) -> Result<BTreeSet<String>> {
        let list = ["docker", "service", "ps", "--no-trunc", "--filter", "desired-state=running", "--quiet"];
        let listed = self.shop.site.host.run(&[&list[..], &["shop_web"]].concat())?;
        Ok(listed.lines().map(str::to_owned).collect())
    }

    /// What every node tells of the container that runs there; an error unless it is one each.
    fn each(&self, command: &str) -> Result<Vec<String>> {
        let one = |node: &Host| {
            let running = "docker ps --quiet --filter label=com.docker.stack.namespace=shop";
            node.shell(&format!("set -- $({running}); test $# = 1; {command}"))
        };
        self.nodes().map(one).collect()
    }

    fn images(&self) -> Result<BTreeSet<String>> {
        Ok(self.each("docker inspect --format '{{.Config.Image}}' $1")?.into_iter().collect())
    }

    fn passwords(&self) -> Result<BTreeSet<String>> {
        Ok(self.each("docker exec $1 /bin/busybox cat /run/secrets/password")?.into_iter().collect())
    }

    fn converge(&self) -> Result<()> {
        let sync = self.shop.site.sync()?;
        ensure!(sync.code == Some(0), "{sync}");
        Ok(())
    }

    /// Has the command on the host write digests into a copy of the work tree, as CI would, and takes what it wrote.
    fn resolve(&self) -> Result<String> {
        let (host, fleet) = (&self.shop.site.host, &self.shop.site.fleet);
        host.run(&["rm", "-rf", "/root/work"])?;
        host.copy(&fleet.work(), "/root/work")?;
        let said = host.run(&["holdfast", "check", "--resolve", "/root/work"])?;
        fleet.write(FILE, &host.read_file(&format!("/root/work/{FILE}"))?)?;
        Ok(said)
    }
}

#[test]
fn a_stack_takes_its_image_by_digest_and_its_secret_is_changed_on_every_node() -> Result<()> {
    let swarm = Swarm::boot()?;
    let (shop, host) = (&swarm.shop, &swarm.shop.site.host);
    let first = shop.push("1", 10)?;
    let fleet = &shop.site.fleet;
    fleet.write(FILE, STACK)?;
    shop.secret_for(SECRET, "before", "secret:shop_password")?;
    fleet.write(crate::site::STATE, &swarm.state())?;

    // The digest comes over TLS, with the engine's authority for this registry and the login of whoever asks.
    shop.forget_login()?;
    let refused = swarm.resolve().expect_err("nobody is logged in").to_string();
    ensure!(refused.contains("E_RESOLVE"), "{refused}");
    host.run(&["docker", "login", "--username", USER, "--password", PASSWORD, "registry.test:5000"])?;
    let said = swarm.resolve()?;
    let at = format!("registry.test:5000/shop:1@{first}");
    ensure!(said.contains(&format!("resolved: {at}")), "{said}");
    assert_eq!(fleet.read(FILE)?, STACK.replace("registry.test:5000/shop:1", &at));
    shop.forget_login()?;

    fleet.commit("the shop")?;
    swarm.converge()?;
    let tasks = swarm.tasks()?;
    assert_eq!(tasks.len(), 3);
    assert_eq!(swarm.images()?, [format!("{at}\n")].into());
    assert_eq!(swarm.passwords()?, ["before".to_owned()].into());
    for worker in &swarm.workers {
        ensure!(!worker.has("/root/.docker/config.json")?, "a worker was given a login");
    }
    shop.site.is_quiet()?;
    assert_eq!(swarm.tasks()?, tasks);

    // Another password reaches every node, and the one before goes when nothing uses it any more.
    fleet.write("../value", "after")?;
    let edit = ["secret", "edit", SECRET, "--identity", "safe.key", "--dir", "work", "--from", "value"];
    fleet.holdfast(&edit)?;
    fleet.commit("another password")?;
    swarm.converge()?;
    assert_eq!(swarm.passwords()?, ["after".to_owned()].into());
    let rotated = swarm.tasks()?;
    assert_eq!((rotated.len(), rotated.intersection(&tasks).count()), (3, 0));
    swarm.converge()?;
    let kept = host.run(&["docker", "secret", "ls", "--format", "{{.Name}}"])?;
    ensure!(kept.lines().count() == 1, "{kept}");
    assert_eq!(swarm.tasks()?, rotated);

    // Another image: CI resolves the tag anew.
    let second = shop.push("1", 11)?;
    fleet.write(FILE, STACK)?;
    host.run(&["docker", "login", "--username", USER, "--password", PASSWORD, "registry.test:5000"])?;
    swarm.resolve()?;
    shop.forget_login()?;
    fleet.commit("a newer shop")?;
    swarm.converge()?;
    let at = format!("registry.test:5000/shop:1@{second}\n");
    assert_eq!(swarm.images()?, [at.clone()].into());

    // One that ends at once is taken back on every node, and is not tried again.
    fleet.write(
        FILE,
        &fleet
            .read(FILE)?
            .replace("    secrets:", "    command: [\"/bin/sh\", \"-c\", \"exit 3\"]\n    secrets:"),
    )?;
    fleet.commit("a broken shop")?;
    let sync = shop.site.sync()?;
    ensure!(sync.code != Some(0) && sync.to_string().contains("E_SERVICE"), "{sync}");
    wait::until("the image before on every node", Duration::from_mins(2), || {
        Ok(swarm.images().is_ok_and(|images| images == [at.clone()].into()))
    })?;
    let back = swarm.tasks()?;
    shop.site.sync()?;
    assert_eq!(swarm.tasks()?, back, "it was tried again");
    ensure!(shop.site.status()?.result != PassResult::Converged, "the failure is not told");
    Ok(())
}
