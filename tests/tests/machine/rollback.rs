//! All or nothing on a real host: what fails is taken back whole, and what cuts the host off takes itself back.

use std::time::Duration;

use anyhow::{Context as _, Result};
use harness::{Host, Manager, NameServer, Output, Package, docker, git_server::WebServer, wait};
use holdfast_schema::status::{PassResult, Status};

use crate::{
    every_manager::with_every_manager,
    site::{AGENT, Site},
};

with_every_manager! {
    a_revision_that_fails_is_taken_back_whole,
}

/// A service that notes what it was started with.
const SHOP: &str = r#"
[unit."shop.service"]
content = """
[Service]
ExecStartPre=/bin/cp /etc/shop.conf /run/shop-started-with
ExecStart=/bin/sleep infinity
"""
active = true
restart_on = ["file:/etc/shop.conf"]
"#;

fn codes(status: &Status) -> Vec<&str> {
    status.problem.iter().map(|problem| problem.code.as_str()).collect()
}

/// A host with two versions of a package to choose from, and things of its own.
fn shop(manager: Manager) -> Result<Site> {
    let packages = [
        Package::new("shop", "1.0"),
        Package::new("shop", "2.0").depends("shop-library"),
        Package::new("shop-library", "1.0"),
        Package::new("extra", "1.0"),
    ];
    let host = manager.boot("rollback", &packages)?;
    host.shell("echo theirs >/etc/theirs && chown nobody:adm /etc/theirs && chmod 0640 /etc/theirs")?;
    host.shell("ln -s somewhere /etc/link && mkdir -p /srv/old/in && echo old >/srv/old/in/file")?;
    host.write_file(
        "/etc/systemd/system/theirs.service",
        "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n",
    )?;
    host.run(&["systemctl", "enable", "--now", "theirs.service"])?;
    let good = format!(
        "[package.shop]\nversion = \"1.0*\"\n[file.\"/etc/shop.conf\"]\ncontent = \"one\\n\"\n{SHOP}"
    );
    let site = Site::on(host, &good)?;
    site.sync()?.success()?;
    Ok(site)
}

/// What of the host the next revision changes.
fn picture(host: &Host) -> Result<Vec<String>> {
    let packages = match host.manager {
        Manager::Apt => "dpkg-query --show --showformat '${Package} ${Version} ${db:Status-Abbrev}\n'",
        Manager::Dnf | Manager::Zypper => "rpm --query --all",
    };
    [
        &format!("{packages} | grep -e shop -e extra"),
        "stat --format '%n %U %G %a %s %F' /etc/shop.conf /etc/theirs /etc/new /etc/link /srv/old/in/file 2>&1",
        "cat /etc/shop.conf /etc/theirs /srv/old/in/file; readlink /etc/link; ls /etc/systemd/system",
        "systemctl is-active theirs.service shop.service late.service",
        "systemctl is-enabled theirs.service",
        "cat /run/shop-started-with",
    ]
    .iter()
    .map(|command| Ok(host.output(&["sh", "-c", command])?.to_string()))
    .collect()
}

fn a_revision_that_fails_is_taken_back_whole(manager: Manager) -> Result<()> {
    let site = shop(manager)?;
    let host = &site.host;
    let before = picture(host)?;
    let bad = site.publish(&format!(
        r#"
        [package.shop]
        version = "2.0*"
        [package.extra]
        [file."/etc/shop.conf"]
        content = "two\n"
        [file."/etc/theirs"]
        content = "ours\n"
        [file."/etc/new"]
        content = "new\n"
        [symlink."/etc/link"]
        target = "elsewhere"
        [directory."/srv/old"]
        ensure = "absent"
        purge = true
        {SHOP}
        [unit."theirs.service"]
        enabled = false
        active = false
        [unit."late.service"]
        content = "[Service]\nType=oneshot\nExecStart=/usr/bin/test -e /run/mended\nRemainAfterExit=yes\n"
        active = true
        needs = ["package:extra", "unit:shop.service", "unit:theirs.service", "file:/etc/theirs", "symlink:/etc/link", "directory:/srv/old", "file:/etc/new"]
        "#
    ))?;
    let sync = site.sync()?;
    assert_ne!(sync.code, Some(0), "{sync}");
    assert_eq!(picture(host)?, before, "{sync}");
    let status = site.status()?;
    assert_eq!(
        (status.result, codes(&status)),
        (PassResult::Held, vec!["E_QUARANTINED", "E_UNIT"]),
        "{status:#?}"
    );
    assert_eq!(status.revision.quarantined.as_deref(), Some(bad.as_str()));
    assert!(status.problem.iter().all(|problem| problem.remedy.is_some()), "{status:#?}");

    // It is not tried again, and the last good state is kept up.
    let runs = manager.transactions(host)?;
    host.write_file("/etc/shop.conf", "drift\n")?;
    site.sync()?;
    assert_eq!(picture(host)?, before);
    assert_eq!(manager.transactions(host)?, runs);

    // What was overwritten is listed, and comes back on request.
    let history = host.run(&["holdfast", "history"])?;
    assert!(history.contains("overwrote /etc/theirs"), "{history}");
    host.run(&["rm", "/etc/theirs"])?;
    host.run(&["holdfast", "restore", "/etc/theirs"])?;
    assert_eq!(host.read_file("/etc/theirs")?, "theirs\n");
    assert_eq!(picture(host)?, before);

    // Once the host is mended a person lets it be tried again.
    host.run(&["touch", "/run/mended"])?;
    host.output(&["holdfast", "retry"])?.success()?;
    let status = site.status()?;
    assert_eq!((status.result, codes(&status)), (PassResult::Converged, vec![]), "{status:#?}");
    assert_eq!(host.version("shop")?, Some(manager.version("2.0")));
    assert_eq!(
        (host.read_file("/run/shop-started-with")?, host.has("/srv/old")?),
        ("two\n".to_owned(), false)
    );
    site.is_quiet()
}

