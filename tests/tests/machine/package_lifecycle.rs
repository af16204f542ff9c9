//! Holdfast's own package through its life: installed, enrolled, upgraded, removed, installed again, purged.

use anyhow::Result;
use harness::{Host, deb};
use holdfast_schema::status::PassResult;

use crate::site::{AGENT, Site};

const WELCOME: &str = "[file.\"/etc/welcome\"]\ncontent = \"ours\\n\"\n";

#[test]
fn a_fresh_installation_changes_nothing_until_the_host_is_enrolled() -> Result<()> {
    let host = Host::boot("fresh")?;
    host.install_deb(&deb::path()?)?;
    assert_eq!(host.property(AGENT, "ActiveState")?, "inactive");
    assert_eq!(host.property(AGENT, "UnitFileState")?, "disabled");
    assert_eq!(host.property("holdfast-fetch.socket", "ActiveState")?, "inactive");
    assert!(!host.has("/etc/holdfast")? && !host.has("/var/lib/holdfast")?, "it made files");
    assert!(host.run(&["holdfast", "--version"])?.starts_with("holdfast "));
    assert!(host.run(&["getent", "passwd", "holdfast-fetch"])?.contains("/usr/sbin/nologin"));

    host.reboot()?;
    assert_eq!(host.property(AGENT, "ActiveState")?, "inactive");
    assert_eq!(host.run(&["systemctl", "is-system-running"])?, "running\n");
    Ok(())
}

#[test]
fn upgrade_remove_purge() -> Result<()> {
    let site = Site::of(WELCOME)?;
    let host = &site.host;
    site.sync()?.success()?;
    let before = host.property(AGENT, "MainPID")?;

    let (_folder, newer) = deb::with_version("99.0-1")?;
    host.install_deb(&newer)?;
    assert_eq!(host.package("holdfast")?, "ii  99.0-1");
    assert_eq!(host.property(AGENT, "ActiveState")?, "active");
    assert_ne!(host.property(AGENT, "MainPID")?, before, "the old program still runs");
    site.is_quiet()?;

    host.run(&["apt-get", "--yes", "remove", "holdfast"])?;
    assert_eq!(host.property(AGENT, "ActiveState")?, "inactive");
    assert_eq!(host.property("holdfast-fetch.socket", "ActiveState")?, "inactive");
    assert!(!host.has("/run/holdfast")?);
    assert!(
        host.has("/etc/holdfast/agent.toml")? && host.has("/var/lib/holdfast")?,
        "remove lost the enrolment"
    );
    assert_eq!(host.read_file("/etc/welcome")?, "ours\n");

    host.install_deb(&deb::path()?)?;
    assert_eq!(host.property(AGENT, "ActiveState")?, "active", "it did not go on where it was");
    assert_eq!(site.apply("")?.result, PassResult::Converged);
    assert!(!host.has("/etc/welcome")?, "it forgot what it owned");

    host.run(&["apt-get", "--yes", "purge", "holdfast"])?;
    for path in [
        "/etc/holdfast",
        "/var/lib/holdfast",
        "/var/lib/holdfast-fetch",
        "/run/holdfast",
        "/usr/libexec/holdfast",
    ] {
        assert!(!host.has(path)?, "purge left {path}");
    }
    assert_eq!(host.package("holdfast")?, "");
    // Policy lets a system user stay: files that carry its number may be left elsewhere.
    host.run(&["getent", "passwd", "holdfast-fetch"])?;
    assert_eq!(host.run(&["systemctl", "--failed", "--quiet", "list-units"])?, "");
    Ok(())
}

#[test]
fn the_pages_of_the_manual_are_there() -> Result<()> {
    let host = Host::boot("manual")?;
    host.install_deb(&deb::path()?)?;
    for path in [
        "/usr/share/man/man1/holdfast.1.gz",
        "/usr/share/man/man1/holdfast-enrol.1.gz",
        "/usr/share/man/man5/holdfast-agent.toml.5.gz",
        "/usr/share/man/man7/holdfast-codes.7.gz",
        "/usr/share/man/man7/holdfast-trust.7.gz",
        "/usr/share/man/man8/holdfast-agent.8.gz",
        "/usr/share/man/man8/holdfast-fetch.8.gz",
        "/usr/share/bash-completion/completions/holdfast",
        "/usr/share/zsh/vendor-completions/_holdfast",
        "/usr/share/fish/vendor_completions.d/holdfast.fish",
        "/usr/share/doc/holdfast/copyright",
        "/usr/share/doc/holdfast/third-party-licences.gz",
    ] {
        assert!(host.has(path)?, "{path}");
    }
    Ok(())
}
