use std::collections::BTreeMap;

use serde_json::json;

use crate::{
    host::{NetworkNow, ObjectNow, RESOURCE_LABEL, ServiceNow, SwarmRole, fake::FakeHost},
    ledger::{Ledger, Lesson},
    testing::{Scene, id, planned},
};

const SHOP: &str = "stack:shop";

fn labels(stack: &str, more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let own = [("com.docker.stack.namespace", stack)];
    own.iter().chain(more).map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// A Swarm with a stack that others deployed.
fn host() -> FakeHost {
    let host = FakeHost::new();
    {
        let mut inner = host.inner();
        for (name, stack) in
            [("shop_web", "shop"), ("shop_old", "shop"), ("shop_search", "shop"), ("blog_web", "blog")]
        {
            let network = json!([{ "Target": format!("{stack}_default") }]);
            let spec = json!({ "Name": name, "TaskTemplate": { "Networks": network } });
            let service = ServiceNow { labels: labels(stack, &[]), spec, ..ServiceNow::default() };
            inner.docker.swarm.services.insert(name.to_owned(), service);
        }
        for name in ["shop_default", "shop_old", "blog_default"] {
            let stack = name.split('_').next().unwrap();
            let network = NetworkNow { labels: labels(stack, &[]), ..NetworkNow::default() };
            inner.docker.networks.insert(name.to_owned(), network);
        }
        for name in ["shop_used", "shop_unused", "shop_declared"] {
            let content = Some(holdfast_schema::Sha256::of(b"red"));
            let config = ObjectNow { labels: labels("shop", &[]), content, ..ObjectNow::default() };
            inner.docker.swarm.configs.insert(name.to_owned(), config);
        }
        let own = ObjectNow {
            labels: labels("shop", &[(RESOURCE_LABEL, "config:shop_declared")]),
            ..ObjectNow::default()
        };
        inner.docker.swarm.configs.insert("shop_declared-0123".to_owned(), own);
        let secret = ObjectNow { labels: labels("shop", &[]), ..ObjectNow::default() };
        inner.docker.swarm.secrets.insert("shop_password".to_owned(), secret);
        let service = inner.docker.swarm.services.get_mut("shop_web").unwrap();
        service.spec["TaskTemplate"]["ContainerSpec"]["Configs"] = json!([{ "ConfigName": "shop_used" }]);
    }
    host
}

fn scene() -> Scene {
    let mut scene = Scene::new();
    scene.stack("shop", &["search"]);
    scene.swarm_service("shop_web", "web:1");
    scene.config("shop_declared", "red");
    scene
}

#[test]
fn only_what_the_file_does_not_have_goes() {
    let (mut scene, host) = (scene(), host());
    assert_eq!(
        planned(&scene, SHOP, &host, &Ledger::default()),
        "remove service shop_old; remove network shop_old"
    );
    // What nothing leads back to goes, too.
    scene.in_force = true;
    assert_eq!(
        planned(&scene, SHOP, &host, &Ledger::default()),
        "remove service shop_old; remove network shop_old; remove config shop_unused; remove secret shop_password"
    );
}

#[test]
fn what_holdfast_made_leaves_by_itself() {
    let (scene, host) = (scene(), host());
    let mut ledger = Ledger::default();
    ledger.learn(&id("service:shop_old"), Lesson::Made(true));
    assert!(planned(&scene, SHOP, &host, &ledger).contains("remove service shop_old"));
    let label = (RESOURCE_LABEL.to_owned(), "service:shop_old".to_owned());
    host.inner().docker.swarm.services.get_mut("shop_old").unwrap().labels.extend([label]);
    assert_eq!(planned(&scene, SHOP, &host, &ledger), "remove network shop_old");
}

#[test]
fn only_the_manager_that_leads_acts() {
    let (scene, host) = (scene(), host());
    host.inner().docker.swarm.role = Some(SwarmRole::Manager { leader: "web-2".to_owned() });
    assert_eq!(planned(&scene, SHOP, &host, &Ledger::default()), "E_ELSEWHERE");
    host.inner().docker.swarm.role =
        Some(SwarmRole::Worker { managers: ["10.0.0.1:2377".to_owned()].into() });
    assert_eq!(planned(&scene, SHOP, &host, &Ledger::default()), "E_ELSEWHERE");
}

#[test]
fn a_stack_that_is_declared_no_longer_is_left_to_its_parts() {
    assert_eq!(planned(&Scene::new(), SHOP, &host(), &Ledger::default()), "");
}
