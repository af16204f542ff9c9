use std::{
    fs::{self, File, FileTimes},
    os::unix::{ffi::OsStrExt as _, fs::symlink, net::UnixListener},
    time::{Duration, SystemTime},
};

use nix::{sys::stat::Mode, unistd::mkfifo};

use super::{super::mounts, *};
use crate::host::Entry;

#[test]
fn every_kind_of_node_is_told_apart() {
    let sandbox = Sandbox::new();
    sandbox.put("file", "text");
    fs::create_dir(sandbox.real("directory")).unwrap();
    symlink("nowhere", sandbox.real("link")).unwrap();
    mkfifo(&sandbox.real("fifo"), Mode::S_IRWXU).unwrap();
    let _socket = UnixListener::bind(sandbox.real("socket")).unwrap();

    assert!(matches!(sandbox.node("file"), Node::File { sha256: Some(digest), stat }
        if digest == Sha256::of(b"text") && stat.size == 4));
    assert!(matches!(
        sandbox.files.node(&sandbox.path("file"), Digest::None).unwrap(),
        Node::File { sha256: None, .. }
    ));
    assert!(matches!(sandbox.node("directory"), Node::Directory { .. }));
    assert!(matches!(sandbox.node("link"), Node::Symlink { target, .. } if target == "nowhere"));
    assert_eq!(sandbox.node("fifo"), Node::Other { what: "a fifo" });
    assert_eq!(sandbox.node("socket"), Node::Other { what: "a socket" });
    assert_eq!(sandbox.node("missing"), Node::Absent);
    assert_eq!(sandbox.node("missing/too"), Node::Absent);
    assert_eq!(sandbox.node("file/below"), Node::Absent);
}

#[test]
fn devices_are_left_alone() {
    let sandbox = Sandbox::new();
    let node = sandbox.files.node(&"/dev/null".parse().unwrap(), Digest::Plain).unwrap();
    assert_eq!(node, Node::Other { what: "a character device" });
}

#[test]
fn a_big_file_is_read_whole_and_bytes_are_limited() {
    let sandbox = Sandbox::new();
    let text = "0123456789".repeat(30_000);
    sandbox.put("big", &text);
    assert_eq!(digest_of(&sandbox.node("big")), Some(Sha256::of(text.as_bytes())));
    let path = sandbox.path("big");
    assert_eq!(sandbox.files.bytes(&path, 7).unwrap().unwrap().as_ref(), b"0123456");
    assert_eq!(sandbox.files.bytes(&path, u64::MAX).unwrap().unwrap().len(), text.len());
    assert_eq!(sandbox.files.bytes(&sandbox.path("none"), 7).unwrap(), None);
}

/// Gives a file times that are surely older than any clock's tick.
fn age(sandbox: &Sandbox, name: &str) -> Node {
    // ctime cannot be set, so the fingerprint is told that the look happens later.
    let old = SystemTime::now() - Duration::from_secs(100);
    File::options()
        .append(true)
        .open(sandbox.real(name))
        .unwrap()
        .set_times(FileTimes::new().set_modified(old))
        .unwrap();
    sandbox.node(name)
}

#[test]
fn a_fresh_file_is_read_every_time() {
    let sandbox = Sandbox::new();
    sandbox.put("file", "one");
    let before = age(&sandbox, "file");
    assert_eq!(digest_of(&before), Some(Sha256::of(b"one")));
    sandbox.put("file", "two");
    age(&sandbox, "file");
    // Same size, same mtime, same inode, and perhaps the same tick: still seen.
    assert_eq!(digest_of(&sandbox.node("file")), Some(Sha256::of(b"two")));
}

#[test]
fn a_fingerprint_is_believed_only_for_the_same_times_and_only_when_old() {
    use super::super::fingerprint::Fingerprints;
    let sandbox = Sandbox::new();
    sandbox.put("file", "one");
    let Node::File { stat, .. } = sandbox.node("file") else { panic!() };
    let (digest, second) = (Sha256::of(b"one"), 1_000_000_000);

    let mut known = Fingerprints::default();
    known.put(&stat, false, digest, stat.changed + second);
    assert_eq!(known.get(&stat, false), None, "too fresh");
    known.put(&stat, false, digest, stat.changed + 3 * second);
    assert_eq!(known.get(&stat, false), Some(digest));
    assert_eq!(known.get(&stat, true), None, "under a key it is another");
    for other in [
        crate::host::Stat { changed: stat.changed + 1, ..stat },
        crate::host::Stat { modified: stat.modified + 1, ..stat },
        crate::host::Stat { size: stat.size + 1, ..stat },
        crate::host::Stat { inode: stat.inode + 1, ..stat },
        crate::host::Stat { device: stat.device + 1, ..stat },
    ] {
        assert_eq!(known.get(&other, false), None);
    }
    known.begin_pass();
    assert_eq!(known.get(&stat, false), Some(digest), "used in the last pass");
    known.begin_pass();
    known.begin_pass();
    assert_eq!(known.get(&stat, false), None, "not used in the last pass");
    known.put(&stat, false, digest, stat.changed + 3 * second);
    known.put(&stat, false, digest, stat.changed + second);
    assert_eq!(known.get(&stat, false), None, "a doubtful look replaces a sure one");
}

