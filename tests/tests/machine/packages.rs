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
fn a_changed_config_file_is_kept_or_replaced_and_the_status_tells() -> Result<()> {
    let host = Host::boot("conffile")?;
    let shop = |version: &str, colour: &str| {
        Deb::new("shop", version).conffile("/etc/shop.conf", &format!("colour = {colour}\n"))
    };
    AptRepository::of(&[shop("1.0", "red"), shop("2.0", "blue"), shop("3.0", "black")])?.serve_to(&host)?;
    let site = Site::on(host, "")?;
    site.apply("[package.shop]\nversion = \"1.0\"\n")?;
    site.host.write_file("/etc/shop.conf", "colour = green\n")?;
    let told = || -> Result<String> {
        let told = site.resource("package:shop")?.context("the status is silent")?;
        Ok(told.message.unwrap_or_default())
    };

    let status = site.apply("[package.shop]\nversion = \"2.0\"\n")?;
    assert_eq!(status.result, PassResult::Converged);
    assert_eq!(site.host.package("shop")?, "ii  2.0");
    assert_eq!(site.host.read_file("/etc/shop.conf")?, "colour = green\n");
    assert_eq!(site.host.read_file("/etc/shop.conf.dpkg-dist")?, "colour = blue\n");
    assert!(told()?.contains("/etc/shop.conf") && told()?.contains("kept"), "{}", told()?);

    site.apply("[package.shop]\nversion = \"3.0\"\nconfig_files = \"replace\"\n")?;
    assert_eq!(site.host.read_file("/etc/shop.conf")?, "colour = black\n");
    assert_eq!(site.host.read_file("/etc/shop.conf.dpkg-old")?, "colour = green\n");
    assert!(told()?.contains("/etc/shop.conf") && told()?.contains("replaced"), "{}", told()?);
    Ok(())
}

/// A package with a service that says in a file with which configuration it was started.
fn service(name: &str) -> Deb {
    let unit = format!(
        "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'cat /etc/{name}.conf >>/run/{name}.starts'\n\
         [Install]\nWantedBy=multi-user.target\n"
    );
    Deb::new(name, "1.0")
        .file(&format!("/lib/systemd/system/{name}.service"), &unit)
        .conffile(&format!("/etc/{name}.conf"), "the package's\n")
        .script(
            "postinst",
            &format!(
                "systemctl enable --quiet {name}.service\nsystemctl daemon-reload\n\
                 deb-systemd-invoke start {name}.service"
            ),
        )
}

#[test]
fn a_service_is_not_started_before_its_configuration_is_there() -> Result<()> {
    let host = Host::boot("not-yet")?;
    AptRepository::of(&[service("shop"), service("plain")])?.serve_to(&host)?;
    let site = Site::on(host, "")?;
    let status = site.apply(
        r#"
        [package.shop]
        [package.plain]
        [file."/etc/shop.conf"]
        content = "the fleet's\n"
        needs = ["package:shop"]
        [unit."shop.service"]
        active = true
        restart_on = ["file:/etc/shop.conf"]
        needs = ["package:shop"]
        "#,
    )?;
    assert_eq!(status.result, PassResult::Converged);
    assert_eq!(site.host.read_file("/run/shop.starts")?, "the fleet's\n", "it was started too early");
    assert_eq!(site.host.read_file("/run/plain.starts")?, "the package's\n", "nobody asked for it to wait");

    // Whoever else installs a package is not concerned.
    site.host.run(&["systemctl", "stop", "shop"])?;
    site.host.run(&["deb-systemd-invoke", "start", "shop.service"])?;
    assert_eq!(site.host.property("shop", "ActiveState")?, "active");
    Ok(())
}

#[test]
fn a_script_that_hangs_is_stopped_named_and_taken_back() -> Result<()> {
    let host = Host::boot("hanging")?;
    AptRepository::of(&[
        Deb::new("sound", "1.0"),
        Deb::new("asks", "1.0").script("postinst", "read answer || true; echo \"got: $answer\""),
        Deb::new("hangs", "1.0").script("postinst", "sleep infinity"),
    ])?
    .serve_to(&host)?;
    let site = Site::on(host, "")?;
    // Nobody is there to answer.
    assert_eq!(site.apply("[package.asks]\n")?.result, PassResult::Converged);

    site.publish(
        "[apply]\npackage_script_limit = \"10s\"\n[package.asks]\n[package.sound]\n[package.hangs]\n",
    )?;
    let sync = site.sync()?;
    assert_ne!(sync.code, Some(0), "{sync}");
    let status = site.status()?;
    let told = status.problem.iter().find(|problem| problem.code == "E_PACKAGE_SCRIPT");
    let told = told.with_context(|| format!("the status is silent: {status:#?}"))?;
    assert!(told.message.contains("postinst of package hangs"), "{told:?}");
    assert_eq!(site.host.package("hangs")?, "", "it was not taken back");
    assert_eq!(site.host.package("sound")?, "", "it was not taken back");
    assert_eq!(site.host.package("asks")?, "ii  1.0");
    assert_eq!(site.host.run(&["dpkg", "--audit"])?, "");
    assert_eq!(site.host.output(&["pgrep", "-f", "sleep infinity"])?.text(), "");
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
