//! What the running services can reach.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::{git_server::Fault, wait};

use crate::site::{AGENT, Site};

/// `CAP_CHOWN`, `CAP_DAC_OVERRIDE`, `CAP_DAC_READ_SEARCH`, `CAP_FOWNER`, `CAP_FSETID`, `CAP_SETFCAP`: see capability.h.
const CAPABILITIES: u64 = 1 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 31;

#[test]
fn the_root_service_has_no_network_and_few_capabilities() -> Result<()> {
    let site = Site::of("")?;
    site.sync()?.success()?;
    let pid = site.host.property(AGENT, "MainPID")?;
    let links = site.host.run(&["nsenter", "--net", "--target", &pid, "ip", "-brief", "link"])?;
    ensure!(links.lines().count() == 1 && links.starts_with("lo "), "it has a network: {links}");
    let status = site.host.read_file(&format!("/proc/{pid}/status"))?;
    // A container does not have all of them to give.
    let manager = site.host.read_file("/proc/1/status")?;
    let allowed = CAPABILITIES & capabilities(&manager, "CapBnd")?;
    for name in ["CapEff", "CapPrm", "CapBnd"] {
        let set = capabilities(&status, name)?;
        ensure!(set == allowed, "{name} is {set:#x} and not {allowed:#x}");
    }
    ensure!(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"), "{status}");
    Ok(())
}

/// One set of capabilities from the text of /proc/PID/status.
fn capabilities(status: &str, name: &str) -> Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
    let digits = line.with_context(|| format!("no {name} in {status}"))?;
    Ok(u64::from_str_radix(digits.trim(), 16)?)
}

#[test]
fn the_fetcher_is_a_user_of_its_own_and_gone_between_polls() -> Result<()> {
    let site = Site::of("")?;
    site.sync()?.success()?;
    // A server that says nothing holds it still for a look.
    site.server.https().set_fault(Fault::Stall(0));
    site.host.run(&["systemd-run", "--unit=operator", "holdfast", "sync"])?;
    let mut pid = String::new();
    wait::until("the fetcher to be at work", Duration::from_secs(20), || {
        pid = site.host.property("holdfast-fetch.service", "MainPID")?;
        Ok(pid != "0")
    })?;
    let status = site.host.read_file(&format!("/proc/{pid}/status"))?;
    let uid = site.host.run(&["id", "--user", "holdfast-fetch"])?;
    ensure!(
        uid.trim() != "0" && status.contains(&format!("Uid:\t{0}\t{0}\t{0}\t{0}", uid.trim())),
        "{status}"
    );
    ensure!(
        status.contains("CapEff:\t0000000000000000") && status.contains("CapBnd:\t0000000000000000"),
        "{status}"
    );
    let read =
        ["nsenter", "--mount", "--target", &pid, "setpriv", "--reuid=holdfast-fetch", "--clear-groups", "ls"];
    for secret in ["/etc/holdfast/credentials", "/var/lib/holdfast"] {
        let output = site.host.output(&[&read[..], &[secret]].concat())?;
        ensure!(output.code != Some(0), "the fetcher can look into {secret}");
    }
    site.server.https().set_fault(Fault::None);
    wait::until("the fetcher to be gone", Duration::from_mins(2), || {
        Ok(site.host.property("holdfast-fetch.service", "MainPID")? == "0")
    })
}
