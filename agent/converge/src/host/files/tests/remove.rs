use std::{fs, os::unix::fs::symlink};

use super::*;

#[test]
fn files_links_and_empty_directories_go() {
    let sandbox = Sandbox::new();
    sandbox.put("file", "");
    sandbox.put("target", "");
    symlink("target", sandbox.real("link")).unwrap();
    fs::create_dir(sandbox.real("directory")).unwrap();
    for name in ["file", "link", "directory"] {
        sandbox.editor.remove(&sandbox.path(name), &sandbox.seen(name)).unwrap();
    }
    assert_eq!(sandbox.names(), ["target"]);
}

#[test]
fn what_changed_stays() {
    let sandbox = Sandbox::new();
    sandbox.put("file", "old");
    let planned = sandbox.seen("file");
    sandbox.put("file", "edited");
    let error = sandbox.editor.remove(&sandbox.path("file"), &planned).unwrap_err();
    assert_eq!((error.code(), sandbox.get("file").as_str()), ("E_CONCURRENT_EDIT", "edited"));
    fs::remove_file(sandbox.real("file")).unwrap();
    assert_eq!(
        sandbox.editor.remove(&sandbox.path("file"), &planned).unwrap_err().code(),
        "E_CONCURRENT_EDIT"
    );
    assert_eq!(
        sandbox.editor.remove(&sandbox.path("gone/file"), &planned).unwrap_err().code(),
        "E_CONCURRENT_EDIT"
    );
    for expects in [Expected::Anything, Expected::Nothing] {
        sandbox.editor.remove(&sandbox.path("file"), &expects).unwrap();
        sandbox.editor.remove(&sandbox.path("gone/file"), &expects).unwrap();
        sandbox.editor.remove_tree(&sandbox.path("gone/tree"), &expects).unwrap();
    }
}

#[test]
fn a_full_directory_and_a_fifo_stay() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.real("directory")).unwrap();
    sandbox.put("directory/file", "");
    let error = sandbox.editor.remove(&sandbox.path("directory"), &sandbox.seen("directory")).unwrap_err();
    assert_eq!(error.code(), "E_IO");
    nix::unistd::mkfifo(&sandbox.real("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let error = sandbox.editor.remove(&sandbox.path("fifo"), &Expected::Anything).unwrap_err();
    assert_eq!(error.code(), "E_IN_THE_WAY");
    assert_eq!(sandbox.names(), ["directory", "fifo"]);
}

#[test]
fn a_tree_goes_whole_and_links_in_it_lead_nowhere() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.real("victim")).unwrap();
    sandbox.put("victim/file", "kept");
    fs::create_dir_all(sandbox.real("tree/a/b")).unwrap();
    sandbox.put("tree/a/file", "");
    symlink("../../victim", sandbox.real("tree/a/out")).unwrap();
    nix::unistd::mkfifo(&sandbox.real("tree/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    sandbox.editor.remove_tree(&sandbox.path("tree"), &sandbox.seen("tree")).unwrap();
    assert_eq!(sandbox.names(), ["victim"]);
    assert_eq!(sandbox.get("victim/file"), "kept");
}

#[test]
fn only_a_directory_is_a_tree() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.real("victim")).unwrap();
    symlink("victim", sandbox.real("link")).unwrap();
    sandbox.put("file", "");
    for name in ["link", "file"] {
        let error = sandbox.editor.remove_tree(&sandbox.path(name), &sandbox.seen(name)).unwrap_err();
        assert_eq!(error.code(), "E_IN_THE_WAY");
    }
    assert_eq!(sandbox.names(), ["file", "link", "victim"]);
}

#[test]
fn a_tree_that_is_too_deep_is_refused_and_hidden() {
    let sandbox = Sandbox::new();
    let mut deep = sandbox.real("tree");
    for _ in 0..300 {
        deep.push("d");
    }
    fs::create_dir_all(&deep).unwrap();
    let error = sandbox.editor.remove_tree(&sandbox.path("tree"), &sandbox.seen("tree")).unwrap_err();
    assert_eq!(error.code(), "E_IO");
    assert_eq!(sandbox.node("tree"), Node::Absent);
}
