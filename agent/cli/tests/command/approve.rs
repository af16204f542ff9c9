//! Two people and plain Git: levels, hooks and approvals.

use crate::scene::Scene;

const BOB: &str = "bob@example.com=bob.pub";

/// A committed fleet at this level, of alice and bob.
fn fleet(level: &str) -> Scene {
    let scene = Scene::with_author();
    scene.make_key("bob");
    scene
        .holdfast(&["init", "fleet", "--level", level, "--with", BOB, "--hooks", "--commit"])
        .expect(0)
        .says("bob@example.com")
        .says("hooks/pre-push");
    scene
}

/// A change by alice, which her hook says what for.
fn change(scene: &Scene, name: &str) -> String {
    scene.write(&format!("fleet/hosts/{name}.toml"), "");
    scene.commit("fleet", &format!("Add {name}"), &[]);
    scene.id("fleet", "HEAD")
}

/// What hosts say that stand at the commit before.
fn seen(scene: &Scene, more: &[&str]) -> crate::scene::Ended {
    let before = scene.id("fleet", "HEAD~1");
    scene.holdfast_in("fleet", &[&["trust", "show", "HEAD", "--from", &before], more].concat())
}

#[test]
fn a_commit_waits_until_somebody_else_approves_it() {
    let scene = fleet("four-eyes");
    let commit = change(&scene, "web-2");
    assert!(scene.git("fleet", &["log", "-1", "--format=%B"]).out.ends_with("Add web-2\n\nDeploy: main\n\n"));
    seen(&scene, &[]).expect(1).says("[E_THRESHOLD]").says("2 of alice@example.com, bob@example.com");
    seen(&scene, &["--waiting"]).expect(0);
    // Nobody is there to be asked.
    scene.holdfast_in("fleet", &["trust", "ok", "--key", "../bob"]).expect(1).says("[E_NOT_APPROVED]");
    assert_eq!(scene.git("fleet", &["tag"]).out, "");
    // The author's own approval changes nothing.
    scene.holdfast_in("fleet", &["trust", "ok", "--yes"]).expect(0).says("[E_THRESHOLD]");
    let made = scene.holdfast_in("fleet", &["trust", "ok", "--yes", "--key", "../bob"]).expect(0);
    let made = made.says("hosts/web-2.toml").says("alice@example.com and bob@example.com agree");
    let short: String = commit.chars().take(12).collect();
    let tag = format!("ok/main/{short}-bob@example.com");
    made.says(&format!("git push origin refs/tags/{tag}"));
    seen(&scene, &[]).expect(0).says(&format!("verified: {commit}"));
    // Stock Git agrees on whose tag it is, and the message says what was approved.
    scene.git("fleet", &["verify-tag", &tag]).expect(0).says("Good \"git\" signature for bob@example.com");
    let message = scene.git("fleet", &["tag", "--list", "--format=%(contents:body)", &tag]).out;
    assert!(message.contains("Deploy: main\nState-SHA256: "), "{message}");
}

/// Else one of two could lead every new host to a policy of their own.
#[test]
fn nobody_is_introduced_to_what_still_waits_for_approval() {
    let scene = fleet("four-eyes");
    scene.holdfast_in("fleet", &["trust", "intro"]).expect(0);
    let policy = scene.read("fleet/.trust/policy.toml").replace("need = 2", "need = 1");
    scene.write("fleet/.trust/policy.toml", &policy.replace("epoch = 1", "epoch = 2"));
    scene.commit("fleet", "Alone from now on", &[]);
    scene.holdfast_in("fleet", &["trust", "intro"]).expect(1).says("[E_THRESHOLD]");
    // Nor does it help to go on from there, by that policy.
    change(&scene, "web-2");
    scene.holdfast_in("fleet", &["trust", "intro"]).expect(1).says("[E_THRESHOLD]");
    let waiting = scene.id("fleet", "HEAD~1");
    scene.holdfast_in("fleet", &["trust", "ok", &waiting, "--yes", "--key", "../bob"]).expect(0);
    scene.holdfast_in("fleet", &["trust", "intro"]).expect(0).says("intro1.");
    // The tags of what hosts have verified long ago may be gone.
    scene.git("fleet", &["tag", "--delete", scene.git("fleet", &["tag"]).out.trim()]).expect(0);
    scene.holdfast_in("fleet", &["trust", "intro"]).expect(1).says("--from");
    scene.holdfast_in("fleet", &["trust", "intro", "--from", &waiting]).expect(0).says("intro1.");
}

