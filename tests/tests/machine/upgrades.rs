//! The agent upgrades itself on a real host, to versions that work and to such that do not.

use std::time::Duration;

use anyhow::Result;
use harness::{AptRepository, Host, deb, wait};
use holdfast_schema::status::{PassResult, Status};

use crate::site::{AGENT, Site};

/// A host whose package sources have a newer Holdfast, with `agent` in the place of the real one.
fn site(name: &str, agent: Option<&str>) -> Result<Site> {
    let host = Host::boot(name)?;
    let (_folder, newer) = deb::with_agent("99.0-1", agent)?;
    let repository = AptRepository::of(&[])?;
    repository.add(&newer)?;
    repository.serve_to(&host)?;
    let site = Site::on(host, "[file.\"/etc/motd\"]\ncontent = \"old\\n\"\n")?;
    site.sync()?.success()?;
    Ok(site)
}

/// The revision that brings the newer one, and changes a file in the same go.
const NEWER: &str = "[apply]\nconfirm_within = \"10s\"\n[package.holdfast]\nversion = \"99.0-1\"\n\
                     [file.\"/etc/motd\"]\ncontent = \"new\\n\"\n";

fn codes(status: &Status) -> Vec<&str> {
    status.problem.iter().map(|problem| problem.code.as_str()).collect()
}

#[test]
fn a_newer_agent_takes_over() -> Result<()> {
    let site = site("upgrade", None)?;
    let before = site.host.property(AGENT, "MainPID")?;
    let revision = site.publish(NEWER)?;
    // The agent is restarted in the middle of this: what the command says then is its own affair.
    site.sync()?;
    wait::until("the new agent converges", Duration::from_mins(2), || {
        let new = site.host.property(AGENT, "MainPID")?;
        let status = site.status()?;
        Ok(new != before && new != "0" && status.revision.applied.as_deref() == Some(revision.as_str()))
    })?;
    assert_eq!(site.host.package("holdfast")?, "ii  99.0-1");
    assert_eq!(site.host.read_file("/etc/motd")?, "new\n");
    assert_eq!(site.host.run(&["dpkg", "--audit"])?, "");
    wait::until("the old one is given up", Duration::from_secs(30), || {
        Ok(!site.host.has("/var/lib/holdfast/rescue")?)
    })?;
    assert!(!site.host.has("/etc/systemd/system/holdfast-rescue.timer")?);
    site.is_quiet()?;

    // Somebody puts the old one back by hand, which is drift: it is repaired, and nothing undoes that later.
    site.host.shell("dpkg --install --force-downgrade /var/tmp/holdfast_*.deb")?;
    site.sync()?;
    wait::until("the new agent is back and nothing else waits", Duration::from_mins(2), || {
        Ok(site.host.package("holdfast")? == "ii  99.0-1" && !site.host.has("/var/lib/holdfast/rescue")?)
    })?;
    site.is_quiet()
}

/// Has a host upgrade to an agent that does not work: the old one comes back and says so.
fn comes_back(name: &str, agent: &str, disturb: impl FnOnce(&Host) -> Result<()>) -> Result<()> {
    let site = site(name, Some(agent))?;
    let old = site.host.package("holdfast")?;
    let bad = site.publish(NEWER)?;
    site.host.run(&["systemd-run", "--unit=operator", "holdfast", "sync"])?;
    wait::until("the new package is there", Duration::from_mins(2), || {
        Ok(site.host.package("holdfast")? == "ii  99.0-1")
    })?;
    disturb(&site.host)?;
    wait::until("the old agent is back", Duration::from_mins(4), || {
        Ok(site.status()?.revision.quarantined.as_deref() == Some(bad.as_str()))
    })?;
    let status = site.status()?;
    assert_eq!(
        (status.result, codes(&status)),
        (PassResult::Held, vec!["E_QUARANTINED", "E_UPGRADE"]),
        "{status:#?}"
    );
    assert_eq!(site.host.package("holdfast")?, old);
    assert_eq!(site.host.read_file("/etc/motd")?, "old\n");
    assert_eq!(site.host.run(&["dpkg", "--audit"])?, "");
    assert!(!site.host.has("/etc/systemd/system/holdfast-rescue.timer")?);
    assert!(!site.host.has("/var/lib/holdfast/rescue")?);
    site.host.run(&["holdfast", "plan", "--exit-code"]).map(drop)
}

#[test]
fn an_agent_that_crashes_is_replaced_by_the_old_one() -> Result<()> {
    comes_back("crashes", "#!/bin/sh\nkill -SEGV $$\n", |_| Ok(()))
}

#[test]
fn an_agent_that_hangs_is_replaced_by_the_old_one() -> Result<()> {
    comes_back("hangs", "#!/bin/sh\nexec sleep infinity\n", |_| Ok(()))
}

#[test]
fn an_agent_that_refuses_its_configuration_is_replaced_even_after_a_reboot() -> Result<()> {
    comes_back("refuses", "#!/bin/sh\nexit 78\n", Host::reboot)
}

#[test]
fn a_power_cut_in_the_middle_of_an_upgrade_leaves_one_agent_that_works() -> Result<()> {
    let site = site("cut", None)?;
    let revision = site.publish(NEWER)?;
    site.host.run(&["systemd-run", "--unit=operator", "holdfast", "sync"])?;
    // dpkg is held at the moment at which neither version is whole.
    site.host.shell(
        "until sed '1,/ upgrade holdfast/d' /var/log/dpkg.log | grep -q half-installed; do sleep 0.01; done
         systemctl kill --kill-whom=all --signal=STOP holdfast-packages.service",
    )?;
    assert!(!site.host.package("holdfast")?.starts_with("ii"), "it was over before: this shows nothing");
    site.host.power_cut()?;
    wait::until("one of the two agents is at work", Duration::from_mins(4), || {
        let status = site.status()?.revision;
        Ok([status.applied, status.quarantined].contains(&Some(revision.clone())))
    })?;
    let status = site.status()?;
    let (package, motd) = match status.revision.quarantined {
        None => ("ii  99.0-1", "new\n"),
        Some(_) => ("ii  0.1.0-1", "old\n"),
    };
    assert_eq!(site.host.package("holdfast")?, package, "{status:#?}");
    assert_eq!(site.host.read_file("/etc/motd")?, motd, "{status:#?}");
    assert_eq!(site.host.run(&["dpkg", "--audit"])?, "");
    wait::until("the old one is given up", Duration::from_secs(30), || {
        Ok(!site.host.has("/var/lib/holdfast/rescue")?)
    })?;
    site.is_quiet()
}
