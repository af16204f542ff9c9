//! The write side: makes and replaces files, directories and symbolic links, each wholly or not at all.
//!
//! Everything is made complete under a staged name in the same directory, flushed, and only then given its own name.
//! After a kill at any moment each path is wholly old or wholly new; at most a staged name is left, which the next sweep of
//! that directory removes.

use std::{
    cell::RefCell, collections::HashSet, fs::File, io::Write as _, os::fd::OwnedFd, rc::Rc, time::Duration,
};

use holdfast_schema::{AbsolutePath, FileMode};
use nix::{
    errno::Errno,
    fcntl::{OFlag, openat},
    sys::stat::{Mode, fstat, mkdirat},
    unistd::{fsync, symlinkat},
};

use super::{
    Files, Type, io_error, labels,
    resolve::Unresolved,
    stage::{self, Live, Staged},
    swap::{Found, Place},
    type_of, unresolved_error,
};
use crate::{
    host::{
        Expected, HostError,
        outside::{Outside, Unsuccessful},
    },
    plan::step::Owned,
};

/// How long a validate command may take.
const VALIDATE_LIMIT: Duration = Duration::from_mins(1);

/// What a directory gets that nobody declared, in a scratch root only.
const PLAIN_DIRECTORY: FileMode = FileMode::new(0o755);

/// The write side of [`Files`].
#[derive(Debug)]
pub(in crate::host) struct Editor {
    files: Rc<Files>,
    outside: Rc<Outside>,
    live: Live,
    /// Directories that were swept in this pass, by device and inode.
    swept: RefCell<HashSet<(u64, u64)>>,
}

/// A file to be made.
#[derive(Debug)]
pub(in crate::host) struct NewFile<'a> {
    /// What it holds.
    pub(in crate::host) bytes: &'a [u8],
    /// Who owns it and who may use it.
    pub(in crate::host) access: Owned,
    /// What must succeed on it first.
    pub(in crate::host) validate: Option<&'a [String]>,
    /// Whether what that says must not be repeated.
    pub(in crate::host) sensitive: bool,
}

impl Editor {
    /// Changes what `files` looks at; validate commands run `outside`.
    pub(in crate::host) fn new(files: Rc<Files>, outside: Rc<Outside>) -> Self {
        Self { files, outside, live: Live::default(), swept: RefCell::default() }
    }

    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// Starts a pass.
    pub(in crate::host) fn begin_pass(&self) {
        self.swept.borrow_mut().clear();
    }

    /// Removes what a killed run left in `directory`.
    pub(in crate::host) fn sweep(&self, directory: &AbsolutePath) -> Result<(), HostError> {
        match self.files.tree.directory(directory.as_str(), OFlag::O_RDONLY) {
            Ok(open) => {
                stage::sweep(&open, &self.live).map_err(|errno| io_error(format!("sweep {directory}"), errno))
            }
            Err(Unresolved::Errno(Errno::ENOENT | Errno::ENOTDIR)) => Ok(()),
            Err(unresolved) => Err(unresolved_error(directory, unresolved)),
        }
    }

    /// Puts a whole new file at `path`.
    pub(in crate::host) async fn write_file(
        &self,
        path: &AbsolutePath,
        new: &NewFile<'_>,
        expects: &Expected,
    ) -> Result<(), HostError> {
        let place = self.place(path)?;
        let before = place.check_replaceable(expects)?;
        let failed = |errno| place.error("write", errno);
        let like = new.validate.map(|_| path.file_name());
        let mut staged = self.stage(&place.directory, like).map_err(failed)?;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(&place.directory, staged.name(), flags, Mode::S_IRUSR | Mode::S_IWUSR);
        let mut file = File::from(file.map_err(failed)?);
        staged.holds(false);
        file.write_all(new.bytes).map_err(|error| io_error(format!("write {path}"), error))?;
        self.set_access_of(&file, &new.access).map_err(failed)?;
        copy_labels(&place, before, &file)?;
        if let Some(argv) = new.validate {
            self.validate(&place, &staged, &file, argv, new.sensitive).await?;
        }
        fsync(&file).map_err(|errno| io_error(format!("flush {path}"), errno))?;
        place.swap(staged, &file, before)
    }

    /// Makes one directory.
    pub(in crate::host) fn make_directory(
        &self,
        path: &AbsolutePath,
        access: &Owned,
        expects: &Expected,
    ) -> Result<(), HostError> {
        let place = self.place(path)?;
        match place.check(expects)? {
            None => {}
            Some((Type::Directory, _)) => return Err(place.changed()),
            Some(_) => return Err(place.in_the_way("not a directory")),
        }
        let failed = |errno| place.error("make", errno);
        let mut staged = self.stage(&place.directory, None).map_err(failed)?;
        mkdirat(&place.directory, staged.name(), Mode::S_IRWXU).map_err(failed)?;
        staged.holds(true);
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let directory = openat(&place.directory, staged.name(), flags, Mode::empty()).map_err(failed)?;
        let directory = File::from(directory);
        self.set_access_of(&directory, access).map_err(failed)?;
        fsync(&directory).map_err(failed)?;
        place.put_new(&staged)?;
        staged.release();
        place.flush()
    }