/// From two people's clones with stock Git, over a server's repository and the fetcher, to what a host would do.
#[test]
fn a_host_waits_for_the_tag_on_the_server() {
    let scene = fleet("four-eyes");
    scene.git("", &["clone", "--quiet", "--bare", "fleet", "server.git"]).expect(0);
    let line = scene.holdfast_in("fleet", &["trust", "intro"]).expect(0).out;
    let (url, root) = (scene.path("server.git"), scene.path("host"));
    std::fs::create_dir(&root).unwrap();
    let (url, root) = (url.to_str().unwrap(), root.to_str().unwrap());
    let enrol = ["enrol", line.trim(), url, "--host", "web-1", "--root", root, "--yes", "--force"];
    let enrol = || scene.holdfast(&enrol).expect(0);
    enrol().says("2 of").says("Whoever may change what this host does is root here.");
    let first = scene.id("fleet", "HEAD");

    scene.write("fleet/hosts/web-1.toml", "[file.\"/etc/four-eyes\"]\ncontent = \"x\\n\"\n");
    scene.commit("fleet", "Change web-1", &[]);
    scene.git("fleet", &["push", "--quiet", "../server.git", "main"]).expect(0);
    enrol().says("E_THRESHOLD").says(&format!("{} of", first.chars().take(7).collect::<String>()));
    let tag = ["trust", "ok", "--yes", "--key", "../bob", "--push", "../server.git"];
    scene.holdfast_in("fleet", &tag).expect(0).says("pushed to ../server.git");
    let followed = enrol().says("signed by alice@example.com, bob@example.com");
    assert!(!followed.out.contains("E_THRESHOLD"), "{}", followed.out);
}

#[test]
fn the_whole_change_is_shown_before_anybody_is_asked() {
    let scene = fleet("four-eyes");
    scene.write("fleet/.gitattributes", "*.toml -diff\n");
    scene.write("fleet/hosts/web-2.toml", "[file.\"/etc/motd\"]\ncontent = \"\u{1b}[31mred\"\n");
    scene.commit("fleet", "Hide", &[]);
    let shown = scene.holdfast_in("fleet", &["trust", "ok", "--key", "../bob"]).expect(1);
    assert!(shown.out.contains("+[file.\"/etc/motd\"]"), "attributes hide nothing: {}", shown.out);
    assert!(!shown.out.contains('\u{1b}'), "and nothing steers the terminal");
}

#[test]
fn plain_git_approves_too() {
    let scene = fleet("four-eyes");
    let commit = change(&scene, "web-2");
    let key = format!("user.signingKey={}", scene.path("bob").display());
    let tag = ["-c", &key, "tag", "-s", "ok/main/web-2-bob", "-m", "fine by me", &commit];
    scene.git("fleet", &tag).expect(0);
    seen(&scene, &[]).expect(0).says("verified:");
}

// base (introduced) ── (nobody) ── (nobody)       two presses of a forge's merge button
#[test]
fn two_people_vouch_for_what_nobody_signed() {
    let scene = fleet("four-eyes");
    let base = scene.id("fleet", "HEAD");
    for name in ["web-2", "web-3"] {
        scene.write(&format!("fleet/hosts/{name}.toml"), "");
        scene.commit("fleet", name, &["--no-gpg-sign"]);
    }
    let from = ["trust", "show", "HEAD", "--from", &base];
    scene.holdfast_in("fleet", &from).expect(1).says("[E_UNSIGNED]");
    // Approving only the last step leaves the gap.
    scene.holdfast_in("fleet", &["trust", "ok", "--yes", "--key", "../bob"]).expect(0);
    scene.holdfast_in("fleet", &from).expect(1).says("[E_UNSIGNED]");
    scene.git("fleet", &["tag", "--delete", scene.git("fleet", &["tag"]).out.trim()]).expect(0);
    for key in ["../bob", "../home/.ssh/id_ed25519"] {
        let ok = ["trust", "ok", "--yes", "--since", &base, "--key", key];
        scene.holdfast_in("fleet", &ok).expect(0).says("hosts/web-2.toml").says("hosts/web-3.toml");
    }
    scene.holdfast_in("fleet", &from).expect(0).says("verified:");
}

#[test]
fn the_hook_stops_what_hosts_would_not_follow() {
    let scene = fleet("team");
    scene.git("", &["init", "--quiet", "--bare", "server.git"]).expect(0);
    scene.git("fleet", &["remote", "add", "origin", "../server.git"]).expect(0);
    let push = || scene.git_with_holdfast("fleet", &["push", "--quiet", "origin", "main"]);
    push().expect(0);
    change(&scene, "web-2");
    push().expect(0);
    // Two must agree to it, and one has: the other can only see it once it is pushed.
    scene.write(
        "fleet/.trust/policy.toml",
        &scene.read("fleet/.trust/policy.toml").replace("epoch = 1", "epoch = 2"),
    );
    scene.commit("fleet", "Count", &[]);
    push().expect(0);
    // The hosts are not there yet, and so they can be asked for what follows only from there.
    scene.write("fleet/hosts/web-3.toml", "");
    scene.commit("fleet", "Unsigned", &["--no-gpg-sign"]);
    push().expect(1).says("[E_UNSIGNED]").says("Hosts would not follow this");
    scene.git("fleet", &["commit", "--quiet", "--amend", "--no-edit", "-S"]).expect(0);
    push().expect(0);
}

