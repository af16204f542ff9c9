//! Who made a change is told where the kernel can tell.

use anyhow::{Context as _, Result, bail, ensure};
use harness::{Host, Manager, Package, wait};
use holdfast_schema::status::ResourceOutcome;

use super::{IN_ORDER, SOON, STATE, converged};
use crate::{
    docker::{FOREVER, image},
    every_manager::with_every_manager,
    site::{AGENT, Site},
};

with_every_manager! {
    who_changed_a_package,
}

/// Does something in a unit of its own.
fn meddle(host: &Host, line: &str) -> Result<()> {
    host.run(&["systemd-run", "--quiet", "--unit=meddler", "--collect", "--wait", "sh", "-c", line])?;
    Ok(())
}

/// The file is changed so many times, two seconds apart.
fn rewrite(host: &Host, times: u32) -> Result<()> {
    meddle(host, &format!("for n in $(seq {times}); do echo theirs >/etc/app/conf; sleep 2; done"))
}

#[test]
fn who_changed_a_file_is_told_and_so_is_who_fights_over_it() -> Result<()> {
    let site = converged()?;
    rewrite(&site.host, 1)?;
    wait::until("the status names who it was", SOON, || {
        let told = site.resource("file:/etc/app/conf")?;
        Ok(told.and_then(|told| told.by).is_some_and(|by| by.starts_with("sh (meddler.service, pid ")))
    })?;
    let history = site.host.run(&["holdfast", "history"])?;
    ensure!(history.contains("after a change by sh (meddler.service, pid "), "{history}");
    rewrite(&site.host, 4)?;
    wait::until("the status names who fights", SOON, || {
        let told = site.resource("file:/etc/app/conf")?;
        let message =
            told.filter(|told| told.outcome == ResourceOutcome::Conflict).and_then(|told| told.message);
        Ok(message.is_some_and(|message| message.contains("last because of sh (meddler.service, pid ")))
    })?;
    site.host.run(&["holdfast", "sync"])?;
    site.host.shell(IN_ORDER)?;
    let closed = ("perl", "perl -e 'chmod 0700, \"/etc/app\"; sleep 1'");
    are_named(&site, "directory:/etc/app", &[closed])
}

/// What the agent says of the repair of a resource after somebody changed it.
fn said_after(site: &Site, resource: &str, change: impl FnOnce(&Host) -> Result<()>) -> Result<String> {
    let repairs = || -> Result<Vec<String>> {
        let journal = site.host.journal(AGENT)?;
        let of_it = |line: &&str| line.contains(&format!("{resource} changed: "));
        Ok(journal.lines().filter(of_it).map(str::to_owned).collect())
    };
    // Each change is one of its own, and no fight.
    site.sync()?;
    let before = repairs()?.len();
    change(&site.host)?;
    wait::until("it is repaired", SOON, || Ok(repairs()?.len() > before))?;
    repairs()?.pop().context("no repair")
}

/// Changes one thing in several ways, by commands that are named.
fn are_named(site: &Site, resource: &str, ways: &[(&str, &str)]) -> Result<()> {
    for (program, way) in ways {
        is_named(site, resource, program, |host| meddle(host, way)).context((*way).to_owned())?;
    }
    Ok(())
}

/// Nobody else is ever named; that nobody is may happen where others keep the processors busy: what ends before the agent has
/// its turn is not seen.
fn is_named(site: &Site, resource: &str, program: &str, change: impl Fn(&Host) -> Result<()>) -> Result<()> {
    let mut unnamed = Vec::new();
    for _ in 0..4 {
        let said = said_after(site, resource, &change)?;
        let Some((_, by)) = said.split_once(", after a change by ") else {
            unnamed.push(said);
            continue;
        };
        ensure!(by.starts_with(&format!("{program} (meddler.service, pid ")), "{said}");
        return Ok(());
    }
    bail!("nobody was named: {unnamed:#?}")
}

