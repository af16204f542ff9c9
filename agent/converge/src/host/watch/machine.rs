//! What listens to a machine, beside the directories that a scratch root has too.

use std::{collections::BTreeSet, io, rc::Rc};

use holdfast_schema::AbsolutePath;

use super::{
    Command, Touched, Watched,
    mounts::Mounts,
    or_never,
    packages::Database,
    witness::{Group, Runs},
};
use crate::host::{
    docker::{Events, Heard},
    packages::Packages,
    systemd::{Signal, Signals},
};

/// Everything that does.
#[derive(Debug)]
pub(super) struct Machine {
    mounts: Mounts,
    signals: Signals,
    docker: Box<Events>,
    pub(super) packages: Database,
    /// Who runs commands, if the kernel tells.
    runs: Option<Runs>,
}

/// What one of them tells.
pub(super) enum FromMachine {
    Mounts(BTreeSet<AbsolutePath>),
    Unit(Signal),
    Docker(Heard),
    /// A change of packages is to be told.
    Packages,
}

impl Machine {
    /// Listens to mounts, and to nothing else yet.
    pub(super) fn new(packages: Rc<Packages>, runs: Option<Group>) -> io::Result<Self> {
        Ok(Self {
            mounts: Mounts::new()?,
            signals: Signals::default(),
            docker: Box::default(),
            packages: Database::new(packages),
            runs: runs.map(Runs::new).transpose()?,
        })
    }

    /// Listens to just this from now on.
    pub(super) fn set(&mut self, watched: &Watched) {
        self.signals.set(&watched.units);
        self.docker.set(watched.docker);
        if let Some(runs) = &self.runs {
            runs.set(|command| match command {
                Command::Systemctl => !watched.units.is_empty(),
                Command::Docker => watched.docker,
            });
        }
    }

    /// Waits until one of them tells something. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> FromMachine {
        tokio::select! {
            changed = self.mounts.next() => FromMachine::Mounts(changed),
            signal = self.signals.next() => FromMachine::Unit(signal),
            heard = self.docker.next() => FromMachine::Docker(heard),
            () = self.packages.next() => FromMachine::Packages,
            never = or_never(self.runs.as_mut().map(Runs::follow)) => match never {},
        }
    }

    /// Adds to what is told who did what with commands.
    pub(super) fn testify(&mut self, touched: &mut Touched) {
        if (touched.all_units || touched.docker || !touched.units.is_empty())
            && let Some(runs) = &mut self.runs
        {
            touched.runs = runs.testimony();
        }
        if touched.docker {
            let names = self.docker.names();
            let of_docker = touched.runs.iter_mut().filter(|run| run.command == Command::Docker);
            for word in of_docker.flat_map(|run| &mut run.words).filter(|word| is_id(word)) {
                if let Some(name) =
                    names.iter().find_map(|(id, name)| id.starts_with(&**word).then_some(name))
                {
                    word.clone_from(name);
                }
            }
        }
    }
}

/// Whether a word may be one of Docker's ids, or the beginning of one that its lists show. Those of a Swarm have all letters.
fn is_id(word: &str) -> bool {
    word.len() >= 12 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}
