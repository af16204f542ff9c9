//! Remembers digests of files that have not changed since, so that a quiet pass need not read them.
//!
//! A digest is believed while device, inode, size, mtime and ctime are the same. ctime cannot be set by any program, so
//! only three things escape: raw access to the disk, a clock that was turned back to the same nanosecond, and stores through
//! a shared memory mapping after its first one until the kernel writes the page back. As in git's index, a file that
//! changed just before it was read is not believed: it may have changed again within the same tick of the clock.

use std::collections::HashMap;

use holdfast_schema::Sha256;

use crate::host::Stat;

/// No filesystem's timestamps are coarser: FAT counts in two seconds.
const TICK: i64 = 2_000_000_000;

/// Digests by device and inode, and whether they are under a key.
#[derive(Debug, Default)]
pub(super) struct Fingerprints {
    known: HashMap<(u64, u64, bool), Fingerprint>,
    pass: u32,
}

#[derive(Debug)]
struct Fingerprint {
    size: u64,
    modified: i64,
    changed: i64,
    sha256: Sha256,
    /// The last pass that used it.
    pass: u32,
}

impl Fingerprints {
    /// Drops what the pass that ends did not use.
    pub(super) fn begin_pass(&mut self) {
        let ends = self.pass;
        self.known.retain(|_, fingerprint| fingerprint.pass == ends);
        self.pass = self.pass.wrapping_add(1);
    }

    /// The digest of the file with this stat, if it surely has not changed.
    pub(super) fn get(&mut self, stat: &Stat, keyed: bool) -> Option<Sha256> {
        let known = self.known.get_mut(&(stat.device, stat.inode, keyed))?;
        let same =
            known.size == stat.size && known.modified == stat.modified && known.changed == stat.changed;
        known.pass = self.pass;
        same.then_some(known.sha256)
    }

    /// Keeps the digest of the file that had this stat both before and after it was read; reading began at `now`, in
    /// nanoseconds since the epoch.
    pub(super) fn put(&mut self, stat: &Stat, keyed: bool, sha256: Sha256, now: i64) {
        let key = (stat.device, stat.inode, keyed);
        if stat.changed.saturating_add(TICK) < now {
            let Stat { size, modified, changed, .. } = *stat;
            self.known.insert(key, Fingerprint { size, modified, changed, sha256, pass: self.pass });
        } else {
            self.known.remove(&key);
        }
    }
}
