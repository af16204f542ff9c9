//! A state in the language's shape, and on disk.
#![expect(clippy::disallowed_methods, reason = "looks at what was written")]

use std::collections::{BTreeMap, BTreeSet};

use holdfast_schema::{
    FileMode,
    spec::{Access, Ensure, FileSpec, Spec, SymlinkSpec, UnitSpec},
    state::{Apply, Mode, RemovalGuard},
};

use super::*;

fn resource(spec: Spec) -> Resource {
    Resource {
        spec,
        needs: holdfast_schema::ResourceSet::default(),
        mode: Mode::Enforce,
        confirm: false,
        tags: BTreeSet::new(),
        declared: "fleet.toml:1:1".into(),
    }
}

fn file(path: &str, content: Content, sensitive: bool) -> Spec {
    Spec::File(FileSpec {
        path: path.parse().unwrap(),
        ensure: Ensure::Present,
        content: Some(content),
        secret: None,
        access: Access { owner: "root".into(), group: "root".into(), mode: FileMode::new(0o4755) },
        validate: None,
        replace: true,
        sensitive,
    })
}

/// A motd, a secret, a unit with a drop-in and a link, with their contents.
fn sample() -> (HostState, Contents) {
    let mut contents = Contents::default();
    let mut resources = BTreeMap::new();
    let mut add = |id: &str, spec| resources.insert(id.parse().unwrap(), resource(spec));
    add("file:/etc/motd", file("/etc/motd", contents.add(&b"hello\n"[..]), false));
    add("file:/etc/secret", file("/etc/secret", contents.add(&b"hunter2"[..]), true));
    add("file:/etc/raw", file("/etc/raw", contents.add(&b"\xff\x00"[..]), false));
    let link = SymlinkSpec {
        path: "/etc/link".parse().unwrap(),
        ensure: Ensure::Present,
        target: "/outside".into(),
    };
    add("symlink:/etc/link", Spec::Symlink(link));
    let unit = UnitSpec {
        name: "a.service".parse().unwrap(),
        ensure: Ensure::Present,
        content: Some(contents.add(&b"[Service]\n"[..])),
        drop_ins: BTreeMap::from([("x.conf".to_owned(), contents.add(&b"[Unit]\n"[..]))]),
        enabled: Some(true),
        active: None,
        masked: None,
        restart_on: BTreeSet::new(),
        reload_on: BTreeSet::new(),
        health: None,
    };
    add("unit:a.service", Spec::Unit(unit));
    let (guard, apply) = (RemovalGuard::default(), Apply::default());
    (HostState { host: "web-1".parse().unwrap(), resources, guard, apply }, contents)
}

#[test]
fn the_state_is_written_as_the_language_would() {
    let (state, contents) = sample();
    insta::assert_snapshot!(toml::to_string_pretty(&document(&state, Some(&contents)).unwrap()).unwrap());
}

#[test]
fn contents_are_digests_unless_asked_for_and_secrets_always() {
    let (state, contents) = sample();
    assert!(!document(&state, None).unwrap().to_string().contains("hello"));
    assert!(!document(&state, Some(&contents)).unwrap().to_string().contains("hunter2"));
}

#[test]
fn everything_with_a_path_is_written() {
    let (state, contents) = sample();
    let out = tempfile::tempdir().unwrap();
    assert_eq!(write::below(out.path(), &state, &contents).unwrap(), 6);
    let read = |path: &str| std::fs::read(out.path().join(path)).unwrap();
    assert_eq!(read("etc/motd"), b"hello\n");
    assert_eq!(read("etc/secret"), b"hunter2");
    assert_eq!(read("etc/systemd/system/a.service.d/x.conf"), b"[Unit]\n");
    assert_eq!(out.path().join("etc/link").read_link().unwrap().to_str(), Some("/outside"));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &out.path().join("etc/motd").metadata().unwrap().permissions(),
    );
    assert_eq!(mode & 0o7777, 0o755, "set-uid is not copied");
    assert_eq!(write::below(out.path(), &state, &contents).unwrap_err().code(), "E_OCCUPIED");
}

#[test]
fn nothing_is_written_through_a_link() {
    let (mut state, mut contents) = sample();
    let out = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let content = contents.add(&b"escaped"[..]);
    state
        .resources
        .insert("file:/etc/link/x".parse().unwrap(), resource(file("/etc/link/x", content, false)));
    if let Some(Spec::Symlink(link)) =
        state.resources.get_mut(&"symlink:/etc/link".parse().unwrap()).map(|it| &mut it.spec)
    {
        link.target = elsewhere.path().display().to_string();
    }
    assert!(write::below(out.path(), &state, &contents).is_err());
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}
