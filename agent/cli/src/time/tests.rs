//! Times in words.

use super::*;

#[test]
fn times_are_told_in_the_largest_fitting_unit() {
    let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    for (time, said) in [
        ("2026-11-21T12:00:01Z", "just now"),
        ("2026-11-21T11:59:59Z", "just now"),
        ("2026-11-21T11:59:20Z", "40 s ago"),
        ("2026-11-21T11:55:00Z", "5 min ago"),
        ("2026-11-21T09:30:00Z", "2 h ago"),
        ("2026-11-11T12:00:00Z", "10 days ago"),
        ("2026-11-21T12:05:00Z", "5 min ahead of this machine's clock"),
        ("yesterday", "yesterday"),
    ] {
        assert_eq!(ago(time, now), said);
    }
    assert_eq!(ahead("2026-11-21T12:00:40Z", now), "in 40 s");
    assert_eq!(ahead("2026-11-21T11:00:00Z", now), "now");
}
