//! Holdfast's own package through its life: installed, enrolled, upgraded, removed, installed again, purged.

use anyhow::Result;
use harness::{Host, Manager};
use holdfast_schema::status::PassResult;

use crate::{
    every_manager::with_every_manager,
    site::{AGENT, Site},
};

with_every_manager! {
    a_fresh_installation_changes_nothing_until_the_host_is_enrolled,
    upgrade_remove_purge,
    nothing_fails_where_no_systemd_runs,
    the_pages_of_the_manual_are_there,
}

const WELCOME: &str = "[file.\"/etc/welcome\"]\ncontent = \"ours\\n\"\n";

/// What an administrator has of their own beside the package's units.
const DROP_IN: &str = "/etc/systemd/system/holdfast-agent.service.d/ours.conf";

fn a_fresh_installation_changes_nothing_until_the_host_is_enrolled(manager: Manager) -> Result<()> {
    let host = manager.boot("fresh", &[])?;
    manager.install_holdfast(&host)?;
    is_asleep(&host)?;
    assert!(!host.has("/etc/holdfast")? && !host.has("/var/lib/holdfast")?, "it made files");
    assert!(host.run(&["holdfast", "--version"])?.starts_with("holdfast "));
    assert!(host.run(&["getent", "passwd", "holdfast-fetch"])?.contains("/usr/sbin/nologin"));

    host.reboot()?;
    is_asleep(&host)?;
    assert_eq!(host.run(&["systemctl", "is-system-running"])?, "running\n");
    Ok(())
}

/// Nothing runs, and nothing would at the next boot.
fn is_asleep(host: &Host) -> Result<()> {
    for unit in [AGENT, "holdfast-fetch.socket"] {
        assert_eq!(host.property(unit, "ActiveState")?, "inactive", "{unit}");
        assert_eq!(host.property(unit, "UnitFileState")?, "disabled", "{unit}");
    }
    Ok(())
}

fn upgrade_remove_purge(manager: Manager) -> Result<()> {
    let site = Site::on(manager.boot("life", &[])?, WELCOME)?;
    let host = &site.host;
    site.sync()?.success()?;
    host.shell("echo '# ours' >>/etc/holdfast/agent.toml")?;
    host.write_file(DROP_IN, "[Service]\nEnvironment=OURS=yes\n")?;
    let before = host.property(AGENT, "MainPID")?;

    let (_folder, newer) = manager.holdfast_with("99.0-1", None)?;
    let said = manager.install_built(host, &newer)?;
    assert_eq!(host.version("holdfast")?.as_deref(), Some("99.0-1"), "{said}");
    let after = host.property(AGENT, "MainPID")?;
    assert_eq!(host.property(AGENT, "ActiveState")?, "active", "{said}");
    assert_ne!(after, before, "the old program still runs");
    assert!(host.property(AGENT, "Environment")?.contains("OURS=yes"));
    assert!(host.read_file("/etc/holdfast/agent.toml")?.ends_with("# ours\n"));
    site.is_quiet()?;

    // The same once more.
    let again: &[&str] = match manager {
        Manager::Apt => &["dpkg", "--install", "/var/tmp/holdfast_99.0-1.deb"],
        Manager::Dnf | Manager::Zypper => &["rpm", "--reinstall", "/var/tmp/package.rpm"],
    };
    let said = host.run(again)?;
    assert_ne!(host.property(AGENT, "MainPID")?, after, "{said}");
    assert_eq!(host.property(AGENT, "ActiveState")?, "active", "{said}");
    assert_eq!(host.property(AGENT, "UnitFileState")?, "enabled", "{said}");

    // One that somebody stopped: Debian's way is to start what is enabled, that of the others to leave it.
    host.run(&["systemctl", "stop", AGENT])?;
    let said = host.run(again)?;
    let state = if manager == Manager::Apt { "active" } else { "inactive" };
    assert_eq!(host.property(AGENT, "ActiveState")?, state, "{said}");
    host.run(&["systemctl", "start", AGENT])?;

    host.run(&manager.remove(&["holdfast"]))?;
    assert_eq!(host.property(AGENT, "ActiveState")?, "inactive");
    assert_eq!(host.property("holdfast-fetch.socket", "ActiveState")?, "inactive");
    assert!(!host.has("/run/holdfast")?);
    assert!(
        host.has("/etc/holdfast/agent.toml")? && host.has("/var/lib/holdfast")?,
        "remove lost the enrolment"
    );
    assert_eq!(host.read_file("/etc/welcome")?, "ours\n");

    manager.install_holdfast(host)?;
    assert_eq!(host.property(AGENT, "ActiveState")?, "active", "it did not go on where it was");
    assert_eq!(host.property(AGENT, "UnitFileState")?, "enabled");
    assert_eq!(site.apply("")?.result, PassResult::Converged);
    assert!(!host.has("/etc/welcome")?, "it forgot what it owned");

    if manager == Manager::Apt {
        host.run(&["apt-get", "--yes", "purge", "holdfast"])?;
    } else {
        // As holdfast-agent(8) says.
        host.run(&manager.remove(&["holdfast"]))?;
        host.shell("rm -r /etc/holdfast /var/lib/holdfast /var/lib/holdfast-fetch")?;
    }
    for path in [
        "/etc/holdfast",
        "/var/lib/holdfast",
        "/var/lib/holdfast-fetch",
        "/run/holdfast",
        "/usr/libexec/holdfast",
    ] {
        assert!(!host.has(path)?, "purge left {path}");
    }
    assert_eq!(host.version("holdfast")?, None);
    // Policy lets a system user stay: files that carry its number may be left elsewhere.
    host.run(&["getent", "passwd", "holdfast-fetch"])?;
    assert_eq!(host.run(&["systemctl", "--failed", "--quiet", "list-units"])?, "");

    manager.install_holdfast(host)?;
    is_asleep(host)
}

