//! `holdfast try`, end to end: a real agent, a scratch root, and stock Git as the author's tool and as the judge.

use std::fs;

use holdfast_schema::status::{PassResult, ResourceOutcome, Status};

use crate::scene::{Ended, Scene};

const INDEX: &str = "demo/root/srv/shop/index.html";

impl Scene {
    fn try_it(&self) -> Ended {
        self.holdfast(&["try", "--dir", "demo"])
    }

    /// The document on the status branch.
    fn status(&self) -> Status {
        let text = self.git("demo/fleet.git", &["show", "status/web-1:status.toml"]).expect(0).out;
        Status::from_toml(&text).unwrap()
    }

    /// Commits in the author's clone and pushes.
    fn push(&self, message: &str, arguments: &[&str]) {
        self.commit("demo/work", message, arguments);
        self.git("demo/work", &["push", "--quiet"]).expect(0);
    }
}

/// A scene in which it was run once.
fn tried() -> Scene {
    let scene = Scene::new();
    scene.try_it().expect(0);
    scene
}

#[test]
fn the_first_run_makes_and_converges_everything() {
    let scene = Scene::new();
    let first = scene.try_it().expect(0);
    for text in ["fleet.git", "work", "root", "converged", "5 changed", "git commit"] {
        assert!(first.out.contains(text) || text == "git commit", "{text}: {}", first.out);
    }
    assert!(scene.read("demo/root/etc/motd").starts_with("web-1: kept by Holdfast."));
    assert_eq!(scene.read("demo/root/etc/shop.conf"), "# web-1\nworkers = 4\n");
    assert_eq!(
        fs::read_link(scene.path("demo/root/srv/shop/start.html")).unwrap().to_str(),
        Some("index.html")
    );
    assert_eq!(scene.read(INDEX), scene.read("demo/work/roles/shop/files/index.html"));

    let status = scene.status();
    assert_eq!((status.result, status.summary.changed), (PassResult::Converged, 5));
    assert_eq!(status.revision.applied, Some(scene.id("demo/work", "main")));
    assert_eq!(status.revision.signer.as_deref(), Some("you@example.com"));
    for directory in ["demo/fleet.git", "demo/work"] {
        scene.git(directory, &["fsck", "--strict"]).expect(0);
    }
    assert_eq!(scene.git("demo/work", &["status", "--porcelain"]).expect(0).out, "");
    scene.holdfast_in("demo/work", &["check"]).expect(0);
}

#[test]
fn stock_git_finds_every_signature_good() {
    let scene = tried();
    scene.git("demo/fleet.git", &["verify-commit", "main"]).expect(0).says("signature for you@example.com");
    scene.git("demo/fleet.git", &["verify-commit", "status/web-1"]).expect(0).says("signature for web-1");
}

#[test]
fn a_second_run_changes_and_tells_nothing() {
    let scene = tried();
    let before = scene.id("demo/fleet.git", "status/web-1");
    let modified = || fs::metadata(scene.path(INDEX)).unwrap().modified().unwrap();
    let written = modified();
    let second = scene.try_it().expect(0).says("5 in order");
    assert!(!second.out.contains("changed"), "{}", second.out);
    assert_eq!((modified(), scene.id("demo/fleet.git", "status/web-1")), (written, before));
}

#[test]
fn a_signed_change_is_applied() {
    let scene = tried();
    scene.write("demo/work/roles/shop/files/index.html", "closed\n");
    scene
        .write("demo/work/hosts/web-1.toml", &scene.read("demo/work/hosts/web-1.toml").replace("= 4", "= 9"));
    scene.push("a change", &["-S"]);
    scene.try_it().expect(0).says("2 changed");
    assert_eq!(scene.read(INDEX), "closed\n");
    assert_eq!(scene.read("demo/root/etc/shop.conf"), "# web-1\nworkers = 9\n");
    assert_eq!(scene.status().revision.applied, Some(scene.id("demo/work", "main")));
}

#[test]
fn what_leaves_the_repository_leaves_the_host() {
    let scene = tried();
    let role = scene.read("demo/work/roles/shop/role.toml");
    let (kept, _) = role.split_once("[file.\"/etc/shop.conf\"]").unwrap();
    scene.write("demo/work/roles/shop/role.toml", kept);
    scene.git("demo/work", &["rm", "--quiet", "roles/shop/templates/shop.conf"]).expect(0);
    scene.push("no shop.conf", &["-S"]);
    scene.try_it().expect(0).says("1 removed");
    assert!(!scene.path("demo/root/etc/shop.conf").exists());
    assert!(scene.path("demo/root/etc/motd").exists());
}

