use serde_json::json;

use crate::{
    host::fake::FakeHost,
    ledger::{Ledger, Lesson},
    testing::{Scene, id, planned},
};

const SHOP: &str = "compose:shop";

/// A host with a container of the project for each of these services.
fn host(services: &[(&str, &str, &str)]) -> FakeHost {
    let host = FakeHost::new();
    for (name, project, service) in services {
        let labels = json!({
            "com.docker.compose.project": project,
            "com.docker.compose.service": service,
            "com.docker.compose.oneoff": "False",
        });
        host.inner().docker.run_by_hand(name, json!({ "Labels": labels }));
    }
    host
}

#[test]
fn only_what_the_file_does_not_have_goes() {
    let mut scene = Scene::new();
    scene.compose("shop", &["search"]);
    scene.container("shop-web-1", "web");
    let host = host(&[
        ("shop-web-1", "shop", "web"),
        ("shop-old-1", "shop", "old"),
        ("shop-search-1", "shop", "search"),
        ("blog-web-1", "blog", "web"),
        ("plain", "", ""),
    ]);
    let one_off =
        json!({ "Labels": { "com.docker.compose.project": "shop", "com.docker.compose.oneoff": "True" } });
    host.inner().docker.run_by_hand("shop-run", one_off);
    assert_eq!(planned(&scene, SHOP, &host, &Ledger::default()), "remove shop-old-1");

    // What Holdfast made leaves by itself; what it took over does not.
    let mut ledger = Ledger::default();
    ledger.learn(&id("container:shop-old-1"), Lesson::Made(false));
    assert_eq!(planned(&scene, SHOP, &host, &ledger), "remove shop-old-1");
    ledger.learn(&id("container:shop-old-1"), Lesson::Made(true));
    assert_eq!(planned(&scene, SHOP, &host, &ledger), "");
}

#[test]
fn a_project_that_is_declared_no_longer_is_left_to_its_parts() {
    let (scene, host) = (Scene::new(), host(&[("shop-web-1", "shop", "web")]));
    assert_eq!(planned(&scene, SHOP, &host, &Ledger::default()), "");
}
