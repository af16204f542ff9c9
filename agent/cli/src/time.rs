//! Times in words. The clock itself is read once, in `main.rs`.

use jiff::{SignedDuration, Timestamp};

/// How long ago an RFC 3339 time was, such as `5 min ago`; the text itself if it is none.
pub(crate) fn ago(time: &str, now: Timestamp) -> String {
    match time.parse::<Timestamp>() {
        // Two readings of one clock, or two clocks that agree.
        Ok(then) if then.duration_since(now).abs() < SignedDuration::from_secs(2) => "just now".to_owned(),
        Ok(then) if then > now => format!("{} ahead of this machine's clock", span(then.duration_since(now))),
        Ok(then) => format!("{} ago", span(now.duration_since(then))),
        Err(_not_a_time) => time.to_owned(),
    }
}

/// How long until an RFC 3339 time, such as `in 40 s`; the text itself if it is none.
pub(crate) fn ahead(time: &str, now: Timestamp) -> String {
    match time.parse::<Timestamp>() {
        Ok(then) if then <= now => "now".to_owned(),
        Ok(then) => format!("in {}", span(then.duration_since(now))),
        Err(_not_a_time) => time.to_owned(),
    }
}

/// A length of time in its largest fitting unit.
pub(crate) fn span(length: SignedDuration) -> String {
    match length.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7200 => format!("{} min", seconds / 60),
        seconds @ ..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests;
