//! How many must agree, and whose word counts.

use proptest::prelude::*;

use super::*;
use crate::testing::fleet::tag;

const TEAM: &[&str] = &["alice", "bob", "carol", "dora", "eve"];

/// Root needs two of alice, bob and carol; deploy one of alice, bob and eve; databases both dora and alice.
const ROLES: &str = "[role.root]\npeople = [\"alice\", \"bob\", \"carol\"]\nneed = 2\n\
                     [role.deploy]\npeople = [\"alice\", \"bob\", \"eve\"]\nneed = 1\n\
                     [[rule]]\npaths = [\"hosts/db-*\"]\npeople = [\"dora\", \"alice\"]\nneed = 2\n";

fn team() -> State {
    State::of(TEAM).with_policy(&format!("epoch = 1\n{ROLES}"))
}

/// The team's rules, changed in one place and counted.
fn changed(from: &str, to: &str) -> State {
    let team = State::of(TEAM).with_policy(&format!("epoch = 2\n{ROLES}"));
    let policy = team.policy.replacen(from, to, 1);
    assert_ne!(policy, team.policy);
    State { policy, ..team }
}

/// a(team's rules) ── b(this state), approved by these tags' signers.
fn judged(
    state: &State,
    author: Option<&str>,
    approvals: &[&str],
) -> Result<Vec<String>, (&'static str, String)> {
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &team());
    let b = fleet.commit(&[a], author, state);
    for name in approvals {
        fleet.tag(&format!("ok/main/{name}"), b, name, "fine by me");
    }
    let got = fleet.verify((a, "alice"), None, b, None);
    match got.refused {
        None => Ok(got.verified.unwrap().people().to_vec()),
        Some(refusal) => {
            assert_eq!(got.verified.unwrap().commit(), a);
            Err((refusal.code(), refusal.reason.to_string()))
        }
    }
}

fn code(state: &State, author: Option<&str>, approvals: &[&str]) -> Option<&'static str> {
    judged(state, author, approvals).err().map(|(code, _)| code)
}

#[test]
fn a_change_of_a_file_is_for_the_role_deploy() {
    let file = team().with_file("x");
    for (author, want) in
        [("alice", None), ("eve", None), ("dora", Some("E_THRESHOLD")), ("mallory", Some("E_KEY_UNKNOWN"))]
    {
        assert_eq!(code(&file, Some(author), &[]), want, "{author}");
    }
    assert_eq!(code(&file, None, &[]), Some("E_UNSIGNED"));
    assert_eq!(
        judged(&file, Some("dora"), &[]).unwrap_err().1,
        "role deploy demands 1 of alice, bob, eve for this change; nobody agreed so far"
    );
    assert_eq!(judged(&file, Some("dora"), &["eve"]).unwrap(), ["dora", "eve"]);
    assert_eq!(judged(&file, None, &["eve"]).unwrap(), ["eve"], "a tag is enough");
    assert_eq!(judged(&file, Some("mallory"), &["eve"]).unwrap(), ["eve"]);
}

/// That a revision is to be deployed is a change too, even if nothing else is one.
#[test]
fn an_empty_change_is_for_the_role_deploy() {
    assert_eq!(code(&team(), Some("alice"), &[]), None);
    assert_eq!(code(&team(), Some("dora"), &[]), Some("E_THRESHOLD"));
}

