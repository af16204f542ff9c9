//! The service itself: its socket, its ends, and what a kill leaves.
#![expect(clippy::disallowed_methods, reason = "these tests start and end the service")]

use std::{
    fs,
    io::{self, BufRead as _},
    os::unix::{
        fs::PermissionsExt as _,
        net::{UnixDatagram, UnixStream},
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use harness::{
    git_server::{Fault, Repository, SshServer, USER, WebServer},
    wait,
};
use holdfast_protocol::fetch::{Remote, Reply, Request};
use tempfile::TempDir;

use crate::common::{Got, at, basic, files_below, https, ids, measured, noise, poll, read_answer, ssh};

/// Builds the program, once.
fn program() -> Result<&'static Path> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let build = || -> Result<PathBuf> {
        let arguments = ["build", "--locked", "--package=holdfast-fetch", "--message-format=json"];
        let messages = harness::Command::new([env!("CARGO")].into_iter().chain(arguments))
            .limit(Duration::from_mins(20))
            .run()?;
        let message = messages
            .lines()
            .rfind(|line| line.contains("\"executable\":\""))
            .context("no program was built")?;
        let path = message.split("\"executable\":\"").nth(1).and_then(|rest| rest.split('"').next());
        Ok(path.context("its path is not told")?.into())
    };
    match PROGRAM.get_or_init(|| build().map_err(|error| format!("{error:#}"))) {
        Ok(path) => Ok(path),
        Err(error) => bail!("{error}"),
    }
}

/// The directories of a service, over several starts.
struct Home(TempDir);

