//! The local copy of one branch: a bare repository that nothing is ever checked out of.
//!
//! It is a cache. Whatever is wrong with it, it is made anew from the server; nothing that matters is kept in it. What a
//! kill left half-done is swept away when it is opened, and every pack's checksum is looked at before gix reads it.
//!
//! ```text
//! lock            held while the mirror is open
//! copy.git/       the repository; `git -C copy.git log` works
//! ```

#![expect(clippy::disallowed_methods, reason = "this module owns the mirror's files")]

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, BufRead, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use gix_utils::progress::Discard;
use holdfast_trust::ObjectId;

use crate::{error::Fault, limits, objects::Objects};

/// An open mirror.
#[derive(Debug)]
pub(crate) struct Mirror {
    dir: PathBuf,
    reference: String,
    _lock: Lock,
}

/// Keeps others away as long as it lives.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone is not enough: a process that another thread is just starting has the file open too.
        drop(self.0.unlock());
    }
}

impl Mirror {
    /// Opens the mirror `name` of `reference` in `mirrors`, repaired, or makes an empty one.
    pub(crate) fn open(mirrors: &Path, name: &str, reference: &str) -> Result<Self, Fault> {
        let dir = &mirrors.join(name);
        if !dir.exists() {
            make_room(mirrors);
        }
        let lock = lock(dir)
            .map_err(Fault::mirror(format!("the local copy {} can not be locked", dir.display())))?;
        let mirror = Self { dir: dir.to_owned(), reference: reference.to_owned(), _lock: lock };
        match mirror.is_sound() {
            Ok(true) => {}
            Ok(false) => mirror.renew()?,
            Err(error) => {
                tracing::warn!(mirror = %dir.display(), "local copy can not be read, it is made anew: {error}");
                mirror.renew()?;
            }
        }
        Ok(mirror)
    }

    fn repository(&self) -> PathBuf {
        self.dir.join("copy.git")
    }

    fn packs_dir(&self) -> PathBuf {
        self.repository().join("objects/pack")
    }

    pub(crate) fn shallow_file(&self) -> PathBuf {
        self.repository().join("shallow")
    }

    /// What is here.
    pub(crate) fn objects(&self) -> Result<Objects, Fault> {
        Objects::open(&self.repository().join("objects"))
    }

    /// The tip that was fetched last, with all that it needs; `None` if the mirror is empty.
    pub(crate) fn tip(&self) -> Option<ObjectId> {
        fs::read_to_string(self.repository().join(&self.reference)).ok()?.trim_end().parse().ok()
    }

    /// Notes that `tip` and all that it needs is here.
    pub(crate) fn set_tip(&self, tip: ObjectId) -> Result<(), Fault> {
        let file = self.repository().join(&self.reference);
        let write = || {
            fs::create_dir_all(file.parent().unwrap_or(&self.dir))?;
            let new = self.repository().join("tip.new");
            fs::write(&new, format!("{tip}\n"))?;
            fs::rename(new, &file)
        };
        write().map_err(Fault::mirror("the local copy can not be written"))
    }

    /// Whether so many packs have piled up that the mirror should be made anew.
    pub(crate) fn is_fragmented(&self) -> bool {
        let Ok(entries) = fs::read_dir(self.packs_dir()) else { return true };
        let packs = entries.flatten().filter(|entry| has_extension(&entry.path(), "pack"));
        packs.count() > limits::PACKS
    }

    /// Takes in a pack; what it leaves out is in `objects`.
    pub(crate) fn write_pack(
        &self,
        pack: &mut dyn BufRead,
        objects: &Objects,
        stop: &AtomicBool,
    ) -> gix_error::Result<()> {
        let options = gix_pack::bundle::write::Options {
            thread_limit: Some(1),
            alloc_limit_bytes: Some(limits::OBJECT_BYTES),
            ..gix_pack::bundle::write::Options::default()
        };
        let outcome = gix_pack::Bundle::write_to_directory(
            pack,
            Some(&self.packs_dir()),
            &mut Discard,
            stop,
            Some(objects.handle()),
            gix_hash::Kind::Sha1,
            options,
        )?;
        if let Some(keep) = outcome.keep_path {
            // It would keep a `git gc` away, and nothing else; the next sweep takes it too.
            drop(fs::remove_file(keep));
        }
        Ok(())
    }

