use holdfast_schema::spec::Ensure;

use crate::{
    host::fake::FakeHost,
    kinds::{Kind as _, Subject, file::File},
    ledger::Ledger,
    plan::Action,
    testing::{AsSpec as _, Scene, block_on, id, ledger_of, planned},
};

const MOTD: &str = "file:/etc/motd";

/// What is planned for a file that should hold "new", on a host that `prepare` made.
fn plan(change: impl Fn(&mut Scene), prepare: impl Fn(&FakeHost), ledger: &Ledger) -> String {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    scene.file("/etc/motd", "new");
    change(&mut scene);
    prepare(&host);
    planned(&scene, MOTD, &host, ledger)
}

#[test]
fn content_owner_group_and_mode() {
    let none = Ledger::default();
    let put = |text: &'static str| move |host: &FakeHost| host.inner().file("/etc/motd", text.as_bytes());
    let set = |uid, gid, mode| {
        move |host: &FakeHost| {
            put("new")(host);
            host.inner().access("/etc/motd", uid, gid, mode);
        }
    };
    let repaired = "access /etc/motd 0:0 0644";
    assert_eq!(plan(|_| (), |_| (), &none), "write /etc/motd");
    assert_eq!(plan(|_| (), put("new"), &none), "");
    assert_eq!(plan(|_| (), put("old"), &none), "write /etc/motd");
    assert_eq!(plan(|_| (), set(33, 0, 0o644), &none), repaired);
    assert_eq!(plan(|_| (), set(0, 4, 0o644), &none), repaired);
    assert_eq!(plan(|_| (), set(0, 0, 0o4755), &none), repaired);
}

#[test]
fn a_seed_is_written_once_and_keeps_its_access() {
    let seed = |scene: &mut Scene| scene.get(MOTD).as_file().replace = false;
    let none = Ledger::default();
    assert_eq!(plan(seed, |_| (), &none), "write /etc/motd");
    let grown = |host: &FakeHost| host.inner().file("/etc/motd", b"grown");
    assert_eq!(plan(seed, grown, &none), "");
    let loose = |host: &FakeHost| {
        grown(host);
        host.inner().access("/etc/motd", 0, 0, 0o666);
    };
    assert_eq!(plan(seed, loose, &none), "access /etc/motd 0:0 0644");
}

#[test]
fn absent_removes_a_file_or_a_link_and_nothing_else() {
    let absent = |scene: &mut Scene| scene.get(MOTD).as_file().ensure = Ensure::Absent;
    let none = Ledger::default();
    assert_eq!(plan(absent, |_| (), &none), "");
    let file = |host: &FakeHost| host.inner().file("/etc/motd", b"x");
    assert_eq!(plan(absent, file, &none), "remove /etc/motd");
    let link = |host: &FakeHost| host.inner().symlink("/etc/motd", "/run/motd");
    assert_eq!(plan(absent, link, &none), "remove /etc/motd");
    let directory = |host: &FakeHost| host.inner().directory("/etc/motd");
    assert_eq!(plan(absent, directory, &none), "E_IN_THE_WAY");
}

#[test]
fn what_is_not_holdfasts_stays_in_the_way() {
    let none = Ledger::default();
    let link = |host: &FakeHost| host.inner().symlink("/etc/motd", "/run/motd");
    let directory = |host: &FakeHost| host.inner().directory("/etc/motd");
    assert_eq!(plan(|_| (), link, &none), "E_IN_THE_WAY");
    assert_eq!(plan(|_| (), directory, &none), "E_IN_THE_WAY");
    assert_eq!(plan(|_| (), |host| host.inner().other("/etc/motd", "a socket"), &none), "E_IN_THE_WAY");

    let own_link = ledger_of(&[(MOTD, "/etc/motd", Some("/run/motd"))]);
    assert_eq!(plan(|_| (), link, &own_link), "write /etc/motd");
    let other_link = ledger_of(&[(MOTD, "/etc/motd", Some("/run/other"))]);
    assert_eq!(plan(|_| (), link, &other_link), "E_IN_THE_WAY");
    let own_directory = ledger_of(&[(MOTD, "/etc/motd", None)]);
    assert_eq!(plan(|_| (), directory, &own_directory), "remove /etc/motd; write /etc/motd");
}