#[test]
fn a_change_that_a_rule_is_about() {
    let database = State { database: "x".to_owned(), ..team() };
    assert_eq!(
        judged(&database, Some("alice"), &[]).unwrap_err().1,
        "the rule for hosts/db-* demands 2 of alice, dora for this change; alice agreed so far"
    );
    assert_eq!(judged(&database, Some("alice"), &["dora"]).unwrap(), ["alice", "dora"]);
    assert_eq!(judged(&database, Some("dora"), &["alice"]).unwrap(), ["alice", "dora"]);
    assert_eq!(judged(&database, None, &["alice", "dora"]).unwrap(), ["alice", "dora"]);
    assert_eq!(code(&database, Some("alice"), &["bob", "carol", "eve"]), Some("E_THRESHOLD"));
    // With something else, the role deploy must agree too, which dora and a stranger to it do not.
    let both = database.with_file("x");
    assert_eq!(code(&both, Some("alice"), &["dora"]), None, "alice is in both");
    let rule = "people = [\"dora\", \"alice\"]\nneed = 2";
    let dora = team().policy.replace(rule, "people = [\"dora\"]\nneed = 1");
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &State { policy: dora.clone(), ..team() });
    let both = State { policy: dora, ..both };
    let b = fleet.commit(&[a], Some("dora"), &both);
    assert_eq!(see(&fleet, a, b), (Some(a), Some("E_THRESHOLD")));
    fleet.tag("ok/main/eve", b, "eve", "");
    assert_eq!(see(&fleet, a, b), (Some(b), None));
}

/// All rules that are about a path must be met, not the first one (CVE-2025-2886).
#[test]
fn every_rule_counts() {
    let more = "[[rule]]\npaths = [\"hosts/\"]\npeople = [\"eve\"]\nneed = 1\n";
    let rules = State { policy: team().policy + more, ..team() };
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &rules);
    let b = fleet.commit(&[a], Some("alice"), &State { database: "x".to_owned(), ..rules });
    fleet.tag("ok/main/dora", b, "dora", "");
    assert_eq!(
        see(&fleet, a, b),
        (Some(a), Some("E_THRESHOLD")),
        "the rule for hosts/db-* is met, that for hosts/ is not"
    );
    fleet.tag("ok/main/eve", b, "eve", "");
    assert_eq!(see(&fleet, a, b), (Some(b), None));
}

/// What moves away from a path is a change there.
#[test]
fn removing_what_a_rule_is_about() {
    use crate::tree::{Entry, Mode};
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &team());
    let root = fleet.objects.get(&a).unwrap().unwrap();
    let root = fleet.objects.get(&Commit::parse(&root.data).unwrap().tree).unwrap().unwrap();
    let mut entries: Vec<Entry<'_>> = crate::tree::parse(&root.data).unwrap();
    entries.retain(|entry| entry.name != b"hosts");
    let moved = Entry { mode: Mode::File, name: b"db-1.toml", id: fleet.blob("") };
    entries.push(moved);
    let tree = fleet.tree(&mut entries);
    let time = fleet.next_time();
    let b = fleet.commit_tree(&[a], tree, Some("alice"), time);
    assert_eq!(see(&fleet, a, b), (Some(a), Some("E_THRESHOLD")));
    fleet.tag("ok/main/dora", b, "dora", "");
    assert_eq!(see(&fleet, a, b), (Some(b), None));
}

#[test]
fn a_change_of_the_rules_is_for_the_role_root() {
    let new = changed("need = 1", "need = 2");
    assert_eq!(code(&new, Some("alice"), &[]), Some("E_THRESHOLD"));
    assert_eq!(code(&new, Some("alice"), &["eve"]), Some("E_THRESHOLD"));
    assert_eq!(code(&new, Some("alice"), &["bob"]), None);
    assert_eq!(code(&new, None, &["carol", "bob"]), None);
    // A rule may demand more of .trust/, never less.
    let loose = "[[rule]]\npaths = [\".trust/\"]\npeople = [\"eve\"]\nneed = 1\n";
    let rules = State { policy: team().policy + loose, ..team() };
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &rules);
    let b = fleet.commit(
        &[a],
        Some("eve"),
        &State { policy: rules.policy.replace("epoch = 1", "epoch = 2"), ..rules },
    );
    assert_eq!(see(&fleet, a, b), (Some(a), Some("E_THRESHOLD")));
    fleet.tag("ok/main/alice", b, "alice", "");
    fleet.tag("ok/main/bob", b, "bob", "");
    assert_eq!(see(&fleet, a, b), (Some(b), None));
}

