//! Packages on a real host: one transaction, failures of single packages, a held lock.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::{Manager, Package, wait};
use holdfast_schema::status::{PassResult, ResourceOutcome};

use crate::{
    every_manager::with_every_manager,
    site::{AGENT, Site},
};

with_every_manager! {
    all_changes_of_a_pass_are_one_transaction,
    versions_are_exact_or_patterns_and_go_both_ways,
    a_failing_package_blocks_only_what_needs_it,
    nothing_is_removed_that_is_not_declared,
    a_changed_config_file_is_kept_or_replaced_and_the_status_tells,
    a_service_is_not_started_before_its_configuration_is_there,
    a_script_that_hangs_is_stopped_named_and_taken_back,
    a_held_lock_is_waited_for_and_its_holder_named,
}

fn all_changes_of_a_pass_are_one_transaction(manager: Manager) -> Result<()> {
    let old = Package::new("mailer-old", "1.0").field("Provides", "mailer").field("Conflicts", "mailer");
    let new = Package::new("mailer-new", "1.0").field("Provides", "mailer").field("Conflicts", "mailer");
    let needy = Package::new("needy", "1.0").depends("mailer");
    let tools = (1..=5).map(|number| Package::new(&format!("tool-{number}"), "1.0"));
    let packages: Vec<_> = [old, new, needy].into_iter().chain(tools).collect();
    let host = manager.boot("transaction", &packages)?;
    host.run(&manager.install(&["mailer-old", "needy"]))?;

    let site = Site::on(host, "")?;
    let before = manager.transactions(&site.host)?;
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
    let one = Some(manager.version("1.0"));
    assert_eq!(site.host.version("mailer-new")?, one);
    assert_eq!(site.host.version("mailer-old")?, None);
    assert_eq!(site.host.version("needy")?, one, "what needs either of them was swept along");
    assert_eq!(manager.transactions(&site.host)? - before, 1);
    site.is_quiet()
}

fn versions_are_exact_or_patterns_and_go_both_ways(manager: Manager) -> Result<()> {
    let shop = |version: &str, library: &str| {
        Package::new("shop", version).depends(&format!("library >= {library}"))
    };
    let apt = |version: &str, library: &str| {
        Package::new("shop", version).depends(&format!("library (>= {library})"))
    };
    let shop = |version, library| {
        if manager == Manager::Apt { apt(version, library) } else { shop(version, library) }
    };
    let libraries = ["1.0", "2.0"].map(|version| Package::new("library", version));
    let shops = [shop("1.2", "1.0"), shop("1.10", "1.0"), shop("2.0", "2.0")];
    let host = manager.boot("versions", &shops.into_iter().chain(libraries).collect::<Vec<_>>())?;
    let site = Site::on(host, "")?;
    let is = |package: &str, version: &str| -> Result<()> {
        let found = site.host.version(package)?;
        ensure!(found == Some(manager.version(version)), "{package} is {found:?} and not {version}");
        Ok(())
    };
    site.apply("[package.shop]\nversion = \"1.*\"\n[package.library]\nversion = \"1.0*\"\n")?;
    is("shop", "1.10")?;
    is("library", "1.0")?;
    site.apply(&format!("[package.shop]\nversion = \"{}\"\n[package.library]\n", manager.version("1.2")))?;
    is("shop", "1.2")?;
    is("library", "1.0")?;

    // A hold keeps everybody else from moving it, and not the one who declares it.
    site.apply("[package.shop]\nhold = true\n[package.library]\n")?;
    let upgrade: &[&str] = match manager {
        Manager::Apt => &["apt-get", "--yes", "dist-upgrade"],
        Manager::Dnf => &["dnf", "--assumeyes", "upgrade"],
        Manager::Zypper => &["zypper", "--non-interactive", "update"],
    };
    site.host.output(upgrade)?;
    is("shop", "1.2")?;
    site.is_quiet()?;
    site.apply("[package.shop]\nhold = true\nversion = \"2.*\"\n[package.library]\n")?;
    is("shop", "2.0")?;
    is("library", "2.0")?;
    site.is_quiet()?;
    site.apply("[package.shop]\nhold = false\nversion = \"1.2*\"\n")?;
    is("shop", "1.2")?;
    site.is_quiet()
}

