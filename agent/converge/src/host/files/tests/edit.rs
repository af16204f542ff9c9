use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use super::{
    super::{Type, stage, swap::Place},
    *,
};

#[tokio::test(flavor = "current_thread")]
async fn a_new_file_and_its_successor() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "one", &Expected::Nothing).await.unwrap();
    assert_eq!((sandbox.get("file").as_str(), mode_of(sandbox.real("file"))), ("one", 0o640));
    let inode = inode_of(sandbox.real("file"));
    sandbox.write("file", "two", &sandbox.seen("file")).await.unwrap();
    assert_eq!(sandbox.get("file"), "two");
    assert_ne!(inode_of(sandbox.real("file")), inode);
    assert_eq!(sandbox.names(), ["file"]);
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_not_expected_is_not_overwritten() {
    let sandbox = Sandbox::new();
    sandbox.put("file", "theirs");
    let planned = sandbox.seen("file");
    for expects in [Expected::Nothing, planned.clone()] {
        sandbox.put("file", "edited by hand");
        let error = sandbox.write("file", "ours", &expects).await.unwrap_err();
        assert_eq!(error.code(), "E_CONCURRENT_EDIT");
    }
    fs::remove_file(sandbox.real("file")).unwrap();
    assert_eq!(sandbox.write("file", "ours", &planned).await.unwrap_err().code(), "E_CONCURRENT_EDIT");
    assert!(sandbox.names().is_empty());
}

/// Stages `content` by hand and swaps it in as if `before` had just been seen.
fn exchange(
    sandbox: &Sandbox,
    name: &str,
    content: &str,
    before: (Type, crate::host::Stat),
) -> Result<(), HostError> {
    let path = sandbox.path(name);
    let place = sandbox.editor.place(&path).unwrap();
    let mut staged = sandbox.editor.stage(&place.directory, None).unwrap();
    sandbox.put(staged.name(), content);
    staged.holds(false);
    let made = fs::File::open(sandbox.real(staged.name())).unwrap();
    place.exchange(&mut staged, made, before)
}

fn found(sandbox: &Sandbox, name: &str) -> (Type, crate::host::Stat) {
    let path = sandbox.path(name);
    let place: Place<'_> = sandbox.editor.place(&path).unwrap();
    place.look().unwrap().unwrap()
}

#[test]
fn an_edit_between_the_last_look_and_the_exchange_is_put_back() {
    let sandbox = Sandbox::new();
    sandbox.put("file", "old");
    let before = found(&sandbox, "file");
    // An editor that saves by rename, and one that writes in place.
    for save in [
        |sandbox: &Sandbox| {
            sandbox.put("saved", "edit");
            fs::rename(sandbox.real("saved"), sandbox.real("file")).unwrap();
        },
        |sandbox: &Sandbox| sandbox.put("file", "another edit"),
    ] {
        save(&sandbox);
        let edited = (inode_of(sandbox.real("file")), sandbox.get("file"));
        let error = exchange(&sandbox, "file", "ours", before).unwrap_err();
        assert_eq!(error.code(), "E_CONCURRENT_EDIT");
        assert_eq!((inode_of(sandbox.real("file")), sandbox.get("file")), edited);
        assert_eq!(sandbox.names(), ["file"]);
    }
}

#[test]
fn a_directory_that_appears_before_the_exchange_is_put_back() {
    let sandbox = Sandbox::new();
    sandbox.put("file", "old");
    let before = found(&sandbox, "file");
    fs::remove_file(sandbox.real("file")).unwrap();
    fs::create_dir(sandbox.real("file")).unwrap();
    sandbox.put("file/inside", "kept");
    assert_eq!(exchange(&sandbox, "file", "ours", before).unwrap_err().code(), "E_CONCURRENT_EDIT");
    assert_eq!(sandbox.get("file/inside"), "kept");
    assert_eq!(sandbox.names(), ["file"]);
}

