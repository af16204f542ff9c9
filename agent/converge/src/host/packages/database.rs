//! All packages at one time, and how to know that nothing has changed since.

#![expect(clippy::disallowed_methods, reason = "part of the room that owns the package manager's database")]

use std::{
    fs, io,
    ops::Range,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::manager::Manager;
use crate::host::{HostError, PackageNow, command::Command};

/// A host with all of Debian installed answers with less.
pub(super) const MOST: usize = 16 * 1024 * 1024;

pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// The version of the kept answer's form.
pub(super) const KEPT: u32 = 3;

/// What tells one state of the database from another: the files that it is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp(Vec<Option<FileStamp>>);

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct FileStamp {
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
    /// `all` if it fits every one.
    pub(super) architecture: &'a str,
    /// Wanted, status and error, one letter each, as dpkg-query(1) has them in `Status-Abbrev`. For packages of rpm `hi` is a
    /// locked one, `iH` one whose files are not all its own, and `iD` one of which an older version has stayed behind.
    pub(super) state: &'a str,
    /// Its version; for `iD` the older ones follow, each after a blank.
    pub(super) version: &'a str,
}

impl Stamp {
    /// The state of these files. Those that need not be there may come and go.
    pub(super) fn of<'a>(files: impl IntoIterator<Item = &'a Path>) -> io::Result<Self> {
        let stamp = |path: &Path| match fs::symlink_metadata(path) {
            Ok(file) => Ok(Some(FileStamp {
                device: file.dev(),
                inode: file.ino(),
                size: file.size(),
                modified: (file.mtime(), file.mtime_nsec()),
                changed: (file.ctime(), file.ctime_nsec()),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        files.into_iter().map(stamp).collect::<io::Result<_>>().map(Self)
    }

    /// The time at which the newest of the files was changed, in seconds since the epoch.
    pub(super) fn newest(&self) -> i64 {
        self.0.iter().flatten().map(|file| file.changed.0).max().unwrap_or_default()
    }
}

impl Database {
    /// Asks the package manager.
    pub(super) async fn ask(manager: &dyn Manager) -> Result<Self, HostError> {
        let before = manager.stamp()?;
        let text = Command::new(&manager.query(), LIMIT).output(MOST).await.map_err(HostError::from)?;
        let mut text = manager.normal(String::from_utf8_lossy(&text).into_owned());
        if let Some(verify) = manager.verify() {
            let found = Command::new(&verify, LIMIT).output(MOST).await.map_err(HostError::from)?;
            text = manager.mark_torn(text, &String::from_utf8_lossy(&found));
        }
        let stamp = before.filter(|before| manager.stamp().is_ok_and(|after| after.as_ref() == Some(before)));
        Ok(Self::parse(text, manager.native(), stamp))
    }

    pub(super) fn parse(text: String, native: Option<&str>, stamp: Option<Stamp>) -> Self {
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
        let told =
            || lines.iter().filter_map(line).find(|line| line.name == "dpkg").map(|line| line.architecture);
        let native = native.or_else(told).unwrap_or_default().to_owned();
        Self { text, lines, native, stamp }
    }

    /// Whether this is still the database's state.
    pub(super) fn is_current(&self, manager: &dyn Manager) -> Result<bool, HostError> {
        Ok(self.stamp.is_some() && manager.stamp()? == self.stamp)
    }

    /// Whether the package manager was at work, or had been interrupted, when it was asked.
    pub(super) fn was_unsettled(&self) -> bool {
        self.stamp.is_none()
    }

    /// An answer that an earlier process kept at `path`, if there is one that can be read.
    pub(super) fn load(path: &Path, native: Option<&str>) -> Option<Self> {
        let kept = fs::read_to_string(path).ok()?;
        let (head, text) = kept.split_once('\n')?;
        let head: Kept = serde_json::from_str(head).ok()?;
        (head.version == KEPT).then(|| Self::parse(text.to_owned(), native, Some(head.stamp)))
    }

    /// Keeps this answer at `path` for the next process. Not worth an error: it only spares that one a question.
    pub(super) fn store(&self, path: &Path) {
        let Some(stamp) = &self.stamp else { return };
        let store = || {
            let head = serde_json::to_string(&Kept { version: KEPT, stamp: stamp.clone() })?;
            let new = path.with_extension("new");
            let mut options = fs::OpenOptions::new();
            let file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            io::Write::write_all(&mut &file, format!("{head}\n{}", self.text).as_bytes())?;
            // Without a flush a crash could leave a good head over half a text.
            file.sync_data()?;
            fs::rename(&new, path)
        };
        if let Err(error) = store() {
            tracing::debug!(path = %path.display(), %error, "the package manager's answer could not be kept");
        }
    }

    /// Every package that the package manager has an entry for.
    pub(super) fn packages(&self) -> impl Iterator<Item = Line<'_>> {
        self.lines.iter().filter_map(|range| self.text.get(range.clone()).and_then(Line::parse))
    }

    /// Whether none of them is in the middle of something.
    pub(super) fn is_whole(&self) -> bool {
        !self.packages().any(|line| matches!(line.now(), PackageNow::Broken { .. }))
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
    pub(super) fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.trim_end_matches('\n').split('\t');
        let line = Self {
            name: fields.next()?,
            architecture: fields.next()?,
            state: fields.next()?,
            version: fields.next()?,
        };
        (line.state.len() >= 2).then_some(line)
    }

    pub(super) fn letter(&self, at: usize) -> u8 {
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
            b'D' => broken("installed twice"),
            other => broken(&format!("in the unknown state {:?}", char::from(other))),
        }
    }
}
