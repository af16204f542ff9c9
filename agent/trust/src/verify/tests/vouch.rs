//! Gaps, and who may close them.

use super::*;

fn team() -> State {
    State::of(&["alice", "bob"])
}

fn vouch(commit: ObjectId) -> String {
    format!("looked at everything\n\nVouch: {commit}\n")
}

#[test]
fn a_signed_trailer_closes_a_gap() {
    // a ── b(unsigned) ── c(alice, vouches for all since a)
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &team());
    let b = fleet.commit(&[a], None, &team());
    let c = fleet.commit_saying(&[b], Some("alice"), &team(), &vouch(a));
    assert_eq!(see(&fleet, a, c), (Some(c), None));
    // And what follows is judged as ever.
    let d = fleet.commit(&[c], Some("bob"), &team());
    let e = fleet.commit(&[d], None, &team());
    assert_eq!(see(&fleet, a, e), (Some(d), Some("E_UNSIGNED")));
}

#[test]
fn a_tag_closes_a_gap() {
    // a ── b(squash button) ── c(squash button)   tag on c
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &team());
    let b = fleet.commit(&[a], None, &team());
    let c = fleet.commit(&[b], None, &team());
    fleet.tag("ok/main/1", c, "alice", "only this");
    assert_eq!(see(&fleet, a, c), (Some(a), Some("E_UNSIGNED")), "a tag on c says nothing of b");
    fleet.tag("ok/main/2", c, "alice", &vouch(a));
    assert_eq!(see(&fleet, a, c), (Some(c), None));
}

#[test]
fn only_what_names_a_verified_commit_closes_a_gap() {
    // a ── b ── c(unsigned) ── d(unsigned) ── e(alice, vouches)
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &team());
    let b = fleet.commit(&[a], Some("alice"), &team());
    let c = fleet.commit(&[b], None, &team());
    let d = fleet.commit(&[c], None, &team());
    let elsewhere = fleet.commit(&[], Some("alice"), &team());
    let mut see_saying = |signer, message: &str| {
        let e = fleet.commit_saying(&[d], signer, &team(), message);
        see(&fleet, a, e).0 == Some(e)
    };
    assert!(see_saying(Some("alice"), &vouch(b)));
    assert!(see_saying(Some("alice"), &vouch(a)), "who looked at more has looked at enough");
    for inside in [c, d, elsewhere] {
        assert!(!see_saying(Some("alice"), &vouch(inside)), "{inside} is not verified");
    }
    assert!(!see_saying(None, &vouch(b)), "unsigned");
    assert!(!see_saying(Some("mallory"), &vouch(b)));
    assert!(!see_saying(Some("alice"), &vouch(b).replace(&b.to_string(), &b.short())), "the whole id");
    assert!(!see_saying(Some("alice"), &format!("Vouch: {b}\n\nnot in the last paragraph\n")));
    assert!(!see_saying(Some("alice"), "no trailer\n"));
}

#[test]
fn a_gap_is_judged_as_one_change() {
    // a ── b(mallory: +mallory) ── c(alice, vouches)
    let two = "epoch = 1\n[role.root]\npeople = [\"alice\", \"bob\"]\nneed = 2\n[role.deploy]\npeople = [\"alice\", \"bob\"]\nneed = 1\n";
    let rules = team().with_policy(two);
    let theirs = State {
        signers: rules.signers.clone() + &line("mallory"),
        policy: rules.policy.replace("epoch = 1", "epoch = 2"),
        ..rules.clone()
    };
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &rules);
    let b = fleet.commit(&[a], Some("mallory"), &theirs);
    let c = fleet.commit_saying(&[b], Some("alice"), &theirs, &vouch(a));
    assert_eq!(see(&fleet, a, c), (Some(a), Some("E_KEY_UNKNOWN")), "the change of the rules needs two");
    fleet.tag("ok/main/bob", c, "bob", "without a word about b");
    assert_eq!(see(&fleet, a, c), (Some(a), Some("E_KEY_UNKNOWN")), "bob did not vouch");
    fleet.tag("ok/main/bob-2", c, "bob", &vouch(a));
    assert_eq!(see(&fleet, a, c), (Some(c), None));
}

#[test]
fn a_change_of_the_rules_ends_what_one_can_vouch_from() {
    // a ── b(alice: +carol) ── c(unsigned) ── d(alice, vouches)
    let mut fleet = Fleet::default();
    let more = State::of(&["alice", "bob", "carol"]);
    let a = fleet.commit(&[], Some("alice"), &team());
    let b = fleet.commit(&[a], Some("alice"), &more);
    let c = fleet.commit(&[b], None, &more);
    let d = fleet.commit_saying(&[c], Some("alice"), &more, &vouch(a));
    assert_eq!(see(&fleet, a, d), (Some(b), Some("E_UNSIGNED")));
    let d = fleet.commit_saying(&[c], Some("alice"), &more, &vouch(b));
    assert_eq!(see(&fleet, a, d), (Some(d), None));
}

#[test]
fn a_gap_may_hold_what_is_not_even_canonical() {
    // a ── b(a merge of a signed tag, with its header) ── c(alice, vouches)
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &team());
    let good = fleet.commit(&[a], Some("alice"), &team());
    let text = String::from_utf8(fleet.objects.get(&good).unwrap().unwrap().data).unwrap();
    let malformed =
        Object { kind: ObjectKind::Commit, data: text.replace("gpgsig", "mergetag object x\ngpgsig").into() };
    let b = fleet.objects.insert(malformed).unwrap();
    let c = fleet.commit(&[b], Some("alice"), &team());
    assert_eq!(see(&fleet, a, c), (Some(a), Some("E_COMMIT_GRAMMAR")));
    let c = fleet.commit_saying(&[b], Some("alice"), &team(), &vouch(a));
    assert_eq!(see(&fleet, a, c), (Some(c), None));
}

#[test]
fn a_host_that_goes_on_from_a_ratchet_takes_a_vouch_from_there() {
    // a ── b ── c(unsigned) ── d(alice, vouches for all since b)
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &team());
    let b = fleet.commit(&[a], Some("alice"), &team());
    let c = fleet.commit(&[b], None, &team());
    let d = fleet.commit_saying(&[c], Some("alice"), &team(), &vouch(b));
    let kept = ratchet(&fleet, a, b);
    assert_eq!(see_after(&fleet, a, &kept, d), (Some(d), None));
    assert_eq!(see(&fleet, a, d), (Some(d), None));
}
