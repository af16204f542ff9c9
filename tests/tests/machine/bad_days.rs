//! What goes wrong outside Holdfast: the host stays in its last good state, and the status says what and why.

use anyhow::{Context as _, Result};
use holdfast_schema::status::{PassResult, ResourceOutcome};

use crate::site::Site;

const GOOD: &str = "[file.\"/etc/motd\"]\ncontent = \"good\\n\"\n";
const EVIL: &str = "[file.\"/etc/motd\"]\ncontent = \"evil\\n\"\n";

/// A host that has converged to [`GOOD`].
fn good() -> Result<Site> {
    let site = Site::of(GOOD)?;
    site.sync()?.success()?;
    Ok(site)
}

/// Asserts that the newest revision is refused with `code`, and that the last good one is in force: drift is repaired.
fn is_refused(site: &Site, code: &str, message: &str) -> Result<()> {
    site.host.write_file("/etc/motd", "drift")?;
    let sync = site.sync()?;
    assert_ne!(sync.code, Some(0), "{sync}");
    assert_eq!(site.host.read_file("/etc/motd")?, "good\n");
    let status = site.status()?;
    assert_eq!(status.result, PassResult::Held, "{status:?}");
    assert_ne!(status.revision.attempted, status.revision.applied);
    let problem = status.problem.iter().find(|problem| problem.code == code);
    let problem = problem.with_context(|| format!("no {code} in {:?}", status.problem))?;
    assert!(
        problem.message.contains(message) || problem.at.as_deref().is_some_and(|at| at.contains(message)),
        "{problem:?}"
    );
    assert!(problem.remedy.is_some(), "no remedy: {problem:?}");
    Ok(())
}

#[test]
fn an_unsigned_commit_is_refused() -> Result<()> {
    let site = good()?;
    site.fleet.write("hosts/web-1.toml", EVIL)?;
    site.fleet.git(&["commit", "--quiet", "--all", "--no-gpg-sign", "--message", "no signature"])?;
    let evil = site.fleet.push()?;
    is_refused(&site, "E_UNSIGNED", evil.get(..7).unwrap_or_default())?;

    // Signed work on top of it does not launder it.
    site.fleet.commit("a signed one on top")?;
    is_refused(&site, "E_UNSIGNED", evil.get(..7).unwrap_or_default())
}

#[test]
fn a_rewritten_history_is_refused() -> Result<()> {
    let site = good()?;
    site.fleet.git(&["reset", "--quiet", "--hard", "HEAD~1"])?;
    site.fleet.change("hosts/web-1.toml", EVIL)?;
    is_refused(&site, "E_NOT_FAST_FORWARD", "")
}

#[test]
fn a_mistake_in_the_repository_is_told_with_its_place() -> Result<()> {
    let site = good()?;
    site.publish("[file.\"/etc/motd\"]\ncontent = \"x\"\ncolour = \"red\"\n")?;
    is_refused(&site, "E_UNKNOWN_KEY", "hosts/web-1.toml:3:1")?;
    // The next good commit is taken as if nothing had been.
    assert_eq!(site.apply(GOOD)?.result, PassResult::Converged);
    Ok(())
}

#[test]
fn without_a_git_server_the_last_good_state_is_kept_up() -> Result<()> {
    let Site { server, host, fleet } = good()?;
    drop(server);
    host.write_file("/etc/motd", "drift")?;
    let sync = host.output(&["holdfast", "sync"])?;
    assert_ne!(sync.code, Some(0), "{sync}");
    assert!(sync.to_string().contains("E_GIT_"), "{sync}");
    assert_eq!(host.read_file("/etc/motd")?, "good\n");
    host.write_file("/etc/motd", "drift")?;
    host.reboot()?;
    host.output(&["holdfast", "sync"])?;
    assert_eq!(host.read_file("/etc/motd")?, "good\n", "after a reboot");
    drop(fleet);
    Ok(())
}

#[test]
fn a_full_disk_leaves_the_old_file_and_is_mended_by_room() -> Result<()> {
    let site = good()?;
    let host = &site.host;
    host.shell(
        "mkdir /srv/small && mount -t tmpfs -o size=64k tmpfs /srv/small && echo old >/srv/small/file",
    )?;
    let large = "x".repeat(40_000);
    let state = format!("{GOOD}[file.\"/srv/small/file\"]\ncontent = \"{large}\"\n");
    host.shell("head -c 40000 /dev/zero >/srv/small/ballast")?;
    site.publish(&state)?;
    assert_ne!(site.sync()?.code, Some(0));
    assert_eq!(host.read_file("/srv/small/file")?, "old\n");
    assert_eq!(
        host.run(&["ls", "--almost-all", "/srv/small"])?,
        "ballast\nfile\n",
        "something half-done was left"
    );
    let told = site.resource("file:/srv/small/file")?.context("the status is silent")?;
    assert_eq!(
        (told.outcome, told.code.as_deref()),
        (ResourceOutcome::Failed, Some("E_DISK_FULL")),
        "{told:?}"
    );

    host.run(&["rm", "/srv/small/ballast"])?;
    site.sync()?.success()?;
    assert_eq!(host.read_file("/srv/small/file")?, large);
    Ok(())
}

#[test]
fn a_file_that_its_command_refuses_stays_as_it_was() -> Result<()> {
    let site = good()?;
    let state = |content: &str| {
        format!(
            "[file.\"/etc/shop.conf\"]\ncontent = \"{content}\"\nvalidate = [\"grep\", \"-q\", \"sound\", \"{{path}}\"]\n"
        )
    };
    site.apply(&state("sound"))?;
    site.publish(&state("rotten"))?;
    assert_ne!(site.sync()?.code, Some(0));
    assert_eq!(site.host.read_file("/etc/shop.conf")?, "sound");
    let told = site.resource("file:/etc/shop.conf")?.context("the status is silent")?;
    assert_eq!(told.outcome, ResourceOutcome::Failed, "{told:?}");
    Ok(())
}

#[test]
fn without_d_bus_files_go_on_and_units_wait() -> Result<()> {
    let site = good()?;
    let host = &site.host;
    host.shell("systemctl stop dbus.socket dbus.service")?;
    site.publish(
        "[file.\"/etc/motd\"]\ncontent = \"newer\\n\"\n\
         [unit.\"tick.service\"]\ncontent = \"[Service]\\nExecStart=/bin/sleep infinity\\n\"\nactive = true\n",
    )?;
    assert_ne!(site.sync()?.code, Some(0));
    assert_eq!(host.read_file("/etc/motd")?, "newer\n");
    let told = site.resource("unit:tick.service")?.context("the status is silent")?;
    assert_eq!(told.outcome, ResourceOutcome::Waiting, "{told:?}");

    host.shell("systemctl start dbus.socket")?;
    site.sync()?.success()?;
    assert_eq!(host.property("tick", "ActiveState")?, "active");
    Ok(())
}
