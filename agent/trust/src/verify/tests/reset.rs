//! Resets: a history that had to be rewritten is gone on with.

use super::*;

const ROOT: &str = "[role.root]\npeople = [\"alice\", \"bob\", \"carol\"]\nneed = 2\n\
                    [role.deploy]\npeople = [\"alice\", \"bob\", \"carol\"]\nneed = 1\n";

fn team(epoch: u32) -> State {
    State::of(&["alice", "bob", "carol"]).with_policy(&format!("epoch = {epoch}\n{ROOT}"))
}

/// ```text
/// a ── b          what the host has verified; rules of epoch 1
/// c ── d          the rewritten branch; rules of epoch 2
/// ```
struct Scene {
    fleet: Fleet,
    a: ObjectId,
    b: ObjectId,
    c: ObjectId,
    d: ObjectId,
    kept: Ratchet,
}

impl Scene {
    fn new(new: &State) -> Self {
        let mut fleet = Fleet::default();
        let a = fleet.commit(&[], Some("alice"), &team(1));
        let b = fleet.commit(&[a], Some("alice"), &team(1).with_file("secret"));
        let kept = ratchet(&fleet, a, b);
        let c = fleet.commit(&[], None, new);
        let d = fleet.commit(&[c], Some("carol"), &new.with_file("next"));
        Self { fleet, a, b, c, d, kept }
    }

    fn message(&self) -> String {
        format!("the password is out\n\nFleet: {}\nFrom: {}", fleet_id(), self.b)
    }

    fn wished(mut self, name: &str, signer: &str) -> Self {
        let message = self.message();
        self.fleet.tag(name, self.c, signer, &message);
        self
    }

    fn sees(&self, tip: ObjectId) -> (Option<ObjectId>, Option<&'static str>) {
        see_after(&self.fleet, self.a, &self.kept, tip)
    }
}

#[test]
fn the_root_quorum_leads_a_host_to_another_history() {
    let scene = Scene::new(&team(2));
    assert_eq!(scene.sees(scene.d), (None, Some("E_NOT_FAST_FORWARD")));
    let scene = scene.wished("reset/2/alice", "alice");
    assert_eq!(scene.sees(scene.d), (None, Some("E_THRESHOLD")), "one of two");
    let scene = scene.wished("reset/2/alice-again", "alice");
    assert_eq!(scene.sees(scene.d), (None, Some("E_THRESHOLD")), "one person once");
    let scene = scene.wished("reset/2/bob", "bob");
    assert_eq!(scene.sees(scene.d), (Some(scene.d), None));
    let got = scene.fleet.verify((scene.a, "alice"), Some(&scene.kept), scene.c, None);
    let kept = got.verified.unwrap().ratchet();
    assert_eq!((kept.commit, kept.people.as_slice()), (scene.c, &["alice".to_owned(), "bob".to_owned()][..]));
    // From there on the old history is a rollback.
    assert_eq!(see_after(&scene.fleet, scene.a, &kept, scene.b), (None, Some("E_NOT_FAST_FORWARD")));
    assert_eq!(see_after(&scene.fleet, scene.a, &kept, scene.d), (Some(scene.d), None));
}

/// The old history is gone from the server, and only what follows the reset is fetched.
#[test]
fn nothing_of_the_old_history_is_needed() {
    let scene = Scene::new(&team(2)).wished("reset/2/alice", "alice").wished("reset/2/bob", "bob");
    let old = [scene.a, scene.b];
    let mut left = MemoryObjects::new();
    for (id, object) in scene.fleet.objects.iter() {
        if !old.contains(id) {
            left.insert(object.clone()).unwrap();
        }
    }
    let fleet = Fleet::of(left);
    assert_eq!(see_after(&fleet, scene.a, &scene.kept, scene.d), (Some(scene.d), None));
    let fresh = see(&fleet, scene.a, scene.d);
    assert_eq!(fresh, (None, Some("E_NOT_FAST_FORWARD")), "no reset is for a host that has verified nothing");
}

