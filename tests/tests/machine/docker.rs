//! What the Docker engine keeps, on hosts with an engine of their own.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::{AptRepository, Host, Package, wait};
use holdfast_schema::status::{PassResult, ResourceOutcome, Status};

use crate::{
    kinds::Kind,
    site::{AGENT, Site},
};

/// Makes a small image on the host and gives its id.
pub(crate) fn image(host: &Host, name: &str, command: &str) -> Result<String> {
    let script = format!(
        "mkdir -p /root/{name}/bin /root/{name}/tmp && cp /bin/busybox /root/{name}/bin/sh && ln -sf sh /root/{name}/bin/busybox && \
         tar -C /root/{name} -c . | docker import -c 'CMD {command}' - {name}"
    );
    Ok(host.shell(&script)?.trim().to_owned())
}

pub(crate) const FOREVER: &str =
    r#"["/bin/sh", "-c", "trap \"exit 0\" TERM; while :; do /bin/busybox sleep 1 & wait; done"]"#;

/// A host with an engine, and two images: one that runs for ever and one that ends at once.
fn host(name: &str) -> Result<(Host, String, String)> {
    let host = Host::boot_with_docker(name)?;
    let good = image(&host, "shop", FOREVER)?;
    let broken = image(&host, "broken", r#"["/bin/sh", "-c", "exit 3"]"#)?;
    Ok((host, good, broken))
}

/// A shop of one container, with what it needs.
fn shop(image: &str, colour: &str) -> String {
    format!(
        r#"
        [directory."/etc/shop"]
        [file."/etc/shop/shop.conf"]
        content = "colour = {colour}\n"
        [network.front]
        [volume.data]
        [container.shop]
        image = "{image}"
        networks = ["front"]
        environment = {{ COLOUR = "{colour}" }}
        mounts."/data" = {{ volume = "data" }}
        mounts."/etc/shop" = {{ bind = "/etc/shop", read_only = true }}
        memory = "32m"
        "#
    )
}

fn codes(status: &Status) -> Vec<&str> {
    status.problem.iter().map(|problem| problem.code.as_str()).collect()
}

fn id(host: &Host, name: &str) -> Result<String> {
    host.run(&["docker", "container", "inspect", "--format", "{{.Id}}", name])
}

#[test]
fn container() -> Result<()> {
    let (host, image, _) = host("container")?;
    let kind = Kind {
        state: &shop(&image, "red"),
        converged: r#"
            [ "$(docker inspect -f '{{.State.Running}} {{.HostConfig.Memory}}' shop)" = "true 33554432" ] &&
            [ "$(docker exec shop /bin/busybox cat /etc/shop/shop.conf)" = "colour = red" ] &&
            docker inspect -f '{{.NetworkSettings.Networks}}' shop | grep -q front
        "#,
        tamper: "docker update --memory 20m --memory-swap 40m shop; docker network disconnect front shop; docker kill shop",
        removed: "! docker container inspect shop && ! docker network inspect front && docker volume inspect data",
    };
    kind.live(host)
}

#[test]
fn a_removed_container_comes_back_and_a_quiet_pass_makes_none() -> Result<()> {
    let (host, image, _) = host("comes-back")?;
    let site = Site::on(host, &shop(&image, "red"))?;
    site.sync()?.success()?;
    let first = id(&site.host, "shop")?;
    site.host.run(&["docker", "exec", "shop", "/bin/sh", "-c", "echo precious >/data/file"])?;
    site.is_quiet()?;
    assert_eq!(id(&site.host, "shop")?, first);

    // Limits change in place, the environment with a new container; the volume goes along.
    site.apply(&shop(&image, "red").replace("32m", "48m"))?;
    assert_eq!(id(&site.host, "shop")?, first);
    site.apply(&shop(&image, "blue"))?;
    let second = id(&site.host, "shop")?;
    assert_ne!(second, first);
    site.host.run(&["docker", "rm", "--force", "shop"])?;
    site.sync()?.success()?;
    assert_ne!(id(&site.host, "shop")?, second);
    assert_eq!(
        site.host.run(&["docker", "exec", "shop", "/bin/busybox", "cat", "/data/file"])?,
        "precious\n"
    );
    assert_eq!(site.host.run(&["docker", "ps", "--all", "--format", "{{.Names}}"])?, "shop\n");

    // A restart of the engine in the middle of the day changes nothing.
    let third = id(&site.host, "shop")?;
    site.host.run(&["systemctl", "restart", "docker"])?;
    site.sync()?.success()?;
    site.is_quiet()?;
    assert_eq!(id(&site.host, "shop")?, third);
    Ok(())
}

#[test]
fn a_killed_container_runs_again_without_anybody_asking() -> Result<()> {
    let (host, image, _) = host("killed")?;
    let site = Site::on(host, &format!("{}[container.other]\nimage = \"{image}\"\n", shop(&image, "red")))?;
    site.sync()?.success()?;
    let host = &site.host;
    let runs = |name: &str| -> Result<bool> {
        let output =
            host.output(&["docker", "container", "inspect", "--format", "{{.State.Running}}", name])?;
        Ok(output.text().trim() == "true")
    };
    host.run(&["docker", "kill", "shop"])?;
    wait::until("the killed container", Duration::from_secs(20), || runs("shop"))?;
    host.run(&["docker", "rm", "--force", "shop"])?;
    wait::until("the removed container", Duration::from_secs(20), || runs("shop"))?;
    // An engine that comes back is listened to again, after a few seconds.
    host.run(&["systemctl", "restart", "docker"])?;
    std::thread::sleep(Duration::from_secs(10));
    host.run(&["docker", "kill", "other"])?;
    wait::until("the other container", Duration::from_secs(20), || runs("other"))
}

#[test]
fn a_revision_whose_container_fails_is_taken_back() -> Result<()> {
    let (host, image, broken) = host("taken-back")?;
    let site = Site::on(host, &shop(&image, "red"))?;
    site.sync()?.success()?;
    let picture = || {
        let format = "{{.Config.Image}} {{.Config.Env}} {{.State.Running}} {{json .HostConfig.Mounts}}";
        let shop = site.host.run(&["docker", "inspect", "--format", format, "shop"])?;
        let all = site.host.shell("docker ps -a --format '{{.Names}}'; docker network ls --format '{{.Name}}'; cat /etc/shop/shop.conf")?;
        anyhow::Ok(shop + &all)
    };
    let before = picture()?;
    let more = "[network.other]\n[container.other]\nimage = \"IMAGE\"\nnetworks = [\"other\"]\n"
        .replace("IMAGE", &image);
    let bad = shop(&broken, "blue") + "needs = [\"container:other\"]\n" + &more;
    site.publish(&bad)?;
    let sync = site.sync()?;
    assert_ne!(sync.code, Some(0), "{sync}");
    assert_eq!(picture()?, before, "{sync}");
    let status = site.status()?;
    assert_eq!(
        (status.result, codes(&status)),
        (PassResult::Held, vec!["E_QUARANTINED", "E_CONTAINER"]),
        "{status:#?}"
    );

    // An image that cannot be had leaves what runs alone.
    let kept = id(&site.host, "shop")?;
    let digest = "0".repeat(64);
    site.publish(&shop(&format!("127.0.0.1:1/shop:1@sha256:{digest}"), "green"))?;
    let sync = site.sync()?;
    assert_ne!(sync.code, Some(0), "{sync}");
    assert_eq!(codes(&site.status()?), ["E_QUARANTINED", "E_IMAGE_PULL"]);
    assert_eq!((id(&site.host, "shop")?, picture()?), (kept, before));
    Ok(())
}

#[test]
fn others_containers_are_taken_over_and_given_back() -> Result<()> {
    let (host, image, _) = host("take-over")?;
    host.run(&["docker", "network", "create", "front"])?;
    let run = ["docker", "run", "--detach", "--name", "shop", "--network", "front", "--env", "COLOUR=red"];
    let more = ["--restart", "unless-stopped", "--label", "team=shop", &image];
    host.run(&[&run[..], &more[..]].concat())?;
    let theirs = id(&host, "shop")?;
    let state = format!(
        "[network.front]\n[container.shop]\nimage = \"{image}\"\nnetworks = [\"front\"]\nenvironment = {{ COLOUR = \"red\" }}\n"
    );
    let site = Site::on(host, &state)?;
    site.sync()?.success()?;
    site.is_quiet()?;
    assert_eq!(id(&site.host, "shop")?, theirs);
    site.apply("")?;
    let told = site.resource("container:shop")?.context("the status is silent")?;
    assert_eq!(told.outcome, ResourceOutcome::Released);
    assert_eq!(id(&site.host, "shop")?, theirs);
    Ok(())
}

#[test]
fn only_what_docker_keeps_waits_for_the_engine() -> Result<()> {
    let (host, image, _) = host("engine")?;
    let site = Site::on(host, &shop(&image, "red"))?;
    let host = &site.host;
    site.sync()?.success()?;
    let waits = |when: &str| -> Result<()> {
        host.write_file("/etc/shop/shop.conf", "spoilt\n")?;
        let sync = site.sync()?;
        ensure!(host.read_file("/etc/shop/shop.conf")? == "colour = red\n", "{when}: {sync}");
        ensure!(sync.to_string().contains("E_DOCKER_GONE"), "{when}: {sync}");
        Ok(())
    };
    host.run(&["systemctl", "stop", "docker.socket", "docker.service"])?;
    waits("stopped")?;
    host.run(&["systemctl", "start", "docker.socket", "docker.service"])?;
    site.sync()?.success()?;
    site.is_quiet()?;

    host.shell("kill -STOP $(pidof dockerd)")?;
    waits("hung")?;
    host.shell("kill -CONT $(pidof dockerd)")?;
    site.sync()?.success()?;
    site.is_quiet()?;
    assert!(host.property(AGENT, "NRestarts")? == "0", "the agent was restarted");
    Ok(())
}

#[test]
fn the_engine_and_its_containers_come_in_one_pass() -> Result<()> {
    let (host, image, _) = host("one-pass")?;
    host.run(&["systemctl", "disable", "--now", "docker.socket", "docker.service"])?;
    host.shell("mv /usr/sbin/dockerd /usr/sbin/dockerd.packed")?;
    // Stands for the distribution's package, which is in the host already.
    let engine = Package::new("moby-engine", "1.0")
        .script("postinst", "mv /usr/sbin/dockerd.packed /usr/sbin/dockerd");
    AptRepository::of(&[engine])?.serve_to(&host)?;
    let engine = "[package.moby-engine]\n[unit.\"docker.service\"]\nenabled = true\nactive = true\n";
    let site = Site::on(host, &format!("{}{engine}", shop(&image, "red")))?;
    let sync = site.sync()?;
    ensure!(sync.code == Some(0), "{sync}\n{}", site.host.journal(AGENT)?);
    assert_eq!(site.host.run(&["docker", "inspect", "--format", "{{.State.Running}}", "shop"])?, "true\n");
    site.is_quiet()
}

#[test]
fn what_the_engine_was_told_by_hand_can_be_declared() -> Result<()> {
    let (host, image, _) = host("docker-adopt")?;
    host.run(&["docker", "swarm", "init", "--advertise-addr", &host.address()?])?;
    let role = |adopt: &str| {
        format!(
            "[network.front]\n[network.back]\n\
             [container.shop]\nimage = \"{image}\"\n{adopt}networks = [\"front\"]\nmemory = \"32m\"\n\
             [service.web]\nimage = \"{image}\"\n{adopt}replicas = 1\nenvironment = {{ COLOUR = \"red\" }}\n"
        )
    };
    let site = Site::on(host, "")?;
    let state = "roles = [\"shop\"]\n";
    for adopt in ["", "adopt = true\n"] {
        site.fleet.write("roles/shop/role.toml", &role(adopt))?;
        site.apply(state)?;
    }
    let host = &site.host;
    host.run(&["docker", "update", "--memory", "64m", "--memory-swap", "-1", "shop"])?;
    host.run(&["docker", "network", "connect", "back", "shop"])?;
    let service = ["docker", "service", "update", "--quiet", "--detach", "--replicas", "2"];
    host.run(&[&service[..], &["--env-add", "COLOUR=blue", "web"]].concat())?;
    let (container, tasks) = (id(host, "shop")?, "docker service ps --quiet web | sort");
    let declared = host.run(&["holdfast", "drift", "--toml"])?;
    for line in [
        "memory = \"64m\"",
        "networks = [\n    \"back\",\n    \"front\",\n]",
        "replicas = 2",
        "COLOUR = \"blue\"",
    ] {
        ensure!(declared.contains(line), "{declared}");
    }
    // Declared so and enforced again, they are in order: nothing is made anew.
    let before = host.shell(tasks)?;
    site.fleet.write("roles/shop/role.toml", &role(""))?;
    site.apply(&format!("{state}{declared}"))?;
    let told = host.run(&["holdfast", "drift"])?;
    ensure!(told.contains("nothing differs"), "{told}");
    site.is_quiet()?;
    assert_eq!((id(host, "shop")?, host.shell(tasks)?), (container, before));
    let memory = host.run(&["docker", "inspect", "--format", "{{.HostConfig.Memory}}", "shop"])?;
    assert_eq!(memory, format!("{}\n", 64 << 20));
    Ok(())
}
