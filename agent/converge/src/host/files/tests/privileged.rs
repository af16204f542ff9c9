//! What only root can try. Run as root with `cargo test -p holdfast-converge privileged -- --ignored`; without root they
//! fail.

use std::{fs, process::Command};

use super::*;

fn run(command: &str) {
    let status = Command::new("sh").args(["-ec", command]).status().unwrap();
    assert!(status.success(), "{command}");
}

/// A small tmpfs over a directory of the sandbox, until it is dropped.
struct Mount(PathBuf, Rc<Files>);

impl Mount {
    fn tmpfs(sandbox: &Sandbox, name: &str, options: &str) -> Self {
        fs::create_dir_all(sandbox.real(name)).unwrap();
        let at = sandbox.real(name);
        run(&format!("mount -t tmpfs -o {options} tmpfs {}", at.display()));
        Self(at, Rc::clone(&sandbox.files))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // An open directory keeps its filesystem busy, which is why none is open between passes.
        self.1.forget_directories();
        run(&format!("umount {}", self.0.display()));
    }
}

#[tokio::test(flavor = "current_thread")]
#[ignore = "needs root"]
async fn a_full_filesystem_leaves_the_old_file() {
    let sandbox = Sandbox::new();
    let _mount = Mount::tmpfs(&sandbox, "small", "size=64k");
    sandbox.put("small/file", "old");
    let error =
        sandbox.write("small/file", &"x".repeat(100_000), &sandbox.seen("small/file")).await.unwrap_err();
    assert_eq!(error.code(), "E_DISK_FULL");
    assert_eq!(sandbox.get("small/file"), "old");
    assert_eq!(fs::read_dir(sandbox.real("small")).unwrap().count(), 1);
    sandbox.write("small/file", "new", &sandbox.seen("small/file")).await.unwrap();
}

#[tokio::test(flavor = "current_thread")]
#[ignore = "needs root"]
async fn no_inodes_left_is_a_full_disk_too() {
    let sandbox = Sandbox::new();
    let _mount = Mount::tmpfs(&sandbox, "small", "nr_inodes=3");
    sandbox.put("small/one", "old");
    sandbox.put("small/two", "old");
    let error = sandbox.write("small/one", "new", &sandbox.seen("small/one")).await.unwrap_err();
    assert_eq!((error.code(), sandbox.get("small/one").as_str()), ("E_DISK_FULL", "old"));
}

#[tokio::test(flavor = "current_thread")]
#[ignore = "needs root"]
async fn a_read_only_filesystem_is_named() {
    let sandbox = Sandbox::new();
    let _mount = Mount::tmpfs(&sandbox, "small", "size=64k");
    sandbox.put("small/file", "old");
    let seen = sandbox.seen("small/file");
    run(&format!("mount -o remount,ro {}", sandbox.real("small").display()));
    let error = sandbox.write("small/file", "new", &seen).await.unwrap_err();
    assert_eq!(error.code(), "E_READ_ONLY");
    let error = sandbox.editor.remove(&sandbox.path("small/file"), &seen).unwrap_err();
    assert_eq!(error.code(), "E_READ_ONLY");
}

#[tokio::test(flavor = "current_thread")]
#[ignore = "needs root"]
async fn marked_files_and_directories_are_named() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.real("directory")).unwrap();
    sandbox.put("directory/file", "old");
    for (mark, says) in [("+i", "immutable"), ("+a", "append-only")] {
        for marked in ["directory/file", "directory"] {
            run(&format!("chattr {mark} {}", sandbox.real(marked).display()));
            let seen = sandbox.seen("directory/file");
            let written = sandbox.write("directory/file", "new", &seen).await;
            let removed = sandbox.editor.remove(&sandbox.path("directory/file"), &seen);
            let access = sandbox.editor.set_access(&sandbox.path("directory/file"), &own(0o600), &seen);
            run(&format!("chattr -i -a {}", sandbox.real(marked).display()));
            for error in [written.unwrap_err(), removed.unwrap_err()] {
                assert_eq!(error.code(), "E_IMMUTABLE", "{error}");
                assert_eq!(error.to_string(), format!("{} is marked {says}", sandbox.path(marked)));
            }
            assert_eq!(access.is_err(), marked != "directory");
            sandbox.editor.sweep(&sandbox.path("directory")).unwrap();
            assert_eq!(sandbox.get("directory/file"), "old");
            assert_eq!(fs::read_dir(sandbox.real("directory")).unwrap().count(), 1);
        }
    }
}

#[tokio::test(flavor = "current_thread")]
#[ignore = "needs root"]
async fn mount_points_are_left_alone() {
    let sandbox = Sandbox::new();
    sandbox.put("file", "below");
    sandbox.put("other", "mounted");
    let seen = sandbox.seen("file");
    run(&format!("mount --bind {} {}", sandbox.real("other").display(), sandbox.real("file").display()));
    let unmount = Mount(sandbox.real("file"), Rc::clone(&sandbox.files));
    assert_eq!(sandbox.node("file"), Node::Other { what: "a mount point" });
    assert_eq!(sandbox.write("file", "new", &seen).await.unwrap_err().code(), "E_CONCURRENT_EDIT");
    let error = sandbox.write("file", "new", &Expected::Anything).await.unwrap_err();
    assert_eq!(error.code(), "E_IN_THE_WAY", "{error}");
    let error = sandbox.editor.remove(&sandbox.path("file"), &Expected::Anything).unwrap_err();
    assert_eq!(error.code(), "E_IN_THE_WAY");
    drop(unmount);

    fs::create_dir_all(sandbox.real("tree/a")).unwrap();
    let mount = Mount::tmpfs(&sandbox, "tree/a/b", "size=64k");
    sandbox.put("tree/a/b/file", "kept");
    let error = sandbox.editor.remove_tree(&sandbox.path("tree"), &sandbox.seen("tree")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} is a mount point, which Holdfast does not replace", sandbox.path("tree/a/b"))
    );
    assert_eq!(sandbox.get("tree/a/b/file"), "kept");
    drop(mount);
    sandbox.editor.remove_tree(&sandbox.path("tree"), &sandbox.seen("tree")).unwrap();
}

#[tokio::test(flavor = "current_thread")]
#[ignore = "needs root"]
async fn owner_and_setuid_survive_together() {
    let sandbox = Sandbox::new();
    let access = Owned { uid: 1, gid: 2, mode: FileMode::new(0o6755) };
    let new = NewFile { access, ..file(b"") };
    sandbox.editor.write_file(&sandbox.path("file"), &new, &Expected::Nothing).await.unwrap();
    let metadata = fs::metadata(sandbox.real("file")).unwrap();
    assert_eq!((metadata.uid(), metadata.gid(), mode_of(sandbox.real("file"))), (1, 2, 0o6755));
    let access = Owned { uid: 3, gid: 4, mode: FileMode::new(0o4711) };
    sandbox.editor.set_access(&sandbox.path("file"), &access, &sandbox.seen("file")).unwrap();
    let metadata = fs::metadata(sandbox.real("file")).unwrap();
    assert_eq!((metadata.uid(), metadata.gid(), mode_of(sandbox.real("file"))), (3, 4, 0o4711));
}

#[tokio::test(flavor = "current_thread")]
#[ignore = "needs root"]
async fn another_users_link_is_not_followed() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.real("victim")).unwrap();
    run(&format!("cd {} && ln -s victim link && chown -h 1000:1000 link", sandbox.real("").display()));
    let error = sandbox.write("link/file", "", &Expected::Nothing).await.unwrap_err();
    assert_eq!(error.code(), "E_UNSAFE_PATH");
}
