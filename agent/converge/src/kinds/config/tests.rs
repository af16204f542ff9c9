use crate::{
    engine::Outcome,
    host::{FAILED_LABEL, RESOURCE_LABEL, SwarmRole, fake::FakeHost, faulty::MemoryStore},
    ledger::Ledger,
    testing::{AsSpec as _, Scene, id, planned, shorts},
};

const SHOP: &str = "config:shop.conf";
const SERVICE: &str = "service:shop";

/// A service with a config, both there.
fn converged() -> (Scene, FakeHost, MemoryStore) {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    scene.config("shop.conf", "red");
    let service = scene.swarm_service("shop", "shop:1");
    service.needs = [id(SHOP)].into();
    let file = holdfast_schema::spec::Attached {
        target: "/etc/shop.conf".to_owned(),
        uid: 0,
        gid: 0,
        mode: holdfast_schema::FileMode::new(0o444),
    };
    service.as_service().config.configs.insert("shop.conf".parse().unwrap(), file);
    scene.pass(&host, &mut store);
    host.take_done();
    (scene, host, store)
}

fn names(host: &FakeHost) -> Vec<String> {
    host.inner().docker.swarm.configs.keys().cloned().collect()
}

#[test]
fn a_new_content_is_a_new_config_and_the_old_one_goes_once_nothing_leads_back() {
    let (mut scene, host, mut store) = converged();
    let old = names(&host);
    assert_eq!(old.len(), 1);
    scene.config("shop.conf", "blue");
    let report = scene.pass(&host, &mut store);
    let both = names(&host);
    assert_eq!(both.len(), 2, "the old one stays while its revision could come back");
    assert_eq!(report.summary().changed, 2, "{report:#?}");
    let new = both.iter().find(|name| !old.contains(name)).unwrap().clone();
    assert_eq!(shorts(&host.take_done()), [format!("make config {new}"), "put service shop".to_owned()]);
    let uses =
        |host: &FakeHost| host.inner().docker.swarm.services["shop"].uses(crate::host::SwarmObject::Config);
    assert_eq!(uses(&host), [new.clone()].into());
    assert_eq!(scene.pass(&host, &mut store).same, 2);

    scene.in_force = true;
    let report = scene.pass(&host, &mut store);
    assert_eq!((report.same, report.outcomes.len()), (2, 0), "nobody is told that something unused went");
    assert_eq!(names(&host), [new]);
    assert_eq!(scene.pass(&host, &mut store).same, 2);
}

#[test]
fn the_old_one_stays_while_a_service_changes_or_has_it() {
    let (mut scene, host, store) = converged();
    let old = names(&host);
    scene.in_force = true;
    scene.config("shop.conf", "blue");
    // The service still has the old one.
    assert!(!planned(&scene, SHOP, &host, &store.ledger()).contains("remove"));
    {
        let swarm = &mut host.inner().docker.swarm;
        let service = swarm.services.get_mut("shop").unwrap();
        (service.before, service.update) = (old.iter().cloned().collect(), "updating".to_owned());
        service.spec["TaskTemplate"]["ContainerSpec"]["Configs"][0]["ConfigName"] = "other".into();
    }
    assert!(!planned(&scene, SHOP, &host, &store.ledger()).contains("remove"));
    host.inner().docker.swarm.services.get_mut("shop").unwrap().update = "completed".to_owned();
    assert!(planned(&scene, SHOP, &host, &store.ledger()).contains("remove old config"));
}

#[test]
fn what_is_no_longer_declared_goes_after_its_services_and_not_on_trial() {
    let (mut scene, host, mut store) = converged();
    scene.drop(SHOP).drop(SERVICE);
    let report = scene.pass(&host, &mut store);
    assert_eq!(shorts(&host.take_done()), ["remove service shop"], "{report:#?}");
    assert_eq!(names(&host).len(), 1);
    scene.in_force = true;
    let report = scene.pass(&host, &mut store);
    assert_eq!(report.outcomes[&id(SHOP)], Outcome::Removed, "{report:#?}");
    assert!(names(&host).is_empty());
    assert!(store.ledger().owned().is_empty());
}

#[test]
fn what_others_made_or_use_stays() {
    let (mut scene, host, mut store) = converged();
    // Somebody else's service has it.
    {
        let swarm = &mut host.inner().docker.swarm;
        let mut other = swarm.services["shop"].clone();
        other.labels.remove(RESOURCE_LABEL);
        swarm.services.insert("other".to_owned(), other);
    }
    scene.drop(SHOP).drop(SERVICE);
    scene.in_force = true;
    let report = scene.pass(&host, &mut store);
    assert!(matches!(report.outcomes[&id(SHOP)], Outcome::Released(_)), "{report:#?}");
    assert_eq!(names(&host).len(), 1);
}

