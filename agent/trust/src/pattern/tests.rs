use proptest::prelude::*;

use super::*;

fn matches(pattern: &str, path: &str) -> bool {
    Pattern::parse(pattern).unwrap_or_else(|| panic!("{pattern}")).matches(path.as_bytes())
}

#[test]
fn what_a_pattern_is_about() {
    let cases = [
        ("hosts/db-*", "hosts/db-1.toml", true),
        ("hosts/db-*", "hosts/db-", true),
        ("hosts/db-*", "hosts/db-1/deep/file", true),
        ("hosts/db-*", "hosts/web-1.toml", false),
        ("hosts/db-*", "hosts/Db-1.toml", false),
        ("hosts/db-*", "hosts", false),
        ("hosts/db-*", "hosts/", false),
        ("hosts/db-*", "other/hosts/db-1.toml", false),
        ("hosts/db-*", "hosts/x/db-1.toml", false),
        ("roles/postgres/", "roles/postgres/role.toml", true),
        ("roles/postgres/", "roles/postgres/files/a/b", true),
        ("roles/postgres/", "roles/postgres", false),
        ("roles/postgres/", "roles/postgres-2/role.toml", false),
        ("roles/postgres", "roles/postgres", true),
        ("roles/postgres", "roles/postgres/role.toml", true),
        ("roles/postgres", "roles/postgresql", false),
        ("*", "anything/at/all", true),
        ("*/", "fleet.toml", false),
        ("*/secrets/", "web/secrets/x", true),
        ("*/secrets/", "a/b/secrets/x", false),
        ("*.toml", "fleet.toml", true),
        ("*.toml", "fleet.toml.orig", false),
        ("a*b*c", "axxbyyc", true),
        ("a*b*c", "abc", true),
        ("a*b*c", "axxbyy", false),
        ("a*b*c", "abcbc", true),
        ("a*a", "a", false),
        ("*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ("hosts/ümlaut", "hosts/ümlaut", true),
    ];
    for (pattern, path, want) in cases {
        assert_eq!(matches(pattern, path), want, "{pattern} and {path}");
    }
    assert!(Pattern::parse("hosts/*").unwrap().matches(b"hosts/\xff"), "a name that is no text");
}

#[test]
fn what_is_no_pattern() {
    for bad in [
        "", "/", "/etc", "a//b", "a/./b", "../a", "a/..", "a//", "**", "a/**/b", "a?", "[ab]", "a\\b", "!a",
        "a\n", "{a}", "~",
    ] {
        assert_eq!(Pattern::parse(bad), None, "{bad:?}");
    }
    assert!(Pattern::parse(&"a".repeat(250)).is_some());
    assert!(Pattern::parse(&"a".repeat(251)).is_none());
}

proptest! {
    #[test]
    fn a_path_without_stars_is_about_itself_and_what_is_in_it(path in "[a-z.0-9]{1,5}(/[a-z0-9]{1,5}){0,3}", more in "[a-z]{1,4}") {
        if let Some(pattern) = Pattern::parse(&path) {
            let below = format!("{path}/{more}");
            let beside = format!("{path}{more}");
            prop_assert!(pattern.matches(path.as_bytes()));
            prop_assert!(pattern.matches(below.as_bytes()));
            prop_assert!(!pattern.matches(beside.as_bytes()));
        }
    }

    /// Against the plainest way to say it.
    #[test]
    fn stars_are_as_a_recursive_definition_has_them(pattern in "[ab*]{0,7}", part in "[ab]{0,7}") {
        fn slow(pattern: &[u8], part: &[u8]) -> bool {
            match pattern {
                [] => part.is_empty(),
                [b'*', rest @ ..] => (0..=part.len()).any(|taken| slow(rest, &part[taken..])),
                [byte, rest @ ..] => part.first() == Some(byte) && slow(rest, &part[1..]),
            }
        }
        prop_assert_eq!(part_matches(pattern.as_bytes(), part.as_bytes()), slow(pattern.as_bytes(), part.as_bytes()));
    }
}
