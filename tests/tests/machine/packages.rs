//! Packages on a real host: one transaction, failures of single packages, a held lock.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::{AptRepository, Deb, Host, wait};
use holdfast_schema::status::{PassResult, ResourceOutcome};

use crate::site::Site;

#[test]
fn all_changes_of_a_pass_are_one_transaction() -> Result<()> {
    let host = Host::boot("transaction")?;
    let old = Deb::new("mailer-old", "1.0").field("Provides", "mailer").field("Conflicts", "mailer");
    let new = Deb::new("mailer-new", "1.0").field("Provides", "mailer").field("Conflicts", "mailer");
    let needy = Deb::new("needy", "1.0").depends("mailer");
    let tools = (1..=5).map(|number| Deb::new(&format!("tool-{number}"), "1.0"));
    AptRepository::of(&[old, new, needy].into_iter().chain(tools).collect::<Vec<_>>())?.serve_to(&host)?;
    host.run(&["apt-get", "--yes", "install", "mailer-old", "needy"])?;
    host.run(&["rm", "/var/log/apt/history.log"])?;

    let site = Site::on(host, "")?;
    let before = transactions(&site)?;
    let status = site.apply(
        r#"
        [package.mailer-old]
        ensure = "purged"
        [package.mailer-new]
        [package.tool-1]
        [package.tool-2]
        [package.tool-3]
        [package.tool-4]
        [package.tool-5]
        "#,
    )?;
    assert_eq!(status.result, PassResult::Converged);
    assert_eq!(site.host.package("mailer-new")?, "ii  1.0");
    assert_eq!(site.host.package("mailer-old")?, "");
    assert_eq!(site.host.package("needy")?, "ii  1.0", "what needs either of them was swept along");
    assert_eq!(transactions(&site)? - before, 1);
    site.is_quiet()
}

fn transactions(site: &Site) -> Result<usize> {
    Ok(site.host.read_file("/var/log/apt/history.log")?.matches("Commandline:").count())
}

#[test]
fn a_failing_package_blocks_only_what_needs_it() -> Result<()> {
    let host = Host::boot("failing")?;
    AptRepository::of(&[
        Deb::new("broken", "1.0").script("postinst", "echo this never works >&2; exit 3"),
        Deb::new("sound", "1.0"),
    ])?
    .serve_to(&host)?;
    let site = Site::on(host, "")?;
    site.publish(
        r#"
        [apply]
        on_failure = "continue"
        [package.broken]
        [package.sound]
        [package.nowhere-to-be-found]
        [file."/etc/independent"]
        content = "here"
        [file."/etc/dependent"]
        content = "not here"
        needs = ["package:broken"]
        "#,
    )?;
    let sync = site.sync()?;
    assert_ne!(sync.code, Some(0), "{sync}");
    assert_eq!(site.host.package("sound")?, "ii  1.0");
    assert_eq!(site.host.read_file("/etc/independent")?, "here");
    assert!(!site.host.has("/etc/dependent")?);
    assert_eq!(site.status()?.result, PassResult::Failed);
    for (id, outcome) in [
        ("package:broken", ResourceOutcome::Failed),
        ("package:nowhere-to-be-found", ResourceOutcome::Failed),
        ("file:/etc/dependent", ResourceOutcome::Blocked),
    ] {
        let told = site.resource(id)?.with_context(|| format!("the status is silent on {id}"))?;
        assert_eq!(told.outcome, outcome, "{told:?}");
        ensure!(outcome == ResourceOutcome::Blocked || told.code.is_some(), "no code: {told:?}");
    }

    // Git takes the broken one back: what is left of it is mended.
    let status = site.apply("[package.broken]\nensure = \"purged\"\n[package.sound]\n")?;
    assert_eq!(status.result, PassResult::Converged);
    assert_eq!(site.host.run(&["dpkg", "--audit"])?, "");
    Ok(())
}

#[test]
fn a_changed_conffile_is_kept() -> Result<()> {
    let host = Host::boot("conffile")?;
    AptRepository::of(&[
        Deb::new("shop", "1.0").conffile("/etc/shop.conf", "colour = red\n"),
        Deb::new("shop", "2.0").conffile("/etc/shop.conf", "colour = blue\n"),
    ])?
    .serve_to(&host)?;
    let site = Site::on(host, "")?;
    site.apply("[package.shop]\nversion = \"1.0\"\n")?;
    site.host.write_file("/etc/shop.conf", "colour = green\n")?;
    let status = site.apply("[package.shop]\nversion = \"2.0\"\n")?;
    assert_eq!(status.result, PassResult::Converged);
    assert_eq!(site.host.package("shop")?, "ii  2.0");
    assert_eq!(site.host.read_file("/etc/shop.conf")?, "colour = green\n");
    Ok(())
}

#[test]
fn a_held_lock_is_waited_for_and_its_holder_named() -> Result<()> {
    let host = Host::boot("lock")?;
    AptRepository::of(&[
        Deb::new("shop", "1.0"),
        Deb::new("slow", "1.0").script("postinst", "sleep infinity"),
    ])?
    .serve_to(&host)?;
    let site = Site::on(host, "")?;
    let host = &site.host;
    host.run(&["systemd-run", "--unit=somebody", "apt-get", "--yes", "install", "slow"])?;
    wait::until("somebody holds the lock", Duration::from_secs(30), || {
        Ok(host.package("slow")?.starts_with("iF"))
    })?;

    site.publish("[package.shop]\n[file.\"/etc/independent\"]\ncontent = \"here\"\n")?;
    let sync = site.sync()?;
    assert_ne!(sync.code, Some(0), "{sync}");
    assert_eq!(host.read_file("/etc/independent")?, "here");
    let told = site.resource("package:shop")?.context("the status is silent")?;
    assert_eq!(told.outcome, ResourceOutcome::Waiting, "{told:?}");
    let message = told.message.unwrap_or_default();
    assert!(
        message.contains("apt-get") || message.contains("dpkg"),
        "it does not name the holder: {message}"
    );
    assert_eq!(site.status()?.result, PassResult::Waiting);
    assert_eq!(host.property("somebody", "ActiveState")?, "active", "the holder was disturbed");
    Ok(())
}