#[test]
fn a_held_revision_waits_for_a_person() -> Result<()> {
    let site = Site::of("[file.\"/etc/motd\"]\ncontent = \"one\\n\"\n")?;
    site.sync()?.success()?;
    site.publish(
        "[apply]\non_failure = \"hold\"\n[file.\"/etc/motd\"]\ncontent = \"two\\n\"\n[unit.\"nowhere.service\"]\nactive = true\nneeds = [\"file:/etc/motd\"]\n",
    )?;
    let sync = site.sync()?;
    assert_ne!(sync.code, Some(0), "{sync}");
    assert_eq!(codes(&site.status()?), ["E_HELD", "E_UNIT"]);
    assert_eq!(site.host.read_file("/etc/motd")?, "two\n");
    site.host.output(&["holdfast", "rollback"])?;
    assert_eq!(codes(&site.status()?), ["E_QUARANTINED", "E_TAKEN_BACK", "E_UNIT"]);
    assert_eq!(site.host.read_file("/etc/motd")?, "one\n");
    Ok(())
}

/// A host that gives up a silent server soon.
fn impatient(name: &str) -> Result<Site> {
    lose_patience(Site::on(Host::boot(name)?, "")?)
}

fn lose_patience(site: Site) -> Result<Site> {
    site.sync()?.success()?;
    site.host.shell("sed -i '1i stall_timeout = \"1s\"' /etc/holdfast/agent.toml")?;
    site.host.run(&["systemctl", "reload", AGENT])?;
    Ok(site)
}

fn firewall(policy: &str) -> String {
    format!(
        r#"
        [apply]
        confirm_within = "10s"
        [file."/etc/nftables.conf"]
        content = """
        flush ruleset
        table inet filter {{
          chain input {{ type filter hook input priority 0; policy {policy}; }}
          chain output {{ type filter hook output priority 0; policy {policy}; }}
        }}
        """
        [unit."nftables.service"]
        enabled = true
        active = true
        restart_on = ["file:/etc/nftables.conf"]
        "#
    )
}

/// Waits until the host says on its status branch that a revision is in quarantine.
fn is_back(site: &Site, revision: &str) -> Result<Status> {
    wait::until("the host is back", Duration::from_mins(2), || {
        let told = site.status()?.revision.quarantined;
        Ok(told.as_deref() == Some(revision))
    })?;
    site.status()
}

#[test]
fn a_firewall_that_drops_everything_takes_itself_back() -> Result<()> {
    let site = impatient("firewall")?;
    let host = &site.host;
    // One that lets everything through is confirmed at once.
    let status = site.apply(&firewall("accept"))?;
    assert_eq!(status.result, PassResult::Converged, "{status:#?}");
    assert!(host.run(&["nft", "list", "ruleset"])?.contains("policy accept"));

    let bad = site.publish(&firewall("drop"))?;
    let sync: Output = site.sync()?;
    assert_ne!(sync.code, Some(0), "{sync}");
    assert!(sync.to_string().contains("E_UNCONFIRMED"), "{sync}");
    assert!(host.run(&["nft", "list", "ruleset"])?.contains("policy drop"));
    let status = is_back(&site, &bad)?;
    assert_eq!(codes(&status), ["E_QUARANTINED", "E_UNCONFIRMED"], "{status:#?}");
    assert!(host.run(&["nft", "list", "ruleset"])?.contains("policy accept"));
    Ok(())
}

#[test]
fn a_host_that_cut_itself_off_comes_back_after_a_kill_and_a_reboot() -> Result<()> {
    let site = impatient("cut-off")?;
    let host = &site.host;
    let bad = site.publish(&firewall("drop"))?;
    site.sync()?;
    host.run(&["systemctl", "kill", "--signal=KILL", AGENT])?;
    wait::until("the agent is back", Duration::from_secs(30), || {
        Ok(host.property(AGENT, "ActiveState")? == "active")
    })?;
    assert!(host.run(&["nft", "list", "ruleset"])?.contains("policy drop"), "the kill took it back");
    host.reboot()?;
    let status = is_back(&site, &bad)?;
    assert_eq!(codes(&status), ["E_QUARANTINED", "E_UNCONFIRMED"], "{status:#?}");
    assert_eq!(host.run(&["nft", "list", "ruleset"])?, "");
    assert_eq!(host.output(&["systemctl", "is-enabled", "nftables.service"])?.text().trim(), "disabled");
    Ok(())
}

