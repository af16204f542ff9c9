use std::rc::Rc;

use holdfast_schema::spec::{Attached, Ensure, SecretSpec, Spec};
use holdfast_secrets::{Envelope, Identity};

use crate::{
    engine::Outcome,
    host::{SwarmObject, SwarmRole, fake::FakeHost, faulty::MemoryStore, secrets::Secrets},
    testing::{AsSpec as _, Scene, envelope, id, planned, shorts},
};

const KEY: &str = "secret:key";
const CANARY: &str = "canary-4c1f";

/// A host that can read what is encrypted to its key.
fn host(identity: &Identity) -> FakeHost {
    let host = FakeHost::new();
    host.inner().secrets = Rc::new(Secrets::held_by(Identity::parse(&identity.print()).unwrap()));
    host
}

fn declare(scene: &mut Scene, sealed: &Envelope, text: &str, identity: &Identity) {
    let secret = Some(scene.seal(sealed, text, identity.recipient()));
    let (name, ensure, labels) = ("key".parse().unwrap(), Ensure::Present, [].into());
    scene.add(Spec::Secret(SecretSpec { name, ensure, secret, labels }), "key");
    let service = scene.swarm_service("shop", "shop:1");
    service.needs = [id(KEY)].into();
    let file =
        Attached { target: "key".to_owned(), uid: 0, gid: 0, mode: holdfast_schema::FileMode::new(0o400) };
    service.as_service().config.secrets.insert("key".parse().unwrap(), file);
}

fn names(host: &FakeHost) -> Vec<String> {
    host.inner().docker.swarm.secrets.keys().cloned().collect()
}

#[test]
fn another_content_is_another_secret_and_the_same_encrypted_anew_is_not() {
    let identity = Identity::generate().unwrap();
    let (mut scene, host, mut store) = (Scene::new(), host(&identity), MemoryStore::default());
    let sealed = envelope("key", &[KEY]);
    declare(&mut scene, &sealed, CANARY, &identity);
    let report = scene.pass(&host, &mut store);
    assert_eq!(report.summary().changed, 2, "{report:#?}");
    let first = names(&host);
    let uses = |host: &FakeHost| host.inner().docker.swarm.services["shop"].uses(SwarmObject::Secret);
    assert_eq!(uses(&host), first.iter().cloned().collect());
    assert!(!format!("{report:?} {:?}", host.take_done()).contains(CANARY));

    // Encrypted anew, to more hosts perhaps: nothing is deployed again.
    declare(&mut scene, &sealed, CANARY, &identity);
    assert_eq!(scene.pass(&host, &mut store).same, 2);
    declare(&mut scene, &sealed, "another", &identity);
    scene.pass(&host, &mut store);
    assert_eq!(names(&host).len(), 2);
    let second = uses(&host);
    assert_ne!(second, first.iter().cloned().collect());
    scene.in_force = true;
    scene.pass(&host, &mut store);
    assert_eq!(names(&host), second.into_iter().collect::<Vec<_>>());
    scene.drop(KEY).drop("service:shop");
    scene.pass(&host, &mut store);
    assert!(names(&host).is_empty());
}

#[test]
fn every_manager_that_can_read_it_comes_to_the_same_name() {
    let (one, two) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let (mut scene, first) = (Scene::new(), host(&one));
    let sealed = envelope("key", &[KEY]);
    declare(&mut scene, &sealed, CANARY, &one);
    scene.pass(&first, &mut MemoryStore::default());
    // The lead goes to another manager, with a key of its own.
    let second = host(&two);
    second.inner().docker.swarm = first.inner().docker.swarm.clone();
    declare(&mut scene, &sealed, CANARY, &two);
    assert_eq!(scene.pass(&second, &mut MemoryStore::default()).same, 2);
    assert!(shorts(&second.take_done()).is_empty());
    // One that does not lead need not be able to read it.
    let third = host(&Identity::generate().unwrap());
    third.inner().docker.swarm = first.inner().docker.swarm.clone();
    third.inner().docker.swarm.role = Some(SwarmRole::Manager { leader: "swarm-1".to_owned() });
    let report = scene.pass(&third, &mut MemoryStore::default());
    assert_eq!(report.outcomes[&id(KEY)], Outcome::Elsewhere("manager swarm-1".to_owned()));
}

#[test]
fn it_goes_nowhere_but_where_it_may() {
    let identity = Identity::generate().unwrap();
    let (mut scene, host) = (Scene::new(), host(&identity));
    declare(&mut scene, &envelope("key", &["file:/etc/key"]), CANARY, &identity);
    assert_eq!(planned(&scene, KEY, &host, &crate::ledger::Ledger::default()), "E_SECRET");
}
