use holdfast_schema::spec::Availability;
use serde_json::json;

use crate::{
    host::{NodeNow, fake::FakeHost, faulty::MemoryStore},
    ledger::Ledger,
    testing::{AsSpec as _, Scene, planned},
};

const NODE: &str = "node:db-1";

#[test]
fn labels_and_availability_are_brought_in_order_and_others_stay() {
    let (mut scene, host, mut store) = (Scene::new(), FakeHost::new(), MemoryStore::default());
    let want = scene.node("db-1").as_node();
    want.labels.insert("disk".to_owned(), "ssd".to_owned());
    assert_eq!(planned(&scene, NODE, &host, &Ledger::default()), "E_NODE_MISSING");
    let spec = json!({ "Labels": { "rack": "7" }, "Role": "worker", "Availability": "active" });
    let node = NodeNow { id: "1".to_owned(), index: 1, spec, namesake: None };
    host.inner().docker.swarm.nodes.insert("db-1".to_owned(), node);
    assert_eq!(planned(&scene, NODE, &host, &Ledger::default()), "update node db-1");
    scene.get(NODE).as_node().availability = Some(Availability::Drain);
    assert_eq!(scene.pass(&host, &mut store).summary().changed, 1);
    let expected =
        json!({ "Labels": { "rack": "7", "disk": "ssd" }, "Role": "worker", "Availability": "drain" });
    assert_eq!(host.inner().docker.swarm.nodes["db-1"].spec, expected);
    assert_eq!(scene.pass(&host, &mut store).same, 1);
    // Which of two it is, a name does not say.
    host.inner().docker.swarm.nodes.get_mut("db-1").unwrap().namesake = Some("2".to_owned());
    assert_eq!(planned(&scene, NODE, &host, &Ledger::default()), "E_NODE_AMBIGUOUS");
    // Nobody knows what else relies on them.
    scene.drop(NODE);
    scene.pass(&host, &mut store);
    assert_eq!(host.inner().docker.swarm.nodes["db-1"].spec, expected);
}