fn nothing_is_removed_that_is_not_declared(manager: Manager) -> Result<()> {
    let needy = Package::new("needy", "1.0").depends("library");
    let rival = Package::new("rival", "1.0").field("Conflicts", "library").field("Replaces", "library");
    let rival = if manager == Manager::Apt {
        rival
    } else {
        Package::new("rival", "1.0").field("Obsoletes", "library")
    };
    let library = || Package::new("library", "1.0");
    // While the one that obsoletes it is not there yet.
    let host = manager.boot("undeclared", &[library()])?;
    host.run(&manager.install(&["library"]))?;
    manager.serve(&host, &[library(), needy, rival, Package::new("sound", "1.0")])?;
    let site = Site::on(host, "")?;
    site.publish("[apply]\non_failure = \"continue\"\n[package.rival]\n[package.sound]\n")?;
    site.sync()?;
    let told = site.resource("package:rival")?.context("the status is silent")?;
    assert_eq!(told.outcome, ResourceOutcome::Failed, "{told:?}");
    // What the package manager is asked for stays on the host.
    let said = |what: &str| -> Result<bool> { Ok(site.host.journal(AGENT)?.contains(what)) };
    assert!(said("would also remove library, which nobody has declared absent")?);
    assert_eq!(site.host.version("library")?, Some(manager.version("1.0")));
    assert_eq!(site.host.version("sound")?, Some(manager.version("1.0")));

    site.host.run(&manager.install(&["needy"]))?;
    site.publish("[apply]\non_failure = \"continue\"\n[package.library]\nensure = \"absent\"\n")?;
    site.sync()?;
    let told = site.resource("package:library")?.context("the status is silent")?;
    assert_eq!(told.outcome, ResourceOutcome::Failed, "{told:?}");
    assert!(said(if manager == Manager::Zypper { "needy-1.0-1" } else { "would also remove needy" })?);
    assert_eq!(site.host.version("needy")?, Some(manager.version("1.0")));
    Ok(())
}

