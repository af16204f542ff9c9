//! The time: what the wall says and whether it can be believed, and how long something took.
#![expect(clippy::disallowed_methods, reason = "the room that owns the clock")]

use std::{
    fs,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use nix::time::{ClockId, clock_gettime};

/// The wall clock, in nanoseconds since the epoch; negative before it.
pub fn nanoseconds() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanoseconds| -nanoseconds)
        }
    }
}

/// The wall clock.
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// A moment to measure from, not moved by clock changes.
pub fn monotonic() -> Instant {
    Instant::now()
}

/// How long ago the kernel was started, in seconds, time asleep included. Nobody can set this clock.
pub fn uptime() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME);
    time.ok().and_then(|time| u64::try_from(time.tv_sec()).ok()).unwrap_or_default()
}

/// What tells this boot from every other, see random(4).
pub fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// Whether the kernel holds the wall clock to be synchronised, see adjtimex(2). `None` if it will not say.
pub fn is_synchronised() -> Option<bool> {
    synchronised::ask()
}

/// The one system call here that no crate in the tree wraps.
mod synchronised {
    #![expect(unsafe_code, reason = "adjtimex(2) has no safe wrapper in the crates that are linked anyway")]

    use nix::libc::{STA_UNSYNC, TIME_ERROR, adjtimex, timex};

    pub(super) fn ask() -> Option<bool> {
        // SAFETY: `timex` is plain integers, for which all zero bits are valid; `modes` 0 asks and changes nothing; the
        // kernel writes no further than the struct.
        let (state, status) = unsafe {
            let mut time: timex = std::mem::zeroed();
            (adjtimex(&raw mut time), time.status)
        };
        (state >= 0).then_some(state != TIME_ERROR && status & STA_UNSYNC == 0)
    }
}
