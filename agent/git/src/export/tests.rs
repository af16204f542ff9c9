use holdfast_protocol::fetch::Reply;
use holdfast_trust::{Object, ObjectId, ObjectKind};

use crate::local::tests::{Scene, blob, commit, objects, tree};

const MAIN: &str = "refs/heads/main";

fn id(object: &Object) -> ObjectId {
    object.id().unwrap()
}

#[test]
fn links_and_submodules_are_passed_on_as_what_they_are() {
    let mut scene = Scene::new("fleet");
    let link = blob("/etc/passwd");
    let elsewhere = ObjectId::from_bytes([7; 20]);
    let root = tree(&[("120000", "link", id(&link)), ("160000", "module", elsewhere)]);
    let all = [link, root.clone(), commit(&root, None)];
    assert_eq!(scene.push(MAIN, None, &all).reply, Reply::Pushed);
    let tip = id(&all[2]);
    let found = objects(&scene.poll(MAIN, None, tip));
    assert_eq!(found.len(), 3);
    assert!(all.iter().all(|object| found.contains(object)));
}

#[test]
fn of_older_commits_only_the_trust_directory_is_taken() {
    let mut scene = Scene::new("fleet");
    let [old, new, signers, policy] = ["old", "new", "signers", "policy"].map(blob);
    let deep = tree(&[("100644", "policy", id(&policy))]);
    let trust = tree(&[("100644", "allowed_signers", id(&signers)), ("40000", "deep", id(&deep))]);
    let root = |file: &Object| tree(&[("40000", ".trust", id(&trust)), ("100644", "file", id(file))]);
    let (root_old, root_new) = (root(&old), root(&new));
    let first = commit(&root_old, None);
    let second = commit(&root_new, Some(id(&first)));
    let everything = [&old, &new, &signers, &policy, &deep, &trust, &root_old, &root_new, &first, &second];
    assert_eq!(scene.push(MAIN, None, &everything.map(Clone::clone)).reply, Reply::Pushed);
    let found = objects(&scene.poll(MAIN, None, id(&first)));
    assert_eq!(found.len(), 9);
    assert!(everything.iter().all(|object| found.contains(object) != (*object == &old)));
}

#[test]
fn directories_that_are_the_same_are_counted_each() {
    // 447 and 448 directories of 446 files each: 199,809 and 200,256 entries in a handful of objects.
    let names: Vec<_> = (100..548).map(|n| n.to_string()).collect();
    let file = blob("x");
    let files: Vec<_> = names.iter().take(446).map(|name| ("100644", name.as_str(), id(&file))).collect();
    let inner = tree(&files);
    for (count, expected) in [(447, None), (448, Some("has more than 200000 files and directories"))] {
        let mut scene = Scene::new("fleet");
        let directories: Vec<_> =
            names.iter().take(count).map(|name| ("40000", name.as_str(), id(&inner))).collect();
        let root = tree(&directories);
        let tip = commit(&root, None);
        assert_eq!(
            scene.push(MAIN, None, &[file.clone(), inner.clone(), root, tip.clone()]).reply,
            Reply::Pushed
        );
        match (scene.poll(MAIN, None, id(&tip)).reply, expected) {
            (Reply::Changed { .. }, None) => {}
            (Reply::Failed(failure), Some(expected)) => {
                assert!(failure.message.contains(expected), "{failure}");
            }
            (other, _) => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_entry_that_is_not_what_its_mode_says_is_told() {
    let mut scene = Scene::new("fleet");
    let file = blob("x");
    let inner = tree(&[]);
    for root in [tree(&[("40000", "d", id(&file))]), tree(&[("100644", "f", id(&inner))])] {
        let tip = commit(&root, None);
        let reference = format!("refs/heads/{}", id(&tip));
        let all = [file.clone(), inner.clone(), root, tip.clone()];
        assert_eq!(scene.push(&reference, None, &all).reply, Reply::Pushed);
        let Reply::Failed(failure) = scene.poll(&reference, None, id(&tip)).reply else { panic!() };
        assert_eq!(failure.code, "E_GIT_PROTOCOL", "{failure}");
    }
    // A branch that is no commit, a commit without a tree.
    let nonsense = Object { kind: ObjectKind::Commit, data: b"nonsense".to_vec() };
    for tip in [file, nonsense] {
        let reference = format!("refs/heads/{}", id(&tip));
        assert_eq!(scene.push(&reference, None, std::slice::from_ref(&tip)).reply, Reply::Pushed);
        let Reply::Failed(failure) = scene.poll(&reference, None, id(&tip)).reply else { panic!() };
        assert_eq!(failure.code, "E_GIT_PROTOCOL", "{failure}");
    }
}
