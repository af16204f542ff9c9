//! The package manager is killed in the middle of a transaction, sometimes together with the agent: the next pass heals it.
//!
//! Six moments, spread over a transaction; `HOLDFAST_TEST_POINTS` says another number, as `tests/run long` does.
#![expect(clippy::disallowed_methods, reason = "it takes its number of moments from tests/run")]
#![expect(clippy::print_stdout, reason = "what was met is for whoever wants to see it")]

use std::{collections::BTreeMap, env, time::Duration};

use anyhow::{Context as _, Result, ensure};
use harness::{Host, Manager, Package, wait};
use holdfast_schema::status::Status;

use crate::{
    every_manager::with_every_manager,
    site::{AGENT, Site},
};

with_every_manager! {
    what_a_killed_package_manager_leaves_is_healed,
}

const UNIT: &str = "holdfast-packages.service";

/// Shell that begins a pass, and can tell how many lines have come since that tell how far its transaction is: dpkg's own, or
/// those of the packages' scripts.
fn begin(host: &Host) -> String {
    let log = match host.manager {
        Manager::Apt => "/var/log/dpkg.log",
        Manager::Dnf | Manager::Zypper => "/var/tmp/marks",
    };
    format!(
        "touch {log}; lines() {{ wc --lines <{log}; }}; before=$(lines); holdfast sync >/run/sync.log 2>&1 &"
    )
}

const PACKAGES: [&str; 4] = ["bulk", "served", "needed", "extra"];

/// Much to unpack, scripts that take a moment, a new dependency and one package that comes and goes.
fn packages() -> Vec<Package> {
    let slow = |package: Package| {
        ["preinst", "postinst", "prerm", "postrm"]
            .into_iter()
            .fold(package, |package, script| package.script(script, "echo mark >>/var/tmp/marks; sleep 0.1"))
    };
    let both = ["1.0", "2.0"].map(|version| {
        let bulk = (0..200).fold(Package::new("bulk", version), |package, file| {
            package.file(&format!("/usr/share/bulk/{file}"), &format!("{version}\n").repeat(1000))
        });
        let served =
            Package::new("served", version).conffile("/etc/served.conf", &format!("colour = {version}\n"));
        [bulk, if version == "2.0" { served.depends("needed") } else { served }].map(slow)
    });
    let others = ["needed", "extra"].map(|name| slow(Package::new(name, "1.0")));
    both.into_iter().flatten().chain(others).collect()
}

/// The state with one of the two versions.
fn state(version: &str) -> String {
    let extra = if version == "2.0" { "present" } else { "absent" };
    format!(
        "[package.bulk]\nversion = \"{version}*\"\n[package.served]\nversion = \"{version}*\"\n\
         [package.extra]\nensure = \"{extra}\"\n\
         [file.\"/etc/after\"]\ncontent = \"{version}\"\nneeds = [\"package:served\", \"package:bulk\"]\n"
    )
}

/// What the package manager says of the packages, a line each.
fn picture(host: &Host) -> Result<Vec<String>> {
    let told = |name: &&str| match host.manager {
        Manager::Apt => Ok(format!("{name} {}", host.package(name)?)),
        Manager::Dnf | Manager::Zypper => {
            let versions = host.output(&["rpm", "--query", "--queryformat", "%{VERSION} ", name])?;
            Ok(format!("{name} {}", versions.text().trim()))
        }
    };
    PACKAGES.iter().map(told).collect()
}

/// The version of a package that is installed and in order. That somebody once wanted it to be removed is no concern of anybody
/// but dselect.
fn version(host: &Host, name: &str) -> Result<Option<String>> {
    match host.manager {
        Manager::Apt => {
            Ok(host.package(name)?.get(1..).and_then(|told| told.strip_prefix("i  ")).map(str::to_owned))
        }
        Manager::Dnf | Manager::Zypper => host.version(name),
    }
}

/// Whether all of it is of one version.
fn is_whole(host: &Host, release: &str) -> Result<()> {
    let told = |version: &str| Some(host.manager.version(version));
    let extra = if release == "2.0" { told("1.0") } else { None };
    for (name, want) in [("bulk", told(release)), ("served", told(release)), ("extra", extra)] {
        ensure!(version(host, name)? == want, "{:?} instead of all {release}", picture(host)?);
    }
    let file = host.read_file("/usr/share/bulk/199")?;
    ensure!(file == format!("{release}\n").repeat(1000), "bulk is not unpacked");
    ensure!(host.read_file("/etc/after")? == release, "/etc/after is not of {release}");
    ensure!(host.manager.half_done(host)?.is_empty(), "something is half done");
    ensure!(!host.has("/var/lib/holdfast/packages.unfinished")?, "it is still taken for interrupted");
    Ok(())
}

