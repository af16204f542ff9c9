#![expect(clippy::disallowed_methods, reason = "tests look behind the room's back")]

use std::{collections::BTreeSet, fs, io, sync::Arc};

use holdfast_schema::{AbsolutePath, ContentSource, Contents, FileMode, Sha256};

use super::LocalHost;
use crate::{
    host::{Expected, Look, Node, Read, Wanted, Write},
    plan::{Action, step::Owned},
};

fn path(text: &str) -> AbsolutePath {
    text.parse().unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn file_actions_reach_a_scratch_root() {
    let root = tempfile::tempdir().unwrap();
    let host = LocalHost::scratch(root.path()).unwrap();
    host.prepare(&Wanted::default()).await.unwrap();
    let mut contents = Contents::default();
    let content = contents.add(*b"hello\n");
    let uid = host.user("nobody-here").await.unwrap().unwrap();
    let gid = host.group("nobody-here").await.unwrap().unwrap();
    let access = Owned { uid, gid, mode: FileMode::new(0o644) };
    let write = |path| Action::WriteFile { path, content, access, validate: None, sensitive: false };
    host.run(&write(path("/etc/motd")), &Expected::Nothing, &contents).await.unwrap();
    let node = host.node(&path("/etc/motd"), Look::Content).await.unwrap();
    assert!(matches!(node, Node::File { stat, sha256: Some(digest) }
        if digest == content.sha256 && (stat.uid, stat.gid, stat.mode) == (uid, gid, access.mode)));
    assert_eq!(fs::read_to_string(root.path().join("etc/motd")).unwrap(), "hello\n");

    let left = root.path().join("etc/.holdfast-0123456789abcdef~");
    fs::write(&left, "half").unwrap();
    host.sweep(&BTreeSet::from([path("/etc"), path("/missing")])).await.unwrap();
    assert!(!left.exists());
    host.finish();

    let reload = host.run(&Action::ReloadManager, &Expected::Anything, &contents).await;
    assert_eq!(reload.unwrap_err().code(), "E_UNSUPPORTED");
    assert_eq!(host.package("nginx").await.unwrap_err().code(), "E_UNSUPPORTED");
}

/// A store whose disk fails.
struct Rotten;

impl ContentSource for Rotten {
    fn content(&self, _sha256: &Sha256) -> io::Result<Arc<[u8]>> {
        Ok(Arc::from(*b"something else"))
    }
}

#[tokio::test(flavor = "current_thread")]
async fn content_without_its_digest_is_never_written() {
    let root = tempfile::tempdir().unwrap();
    let host = LocalHost::scratch(root.path()).unwrap();
    let content = Contents::default().add(*b"right");
    let access = Owned { uid: 0, gid: 0, mode: FileMode::new(0o644) };
    let write = Action::WriteFile { path: path("/x"), content, access, validate: None, sensitive: false };
    assert_eq!(host.run(&write, &Expected::Nothing, &Rotten).await.unwrap_err().code(), "E_IO");
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}
