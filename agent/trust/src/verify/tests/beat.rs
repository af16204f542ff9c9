//! Beats: somebody says which commit is the newest.

use super::*;
use crate::testing::fleet::tag;

const RULES: &str = "[role.root]\npeople = [\"alice\"]\nneed = 1\n[role.deploy]\npeople = [\"alice\"]\nneed = 1\n\
                     [role.beat]\npeople = [\"robot\"]\n";
const UNTIL: &str = "2023-11-15T00:00:00Z";

/// `a ── b ── c`; a host has verified `b`.
struct Scene {
    fleet: Fleet,
    a: ObjectId,
    b: ObjectId,
    c: ObjectId,
    kept: Ratchet,
}

impl Scene {
    fn new(rules: &str) -> Self {
        let state = State::of(&["alice", "robot"]).with_policy(rules);
        let mut fleet = Fleet::default();
        let a = fleet.commit(&[], Some("alice"), &state);
        let b = fleet.commit(&[a], Some("alice"), &state.with_file("b"));
        let kept = ratchet(&fleet, a, b);
        let c = fleet.commit(&[b], Some("alice"), &state.with_file("c"));
        Self { fleet, a, b, c, kept }
    }

    fn beats(&mut self, name: &str, signer: &str, message: &str) {
        let target = self.c;
        self.fleet.tag(name, target, signer, message);
    }

    /// The number of the beat that counts for a host that is shown `tip`.
    fn heard(&self, tip: ObjectId) -> Option<u64> {
        let got = self.fleet.verify((self.a, "alice"), Some(&self.kept), tip, None);
        assert_eq!(got.verified.as_ref().map(Verified::commit), Some(tip), "a beat stops nothing");
        let expects = got.verified.unwrap().expects_beat();
        got.beat.inspect(|_| assert!(expects)).map(|beat| beat.sequence)
    }
}

fn says(tip: ObjectId, sequence: u64) -> String {
    format!("beat\n\nTip: {tip}\nSeq: {sequence}\nUntil: {UNTIL}")
}

#[test]
fn the_newest_beat_for_what_is_shown_counts() {
    let mut scene = Scene::new(RULES);
    let (b, c) = (scene.b, scene.c);
    assert_eq!(scene.heard(c), None);
    scene.beats("beat/main", "robot", &says(b, 3));
    assert_eq!((scene.heard(b), scene.heard(c)), (Some(3), Some(3)));
    scene.beats("beat/main", "robot", &says(c, 4));
    assert_eq!(scene.heard(c), Some(4));
    // The server shows the beat, but not the commit that it is about.
    assert_eq!(scene.heard(b), Some(3));
    let got = scene.fleet.verify((scene.a, "alice"), Some(&scene.kept), c, None);
    assert_eq!(got.beat.unwrap().until.to_string(), UNTIL);
}

/// Each of these takes one thing from a good beat.
#[test]
fn what_is_no_beat() {
    let mut scene = Scene::new(RULES);
    let (a, c) = (scene.a, scene.c);
    let good = says(c, 1);
    for (name, signer, message) in [
        ("beat/main", "alice", good.clone()),
        ("beat/main", "mallory", good.clone()),
        ("beat/prod", "robot", good.clone()),
        ("beat/main/x", "robot", good.clone()),
        ("beat/main", "robot", says(a, 1)),
        ("beat/main", "robot", good.replace("Seq: 1", "Seq: one")),
        ("beat/main", "robot", good.replace("Until: ", "Until: soon ")),
        ("beat/main", "robot", good.replace("2023", "2024")), // good for too long
        ("beat/main", "robot", "beat".to_owned()),
    ] {
        scene.beats(name, signer, &message);
        assert_eq!(scene.heard(c), None, "{name} by {signer}: {message}");
    }
    // Older than what was verified.
    let time = UnixTime::from_seconds(START - 6000);
    scene.fleet.objects.insert(tag("beat/main", c, "commit", time, &good, "robot")).unwrap();
    assert_eq!(scene.heard(c), None);
    scene.beats("beat/main", "robot", &good);
    assert_eq!(scene.heard(c), Some(1));
}

#[test]
fn where_nobody_has_to_none_is_heard() {
    let mut scene = Scene::new(RULES.split("[role.beat]").next().unwrap());
    let c = scene.c;
    scene.beats("beat/main", "robot", &says(c, 1));
    scene.beats("beat/main", "alice", &says(c, 1));
    assert_eq!(scene.heard(c), None);
}
