//! What the service gives back before it rests: the heap that its work has freed, and the pages of code that only work runs.
#![expect(unsafe_code, reason = "malloc_trim(3) and madvise(2) have no safe form")]
#![expect(clippy::disallowed_methods, reason = "where code is mapped is told by a file of the kernel")]

use std::{fs, ptr::NonNull};

use nix::sys::mman::{MmapAdvise, madvise};

#[cfg(test)]
mod tests;

/// What may stay resident, in KiB: after a poll that brought nothing new there is less, and giving that back would only be work.
const ENOUGH: u64 = 7 * 1024;

/// Gives it back, if it is worth it. What runs next is read again from the page cache, 64 KiB at a time.
pub(super) fn rest() {
    if resident().is_none_or(|resident| resident > ENOUGH) {
        give_back();
    }
}

fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it may be called at any time, and only touches what is free.
    unsafe {
        libc::malloc_trim(0);
    }
    for (start, length) in fs::read_to_string("/proc/self/maps").unwrap_or_default().lines().filter_map(code)
    {
        let Some(start) = NonNull::new(std::ptr::with_exposed_provenance_mut(start)) else { continue };
        // SAFETY: code of a file, which nobody can have written to: whatever is dropped is found in the file again.
        if let Err(why) = unsafe { madvise(start, length, MmapAdvise::MADV_DONTNEED) } {
            tracing::debug!(%why, "code that does not run stays in memory");
        }
    }
}

/// What is resident, in KiB.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// Where code of the program or a library is mapped, and how much, by a line of `proc_pid_maps(5)`.
fn code(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
    let is_code = fields.next()? == "r-xp";
    let is_file = fields.nth(3).is_some_and(|path| path.starts_with('/'));
    (is_code && is_file).then_some((start, end.checked_sub(start)?))
}
