//! A Swarm of three managers, each with an agent of its own and all with one role: only the one that leads acts.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::{Host, Output, deb, docker, git_server::WebServer, wait};
use holdfast_schema::status::{PassResult, ResourceOutcome, Status};

use crate::{
    docker::{FOREVER, image},
    site::{AGENT, Site},
};

const NAMES: [&str; 3] = ["web-1", "web-2", "web-3"];
const ROLE: &str = "roles/shop/role.toml";

/// How long the managers may take to choose another leader, and the agent there to notice.
const ELECTION: Duration = Duration::from_mins(1);

/// Three managers. The first one's agent is the site's.
struct Swarm {
    site: Site,
    others: Vec<Host>,
    good: String,
    broken: String,
}

impl Swarm {
    fn boot() -> Result<Self> {
        let mut hosts = Vec::new();
        for name in NAMES {
            hosts.push(Host::boot_with_docker(name)?);
        }
        let mut hosts = hosts.into_iter();
        let first = hosts.next().context("no host")?;
        let others: Vec<Host> = hosts.collect();
        let good = image(&first, "shop", FOREVER)?;
        let broken = image(&first, "broken", r#"["/bin/sh", "-c", "exit 3"]"#)?;
        // No registry has them, so that every node needs them.
        let saved = first.output(&["docker", "save", "shop", "broken"])?;
        let address = first.address()?;
        first.init_swarm()?;
        let token = first.run(&["docker", "swarm", "join-token", "--quiet", "manager"])?;
        for host in &others {
            host.command(&["docker", "load"]).stdin(saved.stdout.clone()).run()?;
            host.run(&["docker", "swarm", "join", "--token", token.trim(), &format!("{address}:2377")])?;
        }
        let site = Site::at(WebServer::start_for_hosts(&docker::gateway()?)?, first, "roles = [\"shop\"]\n")?;
        for (host, name) in others.iter().zip(NAMES.iter().skip(1)) {
            host.install_deb(&deb::path()?)?;
            site.server.admit(name)?;
            site.fleet.change(&format!("hosts/{name}.toml"), "roles = [\"shop\"]\n")?;
            site.enrol_as(host, name)?;
        }
        Ok(Self { site, others, good, broken })
    }

    fn hosts(&self) -> impl Iterator<Item = (&'static str, &Host)> {
        NAMES.into_iter().zip(std::iter::once(&self.site.host).chain(&self.others))
    }

    fn host(&self, name: &str) -> Result<&Host> {
        self.hosts().find(|(found, _)| *found == name).map(|(_, host)| host).context("no such host")
    }

    /// The manager that leads, as any that is up says.
    fn leader(&self) -> Result<&'static str> {
        for (_, host) in self.hosts() {
            let list = "docker node ls --format '{{.Hostname}} {{.ManagerStatus}}' | sed -n 's/ Leader//p'";
            let leader = host.output(&["timeout", "5", "sh", "-c", list]);
            let leader = leader.map(|output| output.text().trim().to_owned()).unwrap_or_default();
            if let Some(name) = NAMES.into_iter().find(|name| *name == leader) {
                return Ok(name);
            }
        }
        anyhow::bail!("nobody leads")
    }

    fn publish(&self, role: &str) -> Result<String> {
        self.site.fleet.change(ROLE, role)
    }

    fn sync(&self, name: &str) -> Result<Output> {
        self.host(name)?.output(&["holdfast", "sync"])
    }

    /// Every agent takes up the newest revision; the leader's first, for the others do nothing.
    fn converge(&self, role: &str) -> Result<()> {
        self.publish(role)?;
        let leader = self.leader()?;
        let sync = self.sync(leader)?;
        ensure!(sync.code == Some(0), "{leader}: {sync}\n{}", self.host(leader)?.journal(AGENT)?);
        for (name, _) in self.hosts().filter(|(name, _)| *name != leader) {
            self.sync(name)?.success().with_context(|| name)?;
        }
        Ok(())
    }

    fn status(&self, name: &str) -> Result<Status> {
        let text = self.site.fleet.status(name, "status.toml")?.context("no status yet")?;
        toml::from_str(&text).with_context(|| format!("read a status:\n{text}"))
    }