/// The brake, by nothing but Git.
#[test]
fn a_stop_is_shown_until_it_is_lifted() {
    let scene = fleet("team");
    let base = scene.git("fleet", &["rev-parse", "HEAD"]).out;
    let from = ["trust", "show", "HEAD", "--from", base.trim()];
    let tag = ["tag", "-s", "stop/main/wait", "-m", "the certificate is wrong"];
    scene.git("fleet", &tag).expect(0);
    let stopped = "the certificate is wrong";
    scene.holdfast_in("fleet", &from).expect(0).says("stopped:").says(stopped);
    change(&scene, "web-2");
    scene.holdfast_in("fleet", &from).expect(1).says("[E_HALTED]").says(stopped);
    // To push what mends it is no mistake.
    scene.holdfast_in("fleet", &[&from[..], &["--waiting"]].concat()).expect(0);
    let json = scene.holdfast_in("fleet", &[&from[..], &["--json"]].concat()).expect(1).json();
    let stop = scene.git("fleet", &["rev-parse", "stop/main/wait"]).out;
    assert_eq!(json["history"]["stops"][0]["tag"], stop.trim());
    let message = format!("mended\n\nLifts: {stop}");
    scene.git("fleet", &["tag", "-s", "go/main/wait", "-m", &message]).expect(0);
    scene.holdfast_in("fleet", &from).expect(0).says("verified:");
}

#[test]
fn a_message_that_says_what_for_is_left_as_it_is() {
    let scene = fleet("team");
    scene.write("fleet/hosts/web-2.toml", "");
    scene.commit("fleet", "Add\n\nReviewed-by: bob\nDeploy: main", &[]);
    assert_eq!(
        scene.git("fleet", &["log", "-1", "--format=%B"]).out.trim_end(),
        "Add\n\nReviewed-by: bob\nDeploy: main"
    );
    // On another branch nothing is said.
    scene.git("fleet", &["checkout", "--quiet", "-b", "draft"]).expect(0);
    scene.write("fleet/hosts/web-3.toml", "");
    scene.commit("fleet", "Draft", &[]);
    assert_eq!(scene.git("fleet", &["log", "-1", "--format=%B"]).out.trim_end(), "Draft");
    // From an editor the first line is free for the subject.
    scene.git("fleet", &["checkout", "--quiet", "main"]).expect(0);
    scene.write("fleet/hosts/web-4.toml", "");
    scene.git("fleet", &["add", "--all"]).expect(0);
    let editor = ["-c", "core.editor=sed -i '1s/^$/From an editor/'", "commit", "--quiet"];
    scene.git("fleet", &editor).expect(0);
    assert_eq!(
        scene.git("fleet", &["log", "-1", "--format=%B"]).out.trim_end(),
        "From an editor\n\nDeploy: main"
    );
}

#[test]
fn who_may_change_what_is_shown() {
    let scene = fleet("four-eyes");
    let shown = scene.holdfast_in("fleet", &["trust", "show"]).expect(0);
    let shown = shown.says(".trust").says("2 of").says("alice@example.com, bob@example.com");
    shown.says("messages must say \"Deploy: main\"");
    let json = scene.holdfast_in("fleet", &["trust", "show", "--json"]).expect(0).json();
    assert_eq!(json["quorums"][0]["need"], 2);
    assert_eq!((&json["epoch"], &json["intent"]), (&1.into(), &true.into()));
}

#[test]
fn what_cannot_be_is_told_before_anything_is_written() {
    let scene = Scene::with_author();
    scene.holdfast(&["init", "fleet", "--level", "team"]).expect(1).says("[E_LEVEL]");
    scene.make_key("bob");
    scene.holdfast(&["init", "fleet", "--with", "bob"]).expect(2).says("PERSON=FILE");
    scene.holdfast(&["init", "fleet", "--with", "a b=bob.pub"]).expect(1).says("[E_PERSON]");
    // The same key for two people, or the same person twice.
    scene.holdfast(&["init", "fleet", "--with", BOB, "--with", "carol=bob.pub"]).expect(1).says("[E_PERSON]");
    assert!(!scene.path("fleet").exists());
    let scene = fleet("team");
    scene.make_key("stranger");
    change(&scene, "web-2");
    let stranger = ["trust", "ok", "--yes", "--key", "../stranger"];
    scene.holdfast_in("fleet", &stranger).expect(1).says("[E_KEY_UNKNOWN]");
    assert_eq!(scene.git("fleet", &["tag"]).out, "");
}
