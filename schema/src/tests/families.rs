//! One role for hosts of several families of distributions.

use super::*;

const ROLE: &str = r#"
[package.httpd]
names = { debian = "apache2", suse = "apache2" }
[package.mod_ssl]
when = "facts.os_family == 'rhel'"
needs = ["package:httpd"]
[unit."httpd.service"]
when = "facts.os_family == 'rhel'"
active = true
restart_on = ["package:httpd"]
[unit."apache2.service"]
when = "facts.os_family in ['debian', 'suse']"
active = true
restart_on = ["package:httpd"]
[file."/etc/site.conf"]
content = ""
needs = ["package:httpd"]
"#;

fn host_of(id: &str, like: &str) -> Facts {
    Facts { os: id.to_owned(), os_family: Facts::family(id, like), ..Facts::sample() }
}

fn on(facts: &Facts) -> HostState {
    let files = repository(&[("hosts/web-1.toml", "roles = [\"web\"]"), ("roles/web/role.toml", ROLE)]);
    Fleet::new(&files).resolve(&"web-1".parse().unwrap(), facts).unwrap().state
}

#[test]
fn a_distribution_is_of_the_family_that_it_says() {
    for (id, like, family) in [
        ("debian", "", "debian"),
        ("linuxmint", "ubuntu debian", "debian"),
        ("rocky", "rhel centos fedora", "rhel"),
        ("fedora", "", "rhel"),
        ("amzn", "fedora", "rhel"),
        ("opensuse-leap", "suse opensuse", "suse"),
        ("sles", "suse", "suse"),
        ("arch", "", "arch"),
        ("odd", "odder", "odd"),
    ] {
        assert_eq!(Facts::family(id, like), family, "{id} {like}");
    }
}

#[test]
fn a_package_is_called_as_the_family_calls_it_and_what_names_it_follows() {
    for (facts, package, unit) in [
        (host_of("debian", ""), "package:apache2", "unit:apache2.service"),
        (host_of("rocky", "rhel centos fedora"), "package:httpd", "unit:httpd.service"),
        (host_of("opensuse-leap", "suse"), "package:apache2", "unit:apache2.service"),
        // Of no family that is named.
        (host_of("arch", ""), "package:httpd", ""),
    ] {
        let state = on(&facts);
        let crate::spec::Spec::Package(spec) = &get(&state, package).spec else { panic!("{package}") };
        assert_eq!(format!("package:{}", spec.name), package);
        assert!(get(&state, "file:/etc/site.conf").needs.contains(&id(package)));
        if !unit.is_empty() {
            let crate::spec::Spec::Unit(spec) = &get(&state, unit).spec else { panic!("{unit}") };
            assert!(spec.restart_on.contains(&id(package)), "{:?}", spec.restart_on);
        }
    }
}

#[test]
fn only_the_hosts_that_it_concerns_are_told_that_two_are_one() {
    let host = r#"
[package.apache2]
names = { rhel = "httpd" }
[package.httpd]
when = "facts.os_family != 'debian'"
[package.web]
names = { suse = "httpd" }
"#;
    let files = repository(&[("hosts/a.toml", host), ("hosts/b.toml", host), ("hosts/c.toml", host)]);
    let found = Fleet::new(&files).check(&|name| match name.as_str() {
        "a" => Some(host_of("rhel", "")),
        "b" => Some(host_of("sles", "suse")),
        _ => None,
    });
    insta::assert_snapshot!(found.to_string());
}

#[test]
fn a_family_that_is_none_is_refused() {
    insta::assert_snapshot!(refuse("[package.httpd]\nnames = { redhat = \"httpd\", debian = \"-x\" }\n"));
}

#[test]
fn a_package_is_explained_by_either_name() {
    let files = repository(&[("hosts/web-1.toml", "roles = [\"web\"]"), ("roles/web/role.toml", ROLE)]);
    for name in ["package:httpd", "package:apache2"] {
        let host = "web-1".parse().unwrap();
        let found = Fleet::new(&files).explain(&host, &host_of("debian", ""), &id(name)).unwrap();
        assert_eq!(found.id, id("package:httpd"));
        assert_eq!(found.fields.len(), 2, "{found:?}");
    }
}
