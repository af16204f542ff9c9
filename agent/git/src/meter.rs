//! The time and size limits of one request.

#![expect(clippy::disallowed_methods, reason = "time-outs of network peers are this room's business")]

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use holdfast_protocol::fetch::Remote;

use crate::{error::Fault, limits};

/// Tells a watchdog by when the request in hand must be over.
#[derive(Debug, Clone, Default)]
pub struct Activity(Arc<Mutex<Option<Instant>>>);

impl Activity {
    /// Whether a request should have been over for `grace`.
    pub fn is_overdue(&self, grace: Duration) -> bool {
        let end = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        end.is_some_and(|end| end.elapsed() > grace)
    }

    fn set(&self, end: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }
}

/// The limits of one request. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    end: Instant,
    total: Duration,
    stall: Duration,
    bytes_left: Arc<AtomicU64>,
}

impl Meter {
    pub(crate) fn start(remote: &Remote) -> Self {
        let stall = Duration::from_secs(remote.stall_seconds.clamp(1, limits::STALL_SECONDS).into());
        let total = Duration::from_secs(remote.total_seconds.clamp(1, limits::TOTAL_SECONDS).into());
        let bytes_left = Arc::new(AtomicU64::new(limits::ANSWER_BYTES));
        Self { end: Instant::now() + total, total, stall, bytes_left }
    }

    /// Lets `activity` know of this request until the answer is dropped.
    pub(crate) fn announce(&self, activity: &Activity) -> impl Drop + use<> {
        struct Done(Activity);
        impl Drop for Done {
            fn drop(&mut self) {
                self.0.set(None);
            }
        }
        activity.set(Some(self.end));
        Done(activity.clone())
    }

    /// How long a peer may say nothing.
    pub(crate) const fn stall(&self) -> Duration {
        self.stall
    }

    /// How long the whole request may take.
    pub(crate) const fn total(&self) -> Duration {
        self.total
    }

    /// The time that is left.
    pub(crate) fn left(&self) -> Result<Duration, Fault> {
        match self.end.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(left),
            _ => Err(self.late()),
        }
    }

    pub(crate) fn late(&self) -> Fault {
        Fault::Timeout(format!("it took longer than {} s", self.total.as_secs()))
    }

    pub(crate) fn stalled(&self) -> Fault {
        Fault::Timeout(format!("the server said nothing for {} s", self.stall.as_secs()))
    }

    /// From here on a peer may send `bytes`.
    pub(crate) fn allow(&self, bytes: u64) {
        self.bytes_left.store(bytes, Ordering::Relaxed);
    }

    /// Notes that a peer sent `bytes`.
    pub(crate) fn received(&self, bytes: usize) -> Result<(), Fault> {
        let spend = |left: u64| left.checked_sub(bytes as u64);
        if self.bytes_left.try_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_err() {
            return Err(Fault::Limit(format!(
                "the server sends more than a host takes ({} MiB in a pack, {} MiB in another answer)",
                limits::PACK_BYTES >> 20,
                limits::ANSWER_BYTES >> 20
            )));
        }
        self.left().map(drop)
    }

    /// Does `work`, which watches the flag that it is given, and raises the flag when the time is over.
    pub(crate) fn interrupting<T>(&self, work: impl FnOnce(&AtomicBool) -> T) -> T {
        let stop = AtomicBool::new(false);
        let (done, is_done) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let stop = &stop;
            scope.spawn(move || {
                let left = self.end.saturating_duration_since(Instant::now());
                if is_done.recv_timeout(left) == Err(mpsc::RecvTimeoutError::Timeout) {
                    stop.store(true, Ordering::Relaxed);
                }
            });
            let result = work(stop);
            drop(done);
            result
        })
    }
}

#[cfg(test)]
mod tests;
