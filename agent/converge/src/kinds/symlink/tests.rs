use holdfast_schema::spec::{Ensure, Spec};

use crate::{
    host::fake::FakeHost,
    ledger::Ledger,
    testing::{Scene, ledger_of, planned},
};

const LINK: &str = "symlink:/etc/localtime";

/// What is planned for a link to "/new", on a host that `prepare` made.
fn plan(ensure: Ensure, prepare: impl Fn(&FakeHost), ledger: &Ledger) -> String {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    if let Spec::Symlink(link) = &mut scene.symlink("/etc/localtime", "/new").spec {
        link.ensure = ensure;
    }
    prepare(&host);
    planned(&scene, LINK, &host, ledger)
}

#[test]
fn present() {
    let none = Ledger::default();
    let made = "link /etc/localtime /new";
    let to = |target: &'static str| move |host: &FakeHost| host.inner().symlink("/etc/localtime", target);
    let file = |host: &FakeHost| host.inner().file("/etc/localtime", b"zone");
    let directory = |host: &FakeHost| host.inner().directory("/etc/localtime");
    assert_eq!(plan(Ensure::Present, |_| (), &none), made);
    assert_eq!(plan(Ensure::Present, to("/new"), &none), "");
    assert_eq!(plan(Ensure::Present, to("/old"), &none), made);
    assert_eq!(plan(Ensure::Present, file, &none), "E_IN_THE_WAY");
    assert_eq!(plan(Ensure::Present, directory, &none), "E_IN_THE_WAY");
    let own_file = ledger_of(&[(LINK, "/etc/localtime", Some("zone"))]);
    assert_eq!(plan(Ensure::Present, file, &own_file), made);
    let own_directory = ledger_of(&[(LINK, "/etc/localtime", None)]);
    let replaced = "remove /etc/localtime; link /etc/localtime /new";
    assert_eq!(plan(Ensure::Present, directory, &own_directory), replaced);
}

#[test]
fn absent_keeps_a_file() {
    let none = Ledger::default();
    let link = |host: &FakeHost| host.inner().symlink("/etc/localtime", "/any");
    assert_eq!(plan(Ensure::Absent, |_| (), &none), "");
    assert_eq!(plan(Ensure::Absent, link, &none), "remove /etc/localtime");
    let file = |host: &FakeHost| host.inner().file("/etc/localtime", b"zone");
    assert_eq!(plan(Ensure::Absent, file, &none), "E_IN_THE_WAY");
}

#[test]
fn no_longer_declared() {
    let (scene, host) = (Scene::new(), FakeHost::new());
    host.inner().symlink("/etc/localtime", "/new");
    let own = ledger_of(&[(LINK, "/etc/localtime", Some("/new"))]);
    assert_eq!(planned(&scene, LINK, &host, &own), "remove /etc/localtime");
    host.inner().symlink("/etc/localtime", "/elsewhere");
    assert_eq!(planned(&scene, LINK, &host, &own), "");
}
