//! Directories, by inotify(7): one watch for each, however many of its entries are managed.
//!
//! A watch follows a directory, not its name. So every directory on the way to a managed path is watched for being moved or
//! removed; what is not there yet, and what is reached through a symbolic link, is watched for in the directory above it.
//! Writes are told when the writer closes the file, not while it writes: else a log beside a managed file would keep the
//! agent awake.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    mem::MaybeUninit,
    os::fd::{AsRawFd as _, OwnedFd},
    rc::Rc,
};

use holdfast_schema::AbsolutePath;
use nix::errno::Errno;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use tokio::io::unix::AsyncFd;

use super::{Culprit, Interest, registered, witness::Changes};
use crate::host::files::Files;

const ITSELF: WatchFlags = WatchFlags::DELETE_SELF.union(WatchFlags::MOVE_SELF).union(WatchFlags::ATTRIB);

const ENTRIES: WatchFlags = ITSELF
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::CLOSE_WRITE);

/// The kernel's number of a watch.
type Number = i32;

/// Some of what should be watched is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{count} directories cannot be watched, such as {example}: {reason}")]
pub struct Unwatched {
    /// How many directories.
    pub count: usize,
    /// One of them.
    pub example: String,
    /// Why.
    pub reason: String,
}

/// What happened.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) paths: BTreeSet<AbsolutePath>,
    pub(super) by: BTreeMap<AbsolutePath, Culprit>,
    /// Whether there was more than the kernel keeps.
    pub(super) overflow: bool,
}

/// One thing that the kernel tells.
#[derive(Debug)]
struct Event {
    watch: Number,
    what: ReadFlags,
    name: Option<String>,
}

impl From<&inotify::Event<'_>> for Event {
    fn from(event: &inotify::Event<'_>) -> Self {
        let name = event.file_name().map(|name| name.to_string_lossy().into_owned());
        Self { watch: event.wd(), what: event.events(), name }
    }
}

#[derive(Debug)]
pub(super) struct Directories {
    inotify: AsyncFd<OwnedFd>,
    files: Rc<Files>,
    wanted: BTreeMap<String, Interest>,
    /// What is watched, by path.
    watches: BTreeMap<String, Number>,
    /// The paths of each watch: the same directory may be reached in several ways.
    paths: HashMap<Number, Vec<String>>,
    /// Who changes what, if the kernel tells.
    witness: Option<Changes>,
}