    /// Docker's own words, from a manager that is up.
    fn docker(&self, line: &str) -> Result<String> {
        self.host(self.leader()?)?.shell(line)
    }

    /// Every task that there is or was.
    fn tasks(&self) -> Result<Vec<String>> {
        let all = self.docker("docker service ps --no-trunc --quiet shop")?;
        let mut tasks: Vec<String> = all.lines().map(str::to_owned).collect();
        tasks.sort();
        Ok(tasks)
    }

    fn running(&self) -> Result<usize> {
        let format = "docker service ps --filter desired-state=running --format '{{.CurrentState}}' shop";
        Ok(self.docker(format)?.lines().filter(|state| state.starts_with("Running")).count())
    }

    fn environment(&self) -> Result<String> {
        let format = "docker service inspect --format '{{.Spec.TaskTemplate.ContainerSpec.Env}}' shop";
        Ok(self.docker(format)?.trim().to_owned())
    }
}

/// A shop of three tasks, with what it needs.
fn shop(image: &str, colour: &str) -> String {
    format!(
        r#"
        [network.mesh]
        driver = "overlay"
        [config."shop.conf"]
        content = "colour = {colour}\n"
        [service.shop]
        image = "{image}"
        replicas = 3
        networks = ["mesh"]
        endpoint_mode = "dnsrr"
        environment = {{ COLOUR = "{colour}" }}
        constraints = ["node.labels.zone == front"]
        stop_grace_period = "1s"
        healthcheck = {{ command = ["/bin/sh", "-c", "exit 0"], interval = "1s" }}
        healthy_within = "2m"
        configs."shop.conf" = {{ target = "/etc/shop.conf" }}
        update = {{ monitor = "2s" }}
        [node.web-1]
        labels = {{ zone = "front" }}
        [node.web-2]
        labels = {{ zone = "front" }}
        [node.web-3]
        labels = {{ zone = "front" }}
        "#
    )
}

#[test]
fn services_configs_and_nodes_live_in_a_swarm_of_three() -> Result<()> {
    let swarm = Swarm::boot()?;
    let red = shop(&swarm.good, "red");
    swarm.converge(&red)?;
    assert_eq!(swarm.running()?, 3);
    let leader = swarm.leader()?;
    for (name, _) in swarm.hosts() {
        let status = swarm.status(name)?;
        ensure!(status.result == PassResult::Converged, "{name}: {status:#?}");
        let told = status.resource.iter().find(|resource| resource.id.to_string() == "service:shop");
        let elsewhere = told.is_some_and(|told| {
            told.outcome == ResourceOutcome::Elsewhere
                && told.message == Some(format!("managed by manager {leader}"))
        });
        ensure!(elsewhere == (name != leader), "{name}: {told:?}");
    }

    // Quiet, whoever looks.
    let tasks = swarm.tasks()?;
    for (name, _) in swarm.hosts() {
        swarm.sync(name)?.success()?;
    }
    assert_eq!(swarm.tasks()?, tasks);

    // Nobody asks for any of it.
    let repaired = |what: &str, tamper: &str, is_so: &dyn Fn() -> Result<bool>| -> Result<()> {
        swarm.docker(tamper)?;
        wait::until(what, Duration::from_mins(1), is_so)
            .with_context(|| swarm.host(leader).and_then(|host| host.journal(AGENT)).unwrap_or_default())
    };
    repaired("scaled by hand", "docker service scale --detach shop=1", &|| Ok(swarm.running()? == 3))?;
    repaired("changed by hand", "docker service update --detach --env-add MORE=1 shop", &|| {
        Ok(swarm.environment()? == "[COLOUR=red]" && swarm.running()? == 3)
    })?;
    repaired("removed by hand", "docker service rm shop", &|| {
        Ok(swarm.docker("docker service ls --quiet")?.lines().count() == 1 && swarm.running()? == 3)
    })?;
    repaired("a label taken away", "docker node update --label-rm zone web-2", &|| {
        Ok(swarm.docker("docker node inspect --format '{{.Spec.Labels}}' web-2")?.contains("zone:front"))
    })?;

    // A new content is a new config, brought to task after task; the old one goes.
    let configs = || swarm.docker("docker config ls --format '{{.Name}}'");
    let before = configs()?;
    assert_eq!(before.lines().count(), 1);
    swarm.converge(&shop(&swarm.good, "blue"))?;
    assert_eq!((swarm.running()?, swarm.environment()?), (3, "[COLOUR=blue]".to_owned()));
    let held = "docker exec $(docker ps -q --filter name=shop | head -1) /bin/busybox cat /etc/shop.conf";
    let mut seen = String::new();
    for (_, host) in swarm.hosts() {
        seen += &host.output(&["sh", "-c", held])?.text();
    }
    assert!(!seen.is_empty() && seen.lines().all(|line| line == "colour = blue"), "{seen}");
    swarm.sync(leader)?.success()?;
    let after = configs()?;
    assert_eq!(after.lines().count(), 1, "{before}{after}");
    assert_ne!(before, after);

    // Gone from Git.
    swarm.converge("")?;
    swarm.sync(leader)?.success()?;
    assert_eq!(swarm.docker("docker service ls --quiet")?, "");
    assert_eq!(configs()?, "");
    let networks = swarm.docker("docker network ls --filter name=mesh --quiet")?;
    assert_eq!(networks, "");
    for (name, host) in swarm.hosts() {
        swarm.sync(name)?.success()?;
        let owned = host.output(&["grep", "-c", "service:shop", "/var/lib/holdfast/ledger.json"])?;
        ensure!(owned.text().trim() != "1", "{name} still remembers the service");
    }
    Ok(())
}