#[test]
fn tampering_is_repaired_and_told() {
    let scene = tried();
    scene.write("demo/root/etc/motd", "hacked\n");
    fs::remove_file(scene.path(INDEX)).unwrap();
    scene.try_it().expect(0).says("2 changed");
    assert!(scene.read("demo/root/etc/motd").contains("kept by Holdfast"));
    let status = scene.status();
    assert_eq!(status.resource.len(), 2);
    assert!(status.resource.iter().all(|resource| resource.outcome == ResourceOutcome::Changed));
    assert!(!status.to_toml().contains("hacked"), "no content is ever in a status");
}

// first ── [unsigned]   main, then first ── signed   main
#[test]
fn an_unsigned_commit_is_refused_and_the_last_good_state_stays() {
    let scene = tried();
    let good = scene.id("demo/work", "main");
    scene.write("demo/work/roles/shop/files/index.html", "evil\n");
    scene.push("sneaky", &["--no-gpg-sign"]);
    let bad = scene.id("demo/work", "main");
    scene.write(INDEX, "drifted\n");
    let refused = scene.try_it().expect(1).says("[E_UNSIGNED]").says("remedy:").says(&bad);
    assert!(refused.out.contains("reset --hard"), "{}", refused.out);
    assert!(scene.read(INDEX).contains("The shop"), "drift is repaired to the last good state");
    let status = scene.status();
    assert_eq!((status.result, status.problem[0].code.as_str()), (PassResult::Held, "E_UNSIGNED"));
    assert_eq!((status.revision.applied, status.revision.attempted), (Some(good), Some(bad)));

    // What it says mends it.
    scene.git("demo/work", &["reset", "--quiet", "--hard", "HEAD~1"]).expect(0);
    scene.git("demo/work", &["push", "--quiet", "--force"]).expect(0);
    scene.try_it().expect(0);
    assert_eq!(scene.status().problem, []);
}

#[test]
fn a_commit_by_a_stranger_is_refused() {
    let scene = tried();
    scene.make_key("stranger");
    let key = format!("user.signingKey={}", scene.path("stranger").display());
    scene.write("demo/work/roles/shop/files/index.html", "evil\n");
    scene.git("demo/work", &["add", "--all"]).expect(0);
    scene.git("demo/work", &["-c", &key, "commit", "--quiet", "-S", "-m", "stranger"]).expect(0);
    scene.git("demo/work", &["push", "--quiet"]).expect(0);
    scene.try_it().expect(1).says("[E_KEY_UNKNOWN]");
    assert!(scene.read(INDEX).contains("The shop"));
}

#[test]
fn a_mistake_is_told_with_its_place_and_nothing_is_half_applied() {
    let scene = tried();
    scene.write("demo/work/roles/shop/files/index.html", "new\n");
    let host = scene.read("demo/work/hosts/web-1.toml").replace("[vars]", "[varz]");
    scene.write("demo/work/hosts/web-1.toml", &host);
    scene.push("a mistake", &["-S"]);
    scene.try_it().expect(1).says("[E_UNKNOWN_KEY]").says("hosts/web-1.toml:").says("did you mean `vars`?");
    assert!(scene.read(INDEX).contains("The shop"), "a revision is applied whole or not at all");
    assert_eq!(scene.status().result, PassResult::Held);

    scene.write("demo/work/hosts/web-1.toml", &host.replace("[varz]", "[vars]"));
    scene.push("mended", &["-S"]);
    scene.try_it().expect(0);
    assert_eq!(scene.read(INDEX), "new\n");
}

#[test]
fn a_branch_that_goes_back_is_refused() {
    let scene = tried();
    let first = scene.id("demo/work", "main");
    scene.write("demo/work/roles/shop/files/index.html", "second\n");
    scene.push("second", &["-S"]);
    scene.try_it().expect(0);
    scene.git("demo/fleet.git", &["update-ref", "refs/heads/main", &first]).expect(0);
    scene.try_it().expect(1).says("[E_NOT_FAST_FORWARD]");
    assert_eq!(scene.read(INDEX), "second\n");
}

#[test]
fn neither_git_nor_anything_else_is_needed() {
    let scene = Scene::new();
    let output = scene
        .command("", env!("CARGO_BIN_EXE_holdfast"))
        .args(["try", "--dir", "demo"])
        .env("PATH", scene.path("home"))
        .env_remove("HOME")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("apt install git openssh-client"), "{said}");
    // And with Git, what was made without it is a clone like any other.
    assert_eq!(scene.git("demo/work", &["status", "--porcelain"]).expect(0).out, "");
}

