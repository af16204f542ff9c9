//! Who made a change is told where the kernel can tell.

use anyhow::{Context as _, Result, ensure};
use harness::{Host, Manager, Package, wait};
use holdfast_schema::status::ResourceOutcome;

use super::{IN_ORDER, SOON, converged};
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
    site.host.shell(IN_ORDER).map(drop)
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

/// Changes one thing in several ways, by commands that are named each time.
fn are_named(site: &Site, resource: &str, ways: &[(&str, &str)]) -> Result<()> {
    for (program, way) in ways {
        let said = said_after(site, resource, |host| meddle(host, way)).context((*way).to_owned())?;
        ensure!(
            said.contains(&format!(", after a change by {program} (meddler.service, pid ")),
            "{way}: {said}"
        );
    }
    Ok(())
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
fn who_removed_a_container() -> Result<()> {
    let host = Host::boot_with_docker("culprits")?;
    let image = image(&host, "shop", FOREVER)?;
    let site = Site::on(
        host,
        &format!("[container.shop]\nimage = \"{image}\"\nnetworks = [\"front\"]\n[network.front]\n"),
    )?;
    site.sync()?.success()?;
    let ways = [
        ("docker", "docker kill shop"),
        ("docker", "docker rm --force shop"),
        ("docker", "docker rm --force $(docker ps --quiet)"),
        ("docker", "docker network disconnect front shop"),
    ];
    are_named(&site, "container:shop", &ways)
}
