//! Units on a real host: restarts and reloads that are owed, health, failures.

use anyhow::{Context as _, Result, ensure};
use holdfast_schema::status::{PassResult, ResourceOutcome};

use crate::site::{AGENT, Site};

/// A unit that restarts on one file and reloads on another.
fn state(restart: &str, reload: &str) -> String {
    format!(
        r#"
        [file."/etc/shop-restart"]
        content = "{restart}"
        [file."/etc/shop-reload"]
        content = "{reload}"
        [unit."shop.service"]
        content = """
        [Service]
        ExecStart=/bin/sleep infinity
        ExecReload=/bin/sh -c 'echo reloaded >>/run/reloads'
        """
        active = true
        restart_on = ["file:/etc/shop-restart"]
        reload_on = ["file:/etc/shop-reload"]
        "#
    )
}

#[test]
fn restarts_and_reloads_happen_once_and_are_never_lost() -> Result<()> {
    let site = Site::of(&state("1", "1"))?;
    site.sync()?.success()?;
    let invocation = || site.host.property("shop", "InvocationID");
    let reloads =
        || -> Result<usize> { Ok(site.host.output(&["cat", "/run/reloads"])?.text().lines().count()) };
    let (first, none) = (invocation()?, reloads()?);
    assert_eq!(none, 0, "a fresh start needs no reload");
    site.is_quiet()?;
    assert_eq!(invocation()?, first);

    site.apply(&state("1", "2"))?;
    assert_eq!((invocation()?, reloads()?), (first.clone(), 1));
    site.apply(&state("2", "2"))?;
    let second = invocation()?;
    assert_ne!(second, first);
    assert_eq!(reloads()?, 1);
    site.is_quiet()?;
    assert_eq!((invocation()?, reloads()?), (second.clone(), 1));

    // The file is in place, but whoever put it there died before the restart.
    site.host.run(&["systemctl", "stop", AGENT])?;
    site.publish(&state("3", "2"))?;
    site.host.write_file("/etc/shop-restart", "3")?;
    site.host.run(&["systemctl", "start", AGENT])?;
    site.sync()?.success()?;
    assert_ne!(invocation()?, second, "the restart was lost");
    Ok(())
}

#[test]
fn one_reload_of_the_manager_serves_all_units() -> Result<()> {
    let site = Site::of("")?;
    site.sync()?.success()?;
    let before = reloads_of_the_manager(&site)?;
    let unit = |number| {
        format!(
            "[unit.\"u{number}.service\"]\ncontent = \"[Service]\\nExecStart=/bin/sleep infinity\\n\"\nactive = true\n"
        )
    };
    let state: String = (0..10).map(unit).collect();
    assert_eq!(site.apply(&state)?.result, PassResult::Converged);
    assert_eq!(reloads_of_the_manager(&site)? - before, 1);
    Ok(())
}

fn reloads_of_the_manager(site: &Site) -> Result<usize> {
    let journal = site.host.run(&["journalctl", "--no-pager", "--output=cat", "_PID=1"])?;
    Ok(journal.lines().filter(|line| line.starts_with("Reloading")).count())
}

#[test]
fn a_unit_that_does_not_work_is_told_and_the_rest_goes_on() -> Result<()> {
    let site = Site::of("")?;
    site.publish(
        r#"
        [apply]
        on_failure = "continue"
        [unit."false.service"]
        content = "[Service]\nExecStart=/bin/false\n"
        active = true
        [unit."dies.service"]
        content = "[Service]\nExecStart=/bin/sh -c 'sleep 0.2; exit 7'\n"
        active = true
        [unit."sick.service"]
        content = "[Service]\nExecStart=/bin/sleep infinity\n"
        active = true
        health = { tcp = "127.0.0.1:9", within = "1s" }
        [unit."well.service"]
        content = "[Service]\nExecStart=/bin/sleep infinity\n"
        active = true
        health = { command = ["systemctl", "is-active", "well.service"], within = "5s" }
        [unit."nowhere.service"]
        active = true
        "#,
    )?;
    let sync = site.sync()?;
    ensure!(sync.code != Some(0), "{sync}");
    for unit in ["false", "dies", "sick", "nowhere"] {
        let told =
            site.resource(&format!("unit:{unit}.service"))?.with_context(|| format!("silent on {unit}"))?;
        assert_eq!(told.outcome, ResourceOutcome::Failed, "{told:?}");
        assert!(told.code.is_some_and(|code| code.starts_with("E_")));
    }
    let well = site.resource("unit:well.service")?.map(|told| told.outcome);
    assert!(matches!(well, None | Some(ResourceOutcome::Changed)), "{well:?}");
    assert_eq!(site.host.property("well", "ActiveState")?, "active");
    Ok(())
}
