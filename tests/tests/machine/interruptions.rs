//! Agents that are stopped, killed or run twice, in the middle of their work.

use std::time::Duration;

use anyhow::Result;
use harness::{AptRepository, Host, Package, wait};
use holdfast_schema::status::PassResult;

use crate::site::{AGENT, Site};

/// A host whose agent is in the middle of a package transaction that takes some seconds.
fn in_the_middle(name: &str) -> Result<Site> {
    let host = Host::boot(name)?;
    AptRepository::of(&[Package::new("slow", "1.0").script("postinst", "touch /run/slow-began; sleep 8")])?
        .serve_to(&host)?;
    let site = Site::on(host, "")?;
    site.sync()?.success()?;
    site.publish("[package.slow]\n[file.\"/etc/after\"]\ncontent = \"done\"\nneeds = [\"package:slow\"]\n")?;
    site.host.run(&["systemd-run", "--unit=operator", "holdfast", "sync"])?;
    wait::until("the transaction to begin", Duration::from_secs(30), || site.host.has("/run/slow-began"))?;
    Ok(site)
}

fn ends_well(site: &Site) -> Result<()> {
    wait::until("the host to converge", Duration::from_mins(1), || Ok(site.sync()?.code == Some(0)))?;
    assert_eq!(site.status()?.result, PassResult::Converged);
    assert_eq!(site.host.package("slow")?, "ii  1.0");
    assert_eq!(site.host.read_file("/etc/after")?, "done");
    assert_eq!(site.host.run(&["dpkg", "--audit"])?, "");
    site.is_quiet()
}

#[test]
fn a_stop_in_the_middle_of_a_transaction_takes_less_than_five_seconds() -> Result<()> {
    let site = in_the_middle("stop")?;
    let stop = site.host.shell(
        "start=$(date +%s%N); systemctl stop holdfast-agent; echo $((($(date +%s%N) - start) / 1000000))",
    )?;
    let milliseconds: u64 = stop.trim().parse()?;
    assert!(milliseconds < 5_000, "it took {milliseconds} ms");
    assert_eq!(site.host.property(AGENT, "Result")?, "success");
    assert!(
        !site.host.package("slow")?.starts_with("ii"),
        "the transaction was over before the stop: this shows nothing"
    );
    site.host.run(&["systemctl", "start", AGENT])?;
    ends_well(&site)
}

#[test]
fn a_killed_agent_leaves_the_package_manager_alone() -> Result<()> {
    let site = in_the_middle("killed")?;
    site.host.kill(AGENT)?;
    assert!(
        !site.host.package("slow")?.starts_with("ii"),
        "the transaction was over before: this shows nothing"
    );
    wait::until("systemd to start the agent again", Duration::from_secs(30), || {
        Ok(site.host.property(AGENT, "ActiveState")? == "active")
    })?;
    ends_well(&site)
}

#[test]
fn a_power_cut_in_the_middle_of_a_transaction_is_mended() -> Result<()> {
    let site = in_the_middle("power")?;
    site.host.power_cut()?;
    assert!(
        !site.host.package("slow")?.starts_with("ii"),
        "the transaction was over before: this shows nothing"
    );
    ends_well(&site)
}

#[test]
fn a_reboot_in_the_middle_of_a_transaction_lets_it_end() -> Result<()> {
    let site = in_the_middle("reboot")?;
    site.host.reboot()?;
    ends_well(&site)
}

/// Fifty at once, with and without a service that has the lock: each works alone or says who is at work.
#[test]
fn of_fifty_agents_that_start_at_once_one_works_at_a_time() -> Result<()> {
    let state = |content: &str| {
        let check = "echo begin >>/run/marks; sleep 0.3; echo end >>/run/marks; : {path}";
        format!("[file.\"/etc/once\"]\ncontent = \"{content}\"\nvalidate = [\"sh\", \"-c\", \"{check}\"]\n")
    };
    let site = Site::of(&state("one"))?;
    site.sync()?.success()?;
    let fifty = "for n in $(seq 50); do { holdfast-agent --once --offline && echo 0 || echo $?; } >/run/ended.$n 2>/dev/null & done; wait
                 cat /run/ended.* | sort | uniq --count";
    let fifty = fifty.replace("holdfast-agent", "/usr/libexec/holdfast/holdfast-agent");
    assert_eq!(site.host.shell(&fifty)?.split_whitespace().collect::<Vec<_>>(), ["50", "75"]);

    site.host.run(&["systemctl", "stop", AGENT])?;
    site.host.shell("rm /run/marks /run/ended.*; echo drift >/etc/once")?;
    let ended = site.host.shell(&fifty)?;
    let codes: Vec<_> = ended.split_whitespace().collect();
    assert!(matches!(codes[..], ["50", "0"] | [_, "0", _, "75"]), "{ended}");
    assert_eq!(site.host.read_file("/run/marks")?, "begin\nend\n", "two worked at once");
    assert_eq!(site.host.read_file("/etc/once")?, "one");
    site.host.run(&["systemctl", "start", AGENT])?;
    site.is_quiet()
}

#[test]
fn only_one_agent_runs() -> Result<()> {
    let site = Site::of("")?;
    let second = site.host.output(&["/usr/libexec/holdfast/holdfast-agent", "--once"])?;
    assert_eq!(second.code, Some(75), "{second}");
    let pid = site.host.property(AGENT, "MainPID")?;
    assert!(second.to_string().contains(&pid), "it does not name process {pid}: {second}");
    Ok(())
}
