//! The agent upgrades itself on a real host, to versions that work and to such that do not.

use std::time::Duration;

use anyhow::{Context as _, Result};
use harness::{Host, Manager, wait};
use holdfast_schema::status::{PassResult, Status};

use crate::{
    every_manager::with_every_manager,
    site::{AGENT, Site},
};

with_every_manager! {
    a_newer_agent_takes_over,
    an_agent_that_crashes_is_replaced_by_the_old_one,
    an_agent_that_hangs_is_replaced_by_the_old_one,
    an_agent_that_refuses_its_configuration_is_replaced_even_after_a_reboot,
    an_agent_that_cannot_reach_git_is_replaced_by_the_old_one,
    a_power_cut_before_the_end_of_an_upgrade_is_not_followed_by_upgrades_without_end,
    a_power_cut_in_the_middle_of_an_upgrade_leaves_one_agent_that_works,
}

/// What a host says that had to be rescued.
const UPGRADE: &str = "E_QUARANTINED E_UPGRADE";

const AGENT_PROGRAM: &str = "holdfast-agent";

/// What is armed while an upgrade is under way.
const RESCUE: [&str; 2] = ["/var/lib/holdfast/rescue", "/etc/systemd/system/holdfast-rescue.timer"];

/// A host whose package sources have a newer Holdfast, with a program of it as told, beside that which it has.
fn site(manager: Manager, name: &str, program: Option<(&str, &str)>) -> Result<Site> {
    let host = manager.boot(name, &[])?;
    let (_folder, newer) = manager.holdfast_with("99.0-1", program)?;
    manager.serve_built(&host, &[&manager.holdfast()?, &newer])?;
    enrolled(host)
}

fn enrolled(host: Host) -> Result<Site> {
    let site = Site::on(host, "[file.\"/etc/motd\"]\ncontent = \"old\\n\"\n")?;
    site.sync()?.success()?;
    Ok(site)
}

fn has_version(host: &Host, version: &str) -> Result<bool> {
    Ok(host.version("holdfast")?.as_deref() == Some(version))
}

fn is_disarmed(host: &Host) -> Result<bool> {
    Ok(!host.has(RESCUE[0])? && !host.has(RESCUE[1])?)
}

/// The revision that brings the newer one, and changes a file in the same go.
const NEWER: &str = "[apply]\nconfirm_within = \"10s\"\n[package.holdfast]\nversion = \"99.0-1\"\n\
                     [file.\"/etc/motd\"]\ncontent = \"new\\n\"\n";

fn codes(status: &Status) -> Vec<&str> {
    status.problem.iter().map(|problem| problem.code.as_str()).collect()
}

fn a_newer_agent_takes_over(manager: Manager) -> Result<()> {
    let site = site(manager, "upgrade", None)?;
    let before = site.host.property(AGENT, "MainPID")?;
    let revision = site.publish(NEWER)?;
    // The agent is restarted in the middle of this: what the command says then is its own affair.
    site.sync()?;
    wait::until("the new agent converges", Duration::from_mins(2), || {
        let new = site.host.property(AGENT, "MainPID")?;
        let status = site.status()?;
        Ok(new != before && new != "0" && status.revision.applied.as_deref() == Some(revision.as_str()))
    })?;
    assert!(has_version(&site.host, "99.0-1")?);
    assert_eq!(site.host.read_file("/etc/motd")?, "new\n");
    assert_eq!(manager.half_done(&site.host)?, "");
    wait::until("the old one is given up", Duration::from_secs(30), || is_disarmed(&site.host))?;
    site.is_quiet()?;

    // Somebody puts the old one back by hand, which is drift: it is repaired, and nothing undoes that later.
    site.host.shell(match manager {
        Manager::Apt => "dpkg --install --force-downgrade /var/tmp/holdfast_*.deb",
        Manager::Dnf | Manager::Zypper => "rpm --upgrade --oldpackage /var/tmp/package.rpm",
    })?;
    site.sync()?;
    wait::until("the new agent is back and nothing else waits", Duration::from_mins(2), || {
        Ok(has_version(&site.host, "99.0-1")? && is_disarmed(&site.host)?)
    })?;
    site.is_quiet()
}

/// Has a host upgrade to one that does not work: the old one comes back and says so.
fn comes_back(site: &Site, why: &[&str], disturb: impl FnOnce(&Host) -> Result<()>) -> Result<()> {
    let host = &site.host;
    let bad = site.publish(NEWER)?;
    host.run(&["systemd-run", "--unit=operator", "holdfast", "sync"])?;
    wait::until("the new package is there", Duration::from_mins(2), || has_version(host, "99.0-1"))?;
    disturb(host)?;
    wait::until("the old agent is back", Duration::from_mins(4), || {
        Ok(site.status()?.revision.quarantined.as_deref() == Some(bad.as_str()) && is_disarmed(host)?)
    })?;
    let status = site.status()?;
    assert_eq!(status.result, PassResult::Held, "{status:#?}");
    assert!(why.contains(&codes(&status).join(" ").as_str()), "{status:#?}");
    assert!(!host.run(&["/usr/libexec/holdfast/holdfast-agent", "--version"])?.contains("99.0"));
    assert_eq!(host.read_file("/etc/motd")?, "old\n");
    assert_eq!(host.manager.half_done(host)?, "");
    host.run(&["holdfast", "plan", "--exit-code"]).map(drop)
}

/// The same, after which the package manager tells the old version too.
fn comes_back_whole(
    (manager, name): (Manager, &str),
    program: (&str, &str),
    why: &[&str],
    disturb: impl FnOnce(&Host) -> Result<()>,
) -> Result<()> {
    let site = site(manager, name, Some(program))?;
    let old = site.host.version("holdfast")?;
    comes_back(&site, why, disturb)?;
    assert_eq!(site.host.version("holdfast")?, old);
    Ok(())
}

