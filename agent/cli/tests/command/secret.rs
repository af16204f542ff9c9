//! What an author does to secrets, and that nothing of them is told.

use std::{io::Write as _, os::unix::fs::PermissionsExt as _, process::Stdio};

use holdfast_secrets::{Envelope, Identity, age};

use crate::scene::{Ended, Scene};

const HOST: &str = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0";
const HOST_KEY: &str = "age1xmwwc06ly3ee5rytxm9mflaz2u56jjj36s0mypdrwsvlul66mv4q47ryef";
const SECRET: &str = "canary-4f1b";

/// A fleet with a host that has a key, and one that has none.
fn fleet() -> Scene {
    let scene = Scene::new();
    scene.write("fleet/fleet.toml", "");
    scene.write("fleet/hosts/web-1.toml", &format!("groups = [\"prod\"]\nage_key = \"{HOST_KEY}\"\n"));
    scene.write("fleet/hosts/web-2.toml", "");
    scene.write("fleet/groups/prod.toml", "");
    scene
        .holdfast_in("fleet", &["secret", "recovery", "../safe.key"])
        .expect(0)
        .says("can read every secret");
    let mode = std::fs::metadata(scene.path("safe.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    scene
}

/// Runs the command with a text on standard input.
fn pipe(scene: &Scene, arguments: &[&str], text: &str) -> Ended {
    let mut command = scene.command("fleet", env!("CARGO_BIN_EXE_holdfast"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert!(!format!("{ended:?}").contains(SECRET), "{ended:?}");
    ended
}

fn encrypt(scene: &Scene, more: &[&str]) -> Ended {
    pipe(scene, &[&["secret", "encrypt", "db", "--file", "/etc/db"], more].concat(), SECRET)
}

#[test]
fn a_secret_is_made_changed_and_moved() {
    let scene = fleet();
    encrypt(&scene, &["--group", "prod"]).expect(0).says("which 2 keys can read");
    let first = scene.read("fleet/secrets/db.age");
    assert!(first.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n") && !first.contains(SECRET));
    scene.holdfast_in("fleet", &["check"]).expect(0);
    encrypt(&scene, &["--group", "prod"]).expect(1).says("there is a secret db already");

    let edit = ["secret", "edit", "db", "--identity", "../safe.key"];
    pipe(&scene, &[&edit[..], &["--from", "-"]].concat(), SECRET).expect(0).says("nothing was changed");
    assert_eq!(scene.read("fleet/secrets/db.age"), first);
    pipe(&scene, &[&edit[..], &["--from", "-"]].concat(), "other").expect(0).says("generation 2");
    pipe(
        &scene,
        &[&edit[..], &["--file", "/etc/other", "--mode", "0640", "--owner", "root:adm"]].concat(),
        "",
    )
    .expect(0)
    .says("where it may go");
    scene.holdfast_in("fleet", &["check"]).expect(0);
    // The editor sees the secret, in memory, and what it leaves is encrypted.
    let mut command = scene.command("fleet", env!("CARGO_BIN_EXE_holdfast"));
    let editor =
        "sh -c 'test \"$(cat \"$1\")\" = other && case $1 in /dev/shm/*) printf new >\"$1\";; esac' -";
    let ended = Ended::of(command.args(edit).env("EDITOR", editor).output().unwrap());
    ended.expect(0).says("generation 3");
    let left: Vec<_> =
        std::fs::read_dir("/dev/shm").unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("holdfast-")), "{left:?}");
}

#[test]
fn the_reader_of_a_secret_is_its_host_and_it_goes_where_it_may() {
    let scene = fleet();
    encrypt(&scene, &["--host", "web-1", "--destination", "file:/etc/other"]).expect(0);
    let sealed = scene.read("fleet/secrets/db.age");
    let opened = age::open(sealed.as_bytes(), &[&Identity::parse(HOST).unwrap()]).unwrap();
    let (envelope, secret) = Envelope::disclose(&opened).unwrap();
    assert_eq!(secret.expose(), SECRET.as_bytes());
    assert_eq!(envelope.destinations, ["file:/etc/db", "file:/etc/other"]);
    assert_eq!((envelope.owner.as_str(), envelope.greatest_mode.to_string().as_str()), ("root:root", "0600"));
    assert_eq!(envelope.generation, 1);
}

#[test]
fn who_may_read_it_changes() {
    let scene = fleet();
    encrypt(&scene, &["--host", "web-1"]).expect(0);
    let before = scene.read("fleet/secrets/db.age");
    let index = scene.read("fleet/secrets/index.toml");
    scene.write("fleet/secrets/index.toml", &index.replace("[\"web-1\"]", "[\"web-1\", \"web-2\"] # both"));
    scene.holdfast_in("fleet", &["check"]).expect(1).says("the host web-2 has no age_key");
    let rekey = ["secret", "rekey", "--identity", "../safe.key"];
    scene.holdfast_in("fleet", &rekey).expect(1).says("the host web-2 has no age_key");
    let other = Identity::generate().unwrap();
    scene.write("fleet/hosts/web-2.toml", &format!("age_key = \"{}\"\n", other.recipient()));
    let found = scene.holdfast_in("fleet", &["check"]).expect(1);
    found.says("not encrypted to the keys that may read it").says("2 keys can read this, and 3 may");
    assert_eq!(scene.read("fleet/secrets/db.age"), before);
    scene.holdfast_in("fleet", &["secret", "rekey", "--identity", "../wrong.key"]).expect(1).says("[E_READ]");
    scene.write("wrong.key", HOST.replace('Q', "P").as_str());
    scene
        .holdfast_in("fleet", &["secret", "rekey", "--identity", "../wrong.key"])
        .expect(1)
        .says("is no key");
}

#[test]
fn a_secret_that_could_get_lost_or_go_anywhere_is_not_made() {
    let scene = fleet();
    encrypt(&scene, &[]).expect(1).says("no host may read the secret db");
    encrypt(&scene, &["--host", "web-9"]).expect(1).says("the fleet has no host web-9");
    encrypt(&scene, &["--host", "web-2"]).expect(1).says("the host web-2 has no age_key");
    encrypt(&scene, &["--host", "web-1", "--owner", "root"]).expect(1).says("write USER:GROUP");
    pipe(&scene, &["secret", "encrypt", "db", "--host", "web-1"], SECRET)
        .expect(1)
        .says("where the secret may go");
    pipe(&scene, &["secret", "encrypt", "db", "--host", "web-1", "--file", "/x"], "")
        .expect(1)
        .says("nothing on standard input");
    scene.write("fleet/secrets/index.toml", "");
    encrypt(&scene, &["--host", "web-1"]).expect(1).says("holdfast secret recovery");
    assert!(!scene.path("fleet/secrets/db.age").exists());
}

#[test]
fn a_file_that_is_no_secret_is_found_without_a_key() {
    let scene = fleet();
    encrypt(&scene, &["--host", "web-1"]).expect(0);
    let sealed = scene.read("fleet/secrets/db.age");
    scene.write("fleet/secrets/db.age", sealed.trim_end().trim_end_matches('-'));
    scene.holdfast_in("fleet", &["check"]).expect(1).says("secrets/db.age").says("armour is malformed");
    let edit = ["secret", "edit", "db", "--identity", "../safe.key", "--file", "/etc/x"];
    scene.holdfast_in("fleet", &edit).expect(1).says("[E_SECRET]");
}