fn resolver(server: &str) -> String {
    format!(
        r#"
        [apply]
        confirm_within = "10s"
        [file."/etc/resolv.conf"]
        content = "nameserver {server}\noptions timeout:1 attempts:1\n"
        "#
    )
}

#[test]
fn a_wrong_resolver_takes_itself_back() -> Result<()> {
    let host = Host::boot("resolver")?;
    let names = NameServer::start(&docker::gateway()?)?;
    // Docker mounts a file of its own there, and no resolver can be told a port.
    host.run(&["umount", "/etc/resolv.conf"])?;
    host.shell(&format!(
        "nft add table ip names
         nft add chain ip names output '{{ type nat hook output priority -100; }}'
         nft add rule ip names output ip daddr {{ 192.0.2.53, 192.0.2.54 }} udp dport 53 dnat to {}",
        names.address()
    ))?;
    host.write_file("/etc/resolv.conf", "nameserver 192.0.2.53\n")?;
    let server = WebServer::start_with_name(&docker::gateway()?, "git.example.test")?;
    let site = lose_patience(Site::at(server, host, "")?)?;
    let host = &site.host;
    let read = || host.read_file("/etc/resolv.conf");
    // Another one that works is confirmed at once.
    let status = site.apply(&resolver("192.0.2.54"))?;
    assert_eq!((status.result, codes(&status)), (PassResult::Converged, vec![]), "{status:#?}");
    let good = read()?;
    assert!(good.contains("192.0.2.54"), "{good}");

    let bad = site.publish(&resolver("192.0.2.1"))?;
    let sync = site.sync()?;
    assert!(sync.to_string().contains("E_UNCONFIRMED"), "{sync}");
    assert!(read()?.contains("192.0.2.1\n"));
    let status = is_back(&site, &bad)?;
    assert_eq!(codes(&status), ["E_QUARANTINED", "E_UNCONFIRMED"], "{status:#?}");
    assert_eq!(read()?, good);
    Ok(())
}

#[test]
fn a_wrong_route_takes_itself_back() -> Result<()> {
    let site = impatient("route")?;
    let host = &site.host;
    let gateway = host.run(&["sh", "-c", "ip route show default | cut -d ' ' -f 3"])?;
    let gateway = gateway.trim();
    let bad = site.publish(&format!(
        r#"
        [apply]
        confirm_within = "10s"
        [unit."network-routes.service"]
        content = """
        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=/usr/sbin/ip route add blackhole {gateway}/32
        ExecStop=/usr/sbin/ip route del blackhole {gateway}/32
        """
        active = true
        "#
    ))?;
    let sync = site.sync()?;
    assert!(sync.to_string().contains("E_UNCONFIRMED"), "{sync}");
    is_back(&site, &bad)?;
    assert!(!host.run(&["ip", "route"])?.contains("blackhole"));
    assert!(!host.has("/etc/systemd/system/network-routes.service")?);
    Ok(())
}

#[test]
fn a_broken_sshd_config_never_takes_sshd_down() -> Result<()> {
    let site = Site::of("")?;
    let host = &site.host;
    host.run(&["systemctl", "start", "ssh.service"])?;
    site.sync()?.success()?;
    let before = host.read_file("/etc/ssh/sshd_config")?;
    let main = host.property("ssh", "MainPID")?;
    site.publish(
        "[file.\"/etc/ssh/sshd_config\"]\ncontent = \"Nonsense yes\\n\"\n[unit.\"ssh.service\"]\nactive = true\nreload_on = [\"file:/etc/ssh/sshd_config\"]\n",
    )?;
    let sync = site.sync()?;
    assert_ne!(sync.code, Some(0), "{sync}");
    let status = site.status()?;
    assert_eq!(codes(&status)[0], "E_QUARANTINED", "{status:#?}");
    assert_eq!(host.read_file("/etc/ssh/sshd_config")?, before);
    assert_eq!(
        (host.property("ssh", "ActiveState")?, host.property("ssh", "MainPID")?),
        ("active".to_owned(), main)
    );
    Ok(())
}

#[test]
fn a_host_that_is_not_healthy_goes_back() -> Result<()> {
    let probe =
        "[apply.health.shop]\ncommand = [\"grep\", \"-q\", \"fine\", \"/etc/shop\"]\nwithin = \"1s\"\n";
    let state = |text: &str| format!("{probe}[file.\"/etc/shop\"]\ncontent = \"{text}\\n\"\n");
    let site = Site::of(&state("fine"))?;
    site.sync()?.success()?;
    site.publish(&state("broken"))?;
    let sync = site.sync()?;
    assert_ne!(sync.code, Some(0), "{sync}");
    assert_eq!(codes(&site.status()?), ["E_QUARANTINED", "E_HOST_UNHEALTHY"]);
    assert_eq!(site.host.read_file("/etc/shop")?, "fine\n");
    site.apply(&state("fine again")).map(drop).context("what mends it is taken")
}
