//! What goes wrong outside Holdfast: the host stays in its last good state, and the status says what and why.

use std::time::Duration;

use anyhow::{Context as _, Result};
use harness::{AptRepository, Host, Package, git_server::Fault, wait};
use holdfast_schema::status::{PassResult, ResourceOutcome};

use crate::{
    last_good::{EVIL, GOOD, good, is_out_of_reach, is_refused},
    site::{AGENT, Site},
};

/// Has the rest go on when something fails.
const CONTINUE: &str = "[apply]\non_failure = \"continue\"\n";

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
fn an_older_tip_is_refused() -> Result<()> {
    let site = Site::of("")?;
    site.sync()?.success()?;
    assert_eq!(site.apply(GOOD)?.result, PassResult::Converged);
    site.fleet.git(&["reset", "--quiet", "--hard", "HEAD~1"])?;
    site.fleet.push()?;
    is_refused(&site, "E_NOT_FAST_FORWARD", "")
}

#[test]
fn a_stranger_s_key_is_refused() -> Result<()> {
    let site = good()?;
    site.fleet.make_key("mallory")?;
    let key = format!("user.signingKey={}", site.fleet.key("mallory").display());
    site.fleet.write("hosts/web-1.toml", EVIL)?;
    site.fleet.git(&["-c", &key, "commit", "--quiet", "--all", "--gpg-sign", "--message", "evil"])?;
    site.fleet.push()?;
    is_refused(&site, "E_KEY_UNKNOWN", "")
}

/// What somebody does to the work tree, the code that tells of it, and where it is said to be.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("echo 'roles = [' >hosts/web-1.toml", "E_TOML", "hosts/web-1.toml:1"),
    ("echo 'colour = 1' >>hosts/web-1.toml", "E_UNKNOWN_KEY", "hosts/web-1.toml:3:1"),
    (
        "printf '[file.\"/etc/a\"]\nsource = \"files/none\"\n' >>hosts/web-1.toml",
        "E_SOURCE_MISSING",
        "hosts/web-1.toml:4:10",
    ),
    (
        "mkdir -p roles/x/templates && echo '{{ vars.nobody }}' >roles/x/templates/t
         printf '[file.\"/etc/t\"]\ntemplate = \"templates/t\"\n' >roles/x/role.toml
         echo 'roles = [\"x\"]' >hosts/web-1.toml",
        "E_TEMPLATE",
        "roles/x/templates/t:1",
    ),
    (
        "printf '[package.a]\nneeds = [\"package:b\"]\n[package.b]\nneeds = [\"package:a\"]\n' >hosts/web-1.toml",
        "E_CYCLE",
        "hosts/web-1.toml:",
    ),
    (
        "printf '[symlink.\"/etc/motd\"]\ntarget = \"issue\"\n' >>hosts/web-1.toml",
        "E_TWO_OWNERS",
        "hosts/web-1.toml:",
    ),
    (
        "mkdir -p roles/x/files && ln -s /etc/shadow roles/x/files/link
         printf '[file.\"/etc/l\"]\nsource = \"files/link\"\n' >roles/x/role.toml
         echo 'roles = [\"x\"]' >hosts/web-1.toml",
        "E_SYMLINK",
        "",
    ),
    (
        "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),roles/x/files/module
         mkdir -p roles/x && printf '[file.\"/etc/m\"]\nsource = \"files/module\"\n' >roles/x/role.toml
         echo 'roles = [\"x\"]' >hosts/web-1.toml && git add hosts roles/x/role.toml",
        "E_SUBMODULE",
        "roles/x/role.toml:2",
    ),
];

#[test]
fn a_mistake_in_the_repository_is_told_with_its_place() -> Result<()> {
    let site = good()?;
    let good = site.fleet.git(&["rev-parse", "HEAD"])?;
    for (mistake, code, at) in MISTAKES {
        site.fleet.shell(mistake)?;
        // A submodule without its work tree would be taken out again.
        site.fleet.git(&["add", "--ignore-removal", "."])?;
        site.fleet.git(&["commit", "--quiet", "--gpg-sign", "--message", "a mistake"])?;
        site.fleet.push()?;
        is_refused(&site, code, at).with_context(|| mistake.to_string())?;
        // It is mended, and the next good commit is taken as if nothing had been.
        site.fleet.git(&["read-tree", "--reset", "-u", good.trim()])?;
        site.fleet.git(&["clean", "--quiet", "--force", "-d"])?;
        site.fleet.commit("mended")?;
        site.sync()?.success().with_context(|| mistake.to_string())?;
        assert_eq!(site.status()?.result, PassResult::Converged, "{mistake}");
    }
    Ok(())
}

