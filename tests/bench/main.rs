//! Measures what Holdfast costs beside its budgets and prints a table. `tests/bench/run` starts it.
#![expect(clippy::print_stdout, reason = "its table is for people")]
#![expect(clippy::cast_precision_loss, reason = "a table has few digits")]
#![expect(clippy::disallowed_methods, reason = "it looks at the clock, at sizes and at its settings")]

mod chain;
mod containers;
mod drift;
mod journal;
mod peers;
mod workload;

use std::{env, fs, path::PathBuf, thread, time::Duration, time::Instant};

use anyhow::{Context as _, Result, ensure};
use harness::{Fleet, Host, deb, docker, git_server::WebServer, wait};

use crate::workload::Workload;

const AGENT: &str = "holdfast-agent.service";
const ONCE: [&str; 3] = ["/usr/libexec/holdfast/holdfast-agent", "--once", "--offline"];
const RUNS: usize = 9;

fn main() -> Result<()> {
    // Cargo asks every benchmark for its list when it runs tests.
    if env::args().any(|argument| argument == "--list" || argument == "--test") {
        return Ok(());
    }
    if env::args().any(|argument| argument == "docker") {
        return containers::measure();
    }
    if env::args().any(|argument| argument == "peers") {
        return peers::measure();
    }
    println!("{:<58} {:>12} {:>12}", "", "measured", "budget");
    let only_drift = env::args().any(|argument| argument == "drift");
    if !only_drift {
        size()?;
        check()?;
        journal::measure()?;
    }
    let server = WebServer::start_for_hosts(&docker::gateway()?)?;
    let repository = server.repository("fleet.git")?;
    let fleet = Fleet::new(repository.path())?;
    let workload = Workload { files: 1000 };
    workload.publish(&fleet, "bench")?;
    let host = Host::boot("bench")?;
    Workload::repository()?.serve_to(&host)?;
    for tool in ["floor", "cost", "drift"] {
        host.copy(&tools()?.join(tool), &format!("/usr/local/bin/{tool}"))?;
    }
    host.install_deb(&deb::path()?)?;
    first_converge(&host, &server, &fleet)?;
    if only_drift {
        host.run(&["systemctl", "start", AGENT])?;
        return drift::measure(&host, &fleet);
    }
    unchanged_pass(&host, &workload)?;
    idle(&host)?;
    running_pass(&host)?;
    drift::measure(&host, &fleet)?;
    poll(&host, &server, &repository)?;
    chain::measure(&host, &fleet, &repository)?;
    containers::measure()?;
    Ok(())
}

fn row(what: &str, measured: &str, budget: &str) {
    println!("{what:<58} {measured:>12} {budget:>12}");
}

fn tools() -> Result<PathBuf> {
    Ok(env::var_os("HOLDFAST_BENCH_TOOLS").context("run it with tests/bench/run")?.into())
}

fn size() -> Result<()> {
    let bytes = fs::metadata(deb::path()?)?.len();
    row("size of the .deb", &format!("{:.2} MB", bytes as f64 / 1e6), "6 MB");
    Ok(())
}

fn check() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let bare = harness::git_server::Repository::make(scratch.path().join("large.git"))?;
    let fleet = Fleet::new(bare.path())?;
    workload::large_fleet(&fleet, 1000)?;
    let work = fleet.work();
    let mut times = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        fleet.holdfast(&["check", &work.to_string_lossy()])?;
        times.push(start.elapsed());
    }
    row("holdfast check, 1000 hosts with 10 roles", &milliseconds(median(times)), "1000 ms");
    Ok(())
}

