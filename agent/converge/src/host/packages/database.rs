//! dpkg's database, as dpkg-query(1) tells it, and how to know that it has not changed since.
//!
//! dpkg keeps its database in `/var/lib/dpkg/status` and, while it works, a journal in `/var/lib/dpkg/updates`; the truth is both
//! together, which is why dpkg-query is asked and the file is not read. A change is first written to the journal. When the
//! journal is folded into a new `status`, that is a new file which takes the old one's name, while the old one stays as
//! `status-old`: two successive files cannot have the same inode number. So an answer is still true, with no time limit, while
//! `updates` is empty and `status` has the same device, inode, size and times as just before and just after the answer was
//! given. Only somebody who writes into `status` by hand, without changing its times, could deceive this.

#![expect(clippy::disallowed_methods, reason = "part of the room that owns dpkg's database")]

use std::{
    fs, io,
    ops::Range,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::host::{HostError, PackageNow, command::Command};

/// Where dpkg keeps its database.
pub(super) const DPKG: &str = "/var/lib/dpkg";

/// What is asked of dpkg-query for each package; [`Line`] reads it.
const FORMAT: &str = "${Package}\\t${Architecture}\\t${db:Status-Abbrev}\\t${Version}\\n";

/// A host with all of Debian installed answers with less.
pub(super) const MOST: usize = 16 * 1024 * 1024;

pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// The version of the kept answer's form.
const KEPT: u32 = 1;

/// What tells one state of the database from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// All packages at one time.
#[derive(Debug, Clone)]
pub(super) struct Database {
    text: String,
    /// The lines of `text`, sorted by name.
    lines: Vec<Range<usize>>,
    /// The architecture of packages that are named without one.
    native: String,
    /// `None` if the database was being changed.
    stamp: Option<Stamp>,
}

/// The first line of a kept answer.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    version: u32,
    stamp: Stamp,
}

/// One package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) architecture: &'a str,
    /// Wanted, status and error, one letter each.
    pub(super) state: &'a str,
    pub(super) version: &'a str,
}

/// The stamp of the database at `dpkg`; `None` while dpkg works on it or was interrupted.
pub(super) fn stamp(dpkg: &Path) -> Result<Option<Stamp>, HostError> {
    match read_stamp(dpkg) {
        Ok(stamp) => Ok(stamp),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(HostError::Unsupported { what: "installing packages with dpkg".into() })
        }
        Err(source) => Err(HostError::Io { tried: format!("look at {}", dpkg.display()), source }),
    }
}

fn read_stamp(dpkg: &Path) -> io::Result<Option<Stamp>> {
    let status = fs::symlink_metadata(dpkg.join("status"))?;
    if fs::read_dir(dpkg.join("updates"))?.next().is_some() {
        return Ok(None);
    }
    Ok(Some(Stamp {
        device: status.dev(),
        inode: status.ino(),
        size: status.size(),
        modified: (status.mtime(), status.mtime_nsec()),
        changed: (status.ctime(), status.ctime_nsec()),
    }))
}

impl Database {
    /// Asks dpkg-query.
    pub(super) async fn ask(dpkg: &Path) -> Result<Self, HostError> {
        let before = stamp(dpkg)?;
        let argv = ["dpkg-query", "--show", "--showformat", FORMAT].map(str::to_owned);
        let text = Command::new(&argv, LIMIT).output(MOST).await.map_err(HostError::from)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let stamp = before.filter(|before| stamp(dpkg).is_ok_and(|after| after == Some(*before)));
        Ok(Self::parse(text, stamp))
    }