fn an_agent_that_crashes_is_replaced_by_the_old_one(manager: Manager) -> Result<()> {
    let program = (AGENT_PROGRAM, "#!/bin/sh\nkill -SEGV $$\n");
    comes_back_whole((manager, "crashes"), program, &[UPGRADE], |_| Ok(()))
}

fn an_agent_that_hangs_is_replaced_by_the_old_one(manager: Manager) -> Result<()> {
    let program = (AGENT_PROGRAM, "#!/bin/sh\nexec sleep infinity\n");
    comes_back_whole((manager, "hangs"), program, &[UPGRADE], |_| Ok(()))
}

fn an_agent_that_refuses_its_configuration_is_replaced_even_after_a_reboot(manager: Manager) -> Result<()> {
    let program = (AGENT_PROGRAM, "#!/bin/sh\nexit 78\n");
    comes_back_whole((manager, "refuses"), program, &[UPGRADE], Host::reboot)
}

/// It comes up and works, but nobody could tell it anything any more. It finds that out itself, unless the time is up first.
fn an_agent_that_cannot_reach_git_is_replaced_by_the_old_one(manager: Manager) -> Result<()> {
    let program = ("holdfast-fetch", "#!/bin/sh\nexit 1\n");
    comes_back_whole((manager, "mute"), program, &[UPGRADE, "E_QUARANTINED E_UNCONFIRMED"], |_| Ok(()))
}

/// A source that has the old version no more: rpm cannot put back what nobody has, but its files come back and work.
fn files_come_back(manager: Manager) -> Result<()> {
    let host = manager.boot("gone", &[])?;
    let program = (AGENT_PROGRAM, "#!/bin/sh\nexit 1\n");
    let (_folder, newer) = manager.holdfast_with("99.0-1", Some(program))?;
    manager.serve_built(&host, &[&newer])?;
    let site = enrolled(host)?;
    comes_back(&site, &[UPGRADE], |_| Ok(()))?;
    assert!(has_version(&site.host, "99.0-1")?);

    // One that works is still taken.
    let (_folder, newest) = manager.holdfast_with("100.0-1", None)?;
    manager.serve_built(&site.host, &[&newest])?;
    site.publish(&NEWER.replace("99.0", "100.0"))?;
    site.sync()?;
    wait::until("the newest agent is there", Duration::from_mins(2), || {
        Ok(has_version(&site.host, "100.0-1")? && is_disarmed(&site.host)?)
    })?;
    site.host.run(&["rpm", "--verify", "holdfast"])?;
    site.is_quiet()
}

#[test]
fn files_come_back_with_dnf() -> Result<()> {
    files_come_back(Manager::Dnf)
}

#[test]
fn files_come_back_with_zypper() -> Result<()> {
    files_come_back(Manager::Zypper)
}

fn a_power_cut_in_the_middle_of_an_upgrade_leaves_one_agent_that_works(manager: Manager) -> Result<()> {
    // Neither version is whole.
    let moment = match manager {
        Manager::Apt => "sed '1,/ upgrade holdfast/d' /var/log/dpkg.log | grep -q half-installed",
        Manager::Dnf | Manager::Zypper => "[ $(number) != $before ]",
    };
    power_cut_at(manager, "cut", moment, |host| {
        assert!(!has_version(host, "99.0-1")?, "it was over before: this shows nothing");
        Ok(())
    })
}

/// What is installed once more then restarts the agent that had it installed.
fn a_power_cut_before_the_end_of_an_upgrade_is_not_followed_by_upgrades_without_end(
    manager: Manager,
) -> Result<()> {
    let moment = match manager {
        Manager::Apt => {
            "sed '1,/ upgrade holdfast/d' /var/log/dpkg.log | grep -q ' status unpacked holdfast'"
        }
        Manager::Dnf | Manager::Zypper => "rpm --query holdfast | grep -q 99.0",
    };
    power_cut_at(manager, "cut-late", moment, |_| Ok(()))
}

/// Holds the package manager at a `moment`, looks whether it is the right one, and cuts the power.
fn power_cut_at(
    manager: Manager,
    name: &str,
    moment: &str,
    is_right: impl FnOnce(&Host) -> Result<()>,
) -> Result<()> {
    let site = site(manager, name, None)?;
    let host = &site.host;
    let old = host.version("holdfast")?;
    let revision = site.publish(NEWER)?;
    host.run(&["systemd-run", "--unit=operator", "holdfast", "sync"])?;
    host.shell(&format!(
        "number() {{ stat --format=%i /usr/bin/holdfast; }}; before=$(number)
         until {moment}; do :; done
         systemctl kill --kill-whom=all --signal=STOP holdfast-packages.service
         systemctl show --property=ActiveState holdfast-packages.service | grep -E '=(active|activating)$'"
    ))
    .context("it was over before: this shows nothing")?;
    is_right(host)?;
    host.power_cut()?;
    wait::until("one of the two agents is at work", Duration::from_mins(4), || {
        let status = site.status()?.revision;
        Ok([status.applied, status.quarantined].contains(&Some(revision.clone())))
    })?;
    let status = site.status()?;
    let (version, motd) = match status.revision.quarantined {
        None => (Some("99.0-1".to_owned()), "new\n"),
        Some(_) => (old, "old\n"),
    };
    assert_eq!(host.version("holdfast")?, version, "{status:#?}");
    assert_eq!(host.read_file("/etc/motd")?, motd, "{status:#?}");
    assert_eq!(manager.half_done(host)?, "");
    wait::until("the old one is given up", Duration::from_secs(30), || is_disarmed(host))?;
    site.is_quiet()
}
