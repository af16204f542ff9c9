//! Who runs the commands by which people change units and what the Docker engine keeps. Neither the service manager nor the
//! engine tells who asked it; the kernel tells who executes a file.

use std::{io, os::fd::OwnedFd, time::Duration};

use rustix::fs::{Mode, OFlags, open};
use tokio::{io::unix::AsyncFd, time::Instant};

use super::group::Group;
use crate::host::watch::{Culprit, until};

/// The kernel tells when the file is opened; a moment later the process has become the command. After that it is looked again
/// when twice as long has passed: on a busy machine it waits for its turn.
const BECOMES: Duration = Duration::from_millis(1);

/// Nobody takes longer than this to become it.
const GIVE_UP: Duration = Duration::from_secs(2);

/// Not more are remembered.
const MOST: usize = 200;

/// A command that changes what others keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// systemctl(1)
    Systemctl,
    /// docker(1)
    Docker,
}

/// One use of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Of which.
    pub command: Command,
    /// What it was told, without its own name. It may hold secrets.
    pub words: Vec<String>,
    /// In which directory, if that is known.
    pub directory: Option<String>,
    /// Who it is.
    pub by: Culprit,
}

/// The commands that were run of late.
#[derive(Debug)]
pub(in crate::host::watch) struct Runs {
    group: Group,
    wakes: AsyncFd<OwnedFd>,
    /// Processes that become a command, since when.
    begun: Vec<(u32, Instant)>,
    /// When they are looked at.
    look: Option<Instant>,
    /// With whether the process had ended when this was last told.
    known: Vec<(Run, bool)>,
}

impl Command {
    const ALL: [Self; 2] = [Self::Systemctl, Self::Docker];

    /// Of the process.
    const fn name(self) -> &'static str {
        match self {
            Self::Systemctl => "systemctl",
            Self::Docker => "docker",
        }
    }

    /// The command that a process of this name is.
    fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.name() == name)
    }
}

impl Runs {
    pub(in crate::host::watch) fn new(group: Group) -> io::Result<Self> {
        let wakes = group.wakes()?;
        Ok(Self { group, wakes, begun: Vec::new(), look: None, known: Vec::new() })
    }

    /// Listens to just these from now on, whichever files they are now.
    pub(in crate::host::watch) fn set(&self, wanted: impl Fn(Command) -> bool) {
        for command in Command::ALL {
            let path = format!("/usr/bin/{}", command.name());
            let Ok(file) = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) else { continue };
            if wanted(command) {
                self.group.mark(&file, libc::FAN_OPEN_EXEC);
            } else {
                self.group.unmark(&file, libc::FAN_OPEN_EXEC);
            }
        }
    }

    /// Takes note of who runs what, for ever. Dropping the future loses nothing.
    pub(in crate::host::watch) async fn follow(&mut self) -> std::convert::Infallible {
        loop {
            tokio::select! {
                ready = self.wakes.readable() => match ready {
                    Ok(mut ready) => {
                        ready.clear_ready();
                        drop(ready);
                        self.take_in();
                    }
                    Err(_) => std::future::pending().await,
                },
                () = until(self.look) => self.identify(),
            }
        }
    }

    /// What is run now, or ended since this was last asked.
    pub(in crate::host::watch) fn testimony(&mut self) -> Vec<Run> {
        self.take_in();
        self.identify();
        self.known.retain(|(_, ended)| !ended);
        for (run, ended) in &mut self.known {
            *ended = Culprit::program_of(run.by.pid).as_deref() != Some(run.command.name());
        }
        self.known.iter().map(|(run, _)| run.clone()).collect()
    }

    fn take_in(&mut self) {
        let now = Instant::now();
        let Self { group, begun, .. } = self;
        group.each(|event| begun.push((event.pid, now)));
        begun.truncate(MOST);
        self.look_again(now);
    }

    fn look_again(&mut self, now: Instant) {
        let youngest = self.begun.last().map(|(_, since)| now.duration_since(*since));
        self.look = youngest.map(|age| now + age.max(BECOMES));
    }

    /// Looks at those that begin.
    fn identify(&mut self) {
        let now = Instant::now();
        let Self { begun, known, .. } = self;
        begun.retain(|(pid, since)| {
            let Some(by) = Culprit::of(*pid) else { return false };
            let Some(command) = Command::of(&by.program) else {
                return now.duration_since(*since) < GIVE_UP;
            };
            let (words, directory) = (Culprit::words_of(*pid), Culprit::directory_of(*pid));
            known.push((Run { command, words, directory, by }, false));
            false
        });
        let surplus = known.len().saturating_sub(MOST);
        known.drain(..surplus);
        self.look_again(now);
    }
}