#[test]
fn what_a_swarm_takes_back_has_failed_and_is_not_tried_again() -> Result<()> {
    let swarm = Swarm::boot()?;
    swarm.converge(&shop(&swarm.good, "red"))?;
    let leader = swarm.leader()?;
    swarm.publish(&shop(&swarm.broken, "blue"))?;
    let sync = swarm.sync(leader)?;
    ensure!(sync.code != Some(0), "{sync}");
    let status = swarm.status(leader)?;
    let codes: Vec<&str> = status.problem.iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!((status.result, codes), (PassResult::Held, vec!["E_QUARANTINED", "E_SERVICE"]), "{status:#?}");
    wait::until("the tasks that were there", Duration::from_mins(1), || {
        Ok(swarm.running()? == 3 && swarm.environment()? == "[COLOUR=red]")
    })?;
    let tasks = swarm.tasks()?;
    swarm.sync(leader)?;
    assert_eq!(swarm.tasks()?, tasks, "it was tried again");

    // Another manager that comes to lead wants the revision, and knows that it failed.
    for (name, _) in swarm.hosts().filter(|(name, _)| *name != leader) {
        swarm.sync(name)?.success()?;
    }
    swarm.docker(
        "docker service inspect shop --format '{{index .Spec.Labels \"io.holdfast.failed\"}}' | grep -q .",
    )?;
    swarm.host(leader)?.run(&["docker", "node", "demote", leader])?;
    wait::until("another leader", ELECTION, || Ok(swarm.leader().is_ok_and(|now| now != leader)))?;
    let next = swarm.leader()?;
    let sync = swarm.sync(next)?;
    ensure!(sync.to_string().contains("E_SERVICE_FAILED"), "{sync}");
    assert_eq!(swarm.tasks()?, tasks, "the next manager tried it again");

    // An image that no node has is taken back as well, and a good one goes through.
    swarm.publish(&shop(&format!("sha256:{}", "0".repeat(64)), "green"))?;
    let sync = swarm.sync(next)?;
    ensure!(sync.code != Some(0) && sync.to_string().contains("E_SERVICE"), "{sync}");
    swarm.publish(&shop(&swarm.good, "green"))?;
    swarm.sync(next)?.success()?;
    assert_eq!((swarm.running()?, swarm.environment()?), (3, "[COLOUR=green]".to_owned()));
    Ok(())
}

