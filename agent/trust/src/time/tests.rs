use proptest::prelude::*;

use super::*;

#[test]
fn moments_of_allowed_signers() {
    let parse = |text| UnixTime::parse_ssh(text).map(UnixTime::seconds);
    assert_eq!(parse("19700101Z"), Some(0));
    assert_eq!(parse("20260101Z"), Some(1_767_225_600));
    assert_eq!(parse("202601011234Z"), Some(1_767_225_600 + 12 * 3600 + 34 * 60));
    assert_eq!(parse("20260101123456Z"), Some(1_767_225_600 + 12 * 3600 + 34 * 60 + 56));
    assert_eq!(parse("20240229Z"), Some(1_709_164_800), "a leap day");
    for bad in [
        "",
        "Z",
        "20260101",
        "202601011234",
        "20260101z",
        "2026010Z",
        "2026010112Z",
        "20261301Z",
        "20260001Z",
        "20260230Z",
        "20250229Z",
        "202601012400Z",
        "202601011260Z",
        "20260101123460Z",
        "2026-01-01Z",
        "+2026101Z",
        "20260101T1234Z",
        " 20260101Z",
        "20260101Z ",
        "２０２６0101Z",
        "20260101ZZ",
    ] {
        assert_eq!(parse(bad), None, "{bad}");
    }
}

#[test]
fn moments_for_people() {
    assert_eq!(UnixTime::from_seconds(1_767_225_600).to_string(), "2026-01-01T00:00:00Z");
    assert_eq!(UnixTime::from_seconds(i64::MAX).to_string(), "9223372036854775807 seconds");
}

#[test]
fn the_end_of_time_does_not_overflow() {
    assert_eq!(UnixTime::from_seconds(i64::MAX).plus(1), UnixTime::from_seconds(i64::MAX));
}

proptest! {
    #[test]
    fn what_is_printed_parses(seconds in 0..253_402_200_000_i64) {
        let time = UnixTime::from_seconds(seconds);
        prop_assert_eq!(UnixTime::parse_ssh(&time.print_ssh()), Some(time));
    }

    #[test]
    fn random_text_never_panics(text: String) {
        let _ = UnixTime::parse_ssh(&text);
    }
}
