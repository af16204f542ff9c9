//! One role on hosts of three families of distributions, each with its own package manager and names.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::{Host, Manager, Package, docker, git_server::WebServer, wait};

use crate::site::Site;

const ROLE: &str = r#"
[package.httpd]
names = { debian = "apache2", suse = "apache2" }
[package.mod-ssl]
when = "facts.os_family == 'rhel'"
needs = ["package:httpd"]
[file."/etc/site.conf"]
template = "templates/site"
needs = ["package:httpd"]
"#;

const SITE: &str = "served by {{ 'httpd' if facts.os_family == 'rhel' else 'apache2' }}\n";

/// Name, package manager, what os-release(5) says, and the packages that it gets.
const HOSTS: [(&str, Manager, &str, &[&str]); 3] = [
    ("web-1", Manager::Apt, "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=24.04\n", &["apache2"]),
    (
        "web-2",
        Manager::Dnf,
        "ID=rocky\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=9.4\n",
        &["httpd", "mod-ssl"],
    ),
    (
        "web-3",
        Manager::Zypper,
        "ID=opensuse-leap\nID_LIKE=\"suse opensuse\"\nVERSION_ID=15.6\n",
        &["apache2"],
    ),
];

fn boot(name: &str, manager: Manager, release: &str) -> Result<Host> {
    let packages = ["apache2", "httpd", "mod-ssl"].map(|name| Package::new(name, "1.0"));
    let host = manager.boot(name, &packages)?;
    host.write_file("/etc/os-release", release)?;
    Ok(host)
}

#[test]
fn one_role_brings_each_family_its_own_packages() -> Result<()> {
    let server = WebServer::start_for_hosts(&docker::gateway()?)?;
    let [(name, manager, release, _), others @ ..] = HOSTS;
    let site = Site::unenrolled(server, boot(name, manager, release)?, "")?;
    let fleet = &site.fleet;
    fleet.write("roles/web/role.toml", ROLE)?;
    fleet.write("roles/web/templates/site", SITE)?;
    let mut more = Vec::new();
    for (name, manager, release, _) in others {
        let host = boot(name, manager, release)?;
        manager.install_holdfast(&host)?;
        site.server.admit(name)?;
        more.push(host);
    }
    let hosts: Vec<&Host> = std::iter::once(&site.host).chain(&more).collect();
    for ((name, ..), host) in HOSTS.iter().zip(&hosts) {
        // Enrolled before its document is known, as people do.
        let told = site.enrol_as(host, name)?;
        let key =
            told.lines().find(|line| line.trim_start().starts_with("status_key")).context(told.clone())?;
        fleet.write(&format!("hosts/{name}.toml"), &format!("{}\nroles = [\"web\"]\n", key.trim()))?;
    }
    fleet.commit("three hosts")?;
    for ((name, manager, _, packages), host) in HOSTS.iter().zip(&hosts) {
        host.output(&["holdfast", "sync"])?.success()?;
        for package in ["apache2", "httpd", "mod-ssl"] {
            let found = host.version(package)?;
            let expected = packages.contains(&package).then(|| manager.version("1.0"));
            assert_eq!(found, expected, "{package} on {name}");
        }
        let by = if *manager == Manager::Dnf { "httpd" } else { "apache2" };
        assert_eq!(host.read_file("/etc/site.conf")?, format!("served by {by}\n"));
        let status = fleet.status(name, "status.toml")?.unwrap_or_default();
        ensure!(
            status.contains(&format!("package:{}", packages[0])) && status.contains("os_family"),
            "{status}"
        );
    }

    // Who only has a clone checks each by what it told.
    fleet.git(&["fetch", "--quiet", "origin", "+refs/heads/status/*:refs/remotes/origin/status/*"])?;
    let said = fleet.holdfast(&["check", "work"])?;
    ensure!(said.contains("3 hosts (3 by the facts they told last)"), "{said}");
    fleet.write(
        "roles/web/role.toml",
        &format!("{ROLE}[package.apache2]\nwhen = \"facts.os_family == 'suse'\"\n"),
    )?;
    let said = fleet.output(&["check", "work"])?;
    ensure!(said.code == Some(1), "{said}");
    let said = said.to_string();
    ensure!(said.contains("are both package:apache2 on this host") && said.contains("web-3"), "{said}");
    ensure!(!said.contains("web-1") && !said.contains("web-2"), "{said}");
    fleet.write("roles/web/role.toml", ROLE)?;

    // What is removed by its own name comes back by itself.
    let [_, rocky, suse] = hosts[..] else { anyhow::bail!("not three hosts") };
    rocky.run(&["rpm", "--erase", "mod-ssl"])?;
    suse.run(&["rpm", "--erase", "apache2"])?;
    wait::until("the packages to come back", Duration::from_secs(30), || {
        Ok(rocky.version("mod-ssl")?.is_some() && suse.version("apache2")?.is_some())
    })
}