/// In the tree of an image that is being made, with and without systemd's programs.
fn nothing_fails_where_no_systemd_runs(manager: Manager) -> Result<()> {
    let host = manager.boot("image", &[])?;
    let file = if manager == Manager::Apt { "/var/tmp/holdfast.deb" } else { "/var/tmp/holdfast.rpm" };
    host.copy(&manager.holdfast()?, file)?;
    host.shell(
        "mkdir -p /tmp/upper /tmp/work /srv/image
         mount -t overlay overlay -o lowerdir=/,upperdir=/tmp/upper,workdir=/tmp/work /srv/image
         mount -t proc proc /srv/image/proc; mount --bind /dev /srv/image/dev",
    )?;
    let chroot = |command: &[&str]| -> Result<String> {
        let said = host.output(&[&["chroot", "/srv/image"], command].concat())?;
        let text = said.to_string();
        assert_eq!(said.code, Some(0), "{text}");
        assert!(!text.contains("failed"), "{text}");
        Ok(text)
    };
    chroot(&manager.install_file(file))?;
    let is_enabled = || -> Result<String> {
        Ok(host.output(&["chroot", "/srv/image", "systemctl", "is-enabled", AGENT])?.text().trim().to_owned())
    };
    assert_eq!(is_enabled()?, "disabled");
    assert!(chroot(&["getent", "passwd", "holdfast-fetch"])?.contains("/usr/sbin/nologin"));
    assert_eq!(host.property(AGENT, "LoadState")?, "not-found", "it reached out of the image");
    chroot(&manager.remove(&["holdfast"]))?;
    if manager != Manager::Apt {
        // Of whose preset the administrator has the last word.
        let preset = "enable holdfast-agent.service\n";
        host.write_file("/srv/image/etc/systemd/system-preset/10-ours.preset", preset)?;
        chroot(&manager.install_file(file))?;
        assert_eq!(is_enabled()?, "enabled");
        chroot(&manager.remove(&["holdfast"]))?;
        chroot(&["rm", "/usr/bin/systemctl", "/usr/bin/systemd-sysusers"])?;
        chroot(&manager.install_file(file))?;
        chroot(&manager.remove(&["holdfast"]))?;
    }
    Ok(())
}

fn the_pages_of_the_manual_are_there(manager: Manager) -> Result<()> {
    let host = manager.boot("manual", &[])?;
    manager.install_holdfast(&host)?;
    let (completions, licences) = match manager {
        Manager::Apt => ("vendor-completions", "doc"),
        Manager::Dnf | Manager::Zypper => ("site-functions", "licenses"),
    };
    for path in [
        "/usr/share/man/man1/holdfast.1.gz",
        "/usr/share/man/man1/holdfast-enrol.1.gz",
        "/usr/share/man/man5/holdfast-agent.toml.5.gz",
        "/usr/share/man/man7/holdfast-codes.7.gz",
        "/usr/share/man/man7/holdfast-trust.7.gz",
        "/usr/share/man/man8/holdfast-agent.8.gz",
        "/usr/share/man/man8/holdfast-fetch.8.gz",
        "/usr/share/bash-completion/completions/holdfast",
        &format!("/usr/share/zsh/{completions}/_holdfast"),
        "/usr/share/fish/vendor_completions.d/holdfast.fish",
        &format!("/usr/share/{licences}/holdfast/copyright"),
        &format!("/usr/share/{licences}/holdfast/third-party-licences.gz"),
    ] {
        assert!(host.has(path)?, "{path}");
    }
    Ok(())
}
