//! Who holds a package manager's locks.

#![expect(clippy::disallowed_methods, reason = "part of the room that owns the package manager's database")]

use std::{fs, fs::File, io, path::Path};

use nix::{
    fcntl::{FcntlArg, fcntl},
    libc::{self, F_UNLCK, F_WRLCK, SEEK_SET},
};

use crate::host::HostError;

/// The pid of the process that holds one of these locks, see `F_GETLK` in fcntl(2); 0 if it is in another pid namespace.
/// Nothing is locked by asking.
pub(super) fn holder<'a>(locks: impl IntoIterator<Item = &'a Path>) -> Result<Option<i32>, HostError> {
    for path in locks {
        match holder_of(path) {
            Ok(Some(pid)) => return Ok(Some(pid)),
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(HostError::Io { tried: format!("look at the lock {}", path.display()), source });
            }
        }
    }
    Ok(None)
}

/// The process that wrote its pid into one of these files and still runs.
pub(super) fn writer<'a>(files: impl IntoIterator<Item = &'a Path>) -> Option<i32> {
    let pids = files.into_iter().filter_map(|file| fs::read_to_string(file).ok()?.trim().parse::<i32>().ok());
    pids.filter(|pid| *pid > 0).find(|pid| Path::new(&format!("/proc/{pid}")).exists())
}

fn holder_of(path: &Path) -> io::Result<Option<i32>> {
    let file = File::open(path)?;
    let mut lock = whole_file();
    fcntl(&file, FcntlArg::F_GETLK(&mut lock))?;
    Ok((i32::from(lock.l_type) != F_UNLCK).then_some(lock.l_pid))
}

/// A write lock on a whole file, as package managers take it.
pub(super) fn whole_file() -> libc::flock {
    libc::flock {
        l_type: i16::try_from(F_WRLCK).unwrap_or_default(),
        l_whence: i16::try_from(SEEK_SET).unwrap_or_default(),
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// A process in words, such as `apt-get (pid 812)`.
pub(super) fn name(pid: i32) -> String {
    let Ok(known) = fs::read_to_string(format!("/proc/{pid}/comm")) else {
        return if pid > 0 {
            format!("process {pid}")
        } else {
            "a process outside this container".to_owned()
        };
    };
    let known = known.trim();
    // The kernel cuts the name after 15 bytes, and for a script it is the interpreter's on some systems.
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = String::from_utf8_lossy(&words);
    let base = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let full = words.split('\0').take(2).map(base).find(|word| word.starts_with(known));
    format!("{} (pid {pid})", full.as_deref().unwrap_or(known))
}
