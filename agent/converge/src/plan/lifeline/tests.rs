//! Which changes could cut a host off.

use super::*;
use crate::{
    host::{PackageNow, UnitNow},
    journal::{Record, Was},
    testing::{Scene, id, path},
};

fn of_path(name: &str) -> Recorded {
    let before = Before::Path { resource: id(&format!("file:{name}")), path: path(name), was: Was::Absent };
    Recorded::of([Record::Before(before)])
}

#[test]
fn paths_units_and_packages() {
    for name in
        ["/etc/resolv.conf", "/etc/network/interfaces", "/etc/ssh/sshd_config.d/x.conf", "/etc/netplan"]
    {
        assert_eq!(touched(&of_path(name), &[]).as_deref(), Some(name));
    }
    for name in ["/etc/motd", "/etc/networks-of-ours", "/srv/etc/network/interfaces", "/etc/ssh/ssh_config"] {
        assert_eq!(touched(&of_path(name), &[]), None, "{name}");
    }
    let unit = |name: &str| {
        let before = Before::Unit { unit: name.parse().unwrap(), was: UnitNow::default() };
        touched(&Recorded::of([Record::Before(before)]), &[])
    };
    assert_eq!((unit("ssh.service").as_deref(), unit("nginx.service")), (Some("ssh.service"), None));
    let package = |name: &str| {
        let changes = [(name.to_owned(), (PackageNow::Absent, PackageNow::ConfigFiles))].into();
        touched(&Recorded::of([Record::Packages(changes)]), &[])
    };
    assert_eq!((package("nftables").as_deref(), package("nginx")), (Some("package nftables"), None));
}

#[test]
fn whatever_asks_for_it() {
    let mut scene = Scene::new();
    scene.file("/etc/motd", "x");
    assert_eq!(touched(&of_path("/etc/motd"), &[&scene.state]), None);
    scene.get("file:/etc/motd").confirm = true;
    assert_eq!(touched(&of_path("/etc/motd"), &[&scene.state]).as_deref(), Some("/etc/motd"));
}
