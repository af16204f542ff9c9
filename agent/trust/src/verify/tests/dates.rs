//! When a commit says that it was made.

use super::*;

const TOLERANCE: i64 = 600;

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_seconds(START + seconds)
}

/// A chain with commits at these moments after the start, the first being a.
fn dated(fleet: &mut Fleet, state: &State, moments: &[i64]) -> Vec<ObjectId> {
    let tree = fleet.state(state);
    let mut chain: Vec<ObjectId> = Vec::new();
    for moment in moments {
        let parents = chain.last().copied().map_or(vec![], |parent| vec![parent]);
        chain.push(fleet.commit_tree(&parents, tree, Some("alice"), at(*moment)));
    }
    chain
}

#[test]
fn a_commit_may_be_a_little_older_than_its_predecessor() {
    let mut fleet = Fleet::default();
    let ok = dated(&mut fleet, &alice(), &[0, -TOLERANCE, 5]);
    assert_eq!(see(&fleet, ok[0], ok[2]), (Some(ok[2]), None));
    let old = dated(&mut fleet, &alice(), &[0, -TOLERANCE - 1]);
    assert_eq!(see(&fleet, old[0], old[1]), (Some(old[0]), Some("E_TIME_ORDER")));
}

#[test]
fn many_small_steps_back_are_one_large_step() {
    let mut fleet = Fleet::default();
    let chain = dated(&mut fleet, &alice(), &[0, 1000, 500, 400, 399]);
    assert_eq!(see(&fleet, chain[0], chain[4]), (Some(chain[3]), Some("E_TIME_ORDER")));
    // The ratchet remembers how far time had come.
    let kept = ratchet(&fleet, chain[0], chain[3]);
    assert_eq!((kept.time, kept.newest), (at(400), at(1000)));
    assert_eq!(see_after(&fleet, chain[0], &kept, chain[4]), (Some(chain[3]), Some("E_TIME_ORDER")));
}

#[test]
fn the_policy_sets_the_tolerance() {
    let mut fleet = Fleet::default();
    let strict = State { policy: policy() + "time_tolerance = \"0s\"\n", ..alice() };
    let chain = dated(&mut fleet, &strict, &[0, -1]);
    assert_eq!(see(&fleet, chain[0], chain[1]), (Some(chain[0]), Some("E_TIME_ORDER")));
    let chain = dated(&mut fleet, &strict, &[0, 0]);
    assert_eq!(see(&fleet, chain[0], chain[1]), (Some(chain[1]), None));
}

#[test]
fn a_commit_from_the_future_waits_for_a_clock_that_is_right() {
    let mut fleet = Fleet::default();
    let chain = dated(&mut fleet, &alice(), &[0, 5000]);
    let see = |clock| outcome(&fleet.verify((chain[0], "alice"), None, chain[1], clock));
    assert_eq!(see(Some(at(5000 - TOLERANCE))), (Some(chain[1]), None));
    assert_eq!(see(Some(at(5000 - TOLERANCE - 1))), (Some(chain[0]), Some("E_TIME_ORDER")));
    assert_eq!(see(None), (Some(chain[1]), None), "a clock that may be wrong judges nothing");
    let refusal = fleet.verify((chain[0], "alice"), None, chain[1], Some(at(0))).refused.unwrap();
    assert_eq!(
        refusal.reason.to_string(),
        "it is dated 2023-11-14T23:36:40Z, but now is 2023-11-14T22:13:20Z"
    );
}

/// Alice's key counts from START to START + 1000.
fn window() -> State {
    let options = format!(
        "namespaces=\"git\",valid-after=\"{}\",valid-before=\"{}\"",
        at(0).print_ssh(),
        at(1000).print_ssh()
    );
    State { signers: line("alice").replace("namespaces=\"git\"", &options) + &line("bob"), ..alice() }
}

#[test]
fn a_key_counts_from_its_first_moment_to_its_last() {
    let mut fleet = Fleet::default();
    for (moment, code) in [(-1, Some("E_KEY_TIME")), (0, None), (1000, None), (1001, Some("E_KEY_TIME"))] {
        // bob's first commit is not dated later than what follows.
        let tree = fleet.state(&window());
        let a = fleet.commit_tree(&[], tree, Some("bob"), at(-1));
        let b = fleet.commit_tree(&[a], tree, Some("alice"), at(moment));
        let got = outcome(&fleet.verify((a, "bob"), None, b, None));
        assert_eq!(got, (Some(if code.is_some() { a } else { b }), code), "{moment}");
    }
}

/// T15: `git verify-commit` calls the last commit good.
#[test]
fn an_expired_key_cannot_go_back_to_when_it_was_valid() {
    // a(bob, at 0) ── b(bob, at 5000) ── c(alice, says 900, when her key was valid)
    let mut fleet = Fleet::default();
    let tree = fleet.state(&window());
    let a = fleet.commit_tree(&[], tree, Some("bob"), at(0));
    let b = fleet.commit_tree(&[a], tree, Some("bob"), at(5000));
    let c = fleet.commit_tree(&[b], tree, Some("alice"), at(900));
    assert_eq!(outcome(&fleet.verify((a, "bob"), None, c, None)), (Some(b), Some("E_TIME_ORDER")));
    let honest = fleet.commit_tree(&[b], tree, Some("alice"), at(5001));
    assert_eq!(outcome(&fleet.verify((a, "bob"), None, honest, None)), (Some(b), Some("E_KEY_TIME")));
}
