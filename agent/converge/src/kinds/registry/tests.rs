use std::rc::Rc;

use holdfast_schema::spec::Ensure;
use holdfast_secrets::Identity;

use crate::{
    engine::{Outcome, undo},
    host::{
        fake::FakeHost,
        faulty::{MemoryJournal, MemoryStore},
        logins,
        secrets::Secrets,
    },
    testing::{AsSpec as _, Scene, block_on, envelope, id, planned, shorts},
};

const SERVER: &str = "registry.example.com";
const ID: &str = "registry:registry.example.com";

/// A scene with a login, on a host that can read its password.
fn scene(password: &str) -> (Scene, FakeHost, Identity) {
    let (mut scene, host, identity) = (Scene::new(), FakeHost::new(), Identity::generate().unwrap());
    host.inner().secrets = Rc::new(Secrets::held_by(Identity::parse(&identity.print()).unwrap()));
    for directory in ["/root", "/root/.docker"] {
        host.inner().directory(directory);
    }
    scene.registry(SERVER, "deploy", &envelope("token", &[ID]), password, identity.recipient());
    (scene, host, identity)
}

fn file(host: &FakeHost) -> String {
    String::from_utf8(host.inner().content(logins::PATH).unwrap().to_vec()).unwrap()
}

#[test]
fn a_login_is_made_kept_changed_and_removed() {
    let (mut scene, host, identity) = scene("hunter2\n");
    host.inner().file(logins::PATH, br#"{"auths":{"other.example.com":{"auth":"eDp5"}}}"#);
    let (mut store, mut journal) = (MemoryStore::default(), MemoryJournal::default());
    let mut pass = |scene: &Scene| {
        let mut ledger = store.ledger();
        let report = scene.pass_and_record(&host, &mut ledger, &mut store, &mut journal);
        assert_eq!(report.summary().failed, 0, "{report:#?}");
        shorts(&host.take_done()).join("; ")
    };
    assert_eq!(pass(&scene), "log in at registry.example.com as deploy");
    assert!(file(&host).contains("ZGVwbG95Omh1bnRlcjI=") && file(&host).contains("eDp5"), "{}", file(&host));
    assert_eq!(pass(&scene), "");
    host.inner().access(logins::PATH, 0, 0, 0o644);
    assert_eq!(pass(&scene), "access /root/.docker/config.json 0:0 0600");
    scene.registry(SERVER, "deploy", &envelope("token", &[ID]), "other-secret", identity.recipient());
    assert_eq!(pass(&scene), "log in at registry.example.com as deploy");
    scene.drop(ID);
    assert_eq!(pass(&scene), "log out of registry.example.com");
    assert!(!file(&host).contains(SERVER) && file(&host).contains("eDp5"), "{}", file(&host));

    // Nothing that is kept tells the password.
    let kept: String = journal
        .kept
        .iter()
        .map(|(_, blob)| String::from_utf8_lossy(&blob.read().unwrap()).into_owned())
        .collect();
    let told = format!("{:?} {kept} {}", journal.records, String::from_utf8_lossy(&store.stored.unwrap()));
    for word in ["hunter2", "ZGVwbG95Omh1bnRlcjI=", "other-secret", "eDp5"] {
        assert!(!told.contains(word), "{word} in {told}");
    }
    let undone = block_on(undo(&journal.recorded(), &journal.kept, &host));
    assert!(undone.left.is_empty(), "{undone:?}");
    assert_eq!(file(&host), r#"{"auths":{"other.example.com":{"auth":"eDp5"}}}"#);
}

#[test]
fn a_login_that_was_there_is_taken_over_and_not_removed() {
    let (mut scene, host, _) = scene("hunter2");
    host.inner().file(logins::PATH, br#"{"auths":{"registry.example.com":{"auth":"ZGVwbG95Omh1bnRlcjI="}}}"#);
    host.inner().access(logins::PATH, 0, 0, 0o600);
    let mut store = MemoryStore::default();
    scene.pass(&host, &mut store);
    assert_eq!(shorts(&host.take_done()), [""; 0]);
    scene.drop(ID);
    scene.pass(&host, &mut store);
    assert_eq!(shorts(&host.take_done()), [""; 0]);

    let (mut scene, host, _) = self::scene("hunter2");
    scene.get(ID).as_registry().ensure = Ensure::Absent;
    assert_eq!(planned(&scene, ID, &host, &store.ledger()), "");
}

#[test]
fn a_login_that_the_registry_refuses_fails_alone_and_is_not_kept() {
    let (mut scene, host, _) = scene("wrong");
    host.inner().docker.refuses_logins = true;
    scene.file("/etc/motd", "hello");
    let report = scene.pass(&host, &mut MemoryStore::default());
    let Outcome::Failed(failure) = &report.outcomes[&id(ID)] else { panic!("{report:#?}") };
    assert_eq!(failure.code, "E_REGISTRY_LOGIN");
    assert!(matches!(report.outcomes[&id("file:/etc/motd")], Outcome::Changed(_)));
    assert!(host.inner().content(logins::PATH).is_none());
}

#[test]
fn a_password_for_another_registry_stays_out() {
    let (mut scene, host, identity) = scene("x");
    let other = envelope("token", &["registry:other.example.com"]);
    scene.registry(SERVER, "deploy", &other, "x", identity.recipient());
    assert_eq!(planned(&scene, ID, &host, &MemoryStore::default().ledger()), "E_SECRET");
}
