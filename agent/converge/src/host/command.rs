//! The one runner of programs: argv only, a fixed environment, no input, no terminal, a time limit.
//!
//! What may outlive the agent, or needs the network, is no business of this module: that runs in a transient unit, see
//! [`super::systemd`].

use std::{
    io,
    os::fd::OwnedFd,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::AsyncReadExt as _,
    net::unix::pipe,
    process::Child,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::HostError;

#[cfg(test)]
mod tests;

/// What every program gets to see, and nothing else.
pub(super) const ENVIRONMENT: [(&str, &str); 4] = [
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("LC_ALL", "C.UTF-8"),
    ("HOME", "/root"),
    ("DEBIAN_FRONTEND", "noninteractive"),
];

/// How much of what a failed program said is repeated, in bytes.
const TAIL: usize = 1024;

/// Time from SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(5);

/// Time for the pipe to end after the program has.
const DRAIN: Duration = Duration::from_secs(1);

/// A program to run.
#[derive(Debug)]
pub(super) struct Command<'a> {
    argv: &'a [String],
    limit: Duration,
}

/// How a program failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// The program's name.
    pub(super) program: String,
    /// How it ended, such as `exit status: 2`.
    pub(super) how: String,
    /// The last of what it said, in one line; may be empty.
    pub(super) said: String,
}

impl From<Failure> for HostError {
    fn from(Failure { program, how, said }: Failure) -> Self {
        let reason = if said.is_empty() { how } else { format!("{how}: {said}") };
        Self::Command { command: program, reason }
    }
}

impl<'a> Command<'a> {
    /// The program `argv[0]`, found along [`ENVIRONMENT`]'s `PATH`, with its arguments. It is ended after `limit`.
    pub(super) fn new(argv: &'a [String], limit: Duration) -> Self {
        Self { argv, limit }
    }

    /// Runs it to its successful end.
    pub(super) async fn run(&self) -> Result<(), Failure> {
        let (ours, theirs) = io::pipe().map_err(|error| self.not_started(&error))?;
        let also_theirs = theirs.try_clone().map_err(|error| self.not_started(&error))?;
        let mut running = self.start(theirs.into(), also_theirs.into())?;
        let mut tail = Tail::default();
        let status = self.attend(&mut running, read_all(ours.into(), |bytes| tail.push(bytes))).await;
        self.judge(status, &tail)
    }

    /// Runs it to its successful end and gives what it wrote to its standard output: at most `limit` bytes, else it fails.
    pub(super) async fn output(&self, limit: usize) -> Result<Vec<u8>, Failure> {
        let (ours, theirs) = io::pipe().map_err(|error| self.not_started(&error))?;
        let (ours_errors, theirs_errors) = io::pipe().map_err(|error| self.not_started(&error))?;
        let mut running = self.start(theirs.into(), theirs_errors.into())?;
        let (mut output, mut tail) = (Vec::new(), Tail::default());
        let reading = async {
            let output = read_all(ours.into(), |bytes| {
                if output.len() <= limit {
                    output.extend_from_slice(bytes);
                }
            });
            let errors = read_all(ours_errors.into(), |bytes| tail.push(bytes));
            tokio::try_join!(output, errors).map(|((), ())| ())
        };
        let status = self.attend(&mut running, reading).await;
        self.judge(status, &tail)?;
        if output.len() > limit {
            return Err(self.failure(format!("it wrote more than {limit} bytes"), String::new()));
        }
        Ok(output)
    }

