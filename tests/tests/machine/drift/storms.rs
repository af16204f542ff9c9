//! A great many changes at once cost little and hide nothing.

#![expect(clippy::print_stdout, reason = "what it costs is told, not judged")]

use std::time::Duration;

use anyhow::{Result, ensure};
use harness::{Host, Manager, Package, wait};
use holdfast_schema::status::PassResult;

use super::{IN_ORDER, SOON, STATE, converged};
use crate::site::{AGENT, Site};

/// The time that the agent has had a processor, in milliseconds: see `proc_pid_schedstat(5)`.
fn spent(host: &Host) -> Result<u64> {
    let pid = host.property(AGENT, "MainPID")?;
    let spent = host.read_file(&format!("/proc/{pid}/schedstat"))?;
    Ok(spent.split(' ').next().unwrap_or_default().parse::<u64>()? / 1_000_000)
}

/// Lets a storm pass over a host that is in order and has it change the file at its end: that is repaired, just once.
fn weather(site: &Site, what: &str, storm: impl FnOnce(&Host) -> Result<()>) -> Result<()> {
    let host = &site.host;
    let repairs =
        || -> Result<usize> { Ok(host.journal(AGENT)?.matches("file:/etc/app/conf changed: ").count()) };
    let (before, repaired) = (spent(host)?, repairs()?);
    storm(host)?;
    wait::until("it is in order again", SOON, || Ok(host.shell(IN_ORDER).is_ok()))?;
    std::thread::sleep(Duration::from_secs(2));
    println!("{what} cost {} ms", spent(host)? - before);
    ensure!(site.status()?.result == PassResult::Converged);
    ensure!(repairs()? == repaired + 1, "{}", host.journal(AGENT)?);
    Ok(())
}

#[test]
fn files_and_units() -> Result<()> {
    let site = converged()?;
    weather(&site, "5,000 files, 500 units and two reloads", |host| {
        host.shell(
            "for n in $(seq 5000); do echo x >/etc/app/$n; done; for n in $(seq 500); do \
                printf '[Service]\\nExecStart=/bin/true\\n' >/etc/systemd/system/storm-$n.service; done; \
                systemctl daemon-reload; systemctl daemon-reload; echo theirs >/etc/app/conf",
        )?;
        Ok(())
    })?;
    weather(&site, "200,000 changes of two files", |host| {
        host.shell(
            "n=0; while [ $n -lt 100000 ]; do : >/etc/app/1; : >/etc/app/2; n=$((n + 1)); done; \
                echo theirs >/etc/app/conf",
        )?;
        Ok(())
    })
}

/// More than the kernel keeps for a listener.
#[test]
fn a_package_of_5000_files() -> Result<()> {
    let package = |version: &str| {
        let files = (0..5000).map(|n| format!("/etc/app/{n}"));
        files.fold(Package::new("storm", version), |package, path| package.file(&path, version))
    };
    let new = package("2.0").script("postinst", "echo theirs >/etc/app/conf");
    let site = Site::on(Manager::Apt.boot("storm", &[package("1.0"), new])?, STATE)?;
    site.sync()?.success()?;
    site.host.run(&["apt-get", "--yes", "install", "storm=1.0"])?;
    weather(&site, "an upgrade of a package of 5,000 files", |host| {
        host.run(&["apt-get", "--yes", "install", "storm"])?;
        Ok(())
    })
}

/// A log beside what is managed, to which a program writes, and whose old parts are moved on, packed and removed.
#[test]
fn rotated_logs() -> Result<()> {
    let site = Site::on(Host::boot_with("rotated", "logrotate")?, STATE)?;
    site.sync()?.success()?;
    for way in ["create", "copytruncate"] {
        weather(&site, &format!("fifty rotations of a log with {way}"), |host| {
            host.write_file(
                "/etc/rotate.conf",
                format!("/etc/app/log {{\n  rotate 5\n  compress\n  {way}\n  missingok\n}}\n"),
            )?;
            host.shell(
                "systemd-run --quiet --unit=writer --collect sh -c 'exec >>/etc/app/log; while :; do echo line; done'; \
                    chmod 0755 /etc/app; for n in $(seq 50); do logrotate --force /etc/rotate.conf || exit 1; sleep 0.02; done; \
                    systemctl stop writer; [ -e /etc/app/log.5.gz ] && echo theirs >/etc/app/conf",
            )?;
            Ok(())
        })?;
    }
    Ok(())
}