/// Everything from a bare host, beside apt-get with the same packages.
fn first_converge(host: &Host, server: &WebServer, fleet: &Fleet) -> Result<()> {
    let packages = Workload::packages();
    let packages: Vec<_> = packages.iter().map(String::as_str).collect();
    let apt =
        |verb: &str| host.run(&[&["cost", "apt-get", "--yes", "--quiet", verb][..], &packages].concat());
    apt("install")?;
    apt("purge")?;
    let apt = cost(host, &[&["apt-get", "--yes", "--quiet", "install"][..], &packages].concat())?;
    host.run(&[&["apt-get", "--yes", "purge"][..], &packages].concat())?;

    host.write_file("/root/ca.pem", server.ca())?;
    let (introduction, url) = (fleet.introduction()?, server.https_url("fleet.git"));
    host.run(&["systemctl", "mask", "--runtime", AGENT])?;
    // Enrolment wants to start the agent; here it must not, and what it says of that is no matter.
    host.output(&[
        "holdfast",
        "enrol",
        &introduction,
        &url,
        "--host",
        "bench",
        "--yes",
        "--ca",
        "/root/ca.pem",
    ])?;
    host.run(&["systemctl", "start", "holdfast-fetch.socket"])?;
    let own = cost(host, &["/usr/libexec/holdfast/holdfast-agent", "--once"])?;
    host.run(&["systemctl", "unmask", "--runtime", AGENT])?;
    row(
        "first converge: 1000 files, 20 packages, 10 units (wall)",
        &milliseconds(own.wall),
        &milliseconds(apt.wall + Duration::from_secs(1)),
    );
    row("  of which plain apt-get takes", &milliseconds(apt.wall), "");
    Ok(())
}

fn unchanged_pass(host: &Host, workload: &Workload) -> Result<()> {
    host.write_file("/root/desired", workload.floor_records())?;
    host.write_file("/root/packages", Workload::packages().join("\n") + "\n")?;
    let units = Workload::units();
    let mut floor = vec!["floor", "/root/desired", "/root/packages"];
    floor.extend(units.iter().map(String::as_str));
    let floor = costs(host, &floor)?;
    let own = costs(host, &ONCE)?;
    row("a pass over them with nothing to do (CPU)", &milliseconds(own.cpu), "15 ms");
    row("  of which the least that any program can do", &milliseconds(floor.cpu), "");
    row("  wall", &milliseconds(own.wall), "");
    row("  memory at most", &mebibytes(own.memory), "8.0 MiB");
    let strace = ["strace", "--follow-forks", "--trace=execve", "--output=/root/execs"];
    host.run(&[&strace[..], &ONCE[..]].concat())?;
    let children = host.read_file("/root/execs")?.matches(") = 0").count().saturating_sub(1);
    row("  programs started", &children.to_string(), "1");
    Ok(())
}

fn idle(host: &Host) -> Result<()> {
    host.run(&["systemctl", "start", AGENT])?;
    host.run(&["holdfast", "sync"])?;
    let pid = host.property(AGENT, "MainPID")?;
    let status = format!("/proc/{pid}/status");
    let number = |name: &str| -> Result<u64> {
        let text = host.read_file(&status)?;
        let line =
            text.lines().find_map(|line| line.strip_prefix(name)).context("a line of /proc/PID/status")?;
        Ok(line.trim_matches(|c: char| !c.is_ascii_digit()).parse()?)
    };
    // What it did last has been told by then, and what that needed is given back.
    thread::sleep(Duration::from_secs(10));
    let before = number("voluntary_ctxt_switches:")?;
    thread::sleep(Duration::from_secs(30));
    let wakes = number("voluntary_ctxt_switches:")? - before;
    row("the root service between polls: resident", &mebibytes(number("VmRSS:")?), "8.0 MiB");
    row("  of which nothing can be taken from without swapping", &mebibytes(number("RssAnon:")?), "");
    row("  wake-ups in 30 s", &wakes.to_string(), "0");
    let fetcher = host.property("holdfast-fetch.service", "MainPID")?;
    row("  the fetcher meanwhile", if fetcher == "0" { "gone" } else { "there" }, "gone");

    // With its polls, one a minute.
    let written = || -> Result<u64> {
        let io = host.read_file(&format!("/proc/{pid}/io"))?;
        let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
        Ok(line.context("no write_bytes")?.parse()?)
    };
    let (cpu, bytes) = (on_a_processor(host, &pid)?, written()?);
    thread::sleep(Duration::from_mins(10));
    let cpu = on_a_processor(host, &pid)?.saturating_sub(cpu);
    row("  in ten minutes, polls included (CPU)", &milliseconds(cpu), "50 ms");
    row("  written to the disk meanwhile", &format!("{} B", written()? - bytes), "0 B");
    row("  resident then", &mebibytes(number("VmRSS:")?), "8.0 MiB");
    Ok(())
}

