//! Names for what is being made, and the removal of what a killed run left under such a name.

use std::{
    cell::RefCell,
    collections::HashSet,
    os::fd::{AsFd, OwnedFd},
};

use nix::{
    dir::Type as EntryType,
    errno::Errno,
    fcntl::renameat,
    unistd::{UnlinkatFlags, unlinkat},
};

use super::{look::list, remove::remove_tree_at};

/// What every staged name starts with.
const PREFIX: &str = ".holdfast-";

/// What the name starts with of a file that could neither be put back nor thrown away.
const KEPT_PREFIX: &str = ".holdfast-kept-";

/// Random hex digits after the prefix.
const DIGITS: usize = 16;

/// The longest name that filesystems take, in bytes.
const NAME_MAX: usize = 255;

/// Staged names that are in use by this process.
pub(super) type Live = RefCell<HashSet<String>>;

/// A new name. It ends in `~`, so that programs that read whole directories take it for a backup and leave it alone; with
/// `ending` it ends in that name instead, for a program that judges a file by its name.
fn name(ending: Option<&str>) -> Result<String, Errno> {
    let random = getrandom::u64().map_err(|_no_entropy| Errno::EIO)?;
    let stem = format!("{PREFIX}{random:0DIGITS$x}");
    Ok(match ending {
        None => stem + "~",
        Some(ending) => {
            let mut cut = (stem.len() + 1 + ending.len()).saturating_sub(NAME_MAX);
            while !ending.is_char_boundary(cut) {
                cut += 1;
            }
            format!("{stem}-{}", ending.get(cut..).unwrap_or_default())
        }
    })
}

/// Whether `name` is one that [`name`] makes.
pub(super) fn is_staged(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else { return false };
    let Some((digits, tail)) = rest.split_at_checked(DIGITS) else { return false };
    digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        && (tail == "~" || tail.starts_with('-'))
}

/// A staged name in a directory. Dropping it removes what is there.
#[derive(Debug)]
pub(super) struct Staged<'a> {
    directory: &'a OwnedFd,
    live: &'a Live,
    name: String,
    /// Whether something of ours is under the name, and whether it is a directory.
    holds: Option<UnlinkatFlags>,
}

impl<'a> Staged<'a> {
    /// Picks a name; nothing is there yet.
    pub(super) fn new(directory: &'a OwnedFd, live: &'a Live, ending: Option<&str>) -> Result<Self, Errno> {
        let name = name(ending)?;
        live.borrow_mut().insert(name.clone());
        Ok(Self { directory, live, name, holds: None })
    }

    /// The part of the name that no other has.
    pub(super) fn random(&self) -> &str {
        self.name.get(PREFIX.len()..PREFIX.len() + DIGITS).unwrap_or_default()
    }

    /// The name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Something is there now that may be removed.
    pub(super) fn holds(&mut self, directory: bool) {
        self.holds = Some(if directory { UnlinkatFlags::RemoveDir } else { UnlinkatFlags::NoRemoveDir });
    }

    /// Nothing is there any more, or what a sweep shall deal with.
    pub(super) fn release(&mut self) {
        self.holds = None;
    }

    /// What is there is somebody's work: it gets a name that no sweep touches.
    pub(super) fn keep(&mut self) {
        self.release();
        let kept = self.name.replacen(PREFIX, KEPT_PREFIX, 1);
        if renameat(self.directory, self.name.as_str(), self.directory, kept.as_str()).is_ok() {
            self.live.borrow_mut().remove(&self.name);
            self.name = kept;
        }
    }

    /// Removes what is there.
    pub(super) fn remove(mut self) -> Result<(), Errno> {
        match self.holds.take() {
            Some(how) => unlinkat(self.directory, self.name.as_str(), how),
            None => Ok(()),
        }
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        self.live.borrow_mut().remove(&self.name);
        if let Some(how) = self.holds
            && let Err(errno) = unlinkat(self.directory, self.name.as_str(), how)
        {
            // The next sweep of this directory tries again.
            tracing::debug!(name = self.name, %errno, "a staged file stays behind");
        }
    }
}

/// Removes staged names that nobody uses. Only one agent writes at a time, so what is not ours is a dead one's.
pub(super) fn sweep(directory: impl AsFd, live: &Live) -> Result<(), Errno> {
    for (name, kind) in list(&directory, ".")? {
        let Ok(name) = str::from_utf8(&name) else { continue };
        if !is_staged(name) || live.borrow().contains(name) {
            continue;
        }
        let removed = if kind == Some(EntryType::Directory) {
            remove_tree_at(&directory, name)
        } else {
            match unlinkat(&directory, name, UnlinkatFlags::NoRemoveDir) {
                Err(Errno::EISDIR) => remove_tree_at(&directory, name),
                other => other,
            }
        };
        match removed {
            Ok(()) => tracing::info!("removed {name}, which an interrupted run left behind"),
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
