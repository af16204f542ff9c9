//! Who may change what, and whether a host would follow.

use crate::scene::Scene;

/// A committed fleet, and the line that introduces it.
fn fleet() -> (Scene, String) {
    let scene = Scene::with_author();
    scene.holdfast(&["init", "fleet", "--commit"]).expect(0);
    let line = scene.holdfast_in("fleet", &["trust", "intro"]).expect(0).out;
    (scene, line.trim_end().to_owned())
}

#[test]
fn an_introduction_is_one_line_that_fits_its_commit() {
    let (scene, line) = fleet();
    let parts: Vec<&str> = line.split('.').collect();
    assert_eq!((parts.len(), parts[0], parts[2]), (5, "intro1", scene.id("fleet", "HEAD").as_str()));
    assert_eq!(line.lines().count(), 1);
    // Whoever pipes it elsewhere gets the line alone.
    assert!(
        scene.holdfast_in("fleet", &["trust", "intro", "main"]).expect(0).error.contains("alice@example.com")
    );
}

#[test]
fn only_a_commit_that_a_host_would_take_is_introduced() {
    let (scene, _) = fleet();
    scene.write("fleet/hosts/web-2.toml", "");
    scene.commit("fleet", "Unsigned", &["--no-gpg-sign"]);
    scene.holdfast_in("fleet", &["trust", "intro"]).expect(1).says("[E_UNSIGNED]").says("remedy:");
    scene.holdfast_in("fleet", &["trust", "intro", "nothing"]).expect(1).says("[E_NO_REVISION]");
}

#[test]
fn who_may_do_what_is_shown() {
    let (scene, line) = fleet();
    let shown = scene.holdfast_in("fleet", &["trust", "show"]).expect(0);
    for text in ["refs/heads/main", "signed by alice@example.com", "SHA256:"] {
        assert!(shown.out.contains(text), "{}", shown.out);
    }
    let json =
        scene.holdfast_in("fleet", &["trust", "show", "--json", "--introduction", &line]).expect(0).json();
    assert_eq!(json["signers"][0]["person"], "alice@example.com");
    assert_eq!(json["history"]["verified"], scene.id("fleet", "HEAD").as_str());
    assert_eq!(json["history"]["refused"], serde_json::Value::Null);
}

// introduced (alice) ── signed (alice) ── not signed ── signed (alice)
#[test]
fn a_signed_commit_on_top_of_an_unsigned_one_does_not_launder_it() {
    let (scene, line) = fleet();
    let mut ids = Vec::new();
    for (number, arguments) in [&[][..], &["--no-gpg-sign"], &[]].into_iter().enumerate() {
        scene.write(&format!("fleet/hosts/web-{number}0.toml"), "");
        scene.commit("fleet", "More", arguments);
        ids.push(scene.id("fleet", "HEAD"));
    }
    let arguments = ["trust", "show", "--introduction", &line];
    let shown = scene.holdfast_in("fleet", &arguments).expect(1).says("[E_UNSIGNED]");
    assert!(shown.out.contains(&format!("verified: {}", ids[0])), "{}", shown.out);
    assert!(shown.out.contains(&ids[1]), "{}", shown.out);
    scene.holdfast_in("fleet", &[&arguments[..], &[ids[0].as_str()]].concat()).expect(0);
}

#[test]
fn a_key_that_is_not_listed_does_not_count() {
    let (scene, line) = fleet();
    scene.make_key("stranger");
    scene.write("fleet/hosts/web-2.toml", "");
    let key = format!("user.signingKey={}", scene.path("stranger").display());
    scene.git("fleet", &["add", "--all"]).expect(0);
    scene.git("fleet", &["-c", &key, "commit", "--quiet", "--message", "Stranger"]).expect(0);
    scene.holdfast_in("fleet", &["trust", "show", "--introduction", &line]).expect(1).says("[E_KEY_UNKNOWN]");
    scene.holdfast_in("fleet", &["trust", "show"]).expect(0).says("which is not listed");
}

#[test]
fn a_mistyped_introduction_is_refused() {
    let (scene, line) = fleet();
    let wrong = line.replace("intro1.", "intro1.0");
    scene
        .holdfast_in("fleet", &["trust", "show", "--introduction", &wrong])
        .expect(1)
        .says("[E_INTRODUCTION]");
}

#[test]
fn a_commit_without_rules_and_a_directory_without_git_are_told_apart() {
    let scene = Scene::with_author();
    scene.write("fleet/fleet.toml", "");
    scene.holdfast_in("fleet", &["trust", "show"]).expect(1).says("[E_GIT_NO_REPOSITORY]");
    scene.git("fleet", &["init", "--quiet", "--initial-branch=main"]).expect(0);
    scene.holdfast_in("fleet", &["trust", "show"]).expect(1).says("[E_NO_REVISION]");
    scene.commit("fleet", "Nothing", &[]);
    scene.holdfast_in("fleet", &["trust", "show"]).expect(1).says("[E_NO_TRUST]").says("holdfast trust init");
}
