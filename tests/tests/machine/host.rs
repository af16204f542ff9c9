//! The harness itself: a host that boots, runs units, installs packages and survives what tests do to it.

use anyhow::Result;
use harness::{AptRepository, Host, Package};

#[test]
fn boots_and_reboots() -> Result<()> {
    let host = Host::boot("plain")?;
    assert_eq!(host.run(&["hostname"])?, "plain\n");
    host.write_file(
        "/etc/systemd/system/tick.service",
        "[Service]\nExecStart=sleep infinity\n[Install]\nWantedBy=multi-user.target\n",
    )?;
    host.run(&["systemctl", "enable", "--now", "tick"])?;
    let boot = host.read_file("/proc/1/stat")?;
    host.write_file("/run/volatile", "")?;

    host.reboot()?;
    assert_ne!(host.read_file("/proc/1/stat")?, boot);
    assert!(!host.has("/run/volatile")?, "/run outlived a reboot");
    assert_eq!(host.property("tick", "ActiveState")?, "active");
    assert!(host.journal("tick")?.contains("Stopping tick"), "it was not shut down in good order");

    host.power_cut()?;
    assert_eq!(host.property("tick", "ActiveState")?, "active");
    Ok(())
}

#[test]
fn hosts_do_not_disturb_each_other() -> Result<()> {
    let (one, other) = (Host::boot("one")?, Host::boot("other")?);
    one.run(&["systemctl", "daemon-reexec"])?;
    one.run(&["systemd-run", "--unit=probe", "sleep", "infinity"])?;
    assert_eq!(one.property("probe", "ActiveState")?, "active");
    assert_eq!(other.property("probe", "LoadState")?, "not-found");
    drop(one);
    assert_eq!(other.run(&["systemctl", "is-system-running"])?, "running\n");
    Ok(())
}

#[test]
fn apt_installs_from_a_local_repository() -> Result<()> {
    let host = Host::boot("apt")?;
    let repository = AptRepository::of(&[
        Package::new("shop", "1.0")
            .depends("shop-data (>= 1.0)")
            .program("/usr/bin/shop", "#!/bin/sh\necho 1.0\n"),
        Package::new("shop", "2.0")
            .depends("shop-data (>= 1.0)")
            .program("/usr/bin/shop", "#!/bin/sh\necho 2.0\n"),
        Package::new("shop-data", "1.0").conffile("/etc/shop.conf", "colour = red\n"),
        Package::new("broken", "1.0").script("postinst", "echo no way; exit 3"),
    ])?;
    repository.serve_to(&host)?;

    host.run(&["apt-get", "--yes", "install", "shop=1.0"])?;
    assert_eq!(host.run(&["shop"])?, "1.0\n");
    assert_eq!(host.package("shop-data")?, "ii  1.0");
    assert_eq!(host.read_file("/etc/shop.conf")?, "colour = red\n");
    host.run(&["apt-get", "--yes", "install", "shop"])?;
    assert_eq!(host.run(&["shop"])?, "2.0\n");

    let broken = host.output(&["apt-get", "--yes", "install", "broken"])?;
    assert_eq!(broken.code, Some(100));
    assert_eq!(host.package("broken")?, "iF  1.0");
    assert_eq!(host.package("nothing-like-it")?, "");
    Ok(())
}