#[test]
fn who_stopped_a_unit() -> Result<()> {
    let site = converged()?;
    let ways = [
        ("systemctl", "systemctl stop app"),
        ("systemctl", "systemctl kill --signal=KILL app.service"),
        ("systemctl", "systemctl disable app"),
        ("systemctl", "systemctl mask --runtime --now app"),
        ("sh", "echo '# theirs' >>/etc/systemd/system/app.service; sleep 1"),
    ];
    are_named(&site, "unit:app.service", &ways)?;
    wait::until("the status names them too", SOON, || {
        let by = site.resource("unit:app.service")?.and_then(|told| told.by);
        Ok(by.is_some_and(|by| by.starts_with("sh (meddler.service, pid ")))
    })?;
    // Who restarted it has nothing to do with a crash that comes later.
    let pid = site.host.property("app", "MainPID")?;
    let said = said_after(&site, "unit:app.service", |host| {
        meddle(host, "systemctl restart app; systemctl show app; sleep 1")?;
        ensure!(host.property("app", "MainPID")? != pid, "it was not restarted");
        host.run(&[
            "systemd-run",
            "--quiet",
            "--wait",
            "sh",
            "-c",
            "kill -KILL $(systemctl show --value --property=MainPID app)",
        ])?;
        Ok(())
    })?;
    ensure!(!said.contains("after a change by"), "{said}");
    Ok(())
}

/// A unit that takes its time to start keeps the agent busy while somebody meddles, and is gone when it looks.
#[test]
fn who_changed_something_during_a_pass() -> Result<()> {
    let slow = "[unit.\"slow.service\"]\nactive = true\n\
        content = \"[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/sleep 3\\n\"\n";
    let site = Site::of(&format!("{STATE}{slow}"))?;
    site.sync()?.success()?;
    let during_a_pass = |host: &Host| {
        host.run(&["systemctl", "stop", "slow"])?;
        wait::until("the agent starts it", SOON, || {
            Ok(host.property("slow", "ActiveState")? == "activating")
        })?;
        meddle(host, "echo theirs >/etc/app/conf; systemctl stop app")?;
        ensure!(host.property("slow", "ActiveState")? == "activating", "too late: this shows nothing");
        Ok(())
    };
    is_named(&site, "unit:app.service", "systemctl", during_a_pass)?;
    is_named(&site, "file:/etc/app/conf", "sh", during_a_pass)?;
    site.host.shell(IN_ORDER).map(drop)
}

fn who_changed_a_package(manager: Manager) -> Result<()> {
    // An agent that is at work itself looks a moment later.
    let package = Package::new("shop", "1.0").script("prerm", "sleep 2");
    let site = Site::on(manager.boot("packages", &[package])?, "[package.shop]\n")?;
    site.sync()?.success()?;
    let remove = manager.remove(&["shop"]).join(" ");
    let (low, high) = match manager {
        Manager::Apt => (("dpkg", "dpkg --remove shop"), "apt-get"),
        Manager::Dnf => (("rpm", "rpm --erase shop"), "dnf"),
        Manager::Zypper => (("rpm", "rpm --erase shop"), "zypper"),
    };
    are_named(&site, "package:shop", &[low, (high, &remove), low])
}

#[test]
fn who_changed_what_docker_keeps() -> Result<()> {
    let host = Host::boot_with_docker("culprits")?;
    host.run(&["docker", "swarm", "init", "--advertise-addr", &host.address()?])?;
    let image = image(&host, "shop", FOREVER)?;
    let state = format!(
        "[container.shop]\nimage = \"{image}\"\nnetworks = [\"front\"]\n[network.front]\n\
         [service.web]\nimage = \"{image}\"\nreplicas = 1\n[config.motto]\ncontent = \"well\"\n"
    );
    let site = Site::on(host, &state)?;
    site.sync()?.success()?;
    let of_container = [
        ("docker", "docker kill shop"),
        ("docker", "docker rm --force shop"),
        ("docker", "docker rm --force $(docker ps --quiet --filter name=shop)"),
        ("docker", "docker network disconnect front shop"),
    ];
    are_named(&site, "container:shop", &of_container)?;
    let of_service = [
        ("docker", "docker service scale --detach web=0"),
        ("docker", "docker service rm $(docker service ls -q)"),
    ];
    are_named(&site, "service:web", &of_service)?;
    are_named(&site, "config:motto", &[("docker", "docker config rm $(docker config ls --quiet)")])
}
