//! Everything works on a machine that has no `git`: the repositories are made by hand.
#![expect(clippy::disallowed_methods, reason = "these tests make repositories")]

use std::{fs, path::Path};

use holdfast_protocol::fetch::{Credential, Known, Remote, Reply, Request};
use holdfast_trust::{Limits, Object, ObjectId, ObjectKind, stream};

use super::check_name;
use crate::{Answer, Fetcher, Place};

const STATUS: &str = "refs/heads/status/web-1";

/// An empty repository.
pub(crate) fn make(git_dir: &Path) {
    for dir in ["objects", "refs/heads"] {
        fs::create_dir_all(git_dir.join(dir)).unwrap();
    }
    fs::write(git_dir.join("HEAD"), "ref: refs/heads/main\n").unwrap();
}

pub(crate) fn blob(text: &str) -> Object {
    Object { kind: ObjectKind::Blob, data: text.as_bytes().to_vec() }
}

pub(crate) fn tree(entries: &[(&str, &str, ObjectId)]) -> Object {
    let entry = |(mode, name, id): &(&str, &str, ObjectId)| {
        [format!("{mode} {name}\0").as_bytes(), id.as_bytes()].concat()
    };
    Object { kind: ObjectKind::Tree, data: entries.iter().flat_map(entry).collect() }
}

pub(crate) fn commit(tree: &Object, parent: Option<ObjectId>) -> Object {
    let tree = tree.id().unwrap();
    let parent = parent.map_or(String::new(), |id| format!("parent {id}\n"));
    let who = "a <a@example.com> 1700000000 +0000";
    let data = format!("tree {tree}\n{parent}author {who}\ncommitter {who}\n\nmessage\n").into_bytes();
    Object { kind: ObjectKind::Commit, data }
}

pub(crate) struct Scene {
    dir: tempfile::TempDir,
    fetcher: Fetcher,
}

