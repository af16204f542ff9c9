//! New fleet repositories.

use crate::scene::Scene;

#[test]
fn a_new_fleet_is_committed_signed_and_without_a_problem() {
    let scene = Scene::with_author();
    scene.holdfast(&["init", "fleet", "--host", "db-1", "--commit"]).expect(0).says("alice@example.com");
    assert_eq!(scene.git("fleet", &["status", "--porcelain"]).expect(0).out, "");
    scene
        .git("fleet", &["verify-commit", "HEAD"])
        .expect(0)
        .says("Good \"git\" signature for alice@example.com");
    scene.holdfast_in("fleet/hosts", &["check"]).expect(0).says("ok: 1 host, no problem");
    let shown = scene.holdfast_in("fleet", &["render", "db-1", "--content"]).expect(0);
    assert!(
        shown.out.contains("db-1: kept by Holdfast.") && shown.out.contains("ops@example.com"),
        "{}",
        shown.out
    );
}

#[test]
fn without_a_commit_the_next_steps_say_how() {
    let scene = Scene::with_author();
    scene.holdfast(&["init", "fleet"]).expect(0).says("git commit -S").says("holdfast trust intro");
    // The steps that it prints do work.
    scene.git("fleet", &["add", "--all"]).expect(0);
    scene.git("fleet", &["commit", "--quiet", "-S", "-m", "Make the fleet"]).expect(0);
    scene.holdfast_in("fleet", &["trust", "intro"]).expect(0).says("intro1.");
}

#[test]
fn nothing_that_exists_is_overwritten() {
    let scene = Scene::with_author();
    scene.write("fleet/fleet.toml", "# mine\n");
    scene.holdfast(&["init", "fleet"]).expect(1).says("fleet.toml exists already").says("[E_OCCUPIED]");
    assert_eq!(scene.read("fleet/fleet.toml"), "# mine\n");
    assert!(!scene.path("fleet/.trust").exists() && !scene.path("fleet/.git").exists());
}

#[test]
fn without_a_key_or_a_name_it_says_what_to_do() {
    let scene = Scene::new();
    scene.holdfast(&["init", "fleet"]).expect(1).says("[E_KEY]").says("ssh-keygen -t ed25519");
    scene.make_key("key");
    scene.holdfast(&["init", "fleet", "--key", "key"]).expect(1).says("[E_PERSON]").says("--person");
    scene.holdfast(&["init", "fleet", "--key", "key", "--person", "a b"]).expect(1).says("no spaces");
    assert!(!scene.path("fleet").exists());
    scene.holdfast(&["init", "fleet", "--key", "key", "--person", "bob"]).expect(0);
    assert!(scene.read("fleet/.trust/allowed_signers").contains("\nbob namespaces=\"git\" ssh-ed25519 "));
}

#[test]
fn the_key_that_git_signs_with_is_taken() {
    let scene = Scene::with_author();
    scene.make_key("other");
    scene.git("", &["config", "--global", "gpg.format", "ssh"]).expect(0);
    for (number, value) in [
        scene.path("other.pub").display().to_string(),
        format!("key::{}", scene.read("other.pub").trim_end()),
    ]
    .iter()
    .enumerate()
    {
        scene.git("", &["config", "--global", "user.signingKey", value]).expect(0);
        let directory = format!("fleet{number}");
        scene.holdfast(&["init", &directory]).expect(0);
        let key = scene.read("other.pub");
        let key = key.split(' ').nth(1).unwrap();
        assert!(scene.read(&format!("{directory}/.trust/allowed_signers")).contains(key));
    }
}

#[test]
fn trust_can_be_added_to_a_fleet_that_has_none() {
    let scene = Scene::with_author();
    scene.write("fleet/fleet.toml", "");
    scene.git("fleet", &["init", "--quiet", "--initial-branch=main"]).expect(0);
    scene.holdfast_in("fleet", &["trust", "init", "--configure-git"]).expect(0);
    scene.commit("fleet", "Trust", &[]);
    scene.git("fleet", &["verify-commit", "HEAD"]).expect(0);
    scene.holdfast_in("fleet", &["trust", "init"]).expect(1).says("[E_OCCUPIED]");
    let policy = scene.read("fleet/.trust/policy.toml");
    assert!(policy.contains("ref = \"refs/heads/main\""), "{policy}");
}