fn a_failing_package_blocks_only_what_needs_it(manager: Manager) -> Result<()> {
    let packages = [
        Package::new("broken", "1.0").script("postinst", "echo this never works >&2; exit 3"),
        Package::new("refused", "1.0").script("preinst", "exit 3"),
        Package::new("sound", "1.0"),
    ];
    let host = manager.boot("failing", &packages)?;
    let site = Site::on(host, "")?;
    site.publish(
        r#"
        [apply]
        on_failure = "continue"
        [package.broken]
        [package.refused]
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
    assert_eq!(site.host.version("sound")?, Some(manager.version("1.0")));
    assert_eq!(site.host.read_file("/etc/independent")?, "here");
    assert!(!site.host.has("/etc/dependent")?);
    assert_eq!(site.status()?.result, PassResult::Failed);
    for (id, outcome) in [
        ("package:broken", ResourceOutcome::Failed),
        ("package:refused", ResourceOutcome::Failed),
        ("package:nowhere-to-be-found", ResourceOutcome::Failed),
        ("file:/etc/dependent", ResourceOutcome::Blocked),
    ] {
        let told = site.resource(id)?.with_context(|| format!("the status is silent on {id}"))?;
        assert_eq!(told.outcome, outcome, "{told:?}");
        ensure!(outcome == ResourceOutcome::Blocked || told.code.is_some(), "no code: {told:?}");
    }

    // Git takes the broken one back: what is left of it is mended.
    let gone = ["broken", "refused"].map(|name| format!("[package.{name}]\nensure = \"purged\"\n"));
    let status = site.apply(&format!("{}[package.sound]\n", gone.concat()))?;
    assert_eq!(status.result, PassResult::Converged);
    assert_eq!(site.host.version("broken")?, None);
    assert_eq!(manager.half_done(&site.host)?, "");
    Ok(())
}

fn a_changed_config_file_is_kept_or_replaced_and_the_status_tells(manager: Manager) -> Result<()> {
    let shop = |version: &str, colour: &str| {
        Package::new("shop", version).conffile("/etc/shop.conf", &format!("colour = {colour}\n"))
    };
    let host = manager.boot("conffile", &[shop("1.0", "red"), shop("2.0", "blue"), shop("3.0", "black")])?;
    let site = Site::on(host, "")?;
    site.apply("[package.shop]\nversion = \"1.0*\"\n")?;
    site.host.write_file("/etc/shop.conf", "colour = green\n")?;
    let told = || -> Result<String> {
        let told = site.resource("package:shop")?.context("the status is silent")?;
        Ok(told.message.unwrap_or_default())
    };
    let [new, saved] = manager.beside().map(|ending| format!("/etc/shop.conf.{ending}"));

    let status = site.apply("[package.shop]\nversion = \"2.0*\"\n")?;
    assert_eq!(status.result, PassResult::Converged);
    assert_eq!(site.host.version("shop")?, Some(manager.version("2.0")));
    assert_eq!(site.host.read_file("/etc/shop.conf")?, "colour = green\n");
    assert_eq!(site.host.read_file(&new)?, "colour = blue\n");
    assert!(told()?.contains(&new) && told()?.contains("kept"), "{}", told()?);

    site.apply("[package.shop]\nversion = \"3.0*\"\nconfig_files = \"replace\"\n")?;
    assert_eq!(site.host.read_file("/etc/shop.conf")?, "colour = black\n");
    assert_eq!(site.host.read_file(&saved)?, "colour = green\n");
    assert!(told()?.contains(&saved) && told()?.contains("replaced"), "{}", told()?);
    Ok(())
}

/// A package with a service that says in a file with which configuration it was started.
fn service(name: &str) -> Package {
    let unit = format!(
        "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'cat /etc/{name}.conf >>/run/{name}.starts'\n\
         [Install]\nWantedBy=multi-user.target\n"
    );
    Package::new(name, "1.0")
        .file(&format!("/lib/systemd/system/{name}.service"), &unit)
        .conffile(&format!("/etc/{name}.conf"), "the package's\n")
        .script(
            "postinst",
            &format!(
                "systemctl enable --quiet {name}.service\nsystemctl daemon-reload\nsystemctl start {name}.service"
            ),
        )
}

fn a_service_is_not_started_before_its_configuration_is_there(manager: Manager) -> Result<()> {
    let site = Site::on(manager.boot("not-yet", &[service("shop"), service("plain")])?, "")?;
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

    // It is over with the transaction.
    site.is_quiet()?;
    site.host.run(&["systemctl", "stop", "shop"])?;
    site.host.run(&["systemctl", "start", "shop"])?;
    assert_eq!(site.host.property("shop", "ActiveState")?, "active");
    assert_eq!(site.host.property("shop", "DropInPaths")?, "");
    assert!(!site.host.has("/run/systemd/system/shop.service.d")?);
    Ok(())
}

fn a_script_that_hangs_is_stopped_named_and_taken_back(manager: Manager) -> Result<()> {
    let packages = [
        Package::new("sound", "1.0"),
        Package::new("asks", "1.0").script("postinst", "read answer || true; echo \"got: $answer\""),
        Package::new("hangs", "1.0").script("postinst", "sleep infinity"),
    ];
    let host = manager.boot("hanging", &packages)?;
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
    assert!(told.message.contains(" of package hangs was stopped"), "{told:?}");
    assert_eq!(site.host.version("hangs")?, None, "it was not taken back");
    assert_eq!(site.host.version("sound")?, None, "it was not taken back");
    assert_eq!(site.host.version("asks")?, Some(manager.version("1.0")));
    assert_eq!(manager.half_done(&site.host)?, "");
    assert_eq!(site.host.output(&["pgrep", "-f", "sleep infinity"])?.text(), "");
    Ok(())
}

fn a_held_lock_is_waited_for_and_its_holder_named(manager: Manager) -> Result<()> {
    let slow = Package::new("slow", "1.0").script("postinst", "touch /run/slow; sleep infinity");
    let host = manager.boot("lock", &[Package::new("shop", "1.0"), slow])?;
    let site = Site::on(host, "")?;
    let host = &site.host;
    let somebody = ["systemd-run", "--unit=somebody"];
    host.run(&[&somebody[..], &manager.install(&["slow"])].concat())?;
    wait::until("somebody holds the lock", Duration::from_secs(30), || host.has("/run/slow"))?;

    site.publish("[package.shop]\n[file.\"/etc/independent\"]\ncontent = \"here\"\n")?;
    let sync = site.sync()?;
    assert_ne!(sync.code, Some(0), "{sync}");
    assert_eq!(host.read_file("/etc/independent")?, "here");
    let told = site.resource("package:shop")?.context("the status is silent")?;
    assert_eq!(told.outcome, ResourceOutcome::Waiting, "{told:?}");
    let message = told.message.unwrap_or_default();
    let holders: &[&str] = match manager {
        Manager::Apt => &["apt-get", "dpkg"],
        Manager::Dnf => &["dnf (pid "],
        Manager::Zypper => &["zypper (pid "],
    };
    assert!(holders.iter().any(|holder| message.contains(holder)), "it does not name the holder: {message}");
    assert_eq!(site.status()?.result, PassResult::Waiting);
    assert_eq!(host.property("somebody", "ActiveState")?, "active", "the holder was disturbed");
    Ok(())
}