/// T9: the rules of each commit count for the next.
#[test]
fn rules_count_from_the_next_commit_on() {
    // a(need 1) ── b(need 2, by two) ── c(by one)
    let mut fleet = Fleet::default();
    let strict = changed("need = 1", "need = 2");
    let a = fleet.commit(&[], Some("alice"), &team());
    let b = fleet.commit(&[a], Some("alice"), &strict);
    fleet.tag("ok/main/bob", b, "bob", "");
    let c = fleet.commit(&[b], Some("alice"), &strict.with_file("x"));
    assert_eq!(see(&fleet, a, c), (Some(b), Some("E_THRESHOLD")));
    fleet.tag("ok/main/eve", c, "eve", "");
    assert_eq!(see(&fleet, a, c), (Some(c), None));
}

/// T8: turning the rules back is a change of the rules, and must be counted as one.
#[test]
fn the_epoch_goes_up_by_one() {
    let two = ["bob"];
    let policy = |epoch: &str| State { policy: team().policy.replace("epoch = 1\n", epoch), ..team() };
    for (epoch, want) in [
        ("epoch = 2\n", None),
        ("epoch = 1\n# changed\n", Some("E_EPOCH")),
        ("epoch = 3\n", Some("E_EPOCH")),
        ("epoch = 0\n", Some("E_EPOCH")),
        ("", Some("E_EPOCH")),
    ] {
        assert_eq!(code(&policy(epoch), Some("alice"), &two), want, "{epoch:?}");
    }
    // Also when only the list of keys changes.
    let more = State { signers: team().signers + "# a comment\n", ..team() };
    assert_eq!(
        judged(&more, Some("alice"), &two).unwrap_err(),
        ("E_EPOCH", "it changes .trust, so epoch in .trust/policy.toml must be 2, but it is 1".to_owned())
    );
    // Who does not count may begin to, at one.
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &alice());
    for (epoch, want) in [(1, None), (2, Some("E_EPOCH")), (0, Some("E_EPOCH"))] {
        let b = fleet.commit(&[a], Some("alice"), &alice().with_policy(&format!("epoch = {epoch}\n")));
        assert_eq!(see(&fleet, a, b).1, want, "{epoch}");
    }
}

/// T14: people are counted, not keys, tags or refs.
#[test]
fn one_person_counts_once() {
    let second =
        "alice namespaces=\"git\" ".to_owned() + &key("alice's other key").public().to_string() + "\n";
    let policy = team().policy.replace("need = 1", "need = 2");
    let state = State { policy, signers: team().signers + &second, ..team() };
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &state);
    let b = fleet.commit(&[a], Some("alice"), &state.with_file("x"));
    fleet.tag("ok/main/1", b, "alice", "");
    fleet.tag("ok/main/2", b, "alice", "again");
    fleet.tag("ok/main/3", b, "alice's other key", "");
    assert_eq!(see(&fleet, a, b), (Some(a), Some("E_THRESHOLD")));
    fleet.tag("ok/main/4", b, "bob", "");
    assert_eq!(see(&fleet, a, b), (Some(b), None));
}

fn text(object: &Object) -> String {
    String::from_utf8(object.data.clone()).unwrap()
}

/// Makes a tag for `b` of a chain a ── b at a time.
type Make = dyn Fn(&mut Fleet, ObjectId, ObjectId, UnixTime) -> Object;

