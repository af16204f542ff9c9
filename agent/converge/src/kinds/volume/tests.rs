use std::collections::BTreeMap;

use holdfast_schema::spec::{Ensure, VolumeSpec};

use crate::{
    host::{VolumeNow, fake::FakeHost},
    ledger::{Ledger, Lesson},
    testing::{AsSpec as _, Scene, id, planned},
};

const DATA: &str = "volume:data";

fn plan(declare: impl Fn(&mut VolumeSpec), there: bool) -> String {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    declare(scene.volume("data").as_volume());
    if there {
        host.inner().docker.volumes.insert("data".to_owned(), local());
    }
    planned(&scene, DATA, &host, &Ledger::default())
}

fn local() -> VolumeNow {
    VolumeNow { driver: "local".to_owned(), options: map("type", "nfs"), labels: map("team", "shop") }
}

fn map(name: &str, text: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), text.to_owned())])
}

#[test]
fn a_volume_is_never_made_anew() {
    assert_eq!(plan(|_| (), false), "make volume data");
    assert_eq!(plan(|_| (), true), "");
    assert_eq!(plan(|want| want.driver = Some("local".to_owned()), true), "");
    assert_eq!(plan(|want| want.driver = Some("other".to_owned()), true), "E_VOLUME_DIFFERS");
    assert_eq!(plan(|want| want.options = map("type", "nfs"), true), "");
    assert_eq!(plan(|want| want.options = map("type", "tmpfs"), true), "E_VOLUME_DIFFERS");
    assert_eq!(plan(|want| want.labels = map("team", "other"), true), "E_VOLUME_DIFFERS");
}

#[test]
fn only_absent_removes_it() {
    assert_eq!(plan(|want| want.ensure = Ensure::Absent, true), "remove volume data");
    assert_eq!(plan(|want| want.ensure = Ensure::Absent, false), "");
    let (scene, host) = (Scene::new(), FakeHost::new());
    host.inner().docker.volumes.insert("data".to_owned(), local());
    let mut ledger = Ledger::default();
    ledger.learn(&id(DATA), Lesson::Made(true));
    assert_eq!(planned(&scene, DATA, &host, &ledger), "");
}
