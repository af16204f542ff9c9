//! Stops: a rollout is held by one, and let go by as many as a change needs.

use super::*;
use crate::testing::fleet::tag;

const RULES: &str = "[role.root]\npeople = [\"alice\", \"bob\", \"carol\"]\nneed = 2\n\
                     [role.deploy]\npeople = [\"alice\", \"bob\", \"carol\"]\nneed = 2\n";

/// `a ── b ── c`, of which a host has verified `b`. Two people have agreed to each.
struct Scene {
    fleet: Fleet,
    b: ObjectId,
    c: ObjectId,
    kept: Ratchet,
    /// What the host was shown before.
    halts: Vec<Halt>,
}

impl Scene {
    fn new() -> Self {
        let state = State::of(&["alice", "bob", "carol", "dora"]).with_policy(RULES);
        let mut fleet = Fleet::default();
        let a = fleet.commit(&[], Some("alice"), &state);
        let b = fleet.commit(&[a], Some("alice"), &state.with_file("b"));
        fleet.tag("ok/main/b", b, "bob", "yes");
        let kept = ratchet(&fleet, a, b);
        let c = fleet.commit(&[b], Some("alice"), &state.with_file("c"));
        fleet.tag("ok/main/c", c, "bob", "yes");
        Self { fleet, b, c, kept, halts: Vec::new() }
    }

    fn sees(&mut self, tip: ObjectId, clock: Option<UnixTime>) -> (Option<ObjectId>, Option<&'static str>) {
        let limits = &Limits::default();
        let introduction =
            Introduction { fleet: fleet_id(), commit: self.kept.commit, key: key("alice").fingerprint() };
        let shown: Vec<Object> = self.halts.iter().map(|halt| halt.object.clone()).collect();
        let request = Request {
            ratchet: Some(&self.kept),
            clock,
            halts: &shown,
            ..request(tip, &introduction, limits)
        };
        let got = verify(&self.fleet.objects, &request);
        self.halts.clone_from(got.halts.as_ref().unwrap());
        outcome(&got)
    }

    fn says(&mut self, name: &str, target: ObjectId, signer: &str, message: &str) -> ObjectId {
        self.fleet.tag(name, target, signer, message)
    }

    fn is_held(&mut self) -> bool {
        match self.sees(self.c, None) {
            (Some(commit), Some("E_HALTED")) => commit == self.b,
            (Some(commit), None) => commit != self.c,
            other => panic!("{other:?}"),
        }
    }
}

fn lifts(stop: ObjectId) -> String {
    format!("mended\n\nLifts: {stop}")
}

#[test]
fn one_person_stops_and_two_let_it_go_on() {
    let mut scene = Scene::new();
    let (b, c) = (scene.b, scene.c);
    let stop = scene.says("stop/main/certificate", c, "carol", "the certificate is wrong\n\nmore");
    assert!(scene.is_held());
    let [halt] = &scene.halts[..] else { panic!("{:?}", scene.halts) };
    assert_eq!((halt.person.as_str(), halt.said.as_str()), ("carol", "the certificate is wrong"));
    assert_eq!((halt.tag, halt.name.as_str()), (stop, "stop/main/certificate"));
    // What is in force is not touched, and no stop is told where there is nothing to hold.
    assert_eq!(scene.sees(b, None), (Some(b), None));

    scene.says("go/main/alice", c, "alice", &lifts(stop));
    assert!(scene.is_held(), "one of two");
    scene.says("go/main/alice-2", b, "alice", &lifts(stop));
    assert!(scene.is_held(), "one person once");
    scene.says("go/main/dora", c, "dora", &lifts(stop));
    assert!(scene.is_held(), "who may not deploy");
    scene.says("go/main/bob", b, "bob", &lifts(stop));
    assert!(!scene.is_held());
    assert_eq!(scene.halts, []);
    // The next stop is another one.
    scene.says("stop/main/certificate", c, "carol", "and again");
    assert!(scene.is_held());
}

#[test]
fn a_stop_that_was_seen_is_not_forgotten() {
    let mut scene = Scene::new();
    let c = scene.c;
    let stop = scene.says("stop/main/x", c, "carol", "wait");
    assert!(scene.is_held());
    // The server shows it no more.
    let mut fresh = Scene::new();
    fresh.halts = scene.halts;
    assert!(fresh.is_held());
    assert!(fresh.is_held());
    fresh.says("go/main/alice", c, "alice", &lifts(stop));
    fresh.says("go/main/bob", c, "bob", &lifts(stop));
    assert!(!fresh.is_held());
}

#[test]
fn what_is_no_stop_holds_nothing() {
    for (name, signer) in [
        ("stop/main/x", "dora"),    // may not deploy
        ("stop/main/x", "mallory"), // is not listed
        ("stop/prod/x", "carol"),   // for another branch
        ("stop/main", "carol"),
        ("stop/main/x/y", "carol"),
        ("ok/main/stop", "carol"),
    ] {
        let mut scene = Scene::new();
        let c = scene.c;
        scene.says(name, c, signer, "wait");
        assert!(!scene.is_held(), "{name} by {signer}");
    }
    // A signature for other bytes.
    let mut scene = Scene::new();
    let (c, time) = (scene.c, scene.fleet.next_time());
    let mut forged = tag("stop/main/x", c, "commit", time, "wait", "carol");
    let text = String::from_utf8(forged.data).unwrap().replacen("wait", "halt", 1);
    forged.data = text.into();
    scene.fleet.objects.insert(forged).unwrap();
    assert!(!scene.is_held());
}

/// Each of these takes one thing from a second word that would do.
#[test]
fn what_does_not_lift_a_stop() {
    let mut scene = Scene::new();
    let c = scene.c;
    let stop = scene.says("stop/main/x", c, "carol", "wait");
    let other = scene.says("ok/main/other", c, "carol", "something else");
    scene.says("go/main/alice", c, "alice", &lifts(stop));
    for (name, message) in [
        ("go/prod/bob", lifts(stop)),
        ("ok/main/bob", lifts(stop)),
        ("go/main/bob", "mended".to_owned()),
        ("go/main/bob", lifts(other)),
        ("go/main/bob", format!("Lifts: {stop}\n\nin another paragraph")),
    ] {
        scene.says(name, c, "bob", &message);
        assert!(scene.is_held(), "{name}: {message}");
    }
    // Older than the stop, or from the future: a key that is no longer valid could say it otherwise.
    let early = tag("go/main/bob", c, "commit", UnixTime::from_seconds(START - 6000), &lifts(stop), "bob");
    scene.fleet.objects.insert(early).unwrap();
    assert!(scene.is_held());
    let now = UnixTime::from_seconds(START + 300);
    let late = tag("go/main/bob", c, "commit", now.plus(6000), &lifts(stop), "bob");
    scene.fleet.objects.insert(late).unwrap();
    let (b, c) = (scene.b, scene.c);
    assert_eq!(scene.sees(c, Some(now)), (Some(b), Some("E_HALTED")));
}

#[test]
fn without_roles_everybody_may() {
    let mut fleet = Fleet::default();
    let state = State::of(&["alice", "bob"]);
    let a = fleet.commit(&[], Some("alice"), &state);
    let b = fleet.commit(&[a], Some("alice"), &state.with_file("b"));
    let stop = fleet.tag("stop/main/x", a, "bob", "wait");
    assert_eq!(see(&fleet, a, b), (Some(a), Some("E_HALTED")));
    fleet.tag("go/main/x", a, "bob", &lifts(stop));
    assert_eq!(see(&fleet, a, b), (Some(b), None));
}