/// T12 and T13: only signed tags with the right name on the right commit.
#[test]
fn tags_that_do_not_count() {
    let state = team().with_file("x");
    let approved = |make: &Make| {
        let mut fleet = Fleet::default();
        let a = fleet.commit(&[], Some("alice"), &team());
        let b = fleet.commit(&[a], None, &state);
        let time = UnixTime::from_seconds(START + 200);
        let tag = make(&mut fleet, a, b, time);
        fleet.objects.insert(tag).unwrap();
        see(&fleet, a, b) == (Some(b), None)
    };
    let named =
        |name: &'static str| move |_: &mut Fleet, _, b, time| tag(name, b, "commit", time, "", "alice");
    assert!(approved(&named("ok/main/x")));
    assert!(approved(&named("ok/main/2026-11-21.1")));
    for name in [
        "ok/prod/x",
        "ok/main",
        "ok/main/x/y",
        "ok/mainx/y",
        "ok/x",
        "OK/main/x",
        "no/main/x",
        "main/x",
        "v1.0",
        "refs/tags/ok/main/x",
        "ok/refs/heads/main/x",
    ] {
        assert!(!approved(&named(name)), "{name}");
    }
    let cases: [(&str, &Make); 9] = [
        ("unsigned", &|_, _, b, time| {
            let signed = tag("ok/main/x", b, "commit", time, "", "alice");
            let bare = text(&signed).split("-----BEGIN").next().unwrap().into();
            Object { data: bare, ..signed }
        }),
        ("by a stranger", &|_, _, b, time| tag("ok/main/x", b, "commit", time, "", "mallory")),
        ("by somebody without the role", &|_, _, b, time| tag("ok/main/x", b, "commit", time, "", "dora")),
        ("on another commit", &|_, a, _, time| tag("ok/main/x", a, "commit", time, "", "alice")),
        ("of another kind", &|_, _, b, time| tag("ok/main/x", b, "tree", time, "", "alice")),
        ("on a tag", &|fleet, _, b, time| {
            let inner = tag("ok/main/x", b, "commit", time, "", "mallory");
            let inner = fleet.objects.insert(inner).unwrap();
            tag("ok/main/x", inner, "tag", time, "", "alice")
        }),
        ("renamed", &|_, _, b, time| {
            let signed = tag("ok/prod/x", b, "commit", time, "", "alice");
            Object { data: text(&signed).replace("ok/prod/x", "ok/main/x").into(), ..signed }
        }),
        ("with text after it", &|_, _, b, time| {
            let signed = tag("ok/main/x", b, "commit", time, "", "alice");
            Object { data: (text(&signed) + "more\n").into(), ..signed }
        }),
        ("moved to another commit", &|_, a, b, time| {
            let signed = tag("ok/main/x", a, "commit", time, "", "alice");
            Object { data: text(&signed).replace(&a.to_string(), &b.to_string()).into(), ..signed }
        }),
    ];
    for (name, make) in cases {
        assert!(!approved(make), "{name}");
    }
}

/// An expired key approves nothing, whatever date its owner gives the tag.
#[test]
fn approvals_have_their_time() {
    let state = team().with_file("x");
    let policy = State {
        signers: team().signers.replace(
            &line("bob"),
            &line("bob").replace(
                "\"git\"",
                &format!("\"git\",valid-before=\"{}\"", UnixTime::from_seconds(START + 1000).print_ssh()),
            ),
        ),
        ..team()
    };
    // a ── b(unsigned, at 5000), to be approved by bob, whose key counts up to 1000.
    let see = |tagged: i64, signer: &str, clock: Option<i64>| {
        let mut fleet = Fleet::default();
        let a = fleet.commit(&[], Some("alice"), &policy);
        let tree = fleet.state(&State { file: state.file.clone(), ..policy.clone() });
        let b = fleet.commit_tree(&[a], tree, None, UnixTime::from_seconds(START + 5000));
        let time = UnixTime::from_seconds(START + tagged);
        fleet.objects.insert(tag("ok/main/x", b, "commit", time, "", signer)).unwrap();
        let clock = clock.map(|seconds| UnixTime::from_seconds(START + seconds));
        outcome(&fleet.verify((a, "alice"), None, b, clock)).1
    };
    assert_eq!(see(5001, "alice", None), None);
    assert_eq!(see(5001, "bob", None), Some("E_UNSIGNED"), "expired");
    assert_eq!(see(900, "bob", None), Some("E_UNSIGNED"), "from before the commit");
    assert_eq!(see(900, "alice", None), Some("E_UNSIGNED"), "from before the commit");
    assert_eq!(see(4400, "alice", None), None, "within the tolerance");
    assert_eq!(see(9000, "alice", Some(8399)), Some("E_UNSIGNED"), "from the future");
    assert_eq!(see(9000, "alice", Some(8400)), None);
}

