use std::cmp::Ordering::{Equal, Greater, Less};

use super::compare;

/// As rpmvercmp(3) and rpm's own tests have it.
#[test]
fn newer_and_older() {
    for (one, other, order) in [
        ("1.0-1", "1.0-1", Equal),
        ("1.0-1", "1.0-2", Less),
        ("1.10-1", "1.9-1", Greater),
        ("1:0.1-1", "9.9-1", Greater),
        ("0:1.0-1", "1.0-1", Equal),
        ("2.0.1", "2.0", Greater),
        ("2.0.1a", "2.0.1", Greater),
        ("5.5p1", "5.5p10", Less),
        ("10xyz", "10.1xyz", Less),
        ("xyz10", "xyz10.1", Less),
        ("6.0.rc1", "6.0", Greater),
        ("1.05", "1.5", Equal),
        ("10a2", "10b2", Less),
        ("a", "1", Less),
        ("1_0", "1.0", Equal),
        ("1.0~rc1", "1.0", Less),
        ("1.0~rc1", "1.0~rc2", Less),
        ("1.0^git1", "1.0", Greater),
        ("1.0^git1", "1.0.1", Less),
        ("1.0^git1", "1.0^git2", Less),
        ("1.0~rc1^git1", "1.0~rc1", Greater),
        ("1.22.1-9.el9", "1.22.1-9.el9_2", Less),
    ] {
        assert_eq!(compare(one, other), order, "{one} {other}");
        assert_eq!(compare(other, one), order.reverse(), "{other} {one}");
    }
}
