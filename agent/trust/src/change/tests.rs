use proptest::prelude::*;

use super::*;
use crate::{
    MemoryObjects,
    testing::{fleet::Fleet, git::Git},
};

fn paths(objects: &MemoryObjects, old: ObjectId, new: ObjectId, deep: bool) -> Vec<String> {
    let mut paths = Vec::new();
    visit(objects, old, new, deep, &Limits::default(), |path| paths.push(text(path))).unwrap();
    paths.sort();
    paths
}

#[test]
fn what_stock_git_says_changed() {
    let git = Git::new();
    let write_tree = || {
        git.run(&["add", "-A"]);
        git.run(&["write-tree"])
    };
    for path in ["a", "b/c", "b/d/e", "b/d/f", "g", "h/i", "same/x"] {
        git.write(path, path);
    }
    let old = write_tree();
    git.write("a", "other");
    git.write("b/new", "new");
    git.write("same2", "x");
    for args in [
        &["rm", "-qf", "b/d/e"][..],
        &["mv", "g", "b/d/g"],
        &["rm", "-qrf", "h"],
        &["update-index", "--chmod=+x", "b/c"],
    ] {
        git.run(args);
    }
    git.write("h", "a file in place of a directory");
    git.run(&["add", "-A"]);
    git.run(&["update-index", "--chmod=+x", "b/c"]);
    let new = git.run(&["write-tree"]);
    let listed = git.run(&["diff-tree", "-r", "--no-renames", "--name-only", &old, &new]);
    let mut listed: Vec<_> = listed.lines().map(str::to_owned).collect();
    listed.sort();
    let objects = git.objects();
    let [old, new] = [old, new].map(|id| id.parse().unwrap());
    assert_eq!(paths(&objects, old, new, true), listed);
    assert!(listed.len() >= 8, "{listed:?}");
    assert_eq!(paths(&objects, new, old, true), listed, "it is the same the other way round");
    assert_eq!(paths(&objects, old, new, false), ["a", "b", "g", "h", "same2"]);
    assert!(paths(&objects, old, old, true).is_empty());
}

#[test]
fn a_directory_that_becomes_empty_is_a_change() {
    let mut fleet = Fleet::default();
    let empty = fleet.tree(&mut []);
    let directory = |name: &'static str, id| Entry { mode: Mode::Directory, name: name.as_bytes(), id };
    let none = fleet.tree(&mut []);
    let one = fleet.tree(&mut [directory("d", empty)]);
    assert_eq!(paths(&fleet.objects, none, one, true), ["d"]);
    assert_eq!(paths(&fleet.objects, one, none, true), ["d"]);
}

#[test]
fn limits_and_missing_directories() {
    let mut fleet = Fleet::default();
    let absent = ObjectId::from_bytes([1; 20]);
    let blob = fleet.blob("x");
    let old = fleet.tree(&mut []);
    let new = fleet.tree(&mut [Entry { mode: Mode::Directory, name: b"d", id: absent }]);
    let error = |new, limits: &Limits| visit(&fleet.objects, old, new, true, limits, |_| {}).unwrap_err();
    assert_eq!(error(new, &Limits::default()).code(), "E_OBJECT_MISSING");
    assert!(visit(&fleet.objects, old, new, false, &Limits::default(), |_| {}).is_ok(), "nobody looked");
    let limits = Limits { tree_entries: 10, tree_depth: 3, ..Limits::default() };
    assert!(matches!(error(blob, &limits), WalkError::Tree { .. }));
    let names: Vec<String> = (0..11).map(|name| name.to_string()).collect();
    let mut wide: Vec<_> =
        names.iter().map(|name| Entry { mode: Mode::File, name: name.as_bytes(), id: blob }).collect();
    let wide = fleet.tree(&mut wide);
    let mut deep = fleet.tree(&mut [Entry { mode: Mode::File, name: b"f", id: blob }]);
    for _ in 0..3 {
        deep = fleet.tree(&mut [Entry { mode: Mode::Directory, name: b"d", id: deep }]);
    }
    let error = |new| visit(&fleet.objects, old, new, true, &limits, |_| {}).unwrap_err();
    assert!(matches!(error(wide), WalkError::Limit(why) if why.what == "changed entries"));
    assert!(matches!(error(deep), WalkError::Limit(why) if why.what == "parts of a path"));
}

/// A tree of these files, each a path of one to three parts.
fn tree(fleet: &mut Fleet, files: &std::collections::BTreeMap<Vec<u8>, u8>) -> ObjectId {
    let mut entries: BTreeMap<Vec<u8>, std::collections::BTreeMap<Vec<u8>, u8>> = BTreeMap::new();
    let mut list = Vec::new();
    let mut blobs = Vec::new();
    for (path, content) in files {
        match path.iter().position(|&byte| byte == b'/') {
            None => blobs.push((path.clone(), fleet.blob(&content.to_string()))),
            Some(at) => {
                entries.entry(path[..at].to_vec()).or_default().insert(path[at + 1..].to_vec(), *content);
            }
        }
    }
    // A directory wins over a file of the same name.
    blobs.retain(|(name, _)| !entries.contains_key(name));
    let directories: Vec<_> = entries.iter().map(|(name, files)| (name, tree(fleet, files))).collect();
    list.extend(blobs.iter().map(|(name, id)| Entry { mode: Mode::File, name, id: *id }));
    list.extend(directories.iter().map(|(name, id)| Entry { mode: Mode::Directory, name, id: *id }));
    fleet.tree(&mut list)
}

proptest! {
    /// Against two full listings.
    #[test]
    fn it_is_what_differs_between_two_listings(
        old in prop::collection::btree_map("[ab](/[ab]){0,2}", 0..2_u8, 0..8),
        new in prop::collection::btree_map("[ab](/[ab]){0,2}", 0..2_u8, 0..8),
    ) {
        let mut fleet = Fleet::default();
        let bytes = |files: std::collections::BTreeMap<String, u8>| files.into_iter().map(|(path, content)| (path.into_bytes(), content)).collect();
        let (old, new) = (tree(&mut fleet, &bytes(old)), tree(&mut fleet, &bytes(new)));
        let list = |root| crate::walk(&fleet.objects, root, &Limits::default()).unwrap();
        let (before, after) = (list(old), list(new));
        let one_sided = before.iter().filter(|file| !after.contains(file)).chain(after.iter().filter(|file| !before.contains(file)));
        let want: std::collections::BTreeSet<_> = one_sided.map(|file| text(&file.path)).collect();
        prop_assert_eq!(paths(&fleet.objects, old, new, true), want.into_iter().collect::<Vec<_>>());
    }
}
