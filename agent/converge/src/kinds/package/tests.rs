use holdfast_schema::spec::PackageEnsure;

use crate::{
    host::{PackageNow, fake::FakeHost, version::matches},
    ledger::Ledger,
    testing::{AsSpec as _, Scene, planned},
};

fn installed(version: &str, held: bool) -> PackageNow {
    PackageNow::Installed { version: version.to_owned(), held }
}

/// What is planned for nginx as wanted, where it is `now`.
fn plan(ensure: PackageEnsure, version: Option<&str>, hold: Option<bool>, now: &PackageNow) -> String {
    let (mut scene, host) = (Scene::new(), FakeHost::new());
    let package = scene.package("nginx").as_package();
    (package.ensure, package.version, package.hold) = (ensure, version.map(str::to_owned), hold);
    host.inner().packages.insert("nginx".to_owned(), now.clone());
    planned(&scene, "package:nginx", &host, &Ledger::default())
}

#[test]
fn present() {
    let present = PackageEnsure::Present;
    let broken = PackageNow::Broken { state: "half-configured".to_owned() };
    assert_eq!(plan(present, None, None, &PackageNow::Absent), "packages install nginx");
    assert_eq!(plan(present, None, None, &PackageNow::ConfigFiles), "packages install nginx");
    assert_eq!(plan(present, None, None, &installed("1.0", false)), "");
    assert_eq!(plan(present, None, None, &installed("1.0", true)), "");
    assert_eq!(plan(present, Some("1.*"), None, &installed("1.0", false)), "");
    assert_eq!(plan(present, Some("2.*"), None, &installed("1.0", false)), "packages install nginx=2.*");
    assert_eq!(plan(present, None, None, &broken), "packages repair nginx, install nginx");
}

#[test]
fn holds() {
    let present = PackageEnsure::Present;
    assert_eq!(plan(present, None, Some(true), &PackageNow::Absent), "packages install nginx, hold nginx");
    assert_eq!(plan(present, None, Some(true), &installed("1.0", false)), "packages hold nginx");
    assert_eq!(plan(present, None, Some(true), &installed("1.0", true)), "");
    assert_eq!(plan(present, None, Some(false), &installed("1.0", true)), "packages unhold nginx");
    assert_eq!(plan(present, None, Some(false), &installed("1.0", false)), "");
    // A hold is lifted for a move, and put back unless it should go.
    let held = installed("1.0", true);
    let moved = |hold| plan(present, Some("2.0"), hold, &held);
    assert_eq!(moved(None), "packages unhold nginx, install nginx=2.0, hold nginx");
    assert_eq!(moved(Some(true)), "packages unhold nginx, install nginx=2.0, hold nginx");
    assert_eq!(moved(Some(false)), "packages unhold nginx, install nginx=2.0");
}

#[test]
fn absent_and_purged() {
    let (absent, purged) = (PackageEnsure::Absent, PackageEnsure::Purged);
    assert_eq!(plan(absent, None, None, &installed("1.0", false)), "packages remove nginx");
    assert_eq!(plan(absent, None, None, &installed("1.0", true)), "packages unhold nginx, remove nginx");
    assert_eq!(plan(absent, None, None, &PackageNow::ConfigFiles), "");
    assert_eq!(plan(purged, None, None, &PackageNow::ConfigFiles), "packages purge nginx");
    assert_eq!(plan(purged, None, None, &installed("1.0", false)), "packages purge nginx");
    assert_eq!(plan(purged, None, None, &PackageNow::Absent), "");
}

#[test]
fn a_package_that_git_no_longer_has_is_left_alone() {
    let (scene, host) = (Scene::new(), FakeHost::new());
    host.inner().packages.insert("nginx".to_owned(), installed("1.0", false));
    assert_eq!(planned(&scene, "package:nginx", &host, &Ledger::default()), "");
}

#[test]
fn versions() {
    for (wanted, version, fits) in [
        ("1.22", "1.22", true),
        ("1.22", "1.22.1", false),
        ("1.22.*", "1.22.1-9", true),
        ("1.22.*", "1.220", false),
        ("*", "", true),
        ("*-9", "1.22.1-9", true),
        ("1.*.1-*", "1.22.1-9", true),
        ("1.*.1-*", "1.22.2-9", false),
        ("1*1", "1", false),
        ("1**2", "1.2", true),
        ("2:1.*", "1.5", false),
    ] {
        assert_eq!(matches(wanted, version), fits, "{wanted} {version}");
    }
}