/// How many lines a whole transaction makes.
fn lines(host: &Host) -> Result<u32> {
    Ok(host.shell(&format!("{} wait; echo $(($(lines) - before))", begin(host)))?.trim().parse()?)
}

/// Has the agent sync, and kills its transaction as soon as it has made that many lines, or that much later. What the
/// package manager says then; `None` if it was over already.
fn kill(host: &Host, after: u32, later: Duration, with_agent: bool) -> Result<Option<Vec<String>>> {
    let signal =
        |signal: &str, unit: &str| format!("systemctl kill --kill-whom=all --signal={signal} {unit}");
    let output = host.shell(&format!(
        "{begin} while kill -0 $! && [ $(($(lines) - before)) -lt {after} ]; do sleep 0.005; done; sleep {:.3}
         {stop}; {{ [ $(systemctl is-active {UNIT}) = activating ] && {kill} && echo killed; }} || true",
        later.as_secs_f64(),
        begin = begin(host),
        stop = signal("STOP", AGENT),
        kill = signal("KILL", UNIT),
    ))?;
    let found = picture(host)?;
    if with_agent {
        host.kill(AGENT)?;
        host.run(&["systemctl", "reset-failed", AGENT])?;
        host.run(&["systemctl", "start", AGENT])?;
    } else {
        host.run(&["sh", "-c", &signal("CONT", AGENT)])?;
    }
    // Whatever comes of the command: its agent may be gone.
    wait::until("the command to end", Duration::from_mins(2), || {
        Ok(host.output(&["pgrep", "--full", "holdfast sync"])?.code != Some(0))
    })?;
    Ok((output.trim() == "killed").then_some(found))
}

fn what_a_killed_package_manager_leaves_is_healed(manager: Manager) -> Result<()> {
    let points: u32 = env::var("HOLDFAST_TEST_POINTS").map_or(Ok(6), |points| points.parse())?;
    let site = Site::on(manager.boot("killed-packages", &packages())?, &state("1.0"))?;
    let host = &site.host;
    site.sync()?.success()?;
    site.publish(&state("2.0"))?;
    let whole = lines(host)?;
    is_whole(host, "2.0")?;

    let (mut reached, mut taken_back) = (0, 0);
    let mut met: BTreeMap<String, u32> = BTreeMap::new();
    let mut old = "2.0";
    for point in 0..points {
        let new = if old == "2.0" { "1.0" } else { "2.0" };
        let commit = site.publish(&state(new))?;
        let (after, later) = (1 + whole * point / points, Duration::from_millis(40) * (point % 4));
        let found = kill(host, after, later, point % 2 == 1)?;
        let at = || format!("killed {later:?} after line {after} of {whole}, which left {found:?}");
        for line in found.iter().flatten() {
            let state: String = line.split(' ').nth(1).unwrap_or_default().into();
            *met.entry(state).or_default() += 1;
        }
        reached += u32::from(found.is_some());

        // At most one more pass, and nobody's hand, until everything is whole: the new, or what was there before.
        let ended = |status: &Status| {
            [&status.revision.applied, &status.revision.quarantined].contains(&&Some(commit.clone()))
        };
        if !ended(&site.status()?) {
            site.sync()?;
        }
        let status = site.status()?;
        ensure!(ended(&status), "{}: it goes on: {status:#?}", at());
        let quarantined = status.revision.quarantined.is_some();
        is_whole(host, if quarantined { old } else { new })
            .with_context(|| format!("{}; {status:#?}", at()))?;
        if quarantined {
            taken_back += 1;
            host.output(&["holdfast", "retry"])?.success().with_context(at)?;
            is_whole(host, new).with_context(at)?;
        }
        site.is_quiet().with_context(at)?;
        old = new;
    }
    println!(
        "{reached} of {points} moments within a transaction of {whole} lines; taken back {taken_back} times; met {met:?}"
    );
    ensure!(reached * 10 >= points * 7, "too many came too late: {reached} of {points}");
    Ok(())
}
