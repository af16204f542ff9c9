use std::collections::BTreeMap;

use holdfast_schema::spec::{Ensure, NetworkSpec};

use crate::{
    host::{NetworkNow, RESOURCE_LABEL, fake::FakeHost, faulty::MemoryStore},
    ledger::{Ledger, Lesson},
    testing::{AsSpec as _, Scene, id, planned},
};

const SHOP: &str = "network:shop";

/// What is planned for a network that is declared so, where one of others is so.
fn plan(declare: impl Fn(&mut NetworkSpec), there: Option<NetworkNow>) -> String {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    declare(scene.network("shop").as_network());
    host.inner().docker.networks.extend(there.map(|now| ("shop".to_owned(), now)));
    planned(&scene, SHOP, &host, &Ledger::default())
}

fn bridge() -> NetworkNow {
    let subnets = vec![("10.1.0.0/24".to_owned(), Some("10.1.0.1".parse().unwrap()))];
    let options = BTreeMap::from([("mtu".to_owned(), "1500".to_owned())]);
    NetworkNow { id: "1".to_owned(), driver: "bridge".to_owned(), subnets, options, ..NetworkNow::default() }
}

#[test]
fn others_are_taken_over_if_they_fit() {
    let anew = "remove network shop; make network shop";
    assert_eq!(plan(|_| (), None), "make network shop");
    assert_eq!(plan(|_| (), Some(bridge())), "");
    assert_eq!(plan(|want| want.driver = Some("bridge".to_owned()), Some(bridge())), "");
    assert_eq!(plan(|want| want.driver = Some("macvlan".to_owned()), Some(bridge())), anew);
    assert_eq!(plan(|want| want.subnet = Some("10.1.0.0/24".to_owned()), Some(bridge())), "");
    assert_eq!(plan(|want| want.subnet = Some("10.2.0.0/24".to_owned()), Some(bridge())), anew);
    let gateway = |last: u8| {
        move |want: &mut NetworkSpec| {
            want.subnet = Some("10.1.0.0/24".to_owned());
            want.gateway = Some([10, 1, 0, last].into());
        }
    };
    assert_eq!(plan(gateway(1), Some(bridge())), "");
    assert_eq!(plan(gateway(9), Some(bridge())), anew);
    assert_eq!(plan(|want| want.internal = true, Some(bridge())), anew);
    assert_eq!(plan(|want| want.ipv6 = true, Some(bridge())), anew);
    let option = |text: &str| BTreeMap::from([("mtu".to_owned(), text.to_owned())]);
    assert_eq!(plan(|want| want.options = option("1500"), Some(bridge())), "");
    assert_eq!(plan(|want| want.options = option("1400"), Some(bridge())), anew);
    assert_eq!(plan(|want| want.labels = option("1500"), Some(bridge())), anew);
}

#[test]
fn absent() {
    let absent = |want: &mut NetworkSpec| want.ensure = Ensure::Absent;
    assert_eq!(plan(absent, None), "");
    assert_eq!(plan(absent, Some(bridge())), "remove network shop");
}

#[test]
fn what_is_declared_no_longer_goes_only_if_holdfast_made_it() {
    let (scene, host) = (Scene::new(), FakeHost::new());
    let made = |now: &mut NetworkNow| now.labels.insert(RESOURCE_LABEL.to_owned(), SHOP.to_owned());
    let mut ledger = Ledger::default();
    ledger.learn(&id(SHOP), Lesson::Made(true));
    let mut own = bridge();
    made(&mut own);
    host.inner().docker.networks.insert("shop".to_owned(), bridge());
    assert_eq!(planned(&scene, SHOP, &host, &ledger), "");
    host.inner().docker.networks.insert("shop".to_owned(), own);
    assert_eq!(planned(&scene, SHOP, &host, &ledger), "remove network shop");
    // One that others use by now stays.
    host.inner().docker.run_by_hand("other", serde_json::json!({ "HostConfig": { "NetworkMode": "shop" } }));
    assert_eq!(planned(&scene, SHOP, &host, &ledger), "");
    host.inner().docker.containers.clear();
    // A label alone proves nothing: anybody can set it.
    assert_eq!(planned(&scene, SHOP, &host, &Ledger::default()), "");
}

#[test]
fn a_field_that_is_declared_no_longer_makes_it_anew() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    scene.network("shop").as_network().options = BTreeMap::from([("mtu".to_owned(), "1400".to_owned())]);
    scene.pass(&host, &mut store);
    scene.get(SHOP).as_network().options.clear();
    assert_eq!(planned(&scene, SHOP, &host, &store.ledger()), "remove network shop; make network shop");
}
