//! Faulty surroundings: disks, clocks, buses and memory that do what they should not.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::{Command, Host, wait};
use holdfast_schema::status::{PassResult, ResourceOutcome};

use crate::{
    last_good::{GOOD, good},
    site::{AGENT, Site},
};

/// Has the rest go on when something fails.
const CONTINUE: &str = "[apply]\non_failure = \"continue\"\n";

fn file(path: &str, content: &str) -> String {
    format!("[file.\"{path}\"]\ncontent = \"{content}\"\n")
}

/// Waits until the agent runs, which starts again by itself.
fn is_up(host: &Host) -> Result<()> {
    wait::until("the agent to be up", Duration::from_secs(40), || {
        Ok(host.output(&["holdfast", "status"])?.code.is_some_and(|code| code != 3)
            && host.property(AGENT, "ActiveState")? == "active")
    })
}

#[test]
fn what_becomes_read_only_in_the_middle_of_a_pass_is_told_and_tried_again() -> Result<()> {
    let host = Host::boot("read-only")?;
    host.shell("mkdir /srv/small && mount -t tmpfs tmpfs /srv/small")?;
    let site = Site::on(host, &format!("{GOOD}{}", file("/srv/small/file", "old")))?;
    let host = &site.host;
    site.sync()?.success()?;

    // It becomes so between two steps of one pass.
    let trap = "[unit.\"trap.service\"]\ncontent = \"[Service]\\nType=oneshot\\nRemainAfterExit=yes\\n\
                ExecStart=/bin/mount -o remount,ro /srv/small\\n\"\nactive = true\n";
    let late = "[file.\"/srv/small/late\"]\ncontent = \"late\"\nneeds = [\"unit:trap.service\"]\n";
    site.publish(&format!("{GOOD}{}{trap}{late}", file("/srv/small/file", "new")))?;
    assert_ne!(site.sync()?.code, Some(0));
    let status = site.status()?;
    ensure!(format!("{status:?}").contains("E_READ_ONLY"), "{status:#?}");
    ensure!(status.result != PassResult::Converged, "{status:#?}");
    // Nothing can be put back there now, so nothing is tried over and over: one more pass says the same.
    let lines = host.journal(AGENT)?.lines().count();
    site.sync()?;
    let more = host.journal(AGENT)?.lines().count() - lines;
    ensure!(more < 20, "{more} lines in the journal for one pass");
    host.shell("mount -o remount,rw /srv/small && systemctl reset-failed trap.service || true")?;
    site.apply(&format!("{GOOD}{}", file("/srv/small/file", "newer")))?;
    assert_eq!(host.read_file("/srv/small/file")?, "newer");
    assert!(!host.has("/srv/small/late")?);
    site.is_quiet()
}

#[test]
fn what_is_in_the_way_is_named_and_the_rest_goes_on() -> Result<()> {
    let site = good()?;
    let host = &site.host;
    host.shell(
        "mkdir /etc/is-a-directory && mkfifo /etc/is-a-fifo && mknod /etc/is-a-device c 1 3
         echo old >/etc/is-mounted && echo other >/srv/other && mount --bind /srv/other /etc/is-mounted
         cp /bin/sleep /usr/local/bin/busy && { /usr/local/bin/busy 1000 & }
         mkdir /srv/marked && mount -t tmpfs tmpfs /srv/marked && echo old >/srv/marked/file",
    )?;
    host.run(&["chattr", "+i", "/srv/marked/file"])?;
    let in_the_way = ["/etc/is-a-directory", "/etc/is-a-fifo", "/etc/is-a-device", "/etc/is-mounted"];
    let mut state = format!("{CONTINUE}{}", GOOD.replace("good", "better"));
    for path in in_the_way.iter().chain(&["/srv/marked/file", "/usr/local/bin/busy"]) {
        state += &file(path, "new");
    }
    site.publish(&state)?;
    assert_ne!(site.sync()?.code, Some(0));
    assert_eq!(host.read_file("/etc/motd")?, "better\n");
    for path in in_the_way {
        let told = site.resource(&format!("file:{path}"))?.with_context(|| format!("silent on {path}"))?;
        assert_eq!(
            (told.outcome, told.code.as_deref()),
            (ResourceOutcome::Failed, Some("E_IN_THE_WAY")),
            "{told:?}"
        );
        assert!(told.remedy.is_some(), "{told:?}");
    }
    assert_eq!(host.read_file("/etc/is-mounted")?, "other\n");
    assert_eq!(host.read_file("/srv/other")?, "other\n");
    let told = site.resource("file:/srv/marked/file")?.context("the status is silent")?;
    assert_eq!(told.code.as_deref(), Some("E_IMMUTABLE"), "{told:?}");
    assert_eq!(host.read_file("/srv/marked/file")?, "old\n");
    // A program that runs is replaced, and goes on as it was.
    assert_eq!(host.read_file("/usr/local/bin/busy")?, "new");
    host.run(&["pgrep", "--exact", "busy"]).map(drop)
}