#[test]
fn more_tags_than_are_taken() {
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &team());
    for number in 0..4 {
        fleet.tag(&format!("v{number}"), a, "alice", "");
    }
    let introduction = Introduction { fleet: fleet_id(), commit: a, key: key("alice").fingerprint() };
    for (tags, want) in [(4, (Some(a), None)), (3, (None, Some("E_LIMIT")))] {
        let limits = &Limits { tags, ..Limits::default() };
        let request = request(a, &introduction, limits);
        assert_eq!(outcome(&verify(&fleet.objects, &request)), want);
    }
}

/// T17: what could not be changed back is refused, whoever signs it.
#[test]
fn rules_that_would_lock_the_fleet() {
    let refused = |state: &State| judged(state, Some("alice"), &["bob", "carol"]).unwrap_err();
    let nobody = changed("people = [\"alice\", \"bob\", \"eve\"]", "people = [\"zoe\"]");
    assert_eq!(
        refused(&nobody),
        (
            "E_POLICY",
            ".trust/policy.toml names \"zoe\", whom .trust/allowed_signers does not list".to_owned()
        )
    );
    let past = format!("\"git\",valid-before=\"{}\"", UnixTime::from_seconds(START).print_ssh());
    let expired = |names: &[&str]| {
        let options = |name| if names.contains(name) { past.as_str() } else { "\"git\"" };
        let lines = TEAM.iter().map(|name| line(name).replace("\"git\"", options(name)));
        State { signers: lines.collect(), ..changed("epoch = 2\n", "epoch = 2 \n") }
    };
    assert_eq!(
        refused(&expired(&["alice", "bob"])),
        ("E_POLICY", ".trust/policy.toml demands 2 of alice, bob, carol, but at the time of the commit only 1 of them have a valid key".to_owned())
    );
    assert_eq!(code(&expired(&["carol"]), Some("alice"), &["bob"]), None);
    // A new root that has not shown that it can sign.
    let dora = changed("people = [\"alice\", \"bob\", \"carol\"]", "people = [\"dora\", \"eve\"]");
    assert_eq!(
        refused(&dora),
        (
            "E_THRESHOLD",
            "role root of its own rules demands 2 of dora, eve for this change; nobody agreed so far"
                .to_owned()
        )
    );
    assert_eq!(code(&dora, Some("alice"), &["bob", "dora", "eve"]), None);
    assert_eq!(
        code(&dora, Some("alice"), &["dora", "eve"]),
        Some("E_THRESHOLD"),
        "nor may the new root appoint itself"
    );
}

/// A new key must show that it works before the old one goes.
#[test]
fn a_planned_rotation() {
    let alone = |key: &str| State { signers: line(key).replace(key, "alice"), ..State::of(&[]) };
    let both = State { signers: line("alice") + &line("new").replace("new", "alice"), ..State::of(&[]) };
    // a(alice) ── b(alice: + a second key) ── c(by the second: - the first)
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &alone("alice"));
    let b = fleet.commit(&[a], Some("alice"), &both);
    let c = fleet.commit(&[b], Some("new"), &alone("new"));
    assert_eq!(see(&fleet, a, c), (Some(c), None));
    // Not the other way round: the first key cannot leave the fleet to a second that nobody has seen work.
    let c = fleet.commit(&[b], Some("alice"), &alone("new"));
    assert_eq!(see(&fleet, a, c), (Some(b), Some("E_THRESHOLD")));
}