/// Each of these takes one thing from a good reset.
#[test]
fn a_reset_that_is_not_about_this_host_is_none() {
    let names =
        ["reset/1", "reset/2", "reset/3/x", "reset/02/x", "reset/2/x/y", "reset/x/y", "ok/main/x", "2/x"];
    for name in names {
        let scene = Scene::new(&team(2)).wished(name, "alice").wished(&format!("{name}2"), "bob");
        assert_eq!(scene.sees(scene.d).0, None, "{name}");
    }
    let good = Scene::new(&team(2));
    for message in [
        format!("Fleet: {}\nFrom: {}", fleet_id(), good.a),
        format!("Fleet: {}\nFrom: {}", fleet_id(), good.c),
        format!("Fleet: {}", fleet_id()),
        format!("Fleet: {}\nFrom: {}", "0".repeat(32), good.b),
        format!("From: {}", good.b),
        String::new(),
    ] {
        let mut scene = Scene::new(&team(2));
        for name in ["alice", "bob"] {
            scene.fleet.tag(&format!("reset/2/{name}"), scene.c, name, &format!("why\n\n{message}"));
        }
        assert_eq!(scene.sees(scene.d), (None, Some("E_NOT_FAST_FORWARD")), "{message:?}");
    }
    // It may lead on from several.
    let mut scene = Scene::new(&team(2));
    let message = format!("why\n\nFleet: {}\nFrom: {}\nFrom: {}", fleet_id(), scene.a, scene.b);
    for name in ["alice", "bob"] {
        scene.fleet.tag(&format!("reset/2/{name}"), scene.c, name, &message);
    }
    assert_eq!(scene.sees(scene.d), (Some(scene.d), None));
}

#[test]
fn the_new_rules_must_follow_the_old_ones() {
    let both = |state: &State| {
        let scene = Scene::new(state).wished("reset/2/alice", "alice").wished("reset/2/bob", "bob");
        scene.sees(scene.d)
    };
    assert_eq!(both(&team(1)), (None, Some("E_EPOCH")));
    assert_eq!(both(&team(3)), (None, Some("E_EPOCH")));
    let dora = "[role.root]\npeople = [\"alice\", \"dora\"]\nneed = 2\n[role.deploy]\npeople = [\"carol\"]\nneed = 1\n";
    let dora = State::of(&["alice", "bob", "carol", "dora"]).with_policy(&format!("epoch = 2\n{dora}"));
    assert_eq!(both(&dora), (None, Some("E_THRESHOLD")), "dora has not shown that she can");
    let elsewhere = State { policy: team(2).policy.replace("refs/heads/main", "refs/heads/prod"), ..team(2) };
    assert_eq!(both(&elsewhere), (None, Some("E_REF")));
    let fleet = State { policy: team(2).policy.replace(&fleet_id().to_string(), &"0".repeat(32)), ..team(2) };
    assert_eq!(both(&fleet), (None, Some("E_FLEET")));
}

/// One of two who are needed makes rules by which they are enough: it is the old ones that count, too.
#[test]
fn nobody_resets_to_rules_of_their_own() {
    let alone =
        "[role.root]\npeople = [\"alice\"]\nneed = 1\n[role.deploy]\npeople = [\"alice\"]\nneed = 1\n";
    let alone = State::of(&["alice"]).with_policy(&format!("epoch = 2\n{alone}"));
    let scene = Scene::new(&alone).wished("reset/2/alice", "alice");
    assert_eq!(scene.sees(scene.c), (None, Some("E_THRESHOLD")));
    let scene = scene.wished("reset/2/bob", "bob");
    assert_eq!(scene.sees(scene.c), (Some(scene.c), None), "two may");
}

/// A reset that was signed long ago, and one by a key that has been removed since, hold no host that has gone on.
#[test]
fn an_old_reset_is_none() {
    let mut scene = Scene::new(&team(2)).wished("reset/2/alice", "alice").wished("reset/2/bob", "bob");
    let e = scene.fleet.commit(&[scene.b], Some("alice"), &team(1).with_file("more"));
    let kept = ratchet(&scene.fleet, scene.a, e);
    assert_eq!(see_after(&scene.fleet, scene.a, &kept, scene.d), (None, Some("E_NOT_FAST_FORWARD")));
    assert_eq!(
        see_after(&scene.fleet, scene.a, &Ratchet { rules: None, ..scene.kept.clone() }, scene.d).0,
        None
    );
}

/// The branch still leads on: junk among the tags takes nobody off it.
#[test]
fn the_usual_way_is_not_disturbed() {
    let mut scene = Scene::new(&team(2));
    let e = scene.fleet.commit(&[scene.b], Some("alice"), &team(1).with_file("more"));
    for (name, signer) in [("reset/2/x", "mallory"), ("reset/2/y", "alice")] {
        let message = scene.message();
        scene.fleet.tag(name, e, signer, &message);
        assert_eq!(scene.sees(e), (Some(e), None));
    }
}