/// Somebody saves new versions by rename all the time. Whatever we do in between, an older save never comes back, and the
/// last one is replaced only by a write that had seen it.
#[test]
fn no_edit_is_lost_to_a_race() {
    let sandbox = Sandbox::new();
    sandbox.put("file", "0");
    let stop = AtomicBool::new(false);
    let real = sandbox.directory.path().to_owned();
    let number = |text: &str| text.parse::<u64>().ok();
    thread::scope(|scope| {
        let editor = scope.spawn(|| {
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                count += 1;
                fs::write(real.join("saved"), format!("{count}")).unwrap();
                fs::rename(real.join("saved"), real.join("file")).unwrap();
            }
            count
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (mut written, mut refused, mut newest) = (0, 0, 0);
        while written + refused < 2_000 || refused == 0 {
            let planned = sandbox.seen("file");
            match runtime.block_on(sandbox.write("file", "ours", &planned)) {
                Ok(()) => written += 1,
                Err(error) => {
                    assert_eq!(error.code(), "E_CONCURRENT_EDIT", "{error}");
                    refused += 1;
                }
            }
            if let Some(now) = number(&sandbox.get("file")) {
                assert!(now >= newest, "save {now} came back after {newest}");
                newest = now;
            }
        }
        stop.store(true, Ordering::Relaxed);
        let last = editor.join().unwrap();
        let text = sandbox.get("file");
        assert!(text == "ours" || number(&text) == Some(last), "{text} instead of {last}");
        eprintln!("{written} written, {refused} refused");
    });
    assert_eq!(sandbox.names(), ["file"]);
}

#[tokio::test(flavor = "current_thread")]
async fn what_cannot_be_replaced_is_named() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.real("directory")).unwrap();
    nix::unistd::mkfifo(&sandbox.real("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(sandbox.real("socket")).unwrap();
    sandbox.put("file", "");
    for (name, says) in [
        ("directory", "is a directory,"),
        ("fifo", "is a fifo,"),
        ("socket", "is a socket,"),
        ("file/below", "is not a directory,"),
    ] {
        let error = sandbox.write(name, "", &Expected::Anything).await.unwrap_err();
        assert_eq!(error.code(), "E_IN_THE_WAY");
        assert!(error.to_string().contains(says), "{error}");
        let error = sandbox.editor.make_symlink(&sandbox.path(name), "x", &Expected::Anything).unwrap_err();
        assert_eq!(error.code(), "E_IN_THE_WAY");
    }
    let error = sandbox.write("missing/file", "", &Expected::Nothing).await.unwrap_err();
    assert_eq!(error.code(), "E_IO");
    assert!(error.remedy().unwrap().contains("directory"), "{error}");
}

#[test]
fn directories_and_links_appear_complete() {
    let sandbox = Sandbox::new();
    let directory = sandbox.path("directory");
    sandbox.editor.make_directory(&directory, &own(0o2750), &Expected::Nothing).unwrap();
    assert_eq!(mode_of(sandbox.real("directory")), 0o2750);
    let again = sandbox.editor.make_directory(&directory, &own(0o750), &Expected::Nothing).unwrap_err();
    assert_eq!(again.code(), "E_CONCURRENT_EDIT");

    let link = sandbox.path("link");
    sandbox.editor.make_symlink(&link, "one", &Expected::Nothing).unwrap();
    sandbox.editor.make_symlink(&link, "two/../two", &sandbox.seen("link")).unwrap();
    assert_eq!(fs::read_link(sandbox.real("link")).unwrap().to_str(), Some("two/../two"));
    sandbox.put("file", "");
    sandbox.editor.make_symlink(&sandbox.path("file"), "three", &sandbox.seen("file")).unwrap();
    assert_eq!(sandbox.names(), ["directory", "file", "link"]);
}

#[test]
fn access_is_set_on_files_and_directories() {
    let sandbox = Sandbox::new();
    sandbox.put("file", "");
    fs::create_dir(sandbox.real("directory")).unwrap();
    for (name, mode) in [("file", 0o4711), ("directory", 0o1700)] {
        sandbox.editor.set_access(&sandbox.path(name), &own(mode), &sandbox.seen(name)).unwrap();
        assert_eq!(mode_of(sandbox.real(name)), u32::from(mode));
    }
    let planned = sandbox.seen("directory");
    sandbox.put("directory/new", "changes the directory's times");
    sandbox.editor.set_access(&sandbox.path("directory"), &own(0o755), &planned).unwrap();
    sandbox.put("file", "changed");
    let stale = sandbox.seen("file");
    fs::set_permissions(sandbox.real("file"), fs::Permissions::from_mode(0o600)).unwrap();
    let error = sandbox.editor.set_access(&sandbox.path("file"), &own(0o644), &stale).unwrap_err();
    assert_eq!(error.code(), "E_CONCURRENT_EDIT");
}

async fn validated(sandbox: &Sandbox, script: &str, sensitive: bool) -> Result<(), HostError> {
    let argv: Vec<String> = ["sh", "-c", script, "sh", "{path}"].map(str::to_owned).to_vec();
    let new = NewFile { validate: Some(&argv), sensitive, ..file(b"new") };
    sandbox.editor.write_file(&sandbox.path("app.conf"), &new, &sandbox.seen("app.conf")).await
}

#[tokio::test(flavor = "current_thread")]
async fn a_refused_file_leaves_the_old_one_in_place() {
    let sandbox = Sandbox::new();
    sandbox.put("app.conf", "old");
    let error = validated(&sandbox, "echo \"$1: line 3: bad\"; exit 1", false).await.unwrap_err();
    assert_eq!(error.code(), "E_VALIDATE");
    let path = sandbox.path("app.conf");
    assert_eq!(
        error.to_string(),
        format!("validating {path} with sh failed: exit status: 1: {path}: line 3: bad")
    );
    let error = validated(&sandbox, "cat \"$1\"; exit 1", true).await.unwrap_err();
    assert!(
        error.to_string().ends_with("exit status: 1; what it said is not shown, for the file is sensitive")
    );
    assert_eq!((sandbox.get("app.conf").as_str(), sandbox.names().len()), ("old", 1));
}

#[tokio::test(flavor = "current_thread")]
async fn a_validator_sees_the_complete_file_under_a_name_like_its_own() {
    let sandbox = Sandbox::new();
    let script = r#"test "$(cat "$1")" = new && test "$(stat -c %a "$1")" = 640 && case $1 in */.holdfast-*-app.conf) ;; *) exit 9;; esac"#;
    validated(&sandbox, script, false).await.unwrap();
    assert_eq!((sandbox.get("app.conf").as_str(), sandbox.names().len()), ("new", 1));
}

#[tokio::test(flavor = "current_thread")]
async fn a_validator_that_changes_the_file_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.put("app.conf", "old");
    for script in
        ["echo more >>\"$1\"", "cp \"$1\" \"$1.x\"; mv \"$1.x\" \"$1\"", "rm \"$1\"", "chmod 777 \"$1\""]
    {
        let error = validated(&sandbox, script, false).await.unwrap_err();
        assert!(error.to_string().contains("changed the file"), "{script}: {error}");
        assert_eq!(sandbox.get("app.conf"), "old");
    }
    assert_eq!(sandbox.names(), ["app.conf"]);
}

