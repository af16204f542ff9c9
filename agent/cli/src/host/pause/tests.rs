//! When a pause ends.

use super::*;

#[test]
fn a_pause_ends_after_a_duration_or_at_a_time() {
    let now = "2026-11-21T12:00:00.5Z".parse().unwrap();
    assert_eq!(until("90m", now).unwrap(), "2026-11-21T13:30:00Z");
    assert_eq!(until("3d", now).unwrap(), "2026-11-24T12:00:00Z");
    assert_eq!(until("2026-12-01T08:00:00+01:00", now).unwrap(), "2026-12-01T07:00:00Z");
}

#[test]
fn anything_else_is_refused() {
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    for (text, why) in [
        ("tomorrow", "neither a duration nor a time"),
        ("2026-11-21T11:00:00Z", "over already"),
        ("0s", "over already"),
        ("4294967295d", "too far away"),
    ] {
        let failure = until(text, now).unwrap_err();
        assert!(failure.to_string().contains(why), "{failure}");
        assert_eq!(failure.code(), "E_UNTIL");
    }
}