#[test]
fn systemd_and_d_bus_that_come_anew_cost_no_revision() -> Result<()> {
    let site = good()?;
    let host = &site.host;
    host.write_file(
        "/root/disturb",
        "while :; do systemctl daemon-reexec; sleep 0.3; systemctl try-restart dbus.service; sleep 0.3; done",
    )?;
    host.shell("setsid sh /root/disturb >/dev/null 2>&1 & echo $! >/root/disturber")?;
    for round in 0..8 {
        let unit = |number: u32| {
            format!(
                "[unit.\"tick-{number}.service\"]\ncontent = \"[Service]\\nExecStart=/bin/sleep infinity\\n\
                 Environment=ROUND={round}\\n\"\nactive = true\n"
            )
        };
        let state = format!("{GOOD}{}{}{}", unit(1), unit(2), file("/etc/round", &round.to_string()));
        let revision = site.publish(&state)?;
        site.sync()?;
        // What waits is tried again; nothing is taken back because of a manager that was away.
        let status = site.status()?;
        ensure!(status.revision.quarantined.is_none(), "round {round}: {status:#?}");
        assert_eq!(host.read_file("/etc/round")?, round.to_string());
        wait::until("the host to converge", Duration::from_mins(1), || {
            Ok(site.sync()?.code == Some(0)
                && site.status()?.revision.applied.as_deref() == Some(revision.as_str()))
        })
        .with_context(|| format!("round {round}: {:#?}", site.status()))?;
    }
    host.shell("kill -- -$(cat /root/disturber)")?;
    wait::until("the host to be quiet", Duration::from_secs(30), || Ok(site.is_quiet().is_ok()))?;
    assert_eq!(host.property("tick-1", "ActiveState")?, "active");
    Ok(())
}

/// A library that adds as many seconds to the wall clock as a file says.
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>
static long shift(void) {
    long seconds = 0;
    FILE *file = fopen("/run/clock-shift", "re");
    if (file) { if (fscanf(file, "%ld", &seconds) != 1) seconds = 0; fclose(file); }
    return seconds;
}
int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, time);
    if (!result && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += shift();
    return result;
}
"#;

#[test]
fn a_clock_that_jumps_by_ten_years_disturbs_nothing() -> Result<()> {
    let site = good()?;
    let host = &site.host;
    let scratch = tempfile::tempdir()?;
    let library = scratch.path().join("clock.so");
    Command::new(["cc", "-shared", "-fPIC", "-O1", "-x", "c", "-o", &library.to_string_lossy(), "-", "-ldl"])
        .stdin(CLOCK)
        .run()?;
    host.copy(&library, "/usr/local/lib/clock.so")?;
    host.write_file(
        "/etc/systemd/system/holdfast-agent.service.d/clock.conf",
        "[Service]\nEnvironment=LD_PRELOAD=/usr/local/lib/clock.so\n",
    )?;
    host.run(&["systemctl", "daemon-reload"])?;
    host.run(&["systemctl", "restart", AGENT])?;
    site.sync()?.success()?;
    let main = host.property(AGENT, "MainPID")?;
    let ten_years: i64 = 10 * 366 * 86_400;
    // Some days after the beginning of 1970, as a machine without a battery for its clock.
    let no_battery: i64 = -1_795_000_000;
    for (round, shift) in [ten_years, -ten_years, 0, no_battery, 1].iter().enumerate() {
        host.write_file("/run/clock-shift", shift.to_string())?;
        host.write_file("/etc/motd", "drift")?;
        site.sync()?.success().with_context(|| format!("shifted by {shift} s"))?;
        assert_eq!(host.read_file("/etc/motd")?, "good\n", "shifted by {shift} s");
        let status = site.apply(&format!("{GOOD}{}", file("/etc/round", &round.to_string())))?;
        assert_eq!(
            (status.result, &status.problem[..]),
            (PassResult::Converged, &[][..]),
            "shifted by {shift} s"
        );
        let year = status.time.get(..4).unwrap_or_default().parse::<i64>()?;
        ensure!(
            *shift == 0 || shift.abs() == 1 || (year - 2026).signum() == shift.signum(),
            "the clock was not shifted by {shift} s: {}",
            status.time
        );
        site.is_quiet()?;
    }
    assert_eq!(host.property(AGENT, "MainPID")?, main, "it was started anew");
    Ok(())
}

#[test]
fn an_agent_without_memory_comes_back_when_there_is_some() -> Result<()> {
    let site = good()?;
    let host = &site.host;
    host.run(&["systemctl", "set-property", "--runtime", AGENT, "MemoryMax=1M", "MemorySwapMax=0"])?;
    host.output(&["systemctl", "restart", AGENT])?;
    host.output(&["holdfast", "sync"])?;
    wait::until("the agent to be killed for its memory", Duration::from_mins(1), || {
        Ok(host.property(AGENT, "NRestarts")? != "0" || host.property(AGENT, "Result")? != "success")
    })?;
    site.publish(&GOOD.replace("good", "better"))?;
    host.run(&["systemctl", "set-property", "--runtime", AGENT, "MemoryMax=infinity"])?;
    is_up(host)?;
    site.sync()?.success()?;
    assert_eq!(host.read_file("/etc/motd")?, "better\n");
    site.is_quiet()
}
