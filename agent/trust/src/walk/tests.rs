use super::*;
use crate::{MemoryObjects, Object, testing::fleet::Fleet, testing::git::Git};

fn entry(name: &str, mode: Mode, id: ObjectId) -> Entry<'_> {
    Entry { mode, name: name.as_bytes(), id }
}

fn paths(files: &[File]) -> Vec<String> {
    files.iter().map(|file| String::from_utf8_lossy(&file.path).into_owned()).collect()
}

#[test]
fn the_files_are_those_that_git_lists() {
    let git = Git::new();
    for path in
        ["fleet.toml", "hosts/web-1.toml", "roles/web/files/a/b/c", "roles/web/role.toml", "roles.md", "z"]
    {
        git.write(path, path);
    }
    git.run(&["add", "-A"]);
    let root = git.run(&["write-tree"]);
    let files = walk(&git.objects(), root.parse().unwrap(), &Limits::default()).unwrap();
    let listed = git.run(&["ls-tree", "-r", "--format=%(path) %(objectname)", &root]);
    let walked: Vec<_> =
        files.iter().map(|file| format!("{} {}", file.plain_path().unwrap(), file.id)).collect();
    assert_eq!(walked, listed.lines().collect::<Vec<_>>());
}

/// T25.
#[test]
fn what_is_no_plain_file_with_a_plain_name_is_refused() {
    let mut fleet = Fleet::default();
    let blob = fleet.blob("x");
    let root = fleet.tree(&mut [
        entry("link", Mode::Symlink, blob),
        entry("plain", Mode::File, blob),
        entry("submodule", Mode::Submodule, blob),
        entry("tool", Mode::Executable, blob),
        entry("x\u{1b}[31m", Mode::File, blob),
        Entry { mode: Mode::File, name: b"y\xff", id: blob },
    ]);
    let files = walk(&fleet.objects, root, &Limits::default()).unwrap();
    let got: Vec<_> = files.iter().map(|file| file.plain_path().map_err(|why| why.to_string())).collect();
    let refused = |text: &str| Err(text.to_owned());
    assert_eq!(
        got,
        [
            refused("\"link\" is a symbolic link"),
            Ok("plain"),
            refused("\"submodule\" is a submodule"),
            Ok("tool"),
            refused("\"x\\u{1b}[31m\" has a control character in its name"),
            refused("\"y\u{fffd}\" has a name that is not UTF-8"),
        ]
    );
    assert_eq!(files[0].plain_path().unwrap_err().code(), "E_TREE_CONTENT");
}

#[test]
fn a_directory_that_is_missing_or_no_tree() {
    let mut fleet = Fleet::default();
    let blob = fleet.blob("x");
    let absent = ObjectId::from_bytes([9; 20]);
    let root = fleet.tree(&mut [entry("d", Mode::Directory, absent)]);
    let got = walk(&fleet.objects, root, &Limits::default()).unwrap_err();
    assert_eq!(
        (got.to_string(), got.code()),
        (format!("tree {absent} of directory \"d\" was not fetched"), "E_OBJECT_MISSING")
    );
    let root = fleet.tree(&mut [entry("d", Mode::Directory, blob)]);
    let got = walk(&fleet.objects, root, &Limits::default()).unwrap_err();
    assert_eq!(got.code(), "E_TREE_GRAMMAR");
    let broken = fleet.objects.insert(Object { kind: ObjectKind::Tree, data: b"100644 x".to_vec() }).unwrap();
    let root = fleet.tree(&mut [entry("d", Mode::Directory, broken)]);
    let got = walk(&fleet.objects, root, &Limits::default()).unwrap_err();
    assert_eq!(got.to_string(), format!("directory \"d\" (tree {broken}) is malformed"));
}

/// Ten levels of ten times the same directory: 10^10 files from eleven objects.
#[test]
fn a_tree_bomb_ends_at_the_limit() {
    let mut fleet = Fleet::default();
    let blob = fleet.blob("x");
    let names: Vec<String> = (0..10).map(|name| name.to_string()).collect();
    let mut root =
        fleet.tree(&mut names.iter().map(|name| entry(name, Mode::File, blob)).collect::<Vec<_>>());
    for _ in 0..9 {
        root =
            fleet.tree(&mut names.iter().map(|name| entry(name, Mode::Directory, root)).collect::<Vec<_>>());
    }
    let got = walk(&fleet.objects, root, &Limits::default()).unwrap_err();
    assert!(matches!(&got, WalkError::Limit(why) if why.what == "entries"), "{got}");
    assert_eq!(got.code(), "E_LIMIT");
}

#[test]
fn depth_and_count_up_to_the_limit() {
    let limits = Limits { tree_depth: 3, tree_entries: 5, ..Limits::default() };
    let nested = |depth: usize| {
        let mut fleet = Fleet::default();
        let blob = fleet.blob("x");
        let mut root = fleet.tree(&mut [entry("f", Mode::File, blob)]);
        for _ in 1..depth {
            root = fleet.tree(&mut [entry("d", Mode::Directory, root)]);
        }
        walk(&fleet.objects, root, &limits)
    };
    assert_eq!(paths(&nested(3).unwrap()), ["d/d/f"]);
    assert!(matches!(nested(4), Err(WalkError::Limit(why)) if why.what == "parts of a path"));
    let flat = |count: usize| {
        let mut fleet = Fleet::default();
        let blob = fleet.blob("x");
        let names: Vec<String> = (0..count).map(|name| name.to_string()).collect();
        let root =
            fleet.tree(&mut names.iter().map(|name| entry(name, Mode::File, blob)).collect::<Vec<_>>());
        walk(&fleet.objects, root, &limits)
    };
    assert_eq!(flat(5).unwrap().len(), 5);
    assert!(matches!(flat(6), Err(WalkError::Limit(why)) if why.what == "entries"));
}

#[test]
fn an_empty_repository_has_no_files() {
    let mut objects = MemoryObjects::new();
    let root = objects.insert(Object { kind: ObjectKind::Tree, data: vec![] }).unwrap();
    assert!(walk(&objects, root, &Limits::default()).unwrap().is_empty());
}
