//! Runs programs of others: on a host that systemd runs in a transient unit, outside the agent's walls; elsewhere as a
//! child.
//!
//! A validate command may need the network, devices or capabilities that the agent itself does without. What a program says
//! comes back through a file in the agent's own directory.
#![expect(
    clippy::disallowed_methods,
    reason = "the room that owns the files in which programs leave what they say"
)]

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

use super::{
    HostError,
    command::{Command, ENVIRONMENT, Failure, one_line},
    systemd::{Limit, Ran, Systemd, Transient},
};

/// How much of what a failed program said is repeated, in bytes.
const TAIL: u64 = 1024;

/// The manager's limit comes this much after the program's own, which can say more about it.
const SLACK: Duration = Duration::from_secs(10);

/// Where and how programs are run.
#[derive(Debug)]
pub(super) enum Outside {
    /// As children of this process.
    Children,
    /// In transient units.
    Units {
        /// The manager.
        systemd: Rc<Systemd>,
        /// The program and the arguments that make it a probe, see [`super::probe`].
        probe: Vec<String>,
        /// A directory that only root can write.
        state: PathBuf,
    },
}

/// Why a program did not succeed.
#[derive(Debug)]
pub(super) enum Unsuccessful {
    /// It failed.
    Failure(Failure),
    /// It could not be run.
    Host(HostError),
}

impl From<HostError> for Unsuccessful {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl Outside {
    /// Runs a program to its successful end. `purpose` tells the unit's name from others', `description` is for people.
    pub(super) async fn run(
        &self,
        purpose: &str,
        description: &str,
        argv: &[String],
        limit: Duration,
    ) -> Result<(), Unsuccessful> {
        if matches!(self, Self::Children) {
            return Command::new(argv, limit).run().await.map_err(Unsuccessful::Failure);
        }
        let mut task = vec!["once".to_owned(), limit.as_millis().to_string(), "command".to_owned()];
        task.extend_from_slice(argv);
        self.probe(purpose, description, task, limit).await
    }

    /// Runs a probe, see [`super::probe::main`] for the words of `task`.
    pub(super) async fn probe(
        &self,
        purpose: &str,
        description: &str,
        task: Vec<String>,
        limit: Duration,
    ) -> Result<(), Unsuccessful> {
        let Self::Units { systemd, probe, state } = self else {
            return probe_here(task).await;
        };
        let program = task.get(3).cloned().unwrap_or_default();
        let argv = [probe.clone(), task].concat();
        let name = format!("holdfast-{}.service", purpose.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
        let said = Said::new(state.join(format!("{name}.said")))?;
        let unit = Transient {
            name: &name,
            description,
            commands: &[argv],
            finally: &[],
            environment: &ENVIRONMENT,
            output: said.path(),
            limit: Limit::After(limit + SLACK),
        };
        let mut ran = systemd.run(&unit).await?;
        if ran == Ran::AlreadyThere {
            // Of a pass that was stopped while it waited.
            systemd.stop(&name).await?;
            ran = systemd.run(&unit).await?;
        }
        match ran {
            Ran::Done => Ok(()),
            Ran::AlreadyThere => Err(HostError::Busy { what: format!("{name}, which does not end") }.into()),
            Ran::Failed => {
                // The probe's own last line is how it ended.
                let text = said.tail(TAIL)?;
                let (said, how) = match text.trim_ascii_end().iter().rposition(|byte| *byte == b'\n') {
                    Some(at) => text.split_at_checked(at).unwrap_or((&text, &[])),
                    None => (&[][..], text.as_slice()),
                };
                let how = match one_line(how) {
                    how if how.is_empty() => "it was ended".to_owned(),
                    how => how,
                };
                Err(Unsuccessful::Failure(Failure { program, how, said: one_line(said) }))
            }
        }
    }
}

/// Probes from this very process, which has no walls where there are no units.
async fn probe_here(task: Vec<String>) -> Result<(), Unsuccessful> {
    let program = task.get(3).cloned().unwrap_or_default();
    let failure = |how: String| Unsuccessful::Failure(Failure { program, how, said: String::new() });
    match tokio::task::spawn_blocking(move || super::probe::run(&task)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(how)) => Err(failure(how)),
        Err(gone) => Err(failure(gone.to_string())),
    }
}

/// A file that takes what a program says. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Said {
    path: PathBuf,
    keep: bool,
}

impl Said {
    /// An empty file at `path`, which only root can read.
    pub(super) fn new(path: PathBuf) -> Result<Self, HostError> {
        let make = || {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map(drop)
        };
        match make() {
            Ok(()) => Ok(Self { path, keep: false }),
            Err(source) => Err(HostError::Io { tried: format!("make {}", path.display()), source }),
        }
    }

    /// Leaves the file where it is.
    pub(super) fn keep(mut self) -> Self {
        self.keep = true;
        self
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes there are.
    pub(super) fn length(&self) -> Result<u64, HostError> {
        let length = fs::metadata(&self.path).map(|metadata| metadata.len());
        length.map_err(|source| HostError::Io { tried: format!("look at {}", self.path.display()), source })
    }

    /// At most `limit` bytes from `start` on; the last ones if there are more.
    pub(super) fn since(&self, start: u64, limit: u64) -> Result<Vec<u8>, HostError> {
        self.tail(limit.min(self.length()?.saturating_sub(start)))
    }

    /// The last `limit` bytes.
    pub(super) fn tail(&self, limit: u64) -> Result<Vec<u8>, HostError> {
        let read = || {
            let mut file = File::open(&self.path)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(limit)))?;
            let mut text = Vec::new();
            file.take(limit).read_to_end(&mut text)?;
            Ok(text)
        };
        read().map_err(|source| HostError::Io { tried: format!("read {}", self.path.display()), source })
    }
}

impl Drop for Said {
    fn drop(&mut self) {
        if !self.keep
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(path = %self.path.display(), %error, "a program's output stays behind");
        }
    }
}

/// Whether systemd runs this host, see `sd_booted(3)`.
pub(super) fn is_booted() -> bool {
    fs::symlink_metadata("/run/systemd/system").is_ok_and(|metadata| metadata.is_dir())
}
