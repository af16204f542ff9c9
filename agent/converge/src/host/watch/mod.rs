//! Listens to whoever knows of a change: the kernel for paths and mounts, the service manager for units, the package
//! manager's database for packages, the Docker engine for what it keeps.
//!
//! It only says what may have changed. Whether it has, and what to do about it, is for a pass over the resources that are
//! concerned. What comes in a burst is told once; what cannot be followed any more is told as [`Touched::everything`].

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    rc::Rc,
    time::Duration,
};

use holdfast_schema::{AbsolutePath, UnitName, spec::UNIT_FILES};
use tokio::time::{Instant, sleep_until};

use super::{HostError, docker::Heard, files::Files, packages::Packages, systemd::Signal};

mod culprit;
mod directories;
mod machine;
mod mounts;
mod packages;
mod witness;

pub use culprit::Culprit;
use directories::Directories;
pub use directories::Unwatched;
use machine::{FromMachine, Machine};
use packages::Database;
pub use witness::{Command, Run, Witness};

/// A burst of changes is told when it has lasted this long: an editor writes, renames and sets modes in one go.
const BURST: Duration = Duration::from_millis(15);

/// When what the Docker engine keeps is looked at once more after a container ended: not every engine lets nobody at a container
/// while it cleans up after it.
const DOCKER_AGAIN: Duration = Duration::from_millis(1500);

/// What is spent on a storm of changes: after a burst was told, the next one is told no sooner than this many times as long
/// as it took to deal with the last one.
const SHARE: u32 = 8;

/// But never later than this, so that a repair is not long in coming.
const PAUSE_AT_MOST: Duration = Duration::from_millis(300);

/// Not more paths are remembered for one telling: as many as the kernel keeps, see `inotify(7)`.
const MOST_PATHS: usize = 16384;

/// How closely a directory is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interest {
    /// Whether it stays what and where it is.
    Itself,
    /// Also what becomes of its entries.
    Entries,
}

/// What of a host is to be watched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Watched {
    /// Directories, by their paths; the empty one is the root.
    pub directories: BTreeMap<String, Interest>,
    /// Units.
    pub units: BTreeSet<UnitName>,
    /// Whether packages are.
    pub packages: bool,
    /// Whether what the Docker engine keeps is.
    pub docker: bool,
}

/// What may have changed.
#[expect(clippy::struct_excessive_bools, reason = "each says of another sort of thing that it may have")]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touched {
    /// Paths, each with all that is under it.
    pub paths: BTreeSet<AbsolutePath>,
    /// Who touched a path last, where that is known.
    pub by: BTreeMap<AbsolutePath, Culprit>,
    /// Who was at work on packages, where that is known.
    pub packages_by: Option<Culprit>,
    /// What was done with commands of late that may be why units and what the Docker engine keeps changed.
    pub runs: Vec<Run>,
    /// Units.
    pub units: BTreeSet<UnitName>,
    /// Any unit: unit files were changed or read again, or nobody listened for a while.
    pub all_units: bool,
    /// Any package.
    pub packages: bool,
    /// Anything that the Docker engine keeps.
    pub docker: bool,
    /// Anything: more happened than could be followed.
    pub everything: bool,
}

impl Touched {
    /// Whether nothing may have changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Everything that listens.
#[derive(Debug)]
pub struct Watch {
    directories: Directories,
    /// There are none in a scratch root.
    machine: Option<Machine>,
    watched: Watched,
    /// What happened and was not told yet.
    pending: Touched,
    /// When what is pending is told.
    due: Option<Instant>,
    /// When what the Docker engine keeps is looked at again.
    docker_due: Option<Instant>,
    /// When the last burst was told, until somebody asks for the next one.
    told: Option<Instant>,
    not_before: Instant,
}

impl Watch {
    /// Listens to nothing yet.
    pub(super) fn new(
        files: Rc<Files>,
        packages: Option<Rc<Packages>>,
        witness: Option<Witness>,
    ) -> Result<Self, HostError> {
        let watching = |source| HostError::Io { tried: "watch for changes".to_owned(), source };
        let (changes, runs) = witness.map(|Witness { changes, runs }| (changes, runs)).unzip();
        let machine = packages.map(|packages| Machine::new(packages, runs)).transpose().map_err(watching)?;
        Ok(Self {
            directories: Directories::new(files, changes).map_err(watching)?,
            machine,
            watched: Watched::default(),
            pending: Touched::default(),
            due: None,
            docker_due: None,
            told: None,
            not_before: Instant::now(),
        })
    }

    /// Watches just this from now on. What cannot be watched has to be looked at now and then.
    pub fn set(&mut self, watched: Watched) -> Result<(), Unwatched> {
        let mut directories = watched.directories.clone();
        if self.machine.is_some() {
            if watched.packages {
                let has = |directory: &str, file: &str| {
                    self.directories.names_in(directory).any(|name| name == file)
                };
                let databases = Database::directories(has).into_iter();
                directories.extend(databases.map(|directory| (directory.to_owned(), Interest::Entries)));
            }
            if !watched.units.is_empty() {
                directories.insert(UNIT_FILES.to_owned(), Interest::Entries);
                for directory in self.directories.names_in(UNIT_FILES).filter(|name| is_enablement(name)) {
                    directories.insert(format!("{UNIT_FILES}/{directory}"), Interest::Entries);
                }
            }
        }
        if let Some(machine) = &mut self.machine {
            machine.set(&watched);
        }
        self.watched = watched;
        self.directories.set(directories)
    }