/// The same as [`spent`], to the nanosecond: see `proc_pid_schedstat(5)`.
fn on_a_processor(host: &Host, pid: &str) -> Result<Duration> {
    let spent = host.shell(&format!("cat /proc/{pid}/task/*/schedstat"))?;
    let threads = spent.lines().filter_map(|line| line.split(' ').next()?.parse::<u64>().ok());
    Ok(Duration::from_nanos(threads.sum()))
}

/// Passes of the running service, which reads no file again that surely has not changed.
fn running_pass(host: &Host) -> Result<()> {
    const PASSES: u32 = 100;
    let pid = host.property(AGENT, "MainPID")?;
    let before = spent(host, &pid)?;
    host.shell(&format!("for i in $(seq {PASSES}); do holdfast sync >/dev/null; done"))?;
    let each = spent(host, &pid)?.saturating_sub(before) / PASSES;
    row("the same pass in the running service, with its poll (CPU)", &milliseconds(each), "");
    Ok(())
}

/// The time that a process has had a processor.
fn spent(host: &Host, pid: &str) -> Result<Duration> {
    let stat = host.read_file(&format!("/proc/{pid}/stat"))?;
    let after = stat.rsplit(") ").next().unwrap_or_default();
    // In ticks of 10 ms, user and system: see proc(5).
    let ticks: u64 =
        after.split(' ').skip(11).take(2).map(|ticks| Ok(ticks.parse::<u64>()?)).sum::<Result<_>>()?;
    Ok(Duration::from_millis(ticks * 10))
}

/// What crosses the wire when nothing has changed: with a new connection, as between two polls far apart, and with one
/// that the fetcher still has.
fn poll(host: &Host, server: &WebServer, repository: &harness::git_server::Repository) -> Result<()> {
    repository.add_branches(10_000, &repository.tip("main")?)?;
    host.run(&["holdfast", "sync"])?;
    wait::until("the fetcher to be gone", Duration::from_mins(1), || {
        Ok(host.property("holdfast-fetch.service", "MainPID")? == "0")
    })?;
    for connection in ["a new connection", "a kept one"] {
        let before = server.https().payload();
        host.run(&["holdfast", "sync"])?;
        row(
            &format!("an unchanged poll beside 10,000 branches, {connection}"),
            &format!("{} B", server.https().payload() - before),
            "1500 B",
        );
    }
    Ok(())
}

/// What one run of a program cost, with all its children.
#[derive(Debug, Clone, Copy)]
struct Cost {
    cpu: Duration,
    wall: Duration,
    /// In KiB, of the largest process.
    memory: u64,
}

fn cost(host: &Host, program: &[&str]) -> Result<Cost> {
    let command = host.command(&[&["cost"][..], program].concat());
    let output = command.limit(Duration::from_mins(10)).output()?;
    ensure!(output.code == Some(0), "{output}");
    let line = output.stderr.lines().find_map(|line| line.strip_prefix("cost: ")).context("no cost")?;
    let numbers = line.split(' ').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
    let [cpu, wall, memory] = numbers[..] else { anyhow::bail!("not a cost: {line}") };
    Ok(Cost { cpu: Duration::from_micros(cpu), wall: Duration::from_micros(wall), memory })
}

/// The medians of some runs after one that warms up.
fn costs(host: &Host, program: &[&str]) -> Result<Cost> {
    cost(host, program)?;
    let costs = (0..RUNS).map(|_| cost(host, program)).collect::<Result<Vec<_>>>()?;
    Ok(Cost {
        cpu: median(costs.iter().map(|cost| cost.cpu)),
        wall: median(costs.iter().map(|cost| cost.wall)),
        memory: median(costs.iter().map(|cost| cost.memory)),
    })
}

fn median<T: Ord + Copy + Default>(values: impl IntoIterator<Item = T>) -> T {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The rows for a hundred measurements: their median, and what all but one took no longer than.
fn times(what: &str, mut times: Vec<Duration>, budget: &str, most: &str) {
    times.sort_unstable();
    row(what, &milliseconds(median(times.iter().copied())), budget);
    let last = times.len() * 99 / 100;
    row("  99 of 100", &milliseconds(times.get(last.saturating_sub(1)).copied().unwrap_or_default()), most);
    row("  the slowest", &milliseconds(times.last().copied().unwrap_or_default()), "");
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn mebibytes(kibibytes: u64) -> String {
    format!("{:.1} MiB", kibibytes as f64 / 1024.0)
}
