//! The package manager's database, by the directory that it is in, and who is at work on it, by the lock.

use std::{collections::BTreeSet, rc::Rc, time::Duration};

use tokio::time::Instant;

use super::{Culprit, Touched, until};
use crate::host::packages::{Packages, UNIT};

/// Where package managers keep their databases, and the file in it that every change writes: dpkg's, and rpm's by age of the
/// distribution and by format.
const DATABASES: [(&str, &str); 7] = [
    (DPKG, "status"),
    ("/usr/lib/sysimage/rpm", "rpmdb.sqlite"),
    ("/usr/lib/sysimage/rpm", "Packages.db"),
    ("/usr/lib/sysimage/rpm", "Packages"),
    ("/var/lib/rpm", "rpmdb.sqlite"),
    ("/var/lib/rpm", "Packages.db"),
    ("/var/lib/rpm", "Packages"),
];

const DPKG: &str = "/var/lib/dpkg";

/// dpkg writes here while it is at work, and to its database only at the end.
const UPDATES: &str = "/var/lib/dpkg/updates";

/// A database is written many times in one run: it is told once it has been quiet for so long.
const QUIET: Duration = Duration::from_secs(1);

/// Who is at work is asked again after so long at first, then after twice as long each time: rpm changes a file beside its
/// database a little before it takes the lock.
const AGAIN: Duration = Duration::from_millis(4);

/// Who was last seen at work longer ago than this has nothing to do with a change.
const LONG_AGO: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Database {
    packages: Rc<Packages>,
    /// When a change is told.
    due: Option<Instant>,
    /// Who was at work last, and when they were last seen.
    by: Option<(Culprit, Instant)>,
    /// When it is asked again who is, and after how long once more.
    ask: Option<(Instant, Duration)>,
}

impl Database {
    pub(super) const fn new(packages: Rc<Packages>) -> Self {
        Self { packages, due: None, by: None, ask: None }
    }

    /// The directories to watch for it; `has` tells whether a directory has an entry of a name.
    pub(super) fn directories(has: impl Fn(&str, &str) -> bool) -> BTreeSet<&'static str> {
        let there = DATABASES.into_iter().filter(|(directory, file)| has(directory, file));
        let beside = |directory: &'static str| (directory == DPKG).then_some(UPDATES);
        there.flat_map(|(directory, _)| [Some(directory), beside(directory)]).flatten().collect()
    }

    /// Takes note of a change of a path. Whether it was the database.
    pub(super) fn note(&mut self, path: &str) -> bool {
        let Some((directory, name)) = path.rsplit_once('/') else { return false };
        let is_there = |(place, _): &(&str, &str)| *place == directory;
        if directory != UPDATES && !DATABASES.iter().any(is_there) {
            return false;
        }
        let now = Instant::now();
        self.look(now, AGAIN);
        let is_database = DATABASES.contains(&(directory, name));
        if is_database {
            self.due = Some(now + QUIET);
        }
        is_database
    }

    /// Looks who else is at work; if nobody, again after `again`.
    fn look(&mut self, now: Instant, again: Duration) {
        let by = self.packages.at_work().and_then(Culprit::of);
        match by.filter(|by| by.unit.as_deref() != Some(UNIT)) {
            Some(by) => (self.by, self.ask) = (Some((by, now)), None),
            None => self.ask = (again < QUIET).then_some((now + again, again * 2)),
        }
    }

    /// Waits until a change is to be told. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) {
        loop {
            tokio::select! {
                () = until(self.due), if self.due.is_some() => return,
                () = until(self.ask.map(|(at, _)| at)) => {
                    if let Some((at, again)) = self.ask.take() {
                        self.look(at, again);
                    }
                }
            }
        }
    }

    /// Adds a change to what is told, if it is time, and who made it.
    pub(super) fn testify(&mut self, touched: &mut Touched) {
        let now = Instant::now();
        if self.due.take_if(|due| *due <= now).is_some() {
            self.ask = None;
            let (by, seen) = self.by.take().unzip();
            touched.packages = true;
            touched.packages_by = by.filter(|_| seen.is_some_and(|seen| now.duration_since(seen) < LONG_AGO));
        }
    }
}
