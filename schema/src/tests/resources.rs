use super::*;
use crate::Entry;

#[test]
fn every_kind_with_nothing_but_what_it_needs() {
    let resolved = resolve(&[(
        "hosts/web-1.toml",
        r#"
[file."/etc/motd"]
content = "hi\n"
[directory."/srv"]
[symlink."/etc/localtime"]
target = "/usr/share/zoneinfo/UTC"
[package.nginx]
[unit."nginx.service"]
active = true
"#,
    )]);
    insta::assert_debug_snapshot!(resolved.state);
}

#[test]
fn every_kind_with_all_it_takes() {
    let resolved = resolve(&[
        (
            "hosts/web-1.toml",
            r#"
[file."/etc/motd"]
ensure = "present"
source = "files/motd"
owner = "daemon"
group = "1000"
mode = "4755"
validate = ["/usr/bin/test", "-s", "{path}"]
replace = false
sensitive = true
needs = ["directory:/srv"]
audit = true
when = "true"
tags = ["a", "b"]
[directory."/srv"]
owner = "daemon"
group = "daemon"
mode = "1777"
purge = true
purge_limit = 3
[package."libc6:i386"]
version = "2.36-*"
hold = true
[unit."a.service"]
template = "files/unit"
enabled = false
active = true
masked = false
restart_on = ["file:/etc/motd"]
reload_on = ["directory:/srv"]
health = { command = ["true"], within = "1m30s" }
[unit."a.service".drop_ins."10-a.conf"]
content = "[Service]\n"
[unit."a.service".drop_ins."20-b.conf"]
source = "files/motd"
"#,
        ),
        ("files/motd", "motd\n"),
        ("files/unit", "[Unit]\nDescription={{ host.name }}\n"),
    ]);
    insta::assert_debug_snapshot!(resolved.state);
}

#[test]
fn what_is_absent_needs_nothing_else() {
    let resolved = resolve(&[(
        "hosts/web-1.toml",
        r#"
[file."/etc/motd"]
ensure = "absent"
source = "not/there"
[directory."/srv"]
ensure = "absent"
purge = true
[symlink."/etc/localtime"]
ensure = "absent"
[package.nginx]
ensure = "purged"
version = "1.*"
hold = true
[unit."nginx.service"]
ensure = "absent"
active = true
template = "not/there"
"#,
    )]);
    insta::assert_debug_snapshot!(
        resolved.state.resources.values().map(|resource| &resource.spec).collect::<Vec<_>>()
    );
}

#[test]
fn the_mode_follows_from_the_file() {
    let mut repository = repository(&[(
        "hosts/web-1.toml",
        r#"
[file."/plain"]
source = "plain"
[file."/run"]
source = "run"
[file."/secret"]
source = "plain"
sensitive = true
[file."/secret-run"]
source = "run"
sensitive = true
[file."/told"]
source = "run"
mode = "0444"
"#,
    )]);
    repository.insert("plain", Entry::file(*b"x"));
    repository.insert(
        "run",
        Entry::File { blob: std::sync::Arc::new(std::sync::Arc::<[u8]>::from(*b"x")), executable: true },
    );
    let resolved = Fleet::new(&repository).resolve(&"web-1".parse().unwrap(), &Facts::sample()).unwrap();
    let modes: Vec<String> = resolved
        .state
        .resources
        .values()
        .map(|resource| match &resource.spec {
            crate::spec::Spec::File(file) => file.access.mode.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(modes, ["0644", "0755", "0600", "0700", "0444"]);
}

#[test]
fn bytes_are_taken_as_they_are() {
    let mut repository = repository(&[("hosts/web-1.toml", "[file.\"/x\"]\nsource = \"x\"\n")]);
    repository.insert("x", Entry::file(*b"\xff\x00\r\n{{ x }}"));
    let resolved = Fleet::new(&repository).resolve(&"web-1".parse().unwrap(), &Facts::sample()).unwrap();
    let crate::spec::Spec::File(file) = &get(&resolved.state, "file:/x").spec else { panic!() };
    assert_eq!(&*resolved.contents.content(&file.content.unwrap().sha256).unwrap(), b"\xff\x00\r\n{{ x }}");
}

#[test]
fn an_empty_repository_is_fine_and_an_unknown_host_is_not() {
    assert_eq!(check(&[]), "");
    assert_eq!(
        check(&[
            ("fleet.toml", ""),
            ("hosts/web-1.toml", ""),
            ("hosts/README.md", ""),
            ("hosts/.gitkeep", "")
        ]),
        ""
    );
    let repository = repository(&[("hosts/web-1.toml", "")]);
    let problems = Fleet::new(&repository).resolve(&"web-2".parse().unwrap(), &Facts::sample()).unwrap_err();
    insta::assert_snapshot!(problems.to_string());
}

#[test]
fn status_keys_come_from_the_hosts() {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9dQm1Y3jvO0XG1t2Jt1l9l0C1QyQ3m1m5c8m7V6bXk web-1";
    let host = format!("status_key = {key:?}\n");
    let repository =
        repository(&[("hosts/web-1.toml", &host), ("hosts/web-2.toml", ""), ("hosts/web-3.toml", "= =")]);
    let keys = Fleet::new(&repository).status_keys();
    assert_eq!(keys.into_iter().collect::<Vec<_>>(), [("web-1".parse().unwrap(), key.to_owned())]);
}