#[tokio::test(flavor = "current_thread")]
async fn an_abandoned_write_leaves_nothing() {
    let sandbox = Sandbox::new();
    let write = validated(&sandbox, "sleep 1000", false);
    let limit = std::time::Duration::from_millis(200);
    assert!(tokio::time::timeout(limit, write).await.is_err());
    assert!(sandbox.names().is_empty());
}

#[tokio::test(flavor = "current_thread")]
async fn user_attributes_stay_with_the_path() {
    use rustix::fs::{XattrFlags, getxattr, setxattr};
    let sandbox = Sandbox::new();
    sandbox.put("file", "old");
    setxattr(sandbox.real("file"), "user.origin", b"fleet", XattrFlags::empty()).unwrap();
    sandbox.write("file", "new", &sandbox.seen("file")).await.unwrap();
    let mut value = [0; 16];
    let length = getxattr(sandbox.real("file"), "user.origin", &mut value).unwrap();
    assert_eq!(&value[..length], b"fleet");
}

#[tokio::test(flavor = "current_thread")]
async fn a_write_sweeps_what_a_dead_one_left() {
    let sandbox = Sandbox::new();
    sandbox.put(".holdfast-0123456789abcdef~", "half a file");
    sandbox.put(".holdfast-0123456789abcdef-app.conf", "half a file");
    sandbox.put(".holdfast-notes", "somebody's own");
    fs::create_dir_all(sandbox.real(".holdfast-aaaaaaaaaaaaaaaa~/deep/er")).unwrap();
    symlink("/", sandbox.real(".holdfast-bbbbbbbbbbbbbbbb~")).unwrap();
    sandbox.write("file", "text", &Expected::Nothing).await.unwrap();
    assert_eq!(sandbox.names(), [".holdfast-notes", "file"]);

    sandbox.put(".holdfast-0123456789abcdef~", "half a file");
    let here = sandbox.path("file").parent().unwrap();
    sandbox.editor.sweep(&here).unwrap();
    assert_eq!(sandbox.names(), [".holdfast-notes", "file"]);
    sandbox.editor.sweep(&sandbox.path("missing")).unwrap();
}

#[test]
fn staged_names_are_recognised_and_nothing_else_is() {
    let sandbox = Sandbox::new();
    let path = sandbox.path("file");
    let place = sandbox.editor.place(&path).unwrap();
    let long = "é".repeat(127);
    for like in [None, Some("nginx.service"), Some(long.as_str())] {
        let staged = sandbox.editor.stage(&place.directory, like).unwrap();
        assert!(stage::is_staged(staged.name()), "{}", staged.name());
        assert!(staged.name().len() <= 255);
    }
    for name in [
        "",
        ".holdfast-",
        ".holdfast-0123456789abcdef",
        ".holdfast-0123456789ABCDEF~",
        ".holdfast-é123456789abcdef~",
        "holdfast-0123456789abcdef~",
        ".holdfast-0123456789abcdef~~",
    ] {
        assert!(!stage::is_staged(name), "{name}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_scratch_root_grows_directories_and_keeps_owners() {
    let root = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::over(Tree::scratch(root.path()).unwrap());
    let path: AbsolutePath = "/etc/app/app.conf".parse().unwrap();
    let new = NewFile { access: Owned { uid: 0, gid: 0, mode: FileMode::new(0o600) }, ..file(b"text") };
    sandbox.editor.write_file(&path, &new, &Expected::Nothing).await.unwrap();
    assert_eq!(fs::read_to_string(root.path().join("etc/app/app.conf")).unwrap(), "text");
    assert_eq!(mode_of(root.path().join("etc/app")), 0o755);
    let argv = ["grep".to_owned(), "-q".into(), "text".into(), "{path}".into()];
    let new = NewFile { validate: Some(&argv), ..new };
    sandbox.editor.write_file(&"/etc/other".parse().unwrap(), &new, &Expected::Nothing).await.unwrap();
}