#[test]
fn a_leader_that_dies_in_the_middle_of_an_update_loses_and_repeats_nothing() -> Result<()> {
    let swarm = Swarm::boot()?;
    // Tasks where the leader is would be moved by its death alone.
    let leader = swarm.leader()?;
    let role = |colour: &str| {
        let role = shop(&swarm.good, colour)
            .replace(&format!("[node.{leader}]\n        labels = {{ zone = \"front\" }}"), "")
            .replace("replicas = 3", "replicas = 4");
        role.replace("update = { monitor = \"2s\" }", "update = { monitor = \"2s\", delay = \"2s\" }")
    };
    swarm.converge(&role("red"))?;
    assert_eq!(swarm.running()?, 4);
    let before = swarm.tasks()?.len();
    swarm.publish(&role("blue"))?;
    for (name, _) in swarm.hosts().filter(|(name, _)| *name != leader) {
        swarm.sync(name)?.success()?;
    }
    let host = swarm.host(leader)?;
    host.shell("holdfast sync >/dev/null 2>&1 &")?;
    wait::until("the update to be under way", Duration::from_mins(1), || {
        let state = host.shell(
            "docker service inspect --format '{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}' shop",
        )?;
        Ok(state.trim() == "updating")
    })?;
    host.run(&["systemctl", "stop", "--no-block", AGENT])?;
    host.kill(AGENT).ok();
    host.shell("kill -9 $(pidof dockerd); systemctl mask --runtime docker.service docker.socket; pkill -9 dockerd || true")?;
    wait::until("another leader", ELECTION, || Ok(swarm.leader().is_ok_and(|now| now != leader)))?;
    let next = swarm.leader()?;
    let sync = swarm.sync(next)?;
    ensure!(sync.code == Some(0), "{sync}\n{}", swarm.host(next)?.journal(AGENT)?);
    assert_eq!((swarm.running()?, swarm.environment()?), (4, "[COLOUR=blue]".to_owned()));
    assert_eq!(swarm.tasks()?.len(), before + 4, "each task was replaced once");
    swarm.sync(next)?.success()?;
    assert_eq!(swarm.tasks()?.len(), before + 4);

    // Two more of the three gone: nothing is decided any more, and what runs goes on.
    let last = NAMES.into_iter().find(|name| *name != leader && *name != next).context("no third host")?;
    swarm.host(next)?.shell("systemctl stop docker.socket docker.service")?;
    let host = swarm.host(last)?;
    wait::until("the loss of the quorum", ELECTION, || {
        let sync = host.output(&["holdfast", "sync"])?;
        Ok(sync.to_string().contains("E_NO_QUORUM"))
    })?;
    let status = swarm.status(last)?;
    ensure!(status.result == PassResult::Waiting, "{status:#?}\n{}", host.journal(AGENT)?);
    swarm.host(next)?.shell("systemctl start docker.socket docker.service")?;
    wait::until("the quorum", ELECTION, || Ok(host.output(&["holdfast", "sync"])?.code == Some(0)))
}

#[test]
fn an_engine_that_restarts_in_the_middle_of_a_pass_is_waited_for() -> Result<()> {
    let host = Host::boot_with_docker("web-1")?;
    let good = image(&host, "shop", FOREVER)?;
    let role = |colour: &str| {
        shop(&good, colour)
            .replace("[node.web-2]\n        labels = { zone = \"front\" }", "")
            .replace("[node.web-3]\n        labels = { zone = \"front\" }", "")
    };
    let site = Site::on(host, &role("red"))?;
    let host = &site.host;
    // No Swarm yet.
    let sync = site.sync()?;
    ensure!(sync.to_string().contains("E_NO_SWARM"), "{sync}");
    host.init_swarm()?;
    site.sync()?.success()?;
    site.is_quiet()?;

    site.publish(&role("blue"))?;
    host.shell("holdfast sync >/dev/null 2>&1 &")?;
    wait::until("the update to be under way", Duration::from_mins(1), || {
        let state = host.shell(
            "docker service inspect --format '{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}' shop",
        )?;
        Ok(state.trim() == "updating")
    })?;
    host.run(&["systemctl", "restart", "docker"])?;
    wait::until("the update to end well", Duration::from_mins(2), || {
        let sync = site.sync()?;
        Ok(sync.code == Some(0) && site.status()?.result == PassResult::Converged)
    })
    .with_context(|| host.journal(AGENT).unwrap_or_default())?;
    assert!(site.status()?.revision.quarantined.is_none());
    let format = "{{.Spec.TaskTemplate.ContainerSpec.Env}}";
    assert_eq!(host.run(&["docker", "service", "inspect", "--format", format, "shop"])?, "[COLOUR=blue]\n");
    site.is_quiet()
}
