//! Somebody who owns a directory on the way bends it while Holdfast works.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::*;

/// A directory that others may write, as `/home/alice` is for root.
fn open_to_all(sandbox: &Sandbox, name: &str) {
    fs::create_dir(sandbox.real(name)).unwrap();
    fs::set_permissions(sandbox.real(name), fs::Permissions::from_mode(0o777)).unwrap();
}

#[tokio::test(flavor = "current_thread")]
async fn a_link_where_others_could_put_it_is_not_followed() {
    let sandbox = Sandbox::new();
    open_to_all(&sandbox, "home");
    fs::create_dir(sandbox.real("victim")).unwrap();
    sandbox.put("victim/shadow", "secret");
    symlink(sandbox.real("victim"), sandbox.real("home/settings")).unwrap();

    let error = sandbox.files.node(&sandbox.path("home/settings/shadow"), Digest::Plain).unwrap_err();
    assert_eq!(error.code(), "E_UNSAFE_PATH");
    assert!(error.to_string().contains("home/settings"), "{error}");
    let error = sandbox.write("home/settings/shadow", "mine", &Expected::Anything).await.unwrap_err();
    assert_eq!(error.code(), "E_UNSAFE_PATH");
    for expects in [Expected::Anything, Expected::Nothing] {
        let error = sandbox.editor.remove(&sandbox.path("home/settings/shadow"), &expects).unwrap_err();
        assert_eq!(error.code(), "E_UNSAFE_PATH");
    }
    assert_eq!(sandbox.get("victim/shadow"), "secret");
}

#[tokio::test(flavor = "current_thread")]
async fn a_link_that_only_we_could_make_is_followed() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.real("real")).unwrap();
    symlink("real", sandbox.real("link")).unwrap();
    sandbox.write("link/file", "text", &Expected::Nothing).await.unwrap();
    assert_eq!(sandbox.get("real/file"), "text");
    // A sticky directory such as /tmp keeps others from replacing our links.
    open_to_all(&sandbox, "sticky");
    fs::set_permissions(sandbox.real("sticky"), fs::Permissions::from_mode(0o1777)).unwrap();
    symlink("../real", sandbox.real("sticky/link")).unwrap();
    assert!(matches!(sandbox.node("sticky/link/file"), Node::File { .. }));
}

#[tokio::test(flavor = "current_thread")]
async fn a_parent_that_is_swapped_after_the_plan_is_noticed() {
    let sandbox = Sandbox::new();
    open_to_all(&sandbox, "home");
    fs::create_dir(sandbox.real("home/settings")).unwrap();
    fs::create_dir(sandbox.real("victim")).unwrap();
    sandbox.put("victim/file", "theirs");
    sandbox.put("home/settings/file", "old");
    let planned = sandbox.seen("home/settings/file");
    fs::rename(sandbox.real("home/settings"), sandbox.real("home/away")).unwrap();

    symlink(sandbox.real("victim"), sandbox.real("home/settings")).unwrap();
    let error = sandbox.write("home/settings/file", "new", &planned).await.unwrap_err();
    assert_eq!(error.code(), "E_UNSAFE_PATH");

    fs::remove_file(sandbox.real("home/settings")).unwrap();
    fs::rename(sandbox.real("victim"), sandbox.real("home/settings")).unwrap();
    let error = sandbox.write("home/settings/file", "new", &planned).await.unwrap_err();
    assert_eq!(error.code(), "E_CONCURRENT_EDIT");
    assert_eq!(sandbox.get("home/settings/file"), "theirs");
}

#[test]
fn swapping_a_parent_all_the_time_never_reaches_the_victim() {
    let sandbox = Sandbox::new();
    open_to_all(&sandbox, "home");
    fs::create_dir(sandbox.real("home/settings")).unwrap();
    fs::create_dir(sandbox.real("victim")).unwrap();
    sandbox.put("victim/file", "theirs");
    symlink(sandbox.real("victim"), sandbox.real("home/bait")).unwrap();
    let (settings, bait) = (sandbox.real("home/settings"), sandbox.real("home/bait"));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let flags = nix::fcntl::RenameFlags::RENAME_EXCHANGE;
                let here = nix::fcntl::AT_FDCWD;
                nix::fcntl::renameat2(here, &settings, here, &bait, flags).unwrap();
            }
        });
        let until = Instant::now() + Duration::from_millis(300);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (mut written, mut refused) = (0, 0);
        while Instant::now() < until || written == 0 || refused == 0 {
            let path = sandbox.path("home/settings/file");
            let one = file(b"ours");
            let write = sandbox.editor.write_file(&path, &one, &Expected::Anything);
            match runtime.block_on(write) {
                Ok(()) => written += 1,
                Err(error) => {
                    assert!(
                        ["E_UNSAFE_PATH", "E_CONCURRENT_EDIT", "E_IO"].contains(&error.code()),
                        "{error}"
                    );
                    refused += 1;
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(sandbox.get("victim/file"), "theirs");
    assert_eq!(fs::read_dir(sandbox.real("victim")).unwrap().count(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_link_in_the_last_place_is_replaced_not_followed() {
    let sandbox = Sandbox::new();
    sandbox.put("victim", "theirs");
    symlink("victim", sandbox.real("link")).unwrap();
    sandbox.write("link", "ours", &sandbox.seen("link")).await.unwrap();
    assert_eq!((sandbox.get("link").as_str(), sandbox.get("victim").as_str()), ("ours", "theirs"));
}

#[test]
fn access_is_never_changed_through_a_link() {
    let sandbox = Sandbox::new();
    sandbox.put("victim", "");
    fs::set_permissions(sandbox.real("victim"), fs::Permissions::from_mode(0o600)).unwrap();
    symlink("victim", sandbox.real("link")).unwrap();
    let error =
        sandbox.editor.set_access(&sandbox.path("link"), &own(0o666), &Expected::Anything).unwrap_err();
    assert_eq!(error.code(), "E_IN_THE_WAY");
    assert_eq!(mode_of(sandbox.real("victim")), 0o600);
}

#[test]
fn a_hard_link_that_others_could_have_made_is_not_given_away() {
    let sandbox = Sandbox::new();
    sandbox.put("shadow", "");
    fs::set_permissions(sandbox.real("shadow"), fs::Permissions::from_mode(0o600)).unwrap();
    open_to_all(&sandbox, "home");
    fs::hard_link(sandbox.real("shadow"), sandbox.real("home/file")).unwrap();
    let path = sandbox.path("home/file");
    let error = sandbox.editor.set_access(&path, &own(0o666), &sandbox.seen("home/file")).unwrap_err();
    assert_eq!(error.code(), "E_IN_THE_WAY");
    assert_eq!(mode_of(sandbox.real("shadow")), 0o600);
    // In a directory that is ours alone it is nobody else's doing.
    fs::hard_link(sandbox.real("shadow"), sandbox.real("also")).unwrap();
    sandbox.editor.set_access(&sandbox.path("also"), &own(0o640), &sandbox.seen("also")).unwrap();
}