impl Home {
    fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        fs::create_dir(dir.path().join("state"))?;
        fs::create_dir(dir.path().join("run"))?;
        Ok(Self(dir))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, program: &Path, idle: u32) -> Command {
        let mut command = Command::new(program);
        command
            .args(["--idle", &idle.to_string()])
            .env_clear()
            .env("STATE_DIRECTORY", self.path("state"))
            .env("RUNTIME_DIRECTORY", self.path("run"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    /// Starts a service that listens on a socket of its own.
    fn start(&self, idle: u32) -> Result<Service> {
        let socket = self.path("fetch.sock");
        drop(fs::remove_file(&socket));
        let child = self.command(program()?, idle).arg("--socket").arg(&socket).spawn()?;
        let service = Service { child, socket };
        wait::until("the service listens", Duration::from_secs(20), || {
            Ok(UnixStream::connect(&service.socket).is_ok())
        })?;
        Ok(service)
    }
}

/// A running service.
struct Service {
    child: Child,
    socket: PathBuf,
}

impl Service {
    fn send(&self, request: &Request) -> Result<UnixStream> {
        let mut connection = UnixStream::connect(&self.socket)?;
        holdfast_protocol::frame::write(&mut connection, request)?;
        Ok(connection)
    }

    fn ask(&self, request: &Request) -> Result<Got> {
        read_answer(self.send(request)?)
    }

    fn signal(&self, name: &str) -> Result<()> {
        harness::Command::new(["kill", "-s", name, &self.child.id().to_string()]).run().map(drop)
    }

    /// Waits for its end, and gives what it said.
    fn end(mut self) -> Result<(ExitStatus, String)> {
        let mut said = String::new();
        if let Some(stderr) = self.child.stderr.take() {
            for line in io::BufReader::new(stderr).lines() {
                said = said + &line? + "\n";
            }
        }
        Ok((self.child.wait()?, said))
    }

    /// The most memory that it had resident, in bytes.
    fn peak_memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? << 10)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn with_repository() -> Result<(WebServer, Remote, String)> {
    let server = WebServer::start()?;
    let base = server.repository("fleet.git")?.commit("main", &[("fleet.toml", b"")])?;
    let remote = https(&server, "fleet.git");
    Ok((server, remote, base))
}

#[test]
fn it_answers_and_ends_by_itself() -> Result<()> {
    let (server, remote, base) = with_repository()?;
    let home = Home::new()?;
    let service = home.start(1)?;
    assert_eq!(fs::metadata(&service.socket)?.permissions().mode() & 0o777, 0o600);
    let unchanged = poll(&remote, Some(&base), &base)?;
    for _ in 0..3 {
        assert_eq!(service.ask(&unchanged)?.reply, Reply::Unchanged);
    }
    // One connection to the server is enough.
    assert_eq!(server.https().connections(), 1);
    measured(
        "fetcher's peak memory after unchanged polls over https (unoptimised build)",
        service.peak_memory()?,
    );
    // Nonsense, or nothing at all, ends nothing but its own connection.
    io::Write::write_all(&mut UnixStream::connect(&service.socket)?, b"\xff\xff\xff\xff")?;
    drop(UnixStream::connect(&service.socket)?);
    let got = service.ask(&poll(&remote, None, &base)?)?;
    let Reply::Changed { tip, .. } = got.reply else { bail!("{:?}", got.reply) };
    assert_eq!((tip.to_string(), got.objects.len()), (base.clone(), 3));
    measured(
        "fetcher's peak memory after a first fetch over https (unoptimised build)",
        service.peak_memory()?,
    );
    // Nor does a credential that is not accepted show up in what it writes.
    let wrong = Remote { credential: basic(USER, "canary-wrong"), ..https(&server, "private/fleet.git") };
    let Reply::Failed(failure) = service.ask(&poll(&wrong, None, &base)?)?.reply else {
        bail!("it was let in")
    };
    assert_eq!(failure.code, "E_GIT_AUTH");
    let (status, said) = service.end()?;
    assert!(status.success(), "{said}");
    assert!(!said.contains("canary"), "{said}");
    assert!(said.contains("the connection to the root service broke"), "{said}");
    Ok(())
}

#[test]
fn a_kill_at_any_moment_leaves_what_the_next_start_mends() -> Result<()> {
    let (server, remote, base) = with_repository()?;
    let repository = server.repository("fleet.git")?;
    repository.commit("main", &[("noise", &noise(200_000))])?;
    let request = poll(&remote, None, &base)?;
    let expected = ids(&Home::new()?.start(5)?.ask(&request)?.objects)?;
    let all = server.https().received();
    let home = Home::new()?;
    for (signal, limit) in
        [("KILL", 2000), ("TERM", all / 3), ("KILL", all / 2), ("KILL", all - 3000), ("TERM", all - 100)]
    {
        server.https().set_fault(Fault::Stall(limit));
        let service = home.start(5)?;
        let before = server.https().received();
        let connection = service.send(&request)?;
        wait::until("the answer stalls", Duration::from_secs(20), || {
            Ok(server.https().received() - before >= limit)
        })?;
        service.signal(signal)?;
        let (status, said) = service.end()?;
        assert_eq!(status.code(), None, "{signal} at {limit}: {said}");
        assert!(!said.contains("panicked"), "{said}");
        drop(connection);
    }
    server.https().set_fault(Fault::None);
    assert_eq!(ids(&home.start(5)?.ask(&request)?.objects)?, expected);
    let is_left = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(".tmp") || name.ends_with(".lock")
    };
    let left: Vec<_> = files_below(&home.path("state"))?.into_iter().filter(is_left).collect();
    assert_eq!(left, [""; 0].map(PathBuf::from));
    Ok(())
}

#[test]
fn no_ssh_key_outlives_a_kill() -> Result<()> {
    let server = SshServer::start(true)?;
    let base = server.repository("fleet.git")?.commit("main", &[("fleet.toml", b"")])?;
    let request = poll(&ssh(&server, "fleet.git")?, Some(&base), &base)?;
    let home = Home::new()?;
    server.relay().set_fault(Fault::Stall(1000));
    let service = home.start(5)?;
    let connection = service.send(&request)?;
    wait::until("ssh runs", Duration::from_secs(20), || Ok(server.relay().received() >= 1000))?;
    assert_eq!(files_below(&home.path("run"))?.len(), 2);
    service.signal("KILL")?;
    service.end()?;
    drop(connection);
    server.relay().set_fault(Fault::None);
    let service = home.start(5)?;
    assert_eq!(files_below(&home.path("run"))?, [""; 0].map(PathBuf::from));
    assert_eq!(service.ask(&request)?.reply, Reply::Unchanged);
    assert_eq!(files_below(&home.path("run"))?, [""; 0].map(PathBuf::from));
    Ok(())
}

#[test]
fn it_takes_its_socket_from_systemd_and_tells_it_how_it_does() -> Result<()> {
    let home = Home::new()?;
    let repository = Repository::make(home.path("fleet.git"))?;
    let base = repository.commit("main", &[("fleet.toml", b"")])?;
    let notices = UnixDatagram::bind(home.path("notify.sock"))?;
    notices.set_read_timeout(Some(Duration::from_secs(20)))?;
    let socket = home.path("fetch.sock");
    let environment = [
        ("STATE_DIRECTORY", home.path("state")),
        ("RUNTIME_DIRECTORY", home.path("run")),
        ("NOTIFY_SOCKET", home.path("notify.sock")),
        ("WATCHDOG_USEC", "300000".into()),
    ];
    let child = Command::new("systemd-socket-activate")
        .arg("-l")
        .arg(&socket)
        .args(environment.iter().flat_map(|(name, _)| ["-E", name]))
        .arg(program()?)
        .args(["--idle", "1"])
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let service = Service { child, socket };
    wait::until("the socket is there", Duration::from_secs(20), || Ok(service.socket.exists()))?;
    let request = poll(&at(&repository.path().display().to_string()), Some(&base), &base)?;
    assert_eq!(service.ask(&request)?.reply, Reply::Unchanged);
    let mut heard = Vec::new();
    while heard.last().is_none_or(|notice| notice != "STOPPING=1") {
        let mut buffer = [0; 200];
        let length = notices.recv(&mut buffer)?;
        let notice = String::from_utf8_lossy(&buffer[..length]).trim_end().to_owned();
        heard.push(notice);
    }
    assert!(heard.iter().any(|notice| notice == "READY=1"), "{heard:?}");
    assert!(heard.iter().filter(|notice| *notice == "WATCHDOG=1").count() >= 3, "{heard:?}");
    let (status, _) = service.end()?;
    assert!(status.success());
    Ok(())
}
