use proptest::prelude::*;

use super::*;

const FLEET: &str = "6f1c0d2a9b3e4f5061728394a5b6c7d8";

fn text(more: &str) -> String {
    format!("format = 1\nfleet = \"{FLEET}\"\nref = \"refs/heads/main\"\n{more}")
}

fn error(text: &str) -> String {
    Policy::parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn a_policy() {
    let policy = Policy::parse(text("").as_bytes()).unwrap();
    assert_eq!(policy.fleet.to_string(), FLEET);
    assert_eq!((policy.reference.as_str(), policy.time_tolerance), ("refs/heads/main", 600));
    for (tolerance, seconds) in [("0s", 0), ("90s", 90), ("10m", 600), ("24h", 86_400)] {
        let policy = Policy::parse(text(&format!("time_tolerance = \"{tolerance}\"\n")).as_bytes()).unwrap();
        assert_eq!(policy.time_tolerance, seconds);
    }
}

/// There is no such thing as no policy.
#[test]
fn an_empty_policy_is_an_error() {
    for empty in ["", "\n", "# nothing\n"] {
        assert_eq!(error(empty), "1:1: missing field `format`");
    }
    assert_eq!(error(&text("").replace("fleet =", "#")), "1:1: missing field `fleet`");
    assert_eq!(error(&text("").replace("ref =", "#")), "1:1: missing field `ref`");
    assert_eq!(Policy::parse(b"format = 1\nfleet\xff").unwrap_err().to_string(), "2:6: this is not UTF-8");
}

/// A rule that is skipped in silence would look as if it held.
#[test]
fn what_is_not_enforced_is_refused() {
    for (name, toml, place) in [
        ("epoch", "epoch = 3\n", "4:9"),
        ("intent", "intent = \"required\"\n", "4:10"),
        ("role", "[role.root]\npeople = [\"alice\"]\nneed = 1\n", "4:2"),
        ("rule", "[[rule]]\npaths = [\"hosts/db-*\"]\n", "4:1"),
    ] {
        let want = format!(
            "{place}: this version does not enforce {name:?}, so it refuses a policy that asks for it"
        );
        assert_eq!(error(&text(toml)), want);
    }
}

#[test]
fn errors_name_their_place() {
    for (toml, want) in [
        (text("levle = \"solo\"\n"), "4:1: unknown field `levle`, expected one of"),
        (text("format = 1\n"), "4:1: duplicate key"),
        (text("[").clone(), "4:2: "),
        (
            text("").replace("= 1", "= 2"),
            "1:10: format 2 is not known to this version, which knows only format 1",
        ),
        (text("").replace("= 1", "= \"1\""), "1:10: invalid type: string \"1\", expected i64"),
        (text("").replace(FLEET, "6F"), "2:9: \"6F\" is not a fleet id: it must be 32 lower-case hex digits"),
        (text("").replace(FLEET, &FLEET.to_uppercase()), "2:9: "),
        (text("time_tolerance = 600\n"), "4:18: invalid type: integer `600`, expected a string"),
    ] {
        let got = error(&toml);
        assert!(got.starts_with(want), "{got}");
    }
    for bad in ["", "m", "10", "10 m", "10d", "-1m", "+1m", "1.5m", "25h", "86401s", "99999999999h", "१m"] {
        let got = error(&text(&format!("time_tolerance = \"{bad}\"\n")));
        assert_eq!(
            got,
            "4:18: time_tolerance must be a whole number of s, m or h, at most 24h, such as \"10m\""
        );
    }
}

#[test]
fn branches() {
    for good in ["refs/heads/main", "refs/heads/release/1.x", "refs/heads/a_b+c@d"] {
        assert!(is_branch(good), "{good}");
    }
    for bad in [
        "",
        "main",
        "refs/heads/",
        "refs/heads",
        "refs/tags/v1",
        "refs/heads/../x",
        "refs/heads/a..b",
        "refs/heads/.a",
        "refs/heads/a.",
        "refs/heads/a/",
        "refs/heads//a",
        "refs/heads/a.lock",
        "refs/heads/a b",
        "refs/heads/a~1",
        "refs/heads/a^",
        "refs/heads/a:b",
        "refs/heads/*",
        "refs/heads/é",
        "refs/heads/-a",
        "refs/heads/a\n",
        "refs/heads/a\\b",
        "REFS/heads/a",
    ] {
        assert!(!is_branch(bad), "{bad}");
    }
}

proptest! {
    #[test]
    fn random_input_never_panics(bytes: Vec<u8>, more in "[a-z=\"\\[\\] \n0-9]{0,40}") {
        drop(Policy::parse(&bytes));
        drop(Policy::parse(text(&more).as_bytes()));
    }

    #[test]
    fn a_fleet_id_prints_as_it_parses(bytes: [u8; 16]) {
        let fleet = FleetId::from_bytes(bytes);
        prop_assert_eq!(fleet.to_string().parse::<FleetId>().unwrap(), fleet);
    }
}