#[test]
fn an_unknown_owner_is_told_only_when_it_matters() {
    let nobody = |scene: &mut Scene| scene.get(MOTD).as_file().access.owner = "nginx".to_owned();
    assert_eq!(plan(nobody, |_| (), &Ledger::default()), "E_NO_ACCOUNT");
    let absent = |scene: &mut Scene| {
        nobody(scene);
        scene.get(MOTD).as_file().ensure = Ensure::Absent;
    };
    assert_eq!(plan(absent, |_| (), &Ledger::default()), "");
}

#[test]
fn no_longer_declared() {
    let gone = |scene: &mut Scene| {
        scene.drop(MOTD);
    };
    let file = |host: &FakeHost| host.inner().file("/etc/motd", b"new");
    let own = ledger_of(&[(MOTD, "/etc/motd", Some("new"))]);
    assert_eq!(plan(gone, file, &own), "remove /etc/motd");
    assert_eq!(plan(gone, |_| (), &own), "");
    assert_eq!(plan(gone, |host| host.inner().file("/etc/motd", b"edited"), &own), "");
    assert_eq!(plan(gone, |host| host.inner().directory("/etc/motd"), &own), "");
    let mut found = Ledger::default();
    found.intend(&id(MOTD), &crate::testing::path("/etc/motd"), None, false);
    assert_eq!(plan(gone, file, &found), "");
}

#[test]
fn a_secret_is_told_neither_by_content_nor_by_digest() {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    let file = scene.file("/etc/motd", "hunter2").as_file();
    file.sensitive = true;
    file.validate = Some(vec!["true".to_owned()]);
    let want = file.clone();
    host.inner().file("/etc/motd", b"hunter1");
    let (prints, ledger, id) = (std::collections::BTreeMap::new(), Ledger::default(), id(MOTD));
    let around = crate::kinds::Around {
        state: &scene.state,
        contents: &scene.contents,
        ledger: &ledger,
        prints: &prints,
        in_force: false,
    };
    let subject = Subject { id: &id, want: Some(&want), entry: None, around: &around };
    let seen = block_on(File::observe(&subject, &host)).unwrap();
    let steps = File::plan(&subject, &seen).unwrap();
    let [step] = steps.as_slice() else { panic!("{steps:?}") };
    assert_eq!((step.because.from.as_str(), step.because.to.as_str()), ("another secret", "the secret"));
    assert!(matches!(&step.action, Action::WriteFile { sensitive: true, validate: Some(_), .. }));
}

#[test]
fn the_fingerprint_follows_content_and_access_but_not_a_seeds_content() {
    let print = |replace: bool, text: &str, mode: u16| {
        let (mut scene, host) = (Scene::new(), FakeHost::new());
        let want = scene.file("/etc/motd", "new").as_file();
        want.replace = replace;
        let want = want.clone();
        host.inner().file("/etc/motd", text.as_bytes());
        host.inner().access("/etc/motd", 0, 0, mode);
        let (prints, ledger, id) = (std::collections::BTreeMap::new(), Ledger::default(), id(MOTD));
        let around = crate::kinds::Around {
            state: &scene.state,
            contents: &scene.contents,
            ledger: &ledger,
            prints: &prints,
            in_force: false,
        };
        let subject = Subject { id: &id, want: Some(&want), entry: None, around: &around };
        File::fingerprint(&subject, &block_on(File::observe(&subject, &host)).unwrap())
    };
    assert_eq!(print(true, "a", 0o644), print(true, "a", 0o644));
    assert_ne!(print(true, "a", 0o644), print(true, "b", 0o644));
    assert_ne!(print(true, "a", 0o644), print(true, "a", 0o600));
    assert_eq!(print(false, "a", 0o644), print(false, "b", 0o644));
}