    /// Makes it empty.
    pub(crate) fn renew(&self) -> Result<(), Fault> {
        let make = || {
            let (new, old) = (self.dir.join("new.git"), self.dir.join("old.git"));
            remove_dir(&new)?;
            remove_dir(&old)?;
            fs::create_dir_all(new.join("objects/pack"))?;
            fs::create_dir_all(new.join("objects/info"))?;
            fs::create_dir_all(new.join("refs/heads"))?;
            fs::write(new.join("HEAD"), format!("ref: {}\n", self.reference))?;
            fs::write(new.join("config"), "[core]\n\trepositoryformatversion = 0\n\tbare = true\n")?;
            match fs::rename(self.repository(), &old) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            fs::rename(&new, self.repository())?;
            remove_dir(&old)
        };
        make().map_err(Fault::mirror(format!("the local copy {} can not be made", self.dir.display())))
    }

    /// Removes what a kill left, and says whether the rest can be used.
    fn is_sound(&self) -> io::Result<bool> {
        remove_dir(&self.dir.join("new.git"))?;
        remove_dir(&self.dir.join("old.git"))?;
        let Some(tip) = self.tip() else { return Ok(false) };
        for lock in ["shallow.lock", "packed-refs.lock", "HEAD.lock", "config.lock", "tip.new"] {
            remove_file(&self.repository().join(lock))?;
        }
        remove_locks(&self.repository().join("refs"))?;
        let mut packs = BTreeSet::new();
        for entry in fs::read_dir(self.packs_dir())? {
            let path = entry?.path();
            if has_extension(&path, "pack") || has_extension(&path, "idx") {
                packs.insert(path.with_extension("pack"));
            } else {
                fs::remove_file(path)?;
            }
        }
        for pack in packs {
            let index = pack.with_extension("idx");
            if !pack.exists() || !index.exists() {
                remove_file(&pack)?;
                remove_file(&index)?;
            } else if !is_pair(&pack, &index)? {
                tracing::warn!(pack = %pack.display(), "local copy is damaged, it is made anew");
                return Ok(false);
            }
        }
        let boundary_is_known = gix_shallow::read(&self.shallow_file()).is_ok();
        Ok(boundary_is_known && matches!(self.objects().and_then(|objects| objects.header(tip)), Ok(Some(_))))
    }
}

/// Takes the lock; the mirror's directory is made if there is none.
fn lock(dir: &Path) -> io::Result<Lock> {
    fs::create_dir_all(dir)?;
    let lock = File::options().create(true).truncate(false).write(true).open(dir.join("lock"))?;
    match lock.try_lock() {
        Ok(()) => Ok(Lock(lock)),
        Err(fs::TryLockError::WouldBlock) => Err(io::Error::other("another process uses it")),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Removes the lock files of a process that was killed.
fn remove_locks(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_locks(&entry.path())?;
        } else if has_extension(&entry.path(), "lock") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

fn remove_dir(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn remove_file(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether a pack and its index are whole and belong together. Both end with a checksum of what stands before it, and
/// before its own the index has the pack's; see gitformat-pack(5).
fn is_pair(pack: &Path, index: &Path) -> io::Result<bool> {
    let (Some(pack), Some(_)) = (checksum(pack)?, checksum(index)?) else { return Ok(false) };
    let mut index = File::open(index)?;
    let mut named = [0; 20];
    index.seek(SeekFrom::End(-40))?;
    index.read_exact(&mut named)?;
    Ok(named == pack)
}

/// The checksum at the end of `path`, if it is right.
fn checksum(path: &Path) -> io::Result<Option<[u8; 20]>> {
    let mut file = File::open(path)?;
    let Some(length) = file.metadata()?.len().checked_sub(20).filter(|length| *length >= 20) else {
        return Ok(None);
    };
    let mut hasher = gix_hash::io::Write::new(io::sink(), gix_hash::Kind::Sha1);
    io::copy(&mut file.by_ref().take(length), &mut hasher)?;
    let mut stored = [0; 20];
    file.read_exact(&mut stored)?;
    let found = hasher.hash.try_finalize();
    Ok(found.is_ok_and(|found| found.as_slice() == stored).then_some(stored))
}

/// Removes the mirrors in `dir` that were used longest ago, so that a new one finds room: a changed URL leaves
/// one behind.
fn make_room(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let used = |path: &Path| fs::metadata(path.join("copy.git")).and_then(|meta| meta.modified()).ok();
    let mut mirrors: Vec<_> = entries.flatten().map(|entry| (used(&entry.path()), entry.path())).collect();
    mirrors.sort();
    let surplus = (mirrors.len() + 1).saturating_sub(limits::MIRRORS);
    for (_, mirror) in mirrors.into_iter().take(surplus) {
        // A mirror in use keeps its lock; one that cannot be removed is no reason to fail.
        if lock(&mirror).is_ok() && fs::remove_dir_all(&mirror).is_ok() {
            tracing::info!(mirror = %mirror.display(), "local copy of a repository that is not used any more is removed");
        }
    }
}

#[cfg(test)]
mod tests;
