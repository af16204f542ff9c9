//! Bad documents, and what is said of them. Each snapshot is meant to be read: is it what helps at three in the morning?

use super::*;

#[test]
fn broken_toml() {
    insta::assert_snapshot!(refuse(
        r#"
roles = ["base"
[file."/etc/motd"]
content = "a
mode = 0644
owner = root
[file."/etc/motd"]
"#
    ));
}

#[test]
fn every_problem_in_one_go() {
    insta::assert_snapshot!(check(&[
        (
            "fleet.toml",
            "[gaurd]\nmax_removals = 3\n\n[guard]\nmax_removals = -1\nmax_removal_percent = 200\n"
        ),
        ("groups/prod.toml", "[vars]\nworkers = 2\n"),
        (
            "hosts/web-1.toml",
            "roles = [\"wbe\", \"web\", \"web\"]\ngroups = [\"staging\"]\nstatus_key = \"ssh-rsa AAAA\"\n"
        ),
        ("hosts/Web_2.toml", ""),
        ("hosts/eu/web-3.toml", ""),
        ("hosts/web-4.tml", ""),
        (
            "roles/web/role.toml",
            "[params.Workers]\ntype = \"int\"\n[params.port]\ndefault = 80\n[package.Nginx!]\n"
        ),
        ("roles/db/files/x", "x"),
    ]));
}

#[test]
fn unknown_keys() {
    insta::assert_snapshot!(refuse(
        r#"
role = ["web"]
[files."/etc/motd"]
content = ""
[file."/etc/motd"]
content = ""
permissions = "0644"
state = "present"
[unit."a.service"]
enable = true
[unit."a.service".health]
url = "http://127.0.0.1"
[unit."a.service".drop_ins."a.conf"]
text = ""
"#
    ));
}

#[test]
fn wrong_types_and_values() {
    insta::assert_snapshot!(refuse(
        r#"
roles = "web"
groups = ["pröd", 3]
[file."etc/motd"]
content = 3
[file."/etc/../motd"]
content = ""
[file."/etc/a"]
content = ["a"]
mode = 0o644
owner = ""
replace = "true"
validate = []
needs = "package:nginx"
[file."/etc/b"]
content = ""
mode = "audit"
needs = ["nginx", "pkg:nginx", "package:nginx", "package:nginx"]
when = true
validate = ["bin/check", "{path}"]
[file."/etc/c"]
content = ""
when = "facts.os ="
mode = "888"
source = "/etc/passwd"
template = "../x"
[directory."/srv"]
purge_limit = -1
ensure = "gone"
[directory."/srv2"]
purge_limit = 99999999999999999999
[package."a b"]
[package.nginx]
version = ""
ensure = "latest"
[unit.nginx]
[unit."nginx.servce"]
[unit."nginx.service"]
enabled = "yes"
health = { http = "https://example.com", within = "30" }
drop_ins."a" = { content = "" }
[unit."b.service"]
active = true
health = { tcp = "5432", within = "3h" }
[symlink."/x"]
target = ""
"#
    ));
}

#[test]
fn missing_and_excluding() {
    insta::assert_snapshot!(refuse(
        r#"
[file."/etc/a"]
mode = "0600"
[file."/etc/b"]
content = ""
source = "b"
[symlink."/etc/c"]
[unit."a.service"]
restart_on = ["file:/etc/a"]
[unit."b.service"]
active = true
health = { within = "3s" }
[unit."c.service"]
active = true
health = { http = "http://127.0.0.1", tcp = "127.0.0.1:80" }
[unit."d.service".drop_ins."x.conf"]
"#
    ));
}

#[test]
fn what_cannot_hold_once_all_is_merged() {
    insta::assert_snapshot!(refuse(
        r#"
[file."/etc/a"]
mode = "0600"
[symlink."/etc/c"]
[unit."a.service"]
restart_on = ["file:/etc/a"]
[unit."b.service"]
active = true
health = { within = "3s" }
[unit."d.service".drop_ins."x.conf"]
[unit."e.service"]
masked = true
active = true
content = ""
[file."/etc/sudoers"]
content = ""
validate = ["visudo", "-c"]
[file."/etc/s"]
source = "files/s"
[file."/etc/t"]
template = "templates/t"
"#
    ));
}

#[test]
fn two_owners() {
    insta::assert_snapshot!(refuse(
        r#"
[file."/etc/a"]
content = ""
[symlink."/etc/a"]
target = "/x"
[file."/etc/a/b"]
content = ""
[symlink."/srv"]
target = "/data"
[file."/srv/x/y"]
content = ""
[directory."/gone"]
ensure = "absent"
[file."/gone/x"]
content = ""
[unit."web.service"]
content = "[Service]"
drop_ins."a.conf" = { content = "" }
[file."/etc/systemd/system/web.service"]
content = ""
[file."/etc/systemd/system/web.service.d/a.conf"]
content = ""
[file."/etc/holdfast/agent.toml"]
content = ""
[unit."holdfast-agent.service"]
active = false
"#
    ));
}

#[test]
fn roles_that_disagree() {
    insta::assert_snapshot!(check(&[
        ("hosts/web-1.toml", "roles = [\"base\", \"web\", \"hard\"]"),
        ("hosts/web-2.toml", "roles = [\"web\", \"base\"]"),
        (
            "roles/base/role.toml",
            "[params.port]\ntype = \"integer\"\ndefault = 1\n[file.\"/etc/motd\"]\ncontent = \"a\"\nmode = \"0644\"\n"
        ),
        (
            "roles/web/role.toml",
            "[params.port]\ntype = \"integer\"\ndefault = 2\n[file.\"/etc/motd\"]\ntemplate = \"motd\"\nmode = \"0600\"\nowner = \"root\"\n"
        ),
        ("roles/hard/role.toml", "[file.\"/etc/motd\"]\noverride = true\nmode = \"0400\"\n"),
        ("roles/web/motd", "x"),
    ]));
}

#[test]
fn variables() {
    insta::assert_snapshot!(check(&[
        ("fleet.toml", "[params.contact]\ntype = \"string\"\n[vars]\nwrokers = 3\n"),
        ("groups/prod.toml", "[vars]\nworkers = \"four\"\n"),
        (
            "hosts/web-1.toml",
            "roles = [\"web\"]\ngroups = [\"prod\"]\n[vars]\nport = 99\nlevel = \"loud\"\nportt = 1\n"
        ),
        (
            "roles/web/role.toml",
            "[params]\nworkers = { type = \"integer\", default = \"two\" }\nport = { type = \"integer\", choices = [80, 443] }\n\
             level = { type = \"string\", choices = [\"quiet\", \"normal\"], default = \"normal\" }\n",
        ),
    ]));
}

#[test]
fn templates_and_conditions() {
    insta::assert_snapshot!(check(&[
        ("hosts/web-1.toml", "roles = [\"web\"]"),
        (
            "roles/web/role.toml",
            r#"
[params.workers]
type = "integer"
default = 4

[file."/etc/a"]
template = "templates/a"
[file."/etc/b"]
template = "templates/b"
[file."/etc/c"]
content = ""
when = "vars.workers"
[file."/etc/d"]
content = ""
when = "facts.distro == 'debian'"
"#
        ),
        ("roles/web/templates/a", "line one\nworkers {{ vars.wokers }};\n"),
        ("roles/web/templates/b", "{% for a in [1] %}\n{{ a }\n"),
    ]));
}

#[test]
fn cycles() {
    insta::assert_snapshot!(
        "cycles_of_needs",
        refuse(
            r#"
[file."/etc/a"]
content = ""
needs = ["unit:a.service"]
[unit."a.service"]
active = true
restart_on = ["file:/etc/a"]
[directory."/srv"]
needs = ["file:/srv/x"]
[file."/srv/x"]
content = ""
[package.b]
needs = ["package:c"]
[package.c]
needs = ["package:d"]
[package.d]
needs = ["package:b"]
"#
        )
    );
    insta::assert_snapshot!(
        "needs_nobody",
        refuse(
            r#"
[package.a]
needs = ["package:a"]
[package.d]
needs = ["package:nginxx", "file:/etc/nowhere"]
[package.nginx]
"#
        )
    );
}

#[test]
fn what_is_no_plain_file() {
    use crate::Entry;
    let mut repository = repository(&[
        ("hosts/web-1.toml", "roles = [\"web\"]"),
        (
            "roles/web/role.toml",
            "[file.\"/a\"]\nsource = \"files/link\"\n[file.\"/b\"]\nsource = \"files/module\"\n[file.\"/c\"]\ntemplate = \"files/binary\"\n",
        ),
    ]);
    repository.insert("roles/web/files/link", Entry::Symlink);
    repository.insert("roles/web/files/module", Entry::Submodule);
    repository.insert("roles/web/files/binary", Entry::file(*b"\xff\xfe"));
    repository.insert("hosts/web-2.toml", Entry::Symlink);
    repository.insert("hosts/web-3.toml", Entry::file(*b"roles = []\n# caf\xe9\n"));
    repository.insert(b"roles/web/files/\xff", Entry::file(*b""));
    repository.insert("roles/web/files/a\nb", Entry::file(*b""));
    repository.insert("elsewhere/a\u{1b}b", Entry::file(*b""));
    insta::assert_snapshot!(Fleet::new(&repository).check(&|_| None).to_string());
}

#[test]
fn what_is_too_much() {
    use std::{io, sync::Arc};

    use crate::{Blob, Entry};

    struct Huge;
    impl Blob for Huge {
        fn size(&self) -> u64 {
            10 << 30
        }
        fn read(&self) -> io::Result<Arc<[u8]>> {
            panic!("a blob that is too large is read");
        }
    }
    struct Broken;
    impl Blob for Broken {
        fn size(&self) -> u64 {
            10
        }
        fn read(&self) -> io::Result<Arc<[u8]>> {
            Err(io::Error::other("the disk is on fire"))
        }
    }
    let huge = || Entry::File { blob: Arc::new(Huge), executable: false };
    let mut repository = repository(&[(
        "hosts/web-1.toml",
        "[file.\"/a\"]\nsource = \"huge\"\n[file.\"/b\"]\ntemplate = \"long\"\n[file.\"/c\"]\nsource = \"broken\"\n[file.\"/d\"]\ntemplate = \"bomb\"\n",
    )]);
    repository.insert("huge", huge());
    repository.insert("broken", Entry::File { blob: Arc::new(Broken), executable: false });
    repository.insert("hosts/web-2.toml", huge());
    repository.insert("long", Entry::file("x".repeat(300 << 10).into_bytes()));
    repository.insert(
        "bomb",
        Entry::file(format!("ok\n{{% set a = 'aa' %}}\n{}", "{% set a = a ~ a %}\n".repeat(99)).into_bytes()),
    );
    repository.insert(
        "hosts/web-3.toml",
        Entry::file(format!("a = {}1{}", "[".repeat(200), "]".repeat(200)).into_bytes()),
    );
    insta::assert_snapshot!(Fleet::new(&repository).check(&|_| None).to_string());
}

#[test]
fn too_many_of_anything() {
    let packages: String = (0..=crate::limits::RESOURCES).map(|n| format!("[package.p{n}]\n")).collect();
    assert!(refuse(&packages).contains("E_LIMIT"));
    let roles: Vec<String> = (0..=crate::limits::LAYERS).map(|n| format!("\"r{n}\"")).collect();
    assert!(
        refuse(&format!("roles = [{}]", roles.join(","))).contains("a host cannot have more than 100 roles")
    );
    let mut repository = Repository::new();
    for n in 0..=crate::limits::ENTRIES {
        repository.insert(format!("x/{n}"), crate::Entry::Symlink);
    }
    assert!(Fleet::new(&repository).check(&|_| None).to_string().contains("more than 200000 files"));
}