#[test]
fn a_directory_that_it_did_not_make_is_left_alone() {
    let scene = Scene::new();
    scene.write("demo/mine.txt", "mine");
    scene.try_it().expect(1).says("[E_OCCUPIED]").says("--dir");
    assert_eq!(fs::read_dir(scene.path("demo")).unwrap().count(), 1);
}

#[test]
fn two_at_once_do_not_meet() {
    let scene = tried();
    let lock = fs::File::open(scene.path("demo/agent/state/lock")).unwrap();
    lock.lock().unwrap();
    scene.try_it().expect(75).says("[E_BUSY]");
    drop(lock);
    scene.try_it().expect(0);
}

#[test]
fn private_keys_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let scene = tried();
    for path in ["demo/author_key", "demo/agent/host_key"] {
        let mode = fs::metadata(scene.path(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{path} is {mode:o}");
    }
}

#[test]
fn the_fleet_can_be_looked_at() {
    let scene = tried();
    let fleet = scene.holdfast(&["fleet", "status", "--dir", "demo/fleet.git", "--json"]).expect(0).json();
    assert_eq!(
        (&fleet["hosts"][0]["host"], &fleet["hosts"][0]["signature"]),
        (&"web-1".into(), &"good".into())
    );
    assert_eq!(fleet["hosts"][0]["position"], "newest");
    // From a clone, by its remote's branches, and from an address.
    scene.git("demo/work", &["fetch", "--quiet"]).expect(0);
    scene.holdfast_in("demo/work", &["fleet", "status"]).expect(0).says("1 of 1 host in order");
    let url = scene.path("demo/fleet.git").display().to_string();
    scene.holdfast(&["fleet", "status", "--url", &url]).expect(0).says("converged");
    // Somebody writes the branch with another key.
    scene.git("demo/work", &["push", "--quiet", "--force", "origin", "main:status/web-1"]).expect(0);
    scene.holdfast(&["fleet", "status", "--url", &url]).expect(1).says("FORGED");
}

#[test]
fn what_was_changed_by_hand_can_be_declared_as_it_is() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let scene = tried();
    // Where an installed agent has its memory.
    fs::create_dir_all(scene.path("demo/root/var/lib")).unwrap();
    symlink(scene.path("demo/agent/state"), scene.path("demo/root/var/lib/holdfast")).unwrap();
    let drift = |arguments: &[&str]| {
        scene.holdfast(&[&["drift", "--root", scene.path("demo/root").to_str().unwrap()], arguments].concat())
    };
    drift(&["--exit-code"]).expect(0).says("nothing differs: 5 in order");
    scene.write(INDEX, "<h1>by hand</h1>\n\tit's \"quoted\" \\ here\n");
    fs::set_permissions(scene.path("demo/root/etc/shop.conf"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(scene.path("demo/root/srv/shop/start.html")).unwrap();
    symlink("other.html", scene.path("demo/root/srv/shop/start.html")).unwrap();
    fs::remove_file(scene.path("demo/root/etc/motd")).unwrap();

    drift(&["--exit-code"]).expect(3).says("mode is 0600, declared 0640").says("4 differ, 1 in order");
    let only = drift(&["--toml", "file:/etc/shop.conf"]).expect(0).out;
    assert!(
        only.contains("[file.\"/etc/shop.conf\"]\nmode = \"0600\"\n") && !only.contains("motd"),
        "{only}"
    );
    drift(&["file:/nowhere"]).expect(1).says("[E_NOT_DECLARED]");
    let told = drift(&["--json"]).expect(0).json();
    let fields: Vec<_> = told.as_array().unwrap().iter().map(|one| one["fields"].clone()).collect();
    assert!(fields.contains(&serde_json::json!({"ensure": "absent"})), "{told}");
    assert!(fields.contains(&serde_json::json!({"target": "other.html"})), "{told}");

    // Declared so, the next revision has nothing to do, and the host stays as it was made by hand.
    let host = scene.read("demo/work/hosts/web-1.toml");
    scene.write("demo/work/hosts/web-1.toml", &(host + "\n" + &drift(&["--toml"]).expect(0).out));
    scene.holdfast_in("demo/work", &["check"]).expect(0);
    scene.push("as it is on the host", &["-S"]);
    let again = scene.try_it().expect(0);
    assert!(!again.out.contains("changed"), "{}", again.out);
    assert_eq!(scene.read(INDEX), "<h1>by hand</h1>\n\tit's \"quoted\" \\ here\n");
    drift(&["--exit-code"]).expect(0).says("nothing differs");
    assert!(!scene.path("demo/root/etc/motd").exists());
}
