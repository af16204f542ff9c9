//! When the next poll is due: an interval with jitter, and longer while the Git server does not answer.
//!
//! Pure. Jitter comes from the host's name, so that a fleet that boots at once spreads out, and each host keeps its place.

use std::time::Duration;

use holdfast_schema::{HostName, Sha256};

/// The longest pause between two polls, however often they failed.
const LONGEST: Duration = Duration::from_mins(15);

/// Counts polls and failures of one host.
#[derive(Debug, Clone)]
pub struct Schedule {
    interval: Duration,
    seed: String,
    polls: u64,
    failures: u32,
}

impl Schedule {
    /// A schedule for `host` that polls every `interval`.
    pub fn new(interval: Duration, host: &HostName) -> Self {
        Self { interval, seed: host.to_string(), polls: 0, failures: 0 }
    }

    /// Notes how a poll went and says how long to wait for the next: the interval, doubled for each failure in a row up to
    /// a quarter of an hour, and up to a tenth of that more or less.
    pub fn after_poll(&mut self, reached: bool) -> Duration {
        self.polls = self.polls.wrapping_add(1);
        self.failures = if reached { 0 } else { self.failures.saturating_add(1) };
        let doubled = self.interval.saturating_mul(1 << self.failures.min(16));
        let wait = if self.failures == 0 { self.interval } else { doubled.min(LONGEST.max(self.interval)) };
        wait.mul_f64(0.9 + 0.2 * self.fraction("poll"))
    }

    /// How long after its start an agent first polls when a whole rack boots at once: up to a tenth of the interval.
    pub fn first(&self) -> Duration {
        self.interval.mul_f64(0.1 * self.fraction("first"))
    }

    /// How long until a heartbeat that is due every `period`: up to a tenth earlier, by the host's place.
    pub fn heartbeat(&self, period: Duration) -> Duration {
        period.mul_f64(1.0 - 0.1 * self.fraction("heartbeat"))
    }

    /// How long until everything is looked at again, if that is due every `period`: up to a tenth earlier, by the host's place.
    pub fn full_pass(&self, period: Duration) -> Duration {
        period.mul_f64(1.0 - 0.1 * self.fraction("full pass"))
    }

    /// A number in 0..1 that depends on the host and, for polls, on how many there were.
    fn fraction(&self, purpose: &str) -> f64 {
        let turn = if purpose == "poll" { self.polls } else { 0 };
        let digest = Sha256::of(format!("{purpose} {turn} {}", self.seed).as_bytes());
        let [a, b, ..] = *digest.as_bytes();
        f64::from(u16::from_be_bytes([a, b])) / 65_536.0
    }
}

#[cfg(test)]
mod tests;
