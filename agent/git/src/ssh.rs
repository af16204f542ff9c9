//! Git over ssh, with the system's `ssh` program and nothing of the user's or the system's ssh configuration.

#![expect(
    clippy::disallowed_methods,
    reason = "ssh is the one program that this room starts, and it reads its keys from files"
)]

use std::{
    fs,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    },
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

use holdfast_protocol::fetch::Ssh;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tempfile::TempDir;

use crate::{address::SshAddress, error::Fault, link::Link, meter::Meter, reason::Reason, text};

/// What is kept of what ssh says.
const SAID_BYTES: u64 = 16 << 10;

/// A running `ssh`. Dropping it kills it and removes its key.
pub(crate) struct Running {
    child: Child,
    said: Option<JoinHandle<Vec<u8>>>,
    host: String,
    meter: Meter,
    _private: TempDir,
}

/// Starts `service` on the server.
pub(crate) fn start(
    address: &SshAddress,
    service: &str,
    link: &Link<'_>,
) -> Result<(Running, Output, Input), Fault> {
    let (meter, reason) = (&link.meter, &link.reason);
    let Some(ssh) = &link.remote.ssh else {
        return Err(Fault::Address("an ssh URL needs a private key and a known_hosts file".to_owned()));
    };
    let private = private_files(ssh, link.private)
        .map_err(Fault::mirror("the ssh key can not be kept in a private file"))?;
    let mut command = Command::new("ssh");
    // Relative names, for ssh would expand `%` and `~` in a path.
    command.current_dir(private.path()).args(["-F", "none", "-T", "-a", "-x"]);
    for option in [
        "BatchMode=yes",
        "ClearAllForwardings=yes",
        "ControlMaster=no",
        "ControlPath=none",
        "GlobalKnownHostsFile=none",
        "GSSAPIAuthentication=no",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "IdentityFile=./key",
        "KbdInteractiveAuthentication=no",
        "LogLevel=ERROR",
        "PasswordAuthentication=no",
        "SendEnv=GIT_PROTOCOL",
        "StrictHostKeyChecking=yes",
        "UpdateHostKeys=no",
        "UserKnownHostsFile=./known_hosts",
    ] {
        command.args(["-o", option]);
    }
    command.arg("-o").arg(format!("ConnectTimeout={}", meter.stall().as_secs().max(1)));
    if let Some(port) = address.port {
        command.arg("-p").arg(port.to_string());
    }
    if let Some(user) = &address.user {
        command.arg("-l").arg(user);
    }
    command.arg("--").arg(&address.host).arg(format!("{service} {}", quoted(&address.path)));
    command
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C");
    if service == "git-upload-pack" {
        command.env("GIT_PROTOCOL", "version=2");
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(Fault::Ssh)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let said = stderr.map(|mut stderr| {
        thread::spawn(move || {
            let mut said = Vec::new();
            let kept = stderr.by_ref().take(SAID_BYTES).read_to_end(&mut said);
            // ssh must never wait for us to read.
            drop(kept.and_then(|_| io::copy(&mut stderr, &mut io::sink())));
            said
        })
    });
    let running =
        Running { child, said, host: address.host.clone(), meter: meter.clone(), _private: private };
    match (stdin, stdout) {
        (Some(stdin), Some(stdout)) => Ok((
            running,
            Output { pipe: stdout, meter: meter.clone(), reason: reason.clone() },
            Input { pipe: stdin, meter: meter.clone(), reason: reason.clone() },
        )),
        _ => Err(Fault::Ssh(io::ErrorKind::BrokenPipe.into())),
    }
}

fn private_files(ssh: &Ssh, private: &Path) -> io::Result<TempDir> {
    let dir = tempfile::Builder::new()
        .prefix("ssh-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(private)?;
    for (name, text) in [("key", ssh.key.expose()), ("known_hosts", &ssh.known_hosts)] {
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(dir.path().join(name))?;
        // OpenSSH takes a key without a line break at its end for a broken one.
        file.write_all(text.trim_end().as_bytes())?;
        file.write_all(b"\n")?;
    }
    Ok(dir)
}

/// `path` as one word of a shell's command line.
fn quoted(path: &str) -> String {
    format!("'{}'", path.replace('\'', r"'\''").replace('!', r"'\!'"))
}

impl Running {
    /// Why the connection failed: what ssh says, or else `fallback`.
    pub(crate) fn fault(mut self, fallback: Fault) -> Fault {
        if matches!(fallback, Fault::Timeout(_) | Fault::Limit(_) | Fault::Mirror { .. } | Fault::Damaged(_))
        {
            return fallback;
        }
        // Its reason comes a moment after the end of its output.
        for _ in 0..200 {
            if self.meter.left().is_err() || !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.end();
        let said = self.said.take().and_then(|said| said.join().ok()).unwrap_or_default();
        explained(&String::from_utf8_lossy(&said), &self.host).unwrap_or(fallback)
    }

    fn end(&mut self) {
        // It may be gone already, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads what went wrong out of what ssh, or the command on the server, wrote.
fn explained(said: &str, host: &str) -> Option<Fault> {
    let shown = text::one_line(
        &said.lines().filter(|line| !line.starts_with('@')).collect::<Vec<_>>().join("\n"),
        400,
    );
    let has = |words: &[&str]| words.iter().any(|words| said.contains(words));
    Some(if said.trim().is_empty() {
        return None;
    } else if has(&["REMOTE HOST IDENTIFICATION HAS CHANGED"]) {
        Fault::HostKey(format!(
            "the key of {host} is not the one that known_hosts lists: it changed, or somebody is in the middle"
        ))
    } else if has(&["Host key verification failed", "host key is known for"]) {
        Fault::HostKey(format!("known_hosts lists no key for {host}"))
    } else if has(&[
        "Permission denied (",
        "Too many authentication failures",
        "Load key",
        "invalid format",
        "in libcrypto",
    ]) {
        Fault::Authentication(format!("the server does not accept the ssh key: {shown}"))
    } else if has(&["Could not resolve hostname"]) {
        Fault::Unreachable(format!("the server's name can not be resolved: {shown}"))
    } else if has(&["Connection timed out", "Operation timed out"]) {
        Fault::Timeout(format!("no connection: {shown}"))
    } else if has(&["DENIED by", "access denied", "Access denied"]) {
        Fault::Authentication(format!("the server denies access: {shown}"))
    } else if has(&["does not appear to be a git repository", "epository not found", "does not exist"]) {
        Fault::NoRepository(format!("the server has no such repository: {shown}"))
    } else if has(&[
        "ssh: ",
        "Connection closed",
        "Connection reset",
        "kex_exchange_identification",
        "Unable to negotiate",
    ]) {
        Fault::Unreachable(shown)
    } else {
        Fault::Protocol(format!("the server says: {shown}"))
    })
}

/// Waits until `pipe` is ready, as long as the peer may be silent.
fn wait(pipe: BorrowedFd<'_>, flags: PollFlags, meter: &Meter, reason: &Reason) -> io::Result<()> {
    loop {
        let patience = meter.left().map_err(|fault| reason.keep(fault))?.min(meter.stall());
        let patience = patience.max(Duration::from_millis(1));
        match poll(
            &mut [PollFd::new(pipe, flags)],
            PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX),
        ) {
            Ok(0) if meter.left().is_err() => return Err(reason.keep(meter.late())),
            Ok(0) => return Err(reason.keep(meter.stalled())),
            Ok(_) => return Ok(()),
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What the server sends.
pub(crate) struct Output {
    pipe: ChildStdout,
    meter: Meter,
    reason: Reason,
}

impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        wait(self.pipe.as_fd(), PollFlags::POLLIN, &self.meter, &self.reason)?;
        let read = self.pipe.read(buffer)?;
        self.meter.received(read).map_err(|fault| self.reason.keep(fault))?;
        Ok(read)
    }
}

/// What goes to the server.
pub(crate) struct Input {
    pipe: ChildStdin,
    meter: Meter,
    reason: Reason,
}

impl Write for Input {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        wait(self.pipe.as_fd(), PollFlags::POLLOUT, &self.meter, &self.reason)?;
        // A pipe that is ready takes this much (PIPE_BUF) without blocking.
        let piece = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
        self.pipe.write(piece)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.pipe.flush()
    }
}

#[cfg(test)]
mod tests;
