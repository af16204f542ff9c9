//! Agents that are stopped, killed or run twice, in the middle of their work.

use std::time::Duration;

use anyhow::Result;
use harness::{Manager, Package, wait};
use holdfast_schema::status::PassResult;

use crate::{
    every_manager::with_every_manager,
    site::{AGENT, Site},
};

with_every_manager! {
    a_stop_in_the_middle_of_a_transaction_takes_less_than_five_seconds,
    a_killed_agent_leaves_the_package_manager_alone,
    a_killed_package_manager_is_followed_by_one_that_ends,
    a_power_cut_in_the_middle_of_a_transaction_is_mended,
    a_reboot_in_the_middle_of_a_transaction_lets_it_end,
}

/// What a package leaves when its last script has come to its end.
const ENDED: &str = "/var/tmp/slow-ended";

/// A host whose agent is in the middle of a package transaction that takes some seconds.
fn in_the_middle(manager: Manager, name: &str) -> Result<Site> {
    let slow = format!("touch /run/slow-began; sleep 8; touch {ENDED}");
    let host = manager.boot(name, &[Package::new("slow", "1.0").script("postinst", &slow)])?;
    let site = Site::on(host, "")?;
    site.sync()?.success()?;
    site.publish("[package.slow]\n[file.\"/etc/after\"]\ncontent = \"done\"\nneeds = [\"package:slow\"]\n")?;
    site.host.run(&["systemd-run", "--unit=operator", "holdfast", "sync"])?;
    wait::until("the transaction to begin", Duration::from_secs(30), || site.host.has("/run/slow-began"))?;
    Ok(site)
}

fn ends_well(site: &Site) -> Result<()> {
    // What a kill has taken back is tried again after a minute.
    wait::until("the host to converge", Duration::from_mins(3), || Ok(site.sync()?.code == Some(0)))?;
    assert_eq!(site.status()?.result, PassResult::Converged);
    let host = &site.host;
    assert_eq!(host.version("slow")?, Some(host.manager.version("1.0")));
    assert!(host.has(ENDED)?, "its script did not come to its end");
    assert_eq!(host.read_file("/etc/after")?, "done");
    assert_eq!(host.manager.half_done(host)?, "");
    assert!(!host.has("/var/lib/holdfast/packages.unfinished")?);
    site.is_quiet()
}

/// Asserts that the transaction was not over before what was done to it.
fn was_in_the_middle(site: &Site) -> Result<()> {
    assert!(!site.host.has(ENDED)?, "the transaction was over before: this shows nothing");
    Ok(())
}

fn a_stop_in_the_middle_of_a_transaction_takes_less_than_five_seconds(manager: Manager) -> Result<()> {
    let site = in_the_middle(manager, "stop")?;
    let stop = site.host.shell(
        "start=$(date +%s%N); systemctl stop holdfast-agent; echo $((($(date +%s%N) - start) / 1000000))",
    )?;
    let milliseconds: u64 = stop.trim().parse()?;
    assert!(milliseconds < 5_000, "it took {milliseconds} ms");
    assert_eq!(site.host.property(AGENT, "Result")?, "success");
    was_in_the_middle(&site)?;
    site.host.run(&["systemctl", "start", AGENT])?;
    ends_well(&site)
}

fn a_killed_agent_leaves_the_package_manager_alone(manager: Manager) -> Result<()> {
    let site = in_the_middle(manager, "killed")?;
    site.host.kill(AGENT)?;
    was_in_the_middle(&site)?;
    wait::until("systemd to start the agent again", Duration::from_secs(30), || {
        Ok(site.host.property(AGENT, "ActiveState")? == "active")
    })?;
    ends_well(&site)
}

fn a_killed_package_manager_is_followed_by_one_that_ends(manager: Manager) -> Result<()> {
    let site = in_the_middle(manager, "manager")?;
    // It alone, as the kernel does when it is short of memory: the script goes on.
    site.host.kill("holdfast-packages.service")?;
    was_in_the_middle(&site)?;
    ends_well(&site)
}

fn a_power_cut_in_the_middle_of_a_transaction_is_mended(manager: Manager) -> Result<()> {
    let site = in_the_middle(manager, "power")?;
    site.host.power_cut()?;
    was_in_the_middle(&site)?;
    ends_well(&site)
}

fn a_reboot_in_the_middle_of_a_transaction_lets_it_end(manager: Manager) -> Result<()> {
    let site = in_the_middle(manager, "reboot")?;
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