    fn parse(text: String, stamp: Option<Stamp>) -> Self {
        let mut lines = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let end = start + line.len();
            if Line::parse(line).is_some() {
                lines.push(start..end);
            }
            start = end;
        }
        let line = |range: &Range<usize>| text.get(range.clone()).and_then(Line::parse);
        lines.sort_by_key(|range| line(range).map(|line| line.name));
        let native = lines.iter().filter_map(line).find(|line| line.name == "dpkg");
        let native = native.map_or_else(String::new, |line| line.architecture.to_owned());
        Self { text, lines, native, stamp }
    }

    /// Whether this is still the database's state.
    pub(super) fn is_current(&self, dpkg: &Path) -> Result<bool, HostError> {
        Ok(self.stamp.is_some() && stamp(dpkg)? == self.stamp)
    }

    /// Whether dpkg was at work, or had been interrupted, when it was asked.
    pub(super) fn was_unsettled(&self) -> bool {
        self.stamp.is_none()
    }

    /// An answer that an earlier process kept at `path`, if there is one that can be read.
    pub(super) fn load(path: &Path) -> Option<Self> {
        let kept = fs::read_to_string(path).ok()?;
        let (head, text) = kept.split_once('\n')?;
        let head: Kept = serde_json::from_str(head).ok()?;
        (head.version == KEPT).then(|| Self::parse(text.to_owned(), Some(head.stamp)))
    }

    /// Keeps this answer at `path` for the next process. Not worth an error: it only spares that one a question.
    pub(super) fn store(&self, path: &Path) {
        let Some(stamp) = self.stamp else { return };
        let store = || {
            let head = serde_json::to_string(&Kept { version: KEPT, stamp })?;
            let new = path.with_extension("new");
            let mut options = fs::OpenOptions::new();
            let file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            io::Write::write_all(&mut &file, format!("{head}\n{}", self.text).as_bytes())?;
            // Without a flush a crash could leave a good head over half a text.
            file.sync_data()?;
            fs::rename(&new, path)
        };
        if let Err(error) = store() {
            tracing::debug!(path = %path.display(), %error, "dpkg's answer could not be kept");
        }
    }

    /// Every package that dpkg has an entry for.
    pub(super) fn packages(&self) -> impl Iterator<Item = Line<'_>> {
        self.lines.iter().filter_map(|range| self.text.get(range.clone()).and_then(Line::parse))
    }

    /// The name of a package, with `:ARCH` for a foreign architecture.
    pub(super) fn name(&self, line: &Line<'_>) -> String {
        if line.architecture == self.native || line.architecture == "all" {
            line.name.to_owned()
        } else {
            format!("{}:{}", line.name, line.architecture)
        }
    }

    /// The package `name`, with `:ARCH` for a foreign architecture.
    pub(super) fn get(&self, name: &str) -> Option<Line<'_>> {
        let (name, architecture) = match name.split_once(':') {
            Some((name, architecture)) => (name, Some(architecture)),
            None => (name, None),
        };
        let line = |range: &Range<usize>| self.text.get(range.clone()).and_then(Line::parse);
        let first = self.lines.partition_point(|range| line(range).is_some_and(|line| line.name < name));
        let named = self.lines.get(first..)?.iter().filter_map(line).take_while(|line| line.name == name);
        let fits = |line: &Line<'_>| match architecture {
            Some("native") | None => line.architecture == self.native || line.architecture == "all",
            Some(architecture) => line.architecture == architecture,
        };
        named.filter(fits).max_by_key(Line::is_there)
    }

    /// The state of the package `name`.
    pub(super) fn state(&self, name: &str) -> PackageNow {
        self.get(name).map_or(PackageNow::Absent, |line| line.now())
    }
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.trim_end_matches('\n').split('\t');
        let line = Self {
            name: fields.next()?,
            architecture: fields.next()?,
            state: fields.next()?,
            version: fields.next()?,
        };
        (line.state.len() >= 2).then_some(line)
    }

    fn letter(&self, at: usize) -> u8 {
        self.state.as_bytes().get(at).copied().unwrap_or(b' ')
    }

    /// Whether anything of it is installed.
    fn is_there(&self) -> bool {
        !matches!(self.letter(1), b'n' | b'c')
    }

    /// Whether it must be unpacked once more: before anything else can be done with it, or because some of its files are
    /// gone. apt leaves one whose removal was interrupted as it is, whatever it is asked to install.
    pub(super) fn needs_reinstall(&self) -> bool {
        self.letter(2) == b'R' || self.letter(1) == b'H'
    }

    /// Its state, see `Status-Abbrev` in dpkg-query(1).
    pub(super) fn now(&self) -> PackageNow {
        let broken = |state: &str| PackageNow::Broken { state: state.to_owned() };
        if self.letter(2) == b'R' {
            return broken("reinst-required");
        }
        match self.letter(1) {
            b'n' => PackageNow::Absent,
            b'c' => PackageNow::ConfigFiles,
            b'i' => PackageNow::Installed { version: self.version.to_owned(), held: self.letter(0) == b'h' },
            b'H' => broken("half-installed"),
            b'U' => broken("unpacked"),
            b'F' => broken("half-configured"),
            b'W' => broken("triggers-awaited"),
            b't' => broken("triggers-pending"),
            other => broken(&format!("in the unknown state {:?}", char::from(other))),
        }
    }
}