impl Directories {
    pub(super) fn new(files: Rc<Files>, witness: Option<Changes>) -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        Ok(Self {
            inotify: registered::register(inotify, tokio::io::Interest::READABLE)?,
            files,
            wanted: BTreeMap::new(),
            watches: BTreeMap::new(),
            paths: HashMap::new(),
            witness,
        })
    }

    /// Watches these directories, and those on the way to them, and no others.
    pub(super) fn set(&mut self, wanted: BTreeMap<String, Interest>) -> Result<(), Unwatched> {
        let gone: Vec<String> =
            self.watches.keys().filter(|path| wanted.get(*path) != self.wanted.get(*path)).cloned().collect();
        for path in gone {
            self.forget(&path);
        }
        self.wanted = wanted;
        self.look_again()
    }

    /// The names in a directory; none if it is not there.
    pub(super) fn names_in(&self, directory: &str) -> impl Iterator<Item = String> {
        let entries = directory.parse().ok().and_then(|directory| self.files.entries(&directory).ok());
        entries.into_iter().flatten().map(|entry| entry.name)
    }

    /// Whether a mount at `point` covers or holds anything that is watched.
    pub(super) fn is_concerned(&self, point: &AbsolutePath) -> bool {
        let near = |path: &String| is_under(path, point.as_str()) || is_under(point.as_str(), path);
        self.wanted.iter().any(|(path, interest)| {
            near(path) && (*interest == Interest::Entries || is_under(path, point.as_str()))
        })
    }

    /// Finds anew what is at a path and under it.
    pub(super) fn look_again_under(&mut self, path: &AbsolutePath) {
        self.forget_under(path.as_str());
        // What is in the way was told when it was set, and is told again when it is set again.
        let _unwatched = self.look_again();
    }

    /// Waits until something happens. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Changed {
        loop {
            match self.inotify.readable().await {
                Ok(mut ready) => {
                    ready.clear_ready();
                    drop(ready);
                    let changed = self.drain();
                    if changed != Changed::default() {
                        return changed;
                    }
                }
                Err(error) => {
                    tracing::error!("changes of files are not seen any more: {error}");
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    /// Everything that happened so far.
    pub(super) fn drain(&mut self) -> Changed {
        let mut changed = Changed::default();
        let mut events = Vec::new();
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(self.inotify.get_ref(), &mut buffer);
        while let Ok(event) = reader.next() {
            events.push(Event::from(&event));
        }
        if let Some(witness) = &mut self.witness {
            let told = witness.testimony();
            changed.by = told.into_iter().filter_map(|(path, by)| Some((path.parse().ok()?, by))).collect();
        }
        for event in events {
            self.take(&event, &mut changed);
        }
        if changed.overflow {
            self.forget_under("");
        }
        let _unwatched = self.look_again();
        changed
    }

    fn take(&mut self, event: &Event, changed: &mut Changed) {
        if event.what.contains(ReadFlags::QUEUE_OVERFLOW) {
            changed.overflow = true;
            return;
        }
        let Some(paths) = self.paths.get(&event.watch).cloned() else { return };
        let is_away =
            event.what.intersects(ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::IGNORED);
        let moves = event
            .what
            .intersects(ReadFlags::CREATE | ReadFlags::DELETE | ReadFlags::MOVED_FROM | ReadFlags::MOVED_TO);
        for directory in paths {
            let path =
                event.name.as_ref().map_or_else(|| directory.clone(), |name| format!("{directory}/{name}"));
            if is_away || (moves && self.wanted.contains_key(&path)) {
                self.forget_under(&path);
            }
            // A name that is none of ours still changes its directory.
            match path.parse().or_else(|_foreign| directory.parse()) {
                Ok(path) => drop(changed.paths.insert(path)),
                Err(_root) => changed.overflow = true,
            }
        }
    }

    /// Adds every watch that is wanted and not there.
    fn look_again(&mut self) -> Result<(), Unwatched> {
        let mut unwatched: Option<Unwatched> = None;
        let missing: Vec<(String, Interest)> = self
            .wanted
            .iter()
            .filter(|(path, _)| !self.watches.contains_key(*path))
            .map(|(path, interest)| (path.clone(), *interest))
            .collect();
        for (path, interest) in missing {
            match self.add(&path, interest) {
                Ok(()) => {}
                // It is waited for in the directory above, which was added before it.
                Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => self.watch_for(&path),
                Err(errno) => {
                    let reason = match errno {
                        Errno::ENOSPC => "the limit fs.inotify.max_user_watches is reached".to_owned(),
                        other => other.desc().to_owned(),
                    };
                    let unwatched = unwatched.get_or_insert(Unwatched { count: 0, example: path, reason });
                    unwatched.count += 1;
                }
            }
        }
        unwatched.map_or(Ok(()), Err)
    }

    /// Watches the directory above for `path` to appear.
    fn watch_for(&mut self, path: &str) {
        let above = path.rsplit_once('/').map_or("", |(above, _)| above);
        if self.watches.contains_key(above)
            && let Err(errno) = self.add(above, Interest::Entries)
        {
            tracing::debug!(above, "cannot wait for {path}: {errno}");
        }
    }

    fn add(&mut self, path: &str, interest: Interest) -> Result<(), Errno> {
        let (directory, is_link) = self.files.open_directory(path)?;
        if is_link {
            // The link may be pointed elsewhere.
            self.watch_for(path);
        }
        let mask = if interest == Interest::Entries { ENTRIES } else { ITSELF };
        let flags = mask | WatchFlags::ONLYDIR | WatchFlags::MASK_ADD;
        let here = format!("/proc/self/fd/{}", directory.as_raw_fd());
        let watch = inotify::add_watch(self.inotify.get_ref(), here, flags)
            .map_err(|errno| Errno::from_raw(errno.raw_os_error()))?;
        if let Some(witness) = &mut self.witness {
            witness.mark(&directory, path, interest);
        }
        self.watches.insert(path.to_owned(), watch);
        let paths = self.paths.entry(watch).or_default();
        if !paths.iter().any(|known| known == path) {
            paths.push(path.to_owned());
        }
        Ok(())
    }

    fn forget_under(&mut self, path: &str) {
        let under: Vec<String> = self.watches.keys().filter(|known| is_under(known, path)).cloned().collect();
        for path in under {
            self.forget(&path);
        }
    }

    fn forget(&mut self, path: &str) {
        let Some(watch) = self.watches.remove(path) else { return };
        let Some(paths) = self.paths.get_mut(&watch) else { return };
        paths.retain(|known| known != path);
        if paths.is_empty() {
            self.paths.remove(&watch);
            if let (Some(witness), Ok((directory, _))) = (&mut self.witness, self.files.open_directory(path))
            {
                witness.unmark(directory);
            }
            // The kernel has removed it already if the directory is gone.
            let _gone = inotify::remove_watch(self.inotify.get_ref(), watch);
        }
    }
}

/// Whether `path` is `above` or lies under it; the empty path is the root.
fn is_under(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
