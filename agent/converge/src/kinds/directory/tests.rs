use holdfast_schema::spec::Ensure;

use crate::{
    host::fake::FakeHost,
    ledger::Ledger,
    testing::{AsSpec as _, Scene, ledger_of, planned},
};

const CONF: &str = "directory:/etc/conf.d";

/// A declared directory that is there.
fn existing() -> (Scene, FakeHost) {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    scene.directory("/etc/conf.d");
    host.inner().directory("/etc/conf.d");
    (scene, host)
}

#[test]
fn present() {
    let none = Ledger::default();
    let (scene, host) = existing();
    assert_eq!(planned(&scene, CONF, &host, &none), "");
    host.inner().access("/etc/conf.d", 0, 33, 0o700);
    assert_eq!(planned(&scene, CONF, &host, &none), "access /etc/conf.d 0:0 0755");
    host.inner().remove("/etc/conf.d");
    assert_eq!(planned(&scene, CONF, &host, &none), "mkdir /etc/conf.d");
    host.inner().symlink("/etc/conf.d", "/srv");
    assert_eq!(planned(&scene, CONF, &host, &none), "E_IN_THE_WAY");
    host.inner().file("/etc/conf.d", b"x");
    assert_eq!(planned(&scene, CONF, &host, &none), "E_IN_THE_WAY");
    let own_file = ledger_of(&[(CONF, "/etc/conf.d", Some("x"))]);
    assert_eq!(planned(&scene, CONF, &host, &own_file), "remove /etc/conf.d; mkdir /etc/conf.d");
}

#[test]
fn purge_removes_what_nothing_declares_or_owns() {
    let (mut scene, host) = existing();
    scene.get(CONF).as_directory().purge = true;
    scene.file("/etc/conf.d/declared", "x");
    scene.file("/etc/conf.d/deep/below", "x");
    scene.file("/etc/conf.data", "a name that only begins alike");
    {
        let mut inner = host.inner();
        for name in ["declared", "owned", "stray"] {
            inner.file(&format!("/etc/conf.d/{name}"), b"x");
        }
        for name in ["deep", "tree"] {
            inner.directory(&format!("/etc/conf.d/{name}"));
        }
        inner.file("/etc/conf.d/tree/leaf", b"x");
        inner.symlink("/etc/conf.d/link", "/etc");
    }
    let ledger = ledger_of(&[("file:/etc/conf.d/owned", "/etc/conf.d/owned", Some("x"))]);
    let purged = "remove /etc/conf.d/link; remove /etc/conf.d/stray; remove tree /etc/conf.d/tree";
    assert_eq!(planned(&scene, CONF, &host, &ledger), purged);
    // At the limit all go, above it none.
    scene.get(CONF).as_directory().purge_limit = 3;
    assert_eq!(planned(&scene, CONF, &host, &ledger), purged);
    scene.get(CONF).as_directory().purge_limit = 2;
    assert_eq!(planned(&scene, CONF, &host, &ledger), "E_PURGE_LIMIT");
    // What else is wrong is mended all the same.
    host.inner().access("/etc/conf.d", 0, 0, 0o700);
    assert_eq!(planned(&scene, CONF, &host, &ledger), "access /etc/conf.d 0:0 0755");
}

#[test]
fn purge_says_what_it_cannot_remove_once_the_rest_is_gone() {
    let (mut scene, host) = existing();
    scene.get(CONF).as_directory().purge = true;
    host.inner().file("/etc/conf.d/a\u{fffd}b", b"x");
    host.inner().file("/etc/conf.d/stray", b"x");
    assert_eq!(planned(&scene, CONF, &host, &Ledger::default()), "remove /etc/conf.d/stray");
    host.inner().remove("/etc/conf.d/stray");
    assert_eq!(planned(&scene, CONF, &host, &Ledger::default()), "E_FOREIGN_NAME");
    host.inner().remove("/etc/conf.d/a\u{fffd}b");
    host.inner().other("/etc/conf.d/socket", "a socket");
    assert_eq!(planned(&scene, CONF, &host, &Ledger::default()), "E_IN_THE_WAY");
}

#[test]
fn absent_removes_only_what_is_empty_unless_it_is_purged() {
    let none = Ledger::default();
    let (mut scene, host) = existing();
    scene.get(CONF).as_directory().ensure = Ensure::Absent;
    assert_eq!(planned(&scene, CONF, &host, &none), "remove /etc/conf.d");
    host.inner().file("/etc/conf.d/stray", b"x");
    assert_eq!(planned(&scene, CONF, &host, &none), "E_NOT_EMPTY");
    scene.get(CONF).as_directory().purge = true;
    assert_eq!(planned(&scene, CONF, &host, &none), "remove tree /etc/conf.d");
    scene.get(CONF).as_directory().purge_limit = 0;
    assert_eq!(planned(&scene, CONF, &host, &none), "E_PURGE_LIMIT");
    // What is declared inside is never swept away with it.
    scene.get(CONF).as_directory().purge_limit = 10;
    host.inner().file("/etc/conf.d/kept", b"x");
    scene.file("/etc/conf.d/kept", "x");
    assert_eq!(planned(&scene, CONF, &host, &none), "E_NOT_EMPTY");
    host.inner().remove("/etc/conf.d");
    assert_eq!(planned(&scene, CONF, &host, &none), "");
}

#[test]
fn no_longer_declared() {
    let (mut scene, host) = existing();
    scene.drop(CONF);
    let own = ledger_of(&[(CONF, "/etc/conf.d", None)]);
    assert_eq!(planned(&scene, CONF, &host, &Ledger::default()), "");
    assert_eq!(planned(&scene, CONF, &host, &own), "remove /etc/conf.d");
    host.inner().file("/etc/conf.d/stray", b"x");
    assert_eq!(planned(&scene, CONF, &host, &own), "");
}