    /// Puts a symbolic link at `path`.
    pub(in crate::host) fn make_symlink(
        &self,
        path: &AbsolutePath,
        target: &str,
        expects: &Expected,
    ) -> Result<(), HostError> {
        let place = self.place(path)?;
        let before = place.check_replaceable(expects)?;
        let failed = |errno| place.error("make", errno);
        let mut staged = self.stage(&place.directory, None).map_err(failed)?;
        symlinkat(target, &place.directory, staged.name()).map_err(failed)?;
        staged.holds(false);
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let link = openat(&place.directory, staged.name(), flags, Mode::empty()).map_err(failed)?;
        place.swap(staged, link, before)
    }

    /// Picks a staged name in `directory`.
    pub(super) fn stage<'a>(
        &'a self,
        directory: &'a OwnedFd,
        like: Option<&str>,
    ) -> Result<Staged<'a>, Errno> {
        Staged::new(directory, &self.live, like)
    }

    /// Opens the directory that holds `path`, afresh: what a look resolved earlier may have been swapped since.
    pub(super) fn place<'a>(&'a self, path: &'a AbsolutePath) -> Result<Place<'a>, HostError> {
        if let Some(place) = self.place_if_there(path)? {
            return Ok(place);
        }
        let missing = || unresolved_error(path, Unresolved::Errno(Errno::ENOENT));
        let parent = path.parent().ok_or_else(missing)?;
        if !self.files.tree.is_scratch() {
            return Err(missing());
        }
        // A host has /etc; a scratch root grows it.
        let (uid, gid) = self.files.own;
        self.make_directory(&parent, &Owned { uid, gid, mode: PLAIN_DIRECTORY }, &Expected::Nothing)?;
        self.place_if_there(path)?.ok_or_else(missing)
    }

    /// As [`Editor::place`]; `None` if the directory is not there.
    pub(super) fn place_if_there<'a>(
        &'a self,
        path: &'a AbsolutePath,
    ) -> Result<Option<Place<'a>>, HostError> {
        let directory = match self.files.tree.directory(path.directory(), OFlag::O_RDONLY) {
            Ok(directory) => directory,
            Err(Unresolved::Errno(Errno::ENOENT)) => return Ok(None),
            Err(unresolved) => return Err(unresolved_error(path, unresolved)),
        };
        let place = Place { files: &self.files, directory, path };
        let stat = fstat(&place.directory).map_err(|errno| place.error("look at the directory of", errno))?;
        if self.swept.borrow_mut().insert((stat.st_dev, stat.st_ino))
            && let Err(errno) = stage::sweep(&place.directory, &self.live)
        {
            tracing::warn!(%path, "what an interrupted run left beside {path} could not be removed: {errno}");
        }
        Ok(Some(place))
    }

    /// Runs the validate command on what is staged.
    async fn validate(
        &self,
        place: &Place<'_>,
        staged: &Staged<'_>,
        file: &File,
        argv: &[String],
        sensitive: bool,
    ) -> Result<(), HostError> {
        let identity = |file: &File| -> Result<_, HostError> {
            let raw = fstat(file).map_err(|errno| place.error("look at", errno))?;
            Ok((type_of(&raw), self.files.stat(&raw)))
        };
        let before = identity(file)?;
        let staged_path = self.files.tree.on_host(place.path.directory()).join(staged.name());
        let staged_path = staged_path.to_string_lossy();
        let argv: Vec<String> =
            argv.iter().map(|argument| argument.replace("{path}", &staged_path)).collect();
        let program = argv.first().cloned().unwrap_or_default();
        let invalid = |reason: String| HostError::Invalid {
            path: place.path.to_string(),
            command: program.clone(),
            reason,
        };
        let purpose = format!("validate-{}", staged.random());
        let description = format!("Validates {}", place.path);
        let checked = self.outside.run(&purpose, &description, &argv, VALIDATE_LIMIT).await;
        checked.map_err(|unsuccessful| {
            let failure = match unsuccessful {
                Unsuccessful::Failure(failure) => failure,
                Unsuccessful::Host(error) => return error,
            };
            // The real name says more than a staged one.
            let said = failure.said.replace(&*staged_path, place.path.as_str());
            invalid(match (sensitive, said.as_str()) {
                (true, _) => format!("{}; what it said is not shown, for the file is sensitive", failure.how),
                (false, "") => failure.how,
                (false, said) => format!("{}: {said}", failure.how),
            })
        })?;
        // Access times aside it must be the very file that was written.
        let now = self.files.lstat(&place.directory, staged.name());
        if identity(file)? == before && now == Ok(Some(before)) {
            Ok(())
        } else {
            Err(invalid("it changed the file that it should only look at".into()))
        }
    }
}

/// Carries the labels of the file that is to be replaced over to the new one.
fn copy_labels(place: &Place<'_>, before: Found, new: &File) -> Result<(), HostError> {
    if !matches!(before, Some((Type::File, _))) {
        return Ok(());
    }
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    match openat(&place.directory, place.name(), flags, Mode::empty()) {
        Ok(old) => labels::copy(&File::from(old), new)
            .map_err(|errno| io_error(format!("carry the labels of {} over", place.path), errno)),
        // Gone or swapped, which the swap will notice; or unreadable to an unprivileged run, which has no labels to keep.
        Err(Errno::ENOENT | Errno::ELOOP | Errno::ENXIO | Errno::EACCES) => Ok(()),
        Err(errno) => Err(place.error("open", errno)),
    }
}