#[test]
fn another_manager_takes_over_what_is_left() {
    let (mut scene, host, _) = converged();
    // This manager never did anything: all that it has is what was declared for it.
    let mut store = MemoryStore::default();
    host.inner().docker.swarm.role = Some(SwarmRole::Manager { leader: "swarm-1".to_owned() });
    let report = scene.pass(&host, &mut store);
    let elsewhere = Outcome::Elsewhere("manager swarm-1".to_owned());
    assert_eq!(report.outcomes[&id(SHOP)], elsewhere, "{report:#?}");
    assert_eq!(report.outcomes[&id(SERVICE)], elsewhere);
    assert_eq!(report.result(), holdfast_schema::status::PassResult::Converged);

    scene.drop(SHOP).drop(SERVICE);
    assert_eq!(scene.pass(&host, &mut store).outcomes[&id(SERVICE)], elsewhere);
    assert!(host.take_done().is_empty());
    host.inner().docker.swarm.role = Some(SwarmRole::Leader);
    scene.in_force = true;
    scene.pass(&host, &mut store);
    assert!(host.inner().docker.swarm.services.is_empty() && names(&host).is_empty());
}

#[test]
fn a_worker_leaves_all_to_the_managers() {
    let (mut scene, host, mut store) = converged();
    host.inner().docker.swarm.role =
        Some(SwarmRole::Worker { managers: ["192.0.2.1:2377".to_owned()].into() });
    let report = scene.pass(&host, &mut store);
    let elsewhere = Outcome::Elsewhere("manager 192.0.2.1:2377".to_owned());
    assert_eq!(report.outcomes[&id(SHOP)], elsewhere);
    scene.drop(SHOP).drop(SERVICE);
    let report = scene.pass(&host, &mut store);
    assert!(report.outcomes.is_empty() && host.take_done().is_empty(), "{report:#?}");
    assert!(store.ledger().owned().is_empty());
}

#[test]
fn without_a_swarm_or_a_leader_it_waits() {
    let (scene, host, mut store) = converged();
    let code = |host: &FakeHost, store: &mut MemoryStore| {
        let report = scene.pass(host, store);
        let Outcome::Waiting(failure) = &report.outcomes[&id(SHOP)] else { panic!("{report:#?}") };
        failure.code
    };
    host.inner().docker.swarm.leaderless = true;
    assert_eq!(code(&host, &mut store), "E_NO_QUORUM");
    host.inner().docker.swarm.leaderless = false;
    host.inner().docker.swarm.role = None;
    assert_eq!(code(&host, &mut store), "E_NO_SWARM");
    // What is declared for it no longer is the matter of those that are still in it.
    let mut scene = scene.clone();
    scene.drop(SHOP).drop(SERVICE);
    assert!(scene.pass(&host, &mut store).outcomes.is_empty());
    assert_eq!(FAILED_LABEL, "io.holdfast.failed");
    assert_eq!(store.ledger(), Ledger::default());
}

/// A config of just the resource's name, as `docker stack deploy` makes it.
fn theirs(host: &FakeHost, text: &str) {
    let content = Some(holdfast_schema::Sha256::of(text.as_bytes()));
    let labels = [("com.docker.stack.namespace".to_owned(), "shop".to_owned())].into();
    let config = crate::host::ObjectNow { id: "theirs".to_owned(), labels, content };
    host.inner().docker.swarm.configs.insert("shop.conf".to_owned(), config);
}

#[test]
fn one_of_others_that_holds_the_same_is_taken_as_it_is() {
    let (mut scene, host, ledger) = (Scene::new(), FakeHost::new(), Ledger::default());
    scene.config("shop.conf", "red");
    theirs(&host, "red");
    assert_eq!(planned(&scene, SHOP, &host, &ledger), "");
    theirs(&host, "blue");
    let plan = planned(&scene, SHOP, &host, &ledger);
    assert!(plan.starts_with("make config shop.conf-"), "{plan}");
}

#[test]
fn labels_are_put_right_and_those_of_others_stay() {
    let (mut scene, host, mut store) = converged();
    let name = names(&host).pop().unwrap();
    scene.get(SHOP).as_config().labels.insert("team".to_owned(), "shop".to_owned());
    assert_eq!(planned(&scene, SHOP, &host, &store.ledger()), format!("label config {name}"));
    scene.pass(&host, &mut store);
    let labels = |host: &FakeHost, name: &str| host.inner().docker.swarm.configs[name].labels.clone();
    assert_eq!(labels(&host, &name)["team"], "shop");
    assert_eq!(planned(&scene, SHOP, &host, &store.ledger()), "");
    // Somebody changes one; the author takes one away.
    host.inner()
        .docker
        .swarm
        .configs
        .get_mut(&name)
        .unwrap()
        .labels
        .insert("team".to_owned(), "x".to_owned());
    assert_eq!(planned(&scene, SHOP, &host, &store.ledger()), format!("label config {name}"));
    scene.get(SHOP).as_config().labels.clear();
    scene.pass(&host, &mut store);
    assert!(!labels(&host, &name).contains_key("team"));

    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    scene.config("shop.conf", "red");
    scene.get(SHOP).as_config().labels.insert("team".to_owned(), "shop".to_owned());
    theirs(&host, "red");
    scene.pass(&host, &mut store);
    let found = labels(&host, "shop.conf");
    assert_eq!(found.keys().collect::<Vec<_>>(), ["com.docker.stack.namespace", "team"]);
}
