use holdfast_schema::spec::{Ensure, Pull, Spec};

use crate::{
    host::fake::FakeHost,
    ledger::Ledger,
    testing::{Scene, planned},
};

const ID: &str = "sha256:0f04e4f646a3f14bf31d8bc8d885b6c951fdcf42589d06845f64d18aec6a3c4d";

fn plan(name: &str, ensure: Ensure, pull: Pull, there: bool) -> String {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    if let Spec::Image(image) = &mut scene.image(name).spec {
        (image.ensure, image.pull) = (ensure, pull);
    }
    if there {
        host.inner().docker.images.insert(name.to_owned(), ID.to_owned());
    }
    planned(&scene, &format!("image:{name}"), &host, &Ledger::default())
}

#[test]
fn present_and_absent() {
    let (present, absent, missing, never) = (Ensure::Present, Ensure::Absent, Pull::Missing, Pull::Never);
    assert_eq!(plan("shop:1", present, missing, true), "");
    assert_eq!(plan("shop:1", present, missing, false), "pull shop:1");
    assert_eq!(plan("shop:1", present, never, false), "E_IMAGE_MISSING");
    assert_eq!(plan(ID, present, missing, false), "E_IMAGE_MISSING");
    assert_eq!(plan("shop:1", absent, missing, true), "remove image shop:1");
    assert_eq!(plan("shop:1", absent, missing, false), "");
}

#[test]
fn an_image_that_git_no_longer_has_stays() {
    let (scene, host) = (Scene::new(), FakeHost::new());
    host.inner().docker.images.insert("shop:1".to_owned(), ID.to_owned());
    assert_eq!(planned(&scene, "image:shop:1", &host, &Ledger::default()), "");
}
