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

const ROLES: &str = "[role.root]\npeople = [\"alice\", \"bob\"]\nneed = 2\n\
                     [role.deploy]\npeople = [\"alice\"]\nneed = 1\n";

#[test]
fn a_policy_with_roles_and_rules() {
    let more = "[[rule]]\npaths = [\"hosts/db-*\", \"roles/postgres/\"]\npeople = [\"dora\", \"alice\"]\nneed = 2\n\
                 [[rule]]\npaths = [\"secrets/\"]\npeople = [\"eve\"]\nneed = 1\n";
    let policy = text(&format!("epoch = 3\nintent = \"required\"\n{ROLES}{more}"));
    let policy = Policy::parse(policy.as_bytes()).unwrap();
    assert_eq!((policy.epoch, policy.intent, policy.branch()), (Some(3), true, "main"));
    let roles = policy.roles.clone().unwrap();
    assert_eq!(
        (roles.root.to_string(), roles.deploy.to_string()),
        ("2 of alice, bob".to_owned(), "1 of alice".to_owned())
    );
    let [db, secrets] = &policy.rules[..] else { panic!() };
    assert_eq!(
        db.paths.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["hosts/db-*", "roles/postgres/"]
    );
    assert_eq!(
        (db.quorum.to_string(), secrets.quorum.to_string()),
        ("2 of alice, dora".to_owned(), "1 of eve".to_owned())
    );
    assert_eq!(policy.quorums().count(), 4);
    assert!(!Policy::parse(text("intent = \"off\"\n").as_bytes()).unwrap().intent);
}

#[test]
fn a_quorum_counts_people_once() {
    let set = |people: &[&str]| people.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let quorum = Quorum { people: set(&["alice", "bob", "carol"]), need: 2 };
    for (agreed, met) in [
        (&[][..], false),
        (&["alice"], false),
        (&["alice", "mallory"], false),
        (&["alice", "carol"], true),
        (&["alice", "bob", "carol"], true),
    ] {
        assert_eq!(quorum.is_met(&set(agreed)), met, "{agreed:?}");
    }
}

/// T17: what nobody could meet, and what anybody would.
#[test]
fn quorums_that_make_no_sense() {
    let people = "people must name somebody, and nobody twice";
    let need = |count| format!("need must be from 1 to the number of people, which is {count}");
    for (from, to, want) in [
        ("[\"alice\", \"bob\"]", "[]", format!("5:10: {people}")),
        ("[\"alice\", \"bob\"]", "[\"bob\", \"bob\"]", format!("5:10: {people}")),
        ("need = 2", "need = 3", format!("6:8: {}", need(2))),
        ("need = 2", "need = 0", format!("6:8: {}", need(2))),
        ("need = 1", "need = 2", format!("9:8: {}", need(1))),
        ("need = 1", "need = -1", "9:8: invalid value: integer `-1`, expected usize".to_owned()),
        ("need = 1\n", "", "7:1: missing field `need`".to_owned()),
        (
            "[role.deploy]",
            "[role.depoly]",
            "7:7: unknown field `depoly`, expected one of `root`, `deploy`, `beat`".to_owned(),
        ),
        (
            "need = 1",
            "need = 1\nneeds = 1",
            "10:1: unknown field `needs`, expected `people` or `need`".to_owned(),
        ),
    ] {
        assert_eq!(error(&text(&ROLES.replace(from, to))), want);
    }
    let beat = |people: &str| text(&format!("{ROLES}[role.beat]\npeople = {people}\n"));
    assert_eq!(error(&beat("[]")), format!("11:10: {people}"));
    let policy = Policy::parse(beat("[\"robot\"]").as_bytes()).unwrap();
    assert_eq!(policy.roles.unwrap().beat.unwrap().to_string(), "1 of robot");
    assert!(error(&(beat("[\"robot\"]") + "need = 1\n")).contains("unknown field `need`"));
    let only_root = ROLES.split("[role.deploy]").next().unwrap();
    assert_eq!(error(&text(only_root)), "4:2: missing field `deploy`");
    let rule = |paths: &str| text(&format!("[[rule]]\npaths = {paths}\npeople = [\"alice\"]\nneed = 1\n"));
    assert_eq!(error(&rule("[]")), "5:9: paths must name something");
    assert!(error(&rule("[\"a\", \"/b\"]")).starts_with("5:15: \"/b\" is no pattern for paths"));
    assert_eq!(error(&text("[[rule]]\npaths = [\"a\"]\n")), "4:1: missing field `people`");
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
        (text("intent = \"on\"\n"), "4:10: intent must be \"required\" or \"off\""),
        (text("epoch = -1\n"), "4:9: invalid value: integer `-1`, expected u64"),
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
