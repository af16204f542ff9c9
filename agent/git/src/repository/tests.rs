//! Repositories as stock Git makes them.
#![expect(clippy::disallowed_methods, reason = "makes repositories to look at")]

use std::process::Command;

use holdfast_trust::Objects as _;

use super::*;

fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", directory)
        .args(["-c", "user.name=A", "-c", "user.email=a@example.com", "-C", directory.to_str().unwrap()])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A clone with two commits, a tag, a packed and a loose branch, and an own one of its remote.
fn clone() -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let work = root.path().join("work");
    fs::create_dir_all(work.join("a/b")).unwrap();
    git(&work, &["init", "--quiet", "--initial-branch=main"]);
    for message in ["one", "two"] {
        git(&work, &["commit", "--quiet", "--allow-empty", "--message", message]);
    }
    git(&work, &["tag", "--annotate", "--message", "x", "v1", "HEAD~1"]);
    git(&work, &["branch", "status/web-1", "HEAD~1"]);
    git(&work, &["pack-refs", "--all"]);
    git(&work, &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    (root, work)
}

#[test]
fn a_revision_is_found_by_any_of_its_names() {
    let (_root, work) = clone();
    let (one, two) = (git(&work, &["rev-parse", "HEAD~1"]), git(&work, &["rev-parse", "HEAD"]));
    let repository = LocalRepository::discover(&work.join("a/b")).unwrap();
    let find = |name: &str| repository.find(name).unwrap().map(|id| id.to_string());
    for name in ["HEAD", "main", "refs/heads/main", "origin/main", &two, two.get(..8).unwrap()] {
        assert_eq!(find(name).as_deref(), Some(two.as_str()), "{name}");
    }
    for name in ["v1", "refs/tags/v1", "status/web-1"] {
        assert_eq!(find(name).as_deref(), Some(one.as_str()), "{name}");
    }
    for name in ["nothing", "", "..", "a b", "HEAD~1", &"0".repeat(40)] {
        assert_eq!(find(name), None, "{name}");
    }
}

#[test]
fn every_branch_is_listed_packed_or_not() {
    let (_root, work) = clone();
    let repository = LocalRepository::discover(&work).unwrap();
    let names: Vec<String> = repository.branches().unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["refs/heads/main", "refs/heads/status/web-1", "refs/remotes/origin/main"]);
}

#[test]
fn bare_repositories_and_other_work_trees_are_read() {
    let (root, work) = clone();
    let two = git(&work, &["rev-parse", "HEAD"]);
    let (bare, other) = (root.path().join("bare.git"), root.path().join("other"));
    git(&work, &["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()]);
    git(&work, &["worktree", "add", "--quiet", other.to_str().unwrap(), "status/web-1"]);
    let found = LocalRepository::discover(&bare).unwrap().find("main").unwrap().unwrap();
    assert_eq!(found.to_string(), two);
    let other = LocalRepository::discover(&other).unwrap();
    assert_eq!(other.find("main").unwrap().unwrap().to_string(), two);
    assert_ne!(other.find("HEAD").unwrap().unwrap().to_string(), two);
}

#[test]
fn objects_are_read_and_missing_ones_are_none() {
    let (_root, work) = clone();
    let repository = LocalRepository::discover(&work).unwrap();
    let head = repository.find("HEAD").unwrap().unwrap();
    assert_eq!(repository.get(&head).unwrap().unwrap().kind, ObjectKind::Commit);
    assert_eq!(repository.get(&ObjectId::from_bytes([0; 20])).unwrap(), None);
}

#[test]
fn what_is_no_repository_or_not_readable_is_said_so() {
    let root = tempfile::tempdir().unwrap();
    let code = |directory: &Path| LocalRepository::discover(directory).map(drop).unwrap_err().code();
    assert_eq!(code(root.path()), "E_GIT_NO_REPOSITORY");
    let work = root.path().join("sha256");
    fs::create_dir(&work).unwrap();
    git(&work, &["init", "--quiet", "--object-format=sha256"]);
    assert_eq!(code(&work), "E_GIT_PROTOCOL");
}