#[test]
fn a_repository_that_is_too_large_is_told() -> Result<()> {
    let site = good()?;
    site.fleet.shell("mkdir -p roles/x/files && head -c 80M /dev/zero >roles/x/files/huge")?;
    site.fleet.commit("huge")?;
    site.host.write_file("/etc/motd", "drift")?;
    assert_ne!(site.sync()?.code, Some(0));
    assert_eq!(site.host.read_file("/etc/motd")?, "good\n");
    let status = site.status()?;
    let problem = status.problem.iter().find(|problem| problem.code == "E_LIMIT");
    let problem = problem.with_context(|| format!("{status:?}"))?;
    assert!(problem.message.contains("roles/x/files/huge") && problem.remedy.is_some(), "{problem:?}");

    site.fleet.remove("roles/x/files/huge")?;
    site.fleet.commit("small again")?;
    site.sync()?.success()?;
    assert_eq!(site.status()?.result, PassResult::Converged);
    Ok(())
}

#[test]
fn wrong_credentials_leave_the_last_good_state() -> Result<()> {
    let Site { host, .. } = &good()?;
    host.shell(
        "f=$(sed -n 's/^password_file = \"\\(.*\\)\"$/\\1/p' /etc/holdfast/agent.toml) && echo wrong >$f",
    )?;
    host.run(&["systemctl", "restart", AGENT])?;
    is_out_of_reach(host, "E_GIT_AUTH")
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for_long() -> Result<()> {
    let Site { host, server, .. } = &good()?;
    host.shell("sed -i '1i stall_timeout = \"2s\"' /etc/holdfast/agent.toml")?;
    host.run(&["systemctl", "reload", AGENT])?;
    server.https().set_fault(Fault::Stall(0));
    is_out_of_reach(host, "E_GIT_")
}

#[test]
fn a_package_that_nobody_has_is_told_and_the_rest_goes_on() -> Result<()> {
    let site = good()?;
    let state = "[package.no-such-package]\n[file.\"/etc/motd\"]\ncontent = \"newer\\n\"\n";
    site.publish(&format!("{CONTINUE}{state}"))?;
    assert_ne!(site.sync()?.code, Some(0));
    assert_eq!(site.host.read_file("/etc/motd")?, "newer\n");
    let told = site.resource("package:no-such-package")?.context("the status is silent")?;
    assert_eq!(told.code.as_deref(), Some("E_PACKAGE_NOT_FOUND"), "{told:?}");
    assert!(told.remedy.is_some(), "{told:?}");
    Ok(())
}

#[test]
fn a_package_that_its_mirror_does_not_have_any_more_fails_alone() -> Result<()> {
    let host = Host::boot("vanished")?;
    AptRepository::of(&[Package::new("shop", "1.0"), Package::new("other", "1.0")])?.serve_to(&host)?;
    host.run(&["rm", "/srv/apt/shop_1.0_all.deb"])?;
    let site = Site::on(host, "")?;
    site.publish(&format!("{CONTINUE}{GOOD}[package.shop]\n[package.other]\n"))?;
    let sync = site.sync()?;
    assert_ne!(sync.code, Some(0), "{sync}");
    assert_eq!(site.host.package("other")?, "ii  1.0");
    assert_eq!(site.host.read_file("/etc/motd")?, "good\n");
    let told = site.resource("package:shop")?.context("the status is silent")?;
    assert_eq!(told.outcome, ResourceOutcome::Failed, "{told:?}");
    assert!(told.code.is_some(), "{told:?}");
    let told = site.status()?.resource;
    assert_eq!(told.iter().filter(|told| told.outcome == ResourceOutcome::Failed).count(), 1, "{told:#?}");
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
    let state = format!("{CONTINUE}{GOOD}[file.\"/srv/small/file\"]\ncontent = \"{large}\"\n");
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
    let status = site.status()?;
    let codes: Vec<&str> = status.problem.iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(codes, ["E_QUARANTINED", "E_VALIDATE"], "{status:?}");
    Ok(())
}

#[test]
fn two_owners_of_a_file_do_not_fight_for_ever() -> Result<()> {
    let site = good()?;
    let host = &site.host;
    let write = "while :; do echo theirs >/etc/contested; sleep 0.1; done";
    site.apply("[file.\"/etc/contested\"]\ncontent = \"ours\\n\"\n")?;
    host.run(&["systemd-run", "--unit=other-owner", "sh", "-c", write])?;
    let told =
        |site: &Site| -> Result<_> { Ok(site.resource("file:/etc/contested")?.map(|told| told.outcome)) };
    wait::until("the fight is told", Duration::from_mins(1), || {
        Ok(told(&site)? == Some(ResourceOutcome::Conflict))
    })?;
    let log = host.run(&["journalctl", "--unit=holdfast-agent", "--output=cat"])?;
    let (repairs, warnings) =
        (log.matches("file:/etc/contested changed").count(), log.matches("fought over").count());
    std::thread::sleep(Duration::from_secs(3));
    let log = host.run(&["journalctl", "--unit=holdfast-agent", "--output=cat"])?;
    assert_eq!(log.matches("file:/etc/contested changed").count(), repairs, "it went on fighting");
    assert_eq!((log.matches("fought over").count(), warnings), (1, 1), "{log}");

    host.run(&["systemctl", "stop", "other-owner"])?;
    // A person who asks gets it repaired at once.
    site.sync()?;
    assert_eq!(host.read_file("/etc/contested")?, "ours\n");
    site.is_quiet()
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
