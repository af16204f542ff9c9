//! A hundred containers, and then a hundred services too: what a pass over them costs that finds all in order, and what the engine is asked.

use std::{
    fmt::Write as _,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use harness::{Fleet, Host, deb, docker, git_server::WebServer};

use crate::{AGENT, ONCE, cost, mebibytes, median, milliseconds, row, spent, times};

const CONTAINERS: u32 = 100;
const SERVICES: u32 = 100;
const PASSES: u32 = 50;
/// How many containers are killed, each once.
const KILLED: u32 = CONTAINERS;
/// What goes on between two ends comes to rest: for a second a container that was started is watched.
const PAUSE: Duration = Duration::from_secs(2);
/// How many are killed that the engine itself starts again.
const PLAIN: u32 = 15;
const IMAGE: &str = "mkdir -p /root/shop/bin && cp /bin/busybox /root/shop/bin/sh && \
    tar -C /root/shop -c . | docker import -c 'CMD [\"/bin/sh\", \"-c\", \"read forever\"]' - shop";

pub(crate) fn measure() -> Result<()> {
    let host = Host::boot_with_docker("containers")?;
    // The engine's journal then tells each request.
    host.write_file("/etc/docker/daemon.json", "{ \"debug\": true }\n")?;
    host.run(&["systemctl", "restart", "docker"])?;
    let image = host.shell(IMAGE)?;
    let mut state = "[network.shop]\n".to_owned();
    for number in 0..CONTAINERS {
        writeln!(
            state,
            "[container.shop-{number}]\nimage = \"{}\"\nnetworks = [\"shop\"]\nmemory = \"16m\"\nenvironment = {{ NUMBER = \"{number}\" }}\n\
             entrypoint = [\"/bin/sh\", \"-c\", \"mkfifo /wait; read forever </wait\"]",
            image.trim()
        )?;
    }
    let server = WebServer::start_for_hosts(&docker::gateway()?)?;
    let repository = server.repository("fleet.git")?;
    let fleet = Fleet::new(repository.path())?;
    fleet.change("hosts/bench.toml", &state)?;
    host.copy(&crate::tools()?.join("cost"), "/usr/local/bin/cost")?;
    host.install_deb(&deb::path()?)?;
    host.write_file("/root/ca.pem", server.ca())?;
    let (introduction, url) = (fleet.introduction()?, server.https_url("fleet.git"));
    let enrol =
        ["holdfast", "enrol", &introduction, &url, "--host", "bench", "--yes", "--ca", "/root/ca.pem"];
    host.run(&enrol)?;
    let start = Instant::now();
    host.run(&["holdfast", "sync"])?;
    row(&format!("{CONTAINERS} containers made and started (wall)"), &milliseconds(start.elapsed()), "");
    host.run(&["holdfast", "sync"])?;

    let pid = host.property(AGENT, "MainPID")?;
    quiet(&host, &pid, "a pass over them with nothing to do, with its poll (CPU)")?;
    swarm(&host, &fleet, &state, image.trim())?;
    let what = format!("the same over these and {SERVICES} services of a Swarm (CPU)");
    quiet(&host, &pid, &what)?;
    let status = host.read_file(&format!("/proc/{pid}/status"))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let resident = resident.trim().trim_end_matches(" kB").parse()?;
    row("  the root service afterwards: resident", &mebibytes(resident), "");
    killed(&host, image.trim())?;
    host.run(&["systemctl", "stop", AGENT])?;
    row("the same from a new process (CPU)", &milliseconds(cost(&host, &ONCE)?.cpu), "");
    Ok(())
}

/// A hundred services beside the containers. They have no tasks: a pass over services that are in order looks at none.
fn swarm(host: &Host, fleet: &Fleet, state: &str, image: &str) -> Result<()> {
    host.run(&["docker", "swarm", "init", "--advertise-addr", &host.address()?])?;
    let mut state = state.to_owned();
    for number in 0..SERVICES {
        writeln!(
            state,
            "[service.serve-{number}]\nimage = \"{image}\"\nreplicas = 0\nmemory = \"16m\"\nenvironment = {{ NUMBER = \"{number}\" }}"
        )?;
    }
    fleet.change("hosts/bench.toml", &state)?;
    host.run(&["holdfast", "sync"])?;
    host.run(&["holdfast", "sync"]).map(drop)
}

/// What passes cost that find all in order.
fn quiet(host: &Host, pid: &str, what: &str) -> Result<()> {
    let (before, asked) = (spent(host, pid)?, requests(host)?);
    host.shell(&format!("for i in $(seq {PASSES}); do holdfast sync >/dev/null; done"))?;
    let each = spent(host, pid)?.saturating_sub(before) / PASSES;
    row(what, &milliseconds(each), "50 ms");
    row("  requests to the engine", &((requests(host)? - asked) / PASSES).to_string(), "5");
    Ok(())
}

/// From `docker kill` to running again, and beside it what the engine's own restart policy takes: it does nothing about
/// `docker kill`, so there the process itself is killed.
fn killed(host: &Host, image: &str) -> Result<()> {
    let ours = (0..KILLED).map(|number| {
        thread::sleep(PAUSE);
        again(host, &format!("shop-{number}"), "docker kill $name >/dev/null")
    });
    let ours = ours.collect::<Result<Vec<_>>>()?;
    times("a container that somebody kills runs again after", ours, "1000 ms", "2 s");
    let mut plain = Vec::new();
    for number in 0..PLAIN {
        let name = format!("plain-{number}");
        let command =
            ["docker", "run", "--detach", "--restart", "always", "--name", &name, "--entrypoint", "/bin/sh"];
        host.run(&[&command[..], &[image, "-c", "mkfifo /wait; read forever </wait"]].concat())?;
        plain.push(again(host, &name, "kill -9 $(docker inspect -f '{{.State.Pid}}' $name)")?);
        host.run(&["docker", "rm", "--force", &name])?;
    }
    row("  a plain one with --restart=always, its process killed", &milliseconds(median(plain)), "");
    Ok(())
}

/// How long it takes until a container was started anew; one look at it is some 30 ms.
fn again(host: &Host, name: &str, kill: &str) -> Result<Duration> {
    let script = format!(
        "name={name}; look() {{ docker inspect -f '{{{{.State.Running}}}} {{{{.State.StartedAt}}}}' $name; }}; before=$(look)
         begin=$(date +%s%N); {kill}
         while now=$(look); [ \"$now\" = \"$before\" ] || [ \"${{now%% *}}\" != true ]; do :; done
         echo $((($(date +%s%N) - begin) / 1000))"
    );
    Ok(Duration::from_micros(host.shell(&script)?.trim().parse()?))
}

/// How many requests the engine has had.
fn requests(host: &Host) -> Result<u32> {
    let count = host.shell("journalctl --unit docker --output cat | grep -c 'Calling [A-Z]* /' || true")?;
    Ok(count.trim().parse()?)
}
