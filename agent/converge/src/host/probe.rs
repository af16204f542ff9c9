//! Tries something once or again and again until it succeeds: an HTTP request, a TCP connection, a command.
//!
//! The agent has no network and runs nobody's programs inside its own walls. It starts itself with `probe` as the first
//! argument in a transient unit instead, and [`main`] is what runs there. Plain blocking code: it is the whole process.
#![expect(
    clippy::disallowed_methods,
    reason = "a program of its own, which only tries what its arguments say"
)]

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream, ToSocketAddrs as _},
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitCode, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use holdfast_schema::spec::{Health, Probe};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

#[cfg(test)]
mod tests;

/// How long one attempt to connect or to be answered may take.
const ATTEMPT: Duration = Duration::from_secs(5);

/// Waits between attempts: short at first, for most services are up at once.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
];

/// The wait between all further attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a running command is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// A status line is not longer.
const LINE: u64 = 1024;

/// What the arguments ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Task {
    limit: Duration,
    again: bool,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Http(String),
    Tcp(String),
    Command(Vec<String>),
}

/// Runs the process whose arguments after `probe` are `arguments`: `once MILLISECONDS` or `within MILLISECONDS`, then
/// `http URL`, `tcp HOST:PORT` or `command PROGRAM ARGUMENT…`. The last line on standard error says what went wrong.
pub fn main(arguments: &[String]) -> ExitCode {
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            // There is nobody left to tell if even this fails.
            drop(writeln!(io::stderr(), "\n{reason}"));
            ExitCode::FAILURE
        }
    }
}

/// Does what the arguments ask for, and says what went wrong.
pub(super) fn run(arguments: &[String]) -> Result<(), String> {
    match parse(arguments) {
        Some(task) => attempt_all(&task),
        None => {
            Err("usage: probe once|within MILLISECONDS http URL | tcp HOST:PORT | command PROGRAM…".into())
        }
    }
}

/// The arguments that ask for a health probe.
pub(super) fn arguments(health: &Health) -> Vec<String> {
    let within = vec!["within".to_owned(), health.within.as_millis().to_string()];
    let what = match &health.probe {
        Probe::Http(url) => vec!["http".to_owned(), url.clone()],
        Probe::Tcp(address) => vec!["tcp".to_owned(), address.clone()],
        Probe::Command(argv) => [vec!["command".to_owned()], argv.clone()].concat(),
    };
    [within, what].concat()
}

fn parse(arguments: &[String]) -> Option<Task> {
    let [how, limit, kind, rest @ ..] = arguments else { return None };
    let again = match how.as_str() {
        "once" => false,
        "within" => true,
        _ => return None,
    };
    let what = match (kind.as_str(), rest) {
        ("http", [url]) => What::Http(url.clone()),
        ("tcp", [address]) => What::Tcp(address.clone()),
        ("command", [_, ..]) => What::Command(rest.to_vec()),
        _ => return None,
    };
    Some(Task { limit: Duration::from_millis(limit.parse().ok()?), again, what })
}

fn attempt_all(task: &Task) -> Result<(), String> {
    let end = Instant::now() + task.limit;
    let mut pauses = PAUSES.into_iter();
    loop {
        let result = match &task.what {
            What::Http(url) => http(url, end),
            What::Tcp(address) => connect(address, end).map(drop),
            What::Command(argv) => command(argv, end),
        };
        let pause = pauses.next().unwrap_or(PAUSE);
        if result.is_ok() || !task.again || end.saturating_duration_since(Instant::now()) <= pause {
            return result;
        }
        sleep(pause);
    }
}

/// The time that is left, at most [`ATTEMPT`] and never nothing.
fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), ATTEMPT)
}

fn connect(address: &str, end: Instant) -> Result<TcpStream, String> {
    let failed = |error: &dyn std::fmt::Display| format!("connect to {address}: {error}");
    let addresses: Vec<SocketAddr> = address.to_socket_addrs().map_err(|error| failed(&error))?.collect();
    let mut last = failed(&"it has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, left(end)) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = failed(&error),
        }
    }
    Err(last)
}

/// One GET, after RFC 9112. Only the status line of the answer is read.
fn http(url: &str, end: Instant) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("GET {url}: {error}");
    let rest = url.strip_prefix("http://").ok_or_else(|| failed(&"it does not begin with http://"))?;
    let (authority, path) =
        rest.find(['/', '?']).and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, "/"));
    let path = path.split('#').next().unwrap_or_default();
    let slash = if path.starts_with('/') { "" } else { "/" };
    if url.contains(|character: char| character.is_whitespace() || character.is_control())
        || authority.contains('@')
    {
        return Err(failed(&"this is not a plain address"));
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    let address = if has_port { authority.to_owned() } else { format!("{authority}:80") };
    let mut stream = connect(&address, end)?;
    let limits =
        stream.set_read_timeout(Some(left(end))).and_then(|()| stream.set_write_timeout(Some(left(end))));
    limits.map_err(|error| failed(&error))?;
    let agent = concat!("holdfast/", env!("CARGO_PKG_VERSION"));
    let request = format!(
        "GET {slash}{path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {agent}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).map_err(|error| failed(&error))?;
    let mut line = Vec::new();
    let read = BufReader::new(stream.take(LINE)).read_until(b'\n', &mut line);
    read.map_err(|error| failed(&error))?;
    let line = String::from_utf8_lossy(&line);
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)).map(str::trim_ascii);
    match status.and_then(|status| status.parse::<u16>().ok()) {
        Some(status) if status < 400 => Ok(()),
        Some(status) => Err(failed(&format!("status {status}"))),
        None => Err(failed(&"the answer is not HTTP")),
    }
}

/// A started command. Dropping it ends it with all that it started in its process group.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(id) = i32::try_from(self.0.id()) {
            // Mostly ESRCH: all of them have gone.
            killpg(Pid::from_raw(id), Signal::SIGKILL).unwrap_or_default();
        }
        drop(self.0.wait());
    }
}

/// One run of a command. Its output goes where this process's goes.
fn command(argv: &[String], end: Instant) -> Result<(), String> {
    let [program, arguments @ ..] = argv else { return Err("the command is empty".into()) };
    let child = Command::new(program).args(arguments).stdin(Stdio::null()).process_group(0).spawn();
    let mut running = match child {
        Ok(child) => Running(child),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err("there is no such program".into());
        }
        Err(error) => return Err(format!("it could not be started: {error}")),
    };
    let begun = Instant::now();
    let limit = end.saturating_duration_since(begun);
    loop {
        match running.0.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(status.to_string()),
            Ok(None) if Instant::now() < end => sleep(LOOK),
            Ok(None) => return Err(format!("not finished after {} s", limit.as_secs_f32().round())),
            Err(error) => return Err(error.to_string()),
        }
    }
}