#[test]
fn entries_are_sorted_marked_and_without_staged_names() {
    let sandbox = Sandbox::new();
    sandbox.put("directory-not", "");
    let inside = sandbox.real("directory");
    fs::create_dir_all(inside.join("b")).unwrap();
    fs::write(inside.join("a\nb"), "").unwrap();
    fs::write(inside.join(std::ffi::OsStr::from_bytes(b"c\xff")), "").unwrap();
    fs::write(inside.join(".holdfast-0123456789abcdef~"), "").unwrap();
    fs::write(inside.join(".holdfast-notes"), "").unwrap();
    symlink("b", inside.join("link")).unwrap();
    let entry = |name: &str, plain, directory| Entry { name: name.into(), plain, directory };
    assert_eq!(
        sandbox.files.entries(&sandbox.path("directory")).unwrap(),
        [
            entry(".holdfast-notes", true, false),
            entry("a\\nb", false, false),
            entry("b", true, true),
            entry("c\\xff", false, false),
            entry("link", true, false),
        ]
    );
    assert!(sandbox.files.entries(&sandbox.path("directory-not")).is_err());
    assert!(sandbox.files.entries(&sandbox.path("missing")).is_err());
}

#[test]
fn mount_points_are_unescaped() {
    let text = br"36 35 98:0 / /mnt/a\040b rw,noatime master:1 - ext3 /dev/root rw
37 35 98:0 /x /etc/hosts rw - ext4 /dev/vda rw
38 1 0:1 / /odd\134name rw - tmpfs t rw
";
    let points: Vec<String> = mounts::parse(text).iter().map(|point| point.display().to_string()).collect();
    assert_eq!(points, ["/mnt/a b", "/etc/hosts", r"/odd\name"]);
    assert!(mounts::mount_points().unwrap().contains(&"/".into()));
}

#[test]
fn a_scratch_root_is_a_world_of_its_own() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("usr/bin")).unwrap();
    fs::create_dir_all(root.path().join("etc")).unwrap();
    fs::write(root.path().join("usr/bin/tool"), "tool").unwrap();
    fs::write(root.path().join("etc/passwd"), "inside").unwrap();
    symlink("/usr/bin", root.path().join("bin")).unwrap();
    symlink("../../../../etc", root.path().join("usr/up")).unwrap();
    symlink("loop", root.path().join("loop")).unwrap();
    let files = Files::new(Tree::scratch(root.path()).unwrap());
    let digest = |path: &str| files.node(&path.parse().unwrap(), Digest::Plain).map(|node| digest_of(&node));
    assert_eq!(digest("/bin/tool").unwrap(), Some(Sha256::of(b"tool")));
    assert_eq!(digest("/usr/up/passwd").unwrap(), Some(Sha256::of(b"inside")));
    assert_eq!(digest("/proc/self/status").unwrap(), None);
    assert!(matches!(digest("/loop/x"), Err(HostError::Io { .. })));
    let stat = |path: &str| match files.node(&path.parse().unwrap(), Digest::None).unwrap() {
        Node::Directory { stat } => stat,
        other => panic!("{other:?}"),
    };
    assert_eq!(stat("/etc").uid, geteuid().as_raw());
}

#[test]
fn walking_by_hand_finds_the_same_as_the_kernel() {
    use nix::fcntl::OFlag;
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.real("a/b/c")).unwrap();
    symlink("b/../b", sandbox.real("a/relative")).unwrap();
    symlink(sandbox.real("a"), sandbox.real("absolute")).unwrap();
    let tree = Tree::host().unwrap();
    let inode = |path: String| {
        let directory = tree.directory(&path, OFlag::O_RDONLY).unwrap();
        nix::sys::stat::fstat(&directory).unwrap().st_ino
    };
    let real = inode_of(sandbox.real("a/b/c"));
    for path in ["a/b/c", "a/relative/c", "absolute/b/c", "absolute/relative/c"] {
        assert_eq!(inode(sandbox.path(path).to_string()), real, "{path}");
    }
    assert_eq!(inode(String::new()), inode_of("/".into()));
}
