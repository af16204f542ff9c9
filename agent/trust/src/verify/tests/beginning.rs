//! Where trust begins: introduction and ratchet.

use super::*;
use crate::testing::fleet;

#[test]
fn an_introduction_by_stock_git_and_a_chain_from_there() {
    let git = Git::new();
    git.sign_with("alice", &key("alice"));
    git.write(".trust/policy.toml", policy());
    git.write(".trust/allowed_signers", line("alice"));
    let first = git.commit(1_700_000_000, "first");
    git.write(".trust/allowed_signers", line("alice") + &line("bob"));
    git.commit(1_700_000_100, "let bob in");
    git.sign_with("bob", &key("bob"));
    git.write("hosts/web-1.toml", "roles = []\n");
    git.run(&["checkout", "-q", "-b", "side"]);
    git.write("side", "x");
    git.run(&["add", "-A"]);
    git.run_at(1_700_000_200, &["commit", "-q", "-m", "unsigned on a side branch"]);
    git.run(&["checkout", "-q", "main"]);
    git.run_at(1_700_000_300, &["merge", "-q", "--no-ff", "-S", "-m", "merge it", "side"]);
    let tip = git.head();

    let objects = git.objects();
    let introduction = introduce(&objects, first, MAIN, &Limits::default()).unwrap();
    let introduction = introduction.to_string().parse().unwrap();
    let limits = &Limits::default();
    let request = request(tip, &introduction, limits);
    let got = verify(&objects, &request);
    assert!(got.refused.is_none(), "{:?}", got.refused);
    let verified = got.verified.unwrap();
    assert_eq!(verified.commit(), tip);
    assert_eq!(verified.people(), ["bob"]);
    assert_eq!(verified.time(), UnixTime::from_seconds(1_700_000_300));
    git.write("signers", line("alice") + &line("bob"));
    assert!(git.calls_good(tip, &git.path("signers")));
}

#[test]
fn an_introduction_names_a_key() {
    let mut fleet = Fleet::default();
    let both = State::of(&["alice", "bob"]);
    let a = fleet.commit(&[], Some("alice"), &both);
    // bob is listed, but the introduction is not to him.
    assert_eq!(outcome(&fleet.verify((a, "bob"), None, a, None)), (None, Some("E_INTRODUCTION")));
    assert_eq!(outcome(&fleet.verify((a, "alice"), None, a, None)), (Some(a), None));
}

#[test]
fn an_introduced_commit_must_stand_by_itself() {
    let mut fleet = Fleet::default();
    let unsigned = fleet.commit(&[], None, &alice());
    assert_eq!(see(&fleet, unsigned, unsigned), (None, Some("E_UNSIGNED")));
    // Signed by the introduced key, which its own list does not have.
    let unlisted = fleet.commit(&[], Some("alice"), &State::of(&["bob"]));
    assert_eq!(see(&fleet, unlisted, unlisted), (None, Some("E_KEY_UNKNOWN")));
    for commit in [unsigned, unlisted] {
        assert!(introduce(&fleet.objects, commit, MAIN, &Limits::default()).is_err());
    }
    let no_rules = fleet.commit(&[], Some("alice"), &State { policy: String::new(), ..alice() });
    assert_eq!(see(&fleet, no_rules, no_rules), (None, Some("E_POLICY")));
    let refusal = introduce(&fleet.objects, no_rules, MAIN, &Limits::default()).unwrap_err();
    assert_eq!((refusal.commit, refusal.code()), (no_rules, "E_POLICY"));
    let good = fleet.commit(&[], Some("alice"), &alice());
    let refusal = introduce(&fleet.objects, good, "refs/heads/other", &Limits::default()).unwrap_err();
    assert_eq!(refusal.code(), "E_REF");
}

#[test]
fn an_introduction_may_be_in_the_middle() {
    // x(unsigned) ── a(alice) ── b(alice)
    let mut fleet = Fleet::default();
    let x = fleet.commit(&[], None, &alice());
    let a = fleet.commit(&[x], Some("alice"), &alice());
    let b = fleet.commit(&[a], Some("alice"), &alice());
    assert_eq!(see(&fleet, a, b), (Some(b), None));
    // And what stands before it need not even be there.
    let objects = fleet.objects.iter().filter(|(id, _)| **id != x).map(|(_, object)| object.clone());
    let mut shallow = Fleet::default();
    for object in objects {
        shallow.objects.insert(object).unwrap();
    }
    assert_eq!(see(&shallow, a, b), (Some(b), None));
}

#[test]
fn what_is_kept_must_fit_its_commit() {
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &alice());
    let b = fleet.commit(&[a], Some("alice"), &alice());
    let kept = Ratchet { payload: ratchet(&fleet, a, a).payload, ..ratchet(&fleet, a, b) };
    assert_eq!(see_after(&fleet, a, &kept, b), (None, Some("E_RATCHET")));
}

#[test]
fn a_ratchet_is_stored_as_plain_text() {
    let mut fleet = Fleet::default();
    let a = fleet.commit(&[], Some("alice"), &alice());
    let kept = ratchet(&fleet, a, a);
    let text = toml::to_string(&kept).unwrap();
    assert_eq!(
        text,
        format!(
            "fleet = \"{}\"\ncommit = \"{a}\"\npayload = \"{}\"\ntime = {}\nnewest = {}\npeople = [\"alice\"]\nstates = []\n\n\
             [rules]\npolicy = \"\"\"\n{}\"\"\"\nsigners = \"\"\"\n{}\"\"\"\n",
            fleet_id(),
            kept.payload,
            fleet::START + 60,
            fleet::START + 60,
            policy(),
            line("alice"),
        )
    );
    assert_eq!(toml::from_str::<Ratchet>(&text).unwrap(), kept);
    assert!(toml::from_str::<Ratchet>(&format!("{text}more = 1\n")).is_err());
}