/// T11: somebody who holds the Git server moves the branch to signed work that was never meant for it.
#[test]
fn intent() {
    let rules = State { policy: team().policy + "", ..team() };
    let rules =
        State { policy: rules.policy.replace("epoch = 1", "epoch = 1\nintent = \"required\""), ..rules };
    let see_saying = |message: &str, approvals: &[&str]| {
        let mut fleet = Fleet::default();
        let a = fleet.commit(&[], Some("alice"), &rules);
        let b = fleet.commit_saying(&[a], Some("alice"), &rules.with_file("x"), message);
        for name in approvals {
            fleet.tag(&format!("ok/main/{name}"), b, name, "");
        }
        see(&fleet, a, b).1
    };
    assert_eq!(see_saying("x\n\nDeploy: main\n", &[]), None);
    for message in
        ["x\n", "x\n\nDeploy: prod\n", "Deploy: main\n\nx\n", "x\n\nDeploy: main2\n", "x\n\nDeploy main\n"]
    {
        assert_eq!(see_saying(message, &[]), Some("E_INTENT"), "{message:?}");
    }
    // A tag says in its name what it is for.
    assert_eq!(see_saying("x\n", &["eve"]), None);
    // Nor does a signature without intent add to others.
    let rules = State { policy: rules.policy.replace("need = 1", "need = 2"), ..rules };
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &rules);
    let b = fleet.commit_saying(&[a], Some("alice"), &rules.with_file("x"), "work in progress\n");
    fleet.tag("ok/main/bob", b, "bob", "");
    assert_eq!(see(&fleet, a, b), (Some(a), Some("E_INTENT")));
    fleet.tag("ok/main/eve", b, "eve", "");
    assert_eq!(see(&fleet, a, b), (Some(b), None));
}

/// Every bit of every byte of a good approval: none makes another one that counts.
#[test]
fn a_changed_bit_of_a_tag_counts_for_nothing() {
    let four = State::of(&["alice", "bob"]).with_policy(
        "[role.root]\npeople = [\"alice\", \"bob\"]\nneed = 2\n[role.deploy]\npeople = [\"alice\", \"bob\"]\nneed = 2\n",
    );
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &four);
    let b = fleet.commit(&[a], Some("alice"), &four.with_file("x"));
    let good = tag("ok/main/bob", b, "commit", UnixTime::from_seconds(START + 600), "ok", "bob");
    let sees = |data: Vec<u8>| {
        let mut objects = MemoryObjects::new();
        for (_, object) in fleet.objects.iter() {
            objects.insert(object.clone()).unwrap();
        }
        objects.insert(Object { kind: ObjectKind::Tag, data }).unwrap();
        see(&Fleet::of(objects), a, b).0
    };
    assert_eq!(sees(good.data.clone()), Some(b));
    for at in 0..good.data.len() {
        for bit in 0..8 {
            let mut changed = good.data.clone();
            changed[at] ^= 1 << bit;
            let text = String::from_utf8_lossy(&changed).into_owned();
            assert_eq!(sees(changed), Some(a), "bit {bit} of byte {at}:\n{text}");
        }
    }
}

fn edited(text: &str, at: prop::sample::Index, edit: &str, replace: bool) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = at.index(chars.len());
    let end = if replace { at + 1 } else { at };
    chars.splice(at..end, edit.chars());
    chars.into_iter().collect()
}

proptest! {
    /// T16: no edit of the rules by somebody without the role root, nor by one of two who are needed.
    #[test]
    fn no_edit_of_the_rules_without_the_quorum(
        at: prop::sample::Index,
        edit in "[a-z0-9 =\\[\\]\\n\"#]{0,3}",
        replace: bool,
        signers: bool,
        author in prop::sample::select(TEAM),
        count: bool,
    ) {
        let mut state = if count { changed("epoch = 2\n", "epoch = 2 \n") } else { team() };
        let file = if signers { &mut state.signers } else { &mut state.policy };
        *file = edited(file, at, &edit, replace);
        prop_assume!(state.policy != team().policy || state.signers != team().signers);
        prop_assert!(code(&state, Some(author), &[]).is_some());
        prop_assert!(code(&state, Some("eve"), &["dora", "mallory"]).is_some());
    }
}
