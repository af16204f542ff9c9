//! When a resource was repaired, so that a fight is told from a repair: somebody else who wants it otherwise.
//!
//! A resource that is repaired for the third time within ten minutes is left alone for half a minute, and for twice as long
//! each time that it happens again, an hour at most. Once it has been in order for long enough, all is forgotten. What one
//! person does to a file in one go may well be three repairs, so it begins gently.

use serde::{Deserialize, Serialize};

/// So many repairs...
pub(crate) const MOST: usize = 3;

/// ...within this time are a fight, in seconds.
pub(crate) const WINDOW: i64 = 600;

/// How long the resource is left alone at first, in seconds.
const SHORTEST: i64 = 30;

/// The longest time that a resource is left alone, in seconds.
const LONGEST: i64 = 3600;

/// The last repairs of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Repairs {
    /// When, in seconds since the epoch; the newest last.
    times: Vec<i64>,
    /// How often it was left alone so far.
    #[serde(default, skip_serializing_if = "is_zero")]
    left_alone: u32,
    /// Who made the last one necessary, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<String>,
}

impl Repairs {
    /// Takes note of a repair.
    pub(super) fn add(&mut self, now: i64, by: Option<String>) {
        if self.are_over(now) {
            *self = Self::default();
        }
        self.by = by.or(self.by.take());
        self.times.retain(|time| (now - WINDOW..=now).contains(time));
        self.times.push(now);
        if self.left_alone > 0 || self.times.len() >= MOST {
            self.left_alone += 1;
            self.times = vec![now];
        }
    }

    pub(super) fn by(&self) -> Option<&str> {
        self.by.as_deref()
    }

    /// For how long the resource is left alone, in seconds, if it is.
    pub(super) fn pause_at(&self, now: i64) -> Option<i64> {
        let (last, pause) = (*self.times.last()?, self.pause()?);
        // A clock that was set back does not prolong it.
        (last..last + pause).contains(&now).then_some(pause)
    }

    /// Whether nothing has happened for so long that there is no fight any more.
    pub(super) fn are_over(&self, now: i64) -> bool {
        let last = self.times.last().copied().unwrap_or(i64::MIN);
        let quiet = WINDOW.max(2 * self.pause().unwrap_or_default());
        !(last..last.saturating_add(quiet)).contains(&now)
    }

    fn pause(&self) -> Option<i64> {
        let doublings = self.left_alone.checked_sub(1)?;
        Some(SHORTEST.saturating_mul(1 << doublings.min(8)).min(LONGEST))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests;