    #[expect(clippy::disallowed_methods, reason = "the room that starts programs")]
    fn start(&self, output: Stdio, errors: Stdio) -> Result<Running, Failure> {
        let Some((program, arguments)) = self.argv.split_first() else {
            return Err(self.failure("the command is empty".into(), String::new()));
        };
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).env_clear().envs(ENVIRONMENT).current_dir("/");
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        session::own(&mut command);
        let child = command.spawn().map_err(|error| self.not_started(&error))?;
        Ok(Running { group: child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw), child })
    }

    /// Reads until the program has ended, and ends it after the limit.
    async fn attend(
        &self,
        running: &mut Running,
        reading: impl Future<Output = io::Result<()>>,
    ) -> io::Result<Option<ExitStatus>> {
        let mut reading = std::pin::pin!(reading);
        let mut read = None;
        let limit = sleep_until(Instant::now() + self.limit);
        let mut limit = std::pin::pin!(limit);
        let status = loop {
            tokio::select! {
                status = running.child.wait() => break Some(status?),
                result = &mut reading, if read.is_none() => read = Some(result),
                () = &mut limit => break None,
            }
        };
        if status.is_none() {
            running.signal(Signal::SIGTERM);
            tokio::select! {
                _ = running.child.wait() => {}
                () = sleep(GRACE) => {}
            }
        }
        // Nothing that it started stays behind.
        running.end();
        running.child.wait().await?;
        if read.is_none() {
            read = timeout(DRAIN, reading).await.ok();
        }
        read.transpose()?;
        Ok(status)
    }

    fn judge(&self, status: io::Result<Option<ExitStatus>>, tail: &Tail) -> Result<(), Failure> {
        match status {
            Ok(Some(status)) if status.success() => Ok(()),
            Ok(Some(status)) => Err(self.failure(status.to_string(), tail.text())),
            Ok(None) => {
                Err(self.failure(format!("not finished after {} s", self.limit.as_secs_f32()), tail.text()))
            }
            Err(error) => Err(self.failure(error.to_string(), tail.text())),
        }
    }

    fn not_started(&self, error: &io::Error) -> Failure {
        let how = if error.kind() == io::ErrorKind::NotFound {
            "there is no such program".to_owned()
        } else {
            format!("it could not be started: {error}")
        };
        self.failure(how, String::new())
    }

    fn failure(&self, how: String, said: String) -> Failure {
        Failure { program: self.argv.first().cloned().unwrap_or_default(), how, said }
    }
}

/// A started program. Dropping it ends it with all that it started in its session's group.
struct Running {
    child: Child,
    /// Its process group, until that was ended.
    group: Option<Pid>,
}

impl Running {
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group
            && let Err(errno) = killpg(group, signal)
        {
            // Mostly ESRCH: all of them have gone.
            tracing::trace!(%errno, "no process group to signal");
        }
    }

    fn end(&mut self) {
        self.signal(Signal::SIGKILL);
        self.group = None;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

async fn read_all(pipe: OwnedFd, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut pipe = pipe::Receiver::from_owned_fd(pipe)?;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match pipe.read(&mut buffer).await? {
            0 => return Ok(()),
            count => take(buffer.get(..count).unwrap_or_default()),
        }
    }
}

/// The last bytes of a stream.
#[derive(Debug, Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        self.0.drain(..self.0.len().saturating_sub(TAIL));
    }

    fn text(&self) -> String {
        one_line(&self.0)
    }
}

/// What a program said as one line: no terminal sequences, no control characters, its lines joined by `; `.
pub(super) fn one_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            // ECMA-48: ESC [ … final byte from @ to ~.
            '\u{1b}' if characters.next_if_eq(&'[').is_some() => {
                characters.by_ref().find(|end| ('@'..='~').contains(end));
            }
            '\n' | '\r' => plain.push('\n'),
            '\t' => plain.push(' '),
            character if character.is_control() => {}
            character => plain.push(character),
        }
    }
    let lines = plain.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}

/// A session of its own, so that a program that wants to ask somebody finds no terminal.
mod session {
    #![expect(
        unsafe_code,
        reason = "the standard library cannot yet start a program in a new session safely"
    )]

    use std::io;

    use nix::unistd::setsid;

    pub(super) fn own(command: &mut tokio::process::Command) {
        // SAFETY: setsid(2) is async-signal-safe and touches no memory.
        unsafe {
            command.pre_exec(|| setsid().map(drop).map_err(io::Error::from));
        }
    }
}