impl Scene {
    pub(crate) fn new(git_dir: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        make(&dir.path().join(git_dir));
        let place = Place { mirrors: dir.path().join("mirrors"), private: dir.path().to_owned() };
        Self { dir, fetcher: Fetcher::new(place) }
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn remote(&self) -> Remote {
        Remote {
            fresh: false,
            url: self.path("fleet").display().to_string(),
            credential: Credential::None,
            ca: None,
            proxy: None,
            ssh: None,
            stall_seconds: 1,
            total_seconds: 60,
        }
    }

    pub(crate) fn push(&mut self, reference: &str, old: Option<ObjectId>, objects: &[Object]) -> Answer {
        let new = objects.last().unwrap().id().unwrap();
        let request = Request::Push { remote: self.remote(), reference: reference.to_owned(), old, new };
        self.fetcher.answer(&request, objects)
    }

    pub(crate) fn poll(&mut self, reference: &str, known: Option<ObjectId>, base: ObjectId) -> Answer {
        self.poll_known(reference, known.map(|tip| Known { tip, tags: None }), base)
    }

    pub(crate) fn poll_known(&mut self, reference: &str, known: Option<Known>, base: ObjectId) -> Answer {
        let request =
            Request::Poll { remote: self.remote(), reference: reference.to_owned(), known, base, at: None };
        self.fetcher.answer(&request, &[])
    }
}

pub(crate) fn objects(answer: &Answer) -> Vec<Object> {
    let mut bytes = Vec::new();
    answer.objects.as_ref().unwrap().write(&mut bytes).unwrap();
    let mut reader = stream::Reader::new(&*bytes, &Limits::default()).unwrap();
    std::iter::from_fn(|| reader.next_object().unwrap()).collect()
}

fn code(answer: &Answer) -> &str {
    match &answer.reply {
        Reply::Failed(failure) => &failure.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lock_that_a_killed_process_left_is_no_obstacle() {
    let mut scene = Scene::new("fleet");
    let tree = tree(&[]);
    let commit = commit(&tree, None);
    fs::create_dir_all(scene.path("fleet/refs/heads/status")).unwrap();
    fs::write(scene.path("fleet").join(STATUS).with_extension("lock"), "half").unwrap();
    let answer = scene.push(STATUS, None, &[tree, commit]);
    assert_eq!(answer.reply, Reply::Pushed);
    assert!(!scene.path("fleet").join(STATUS).with_extension("lock").exists());
}

#[test]
fn a_branch_is_pushed_polled_and_moved_only_from_where_it_must_be() {
    for git_dir in ["fleet", "fleet/.git"] {
        let mut scene = Scene::new(git_dir);
        let file = blob("a");
        let root = tree(&[("100644", "a", file.id().unwrap())]);
        let first = commit(&root, None);
        let id = first.id().unwrap();
        let all = [file, root.clone(), first.clone()];
        assert_eq!(scene.push(STATUS, None, &all).reply, Reply::Pushed);
        assert_eq!(scene.poll(STATUS, Some(id), id).reply, Reply::Unchanged);
        let changed = scene.poll(STATUS, None, id);
        assert!(matches!(changed.reply, Reply::Changed { tip, .. } if tip == id));
        let mut found = objects(&changed);
        found.sort_by_key(|object| object.kind as u8 == ObjectKind::Commit as u8);
        assert_eq!(found.len(), 3);
        assert!(all.iter().all(|object| found.contains(object)));

        let second = commit(&root, Some(id));
        assert_eq!(scene.push(STATUS, Some(id), std::slice::from_ref(&second)).reply, Reply::Pushed);
        // Once more, from where it was: the same end.
        assert_eq!(scene.push(STATUS, Some(id), std::slice::from_ref(&second)).reply, Reply::Pushed);
        let other = commit(&root, Some(second.id().unwrap()));
        for old in [Some(id), None] {
            let moved = scene.push(STATUS, old, std::slice::from_ref(&other));
            assert_eq!(moved.reply, Reply::Moved { current: second.id().ok() });
            assert_eq!(objects(&moved), std::slice::from_ref(&second));
        }
        assert_eq!(code(&scene.poll("refs/heads/main", None, id)), "E_GIT_NO_BRANCH");
        let apart = scene.poll(STATUS, None, other.id().unwrap());
        assert!(matches!(apart.reply, Reply::Diverged { tip, .. } if Ok(tip) == second.id()));
    }
}

#[test]
fn a_branch_that_is_checked_out_is_left_alone() {
    let mut scene = Scene::new("fleet/.git");
    let root = tree(&[]);
    let refused = scene.push("refs/heads/main", None, &[root.clone(), commit(&root, None)]);
    assert_eq!(code(&refused), "E_GIT_PUSH_REFUSED");
}

#[test]
fn packed_and_symbolic_branches_are_found() {
    let mut scene = Scene::new("fleet");
    let root = tree(&[]);
    let first = commit(&root, None);
    let id = first.id().unwrap();
    assert_eq!(scene.push(STATUS, None, &[root, first]).reply, Reply::Pushed);
    fs::write(
        scene.path("fleet/packed-refs"),
        format!("# pack-refs with: peeled sorted\n{id} refs/heads/packed\n"),
    )
    .unwrap();
    fs::write(scene.path("fleet/refs/heads/symbolic"), format!("ref: {STATUS}\n")).unwrap();
    fs::write(scene.path("fleet/refs/heads/loop"), "ref: refs/heads/loop\n").unwrap();
    assert_eq!(scene.poll("refs/heads/packed", Some(id), id).reply, Reply::Unchanged);
    assert_eq!(scene.poll("refs/heads/symbolic", Some(id), id).reply, Reply::Unchanged);
    assert_eq!(code(&scene.poll("refs/heads/loop", Some(id), id)), "E_GIT_PROTOCOL");
    // It moves from where packed-refs has it.
    let next = commit(&tree(&[]), Some(id));
    assert_eq!(scene.push("refs/heads/packed", Some(id), std::slice::from_ref(&next)).reply, Reply::Pushed);
}

#[test]
fn damage_is_told() {
    let mut scene = Scene::new("fleet");
    let root = tree(&[]);
    let first = commit(&root, None);
    let id = first.id().unwrap();
    assert_eq!(scene.push(STATUS, None, &[root.clone(), first]).reply, Reply::Pushed);
    let hex = id.to_string();
    let (directory, name) = hex.split_at(2);
    let file = scene.path("fleet/objects").join(directory).join(name);
    let good = fs::read(&file).unwrap();
    // Not what its name says; not even an object; not there.
    let other = commit(&root, Some(id));
    let other_hex = other.id().unwrap().to_string();
    assert_eq!(scene.push("refs/heads/x", None, &[other]).reply, Reply::Pushed);
    let (directory, name) = other_hex.split_at(2);
    let wrong = fs::read(scene.path("fleet/objects").join(directory).join(name)).unwrap();
    for bytes in [wrong, b"rubbish".to_vec(), good[..good.len() / 2].to_vec(), Vec::new()] {
        fs::remove_file(&file).unwrap();
        fs::write(&file, bytes).unwrap();
        assert_eq!(code(&scene.poll(STATUS, None, id)), "E_GIT_MIRROR");
    }
    fs::create_dir(scene.path("fleet/reftable")).unwrap();
    assert_eq!(code(&scene.poll(STATUS, None, id)), "E_GIT_PROTOCOL");
}

#[test]
fn only_full_names_of_branches_are_taken() {
    for name in ["refs/heads/main", "refs/heads/status/web-1", "refs/x/ä"] {
        assert!(check_name(name).is_ok(), "{name}");
    }
    for name in [
        "",
        "main",
        "HEAD",
        "heads/main",
        "refs/heads/../../x",
        "refs/heads/a b",
        "refs/heads/a\n",
        "/refs/heads/a",
        "refs/heads/.lock",
        "refs/heads/a.lock",
        "refs//a",
    ] {
        assert!(check_name(name).is_err(), "{name}");
    }
}
