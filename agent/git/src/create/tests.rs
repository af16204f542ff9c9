//! What is made is a repository to stock Git too.

use std::process::Command;

use holdfast_trust::{
    UnixTime,
    identity::Identity,
    sign::{NewCommit, SecretKey},
    tree::{self, Entry},
};

use super::*;

fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", directory)
        .args(["-C", directory.to_str().unwrap()])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A commit of two files, with all objects.
fn commit() -> (ObjectId, Vec<Object>) {
    let blob = |text: &str| Object { kind: holdfast_trust::ObjectKind::Blob, data: text.into() };
    let (one, two) = (blob("one\n"), blob("#!/bin/sh\n"));
    let entry = |mode, name: &'static str, object: &Object| Entry {
        mode,
        name: name.as_bytes(),
        id: object.id().unwrap(),
    };
    let inner = tree::make(&mut [entry(Mode::Executable, "run", &two)]).unwrap();
    let root = tree::make(&mut [entry(Mode::File, "one-file", &one), entry(Mode::Directory, "one", &inner)])
        .unwrap();
    let new = NewCommit {
        tree: root.id().unwrap(),
        parents: vec![],
        author: Identity::new("A", "a@example.com", UnixTime::from_seconds(1_700_000_000)),
        message: "First\n",
    };
    let commit = new.sign(&SecretKey::from_seed(&[1; 32])).unwrap();
    (commit.id().unwrap(), vec![commit, root, inner, one, two])
}

#[test]
fn a_bare_repository_is_whole_to_git() {
    let root = tempfile::tempdir().unwrap();
    let bare = root.path().join("deep/fleet.git");
    create_bare(&bare, "main", &[("gpg.format", "ssh")]).unwrap();
    git(&bare, &["fsck", "--strict"]);
    assert_eq!(git(&bare, &["rev-parse", "--is-bare-repository"]), "true\n");
    assert_eq!(git(&bare, &["config", "gpg.format"]), "ssh\n");
    assert_eq!(git(&bare, &["symbolic-ref", "HEAD"]), "refs/heads/main\n");
    assert_eq!(
        create_bare(&bare, "main", &[("gpg.format", "ssh")]).unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
}

#[test]
fn a_clone_is_clean_to_git() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("work");
    let (tip, objects) = commit();
    let clone = NewClone {
        directory: &directory,
        origin: "/some where/\"fleet\\.git",
        branch: "main",
        tip,
        objects: &objects,
        config: &[("user.email", "a@example.com"), ("gpg.ssh.allowedSignersFile", ".trust/allowed_signers")],
    };
    clone.create().unwrap();
    git(&directory, &["fsck", "--strict"]);
    assert_eq!(git(&directory, &["status", "--porcelain"]), "");
    // Even before Git looks at any file again.
    assert_eq!(git(&directory, &["diff-files"]), "");
    assert_eq!(git(&directory, &["ls-files", "--stage"]).lines().count(), 2);
    assert_eq!(git(&directory, &["rev-parse", "HEAD", "@{upstream}"]), format!("{tip}\n{tip}\n"));
    assert_eq!(git(&directory, &["config", "remote.origin.url"]), "/some where/\"fleet\\.git\n");
    assert_eq!(git(&directory, &["config", "gpg.ssh.allowedSignersFile"]), ".trust/allowed_signers\n");
    assert_eq!(clone.create().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
}

#[test]
fn a_clone_without_all_its_objects_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let (tip, mut objects) = commit();
    objects.pop();
    let directory = root.path().join("work");
    let clone =
        NewClone { directory: &directory, origin: "x", branch: "main", tip, objects: &objects, config: &[] };
    assert_eq!(clone.create().unwrap_err().kind(), io::ErrorKind::InvalidData);
}