    /// Waits until something may have changed. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Touched {
        if let Some(told) = self.told.take() {
            let now = Instant::now();
            // What took long mostly waited, for a unit to settle for example.
            self.not_before = now + (now.duration_since(told) * SHARE).min(PAUSE_AT_MOST);
        }
        if !self.pending.is_empty() {
            self.is_due_in_a_burst();
        }
        loop {
            let due = self.due.map(|due| due.max(self.not_before));
            self.hear(due).await;
            let now = Instant::now();
            if self.due.is_some_and(|due| due.max(self.not_before) <= now) {
                self.take_in();
                self.due = None;
                self.told = Some(now);
                let mut touched = std::mem::take(&mut self.pending);
                if let Some(machine) = &mut self.machine {
                    machine.testify(&mut touched);
                }
                return touched;
            }
        }
    }

    /// Listens for ever, and leaves it to [`Self::next`] to tell: who changes something while nobody waits for it may be gone
    /// when somebody does. Dropping the future loses nothing.
    pub async fn listen(&mut self) -> Infallible {
        loop {
            self.hear(self.due).await;
            if self.due.take_if(|due| *due <= Instant::now()).is_some() {
                self.take_in();
            }
        }
    }

    /// Takes note of one thing that is told, or waits until `due`.
    async fn hear(&mut self, due: Option<Instant>) {
        tokio::select! {
            () = until(due) => {}
            () = until(self.docker_due) => {
                self.docker_due = None;
                self.pending.docker = true;
                self.is_due_in_a_burst();
            }
            // A storm is not followed word by word: what the kernel has queued is read when it is due.
            changed = self.directories.next(), if self.due.is_none() => self.note_paths(changed),
            heard = or_never(self.machine.as_mut().map(Machine::next)) => self.note(heard),
        }
    }

    /// Takes note of what the kernel has queued.
    fn take_in(&mut self) {
        let changed = self.directories.drain();
        self.note_paths(changed);
    }

    fn is_due_in_a_burst(&mut self) {
        self.due.get_or_insert_with(|| Instant::now() + BURST);
    }

    fn note_paths(&mut self, changed: directories::Changed) {
        let directories::Changed { paths, by, overflow } = changed;
        if self.pending.by.len() < MOST_PATHS {
            self.pending.by.extend(by);
        }
        for path in paths {
            self.note_path(path);
        }
        if overflow {
            self.pending.everything = true;
            self.is_due_in_a_burst();
        }
    }

    fn note_path(&mut self, path: AbsolutePath) {
        if let Some(machine) = &mut self.machine {
            if self.watched.packages && machine.packages.note(path.as_str()) {
                return;
            }
            let inside = path.as_str().strip_prefix(UNIT_FILES).and_then(|rest| rest.strip_prefix('/'));
            if inside.is_some_and(|rest| is_enablement(rest.split('/').next().unwrap_or_default())) {
                self.pending.all_units = true;
                self.is_due_in_a_burst();
                return;
            }
        }
        if self.pending.paths.len() < MOST_PATHS {
            self.pending.paths.insert(path);
        } else {
            self.pending.everything = true;
        }
        self.is_due_in_a_burst();
    }

    fn note(&mut self, heard: FromMachine) {
        match heard {
            FromMachine::Unit(Signal::Unit(unit)) => drop(self.pending.units.insert(unit)),
            FromMachine::Unit(Signal::AnyUnit) => self.pending.all_units = true,
            FromMachine::Mounts(changed) => return self.note_mounts(&changed),
            FromMachine::Docker(heard) => {
                self.pending.docker = true;
                if heard == Heard::End {
                    self.docker_due = Some(Instant::now() + DOCKER_AGAIN);
                }
            }
            FromMachine::Packages => {
                if let Some(machine) = &mut self.machine {
                    machine.packages.testify(&mut self.pending);
                }
            }
        }
        self.is_due_in_a_burst();
    }

    fn note_mounts(&mut self, changed: &BTreeSet<AbsolutePath>) {
        for point in changed {
            if self.directories.is_concerned(point) {
                self.directories.look_again_under(point);
                self.note_path(point.clone());
            }
        }
    }
}

/// Whether a directory of unit files is one that enables units, see systemd.unit(5).
fn is_enablement(name: &str) -> bool {
    matches!(name.rsplit_once('.'), Some((_, "wants" | "requires")))
}

async fn until(due: Option<Instant>) {
    or_never(due.map(sleep_until)).await;
}

async fn or_never<T>(future: Option<impl Future<Output = T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

/// Has the runtime wait for a descriptor.
mod registered {
    #![expect(unsafe_code, reason = "tokio leaves it to its caller that a descriptor stays what it is")]

    use std::{io, os::fd::OwnedFd};

    use tokio::io::{Interest, unix::AsyncFd};

    pub(super) fn register(descriptor: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
        // SAFETY: an `OwnedFd` has one descriptor, open for as long as it lives, and the `AsyncFd` owns it from here on.
        Ok(unsafe { AsyncFd::register_with_interest(descriptor, interest) }?)
    }
}

#[cfg(test)]
mod tests;
