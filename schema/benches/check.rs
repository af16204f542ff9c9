//! How long `holdfast check` takes on a large fleet: `cargo bench -p holdfast-schema`.
//!
//! Prints a table; asserts nothing about time, which is the machine's matter.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::print_stdout, reason = "a benchmark prints a table")]

use std::{fmt::Write as _, time::Instant};

use holdfast_schema::{Facts, Fleet, Repository};

/// A fleet of `hosts` hosts, each with all of `roles` roles of ten resources, two groups and some settings of its own.
fn fleet(hosts: usize, roles: usize) -> Repository {
    let mut files: Vec<(String, String)> = Vec::new();
    files.push(("fleet.toml".into(), "[params.contact]\ntype = \"string\"\n[vars]\ncontact = \"ops@example.com\"\n[file.\"/etc/motd\"]\ntemplate = \"motd\"\n".into()));
    files.push(("motd".into(), "{{ host.name }} runs {{ facts.os }}; ask {{ vars.contact }}\n".into()));
    for group in ["prod", "berlin"] {
        files.push((
            format!("groups/{group}.toml"),
            format!("[file.\"/etc/{group}\"]\ncontent = \"{group}\"\n"),
        ));
    }
    let mut listed = String::new();
    for role in 0..roles {
        let mut text = format!(
            "[params.workers_{role}]\ntype = \"integer\"\ndefault = 2\n[package.p{role}]\n[directory.\"/etc/p{role}\"]\n"
        );
        for file in 0..5 {
            write!(text, "[file.\"/etc/p{role}/{file}.conf\"]\nsource = \"files/{file}\"\nmode = \"0640\"\n")
                .unwrap_or_default();
            files.push((format!("roles/r{role}/files/{file}"), format!("{role} {file}\n").repeat(100)));
        }
        for file in 0..2 {
            write!(text, "[file.\"/etc/p{role}/t{file}.conf\"]\ntemplate = \"templates/{file}\"\nwhen = \"facts.os == 'debian'\"\n").unwrap_or_default();
            let line = format!("worker {{{{ vars.workers_{role} }}}} on {{{{ host.name }}}}\n");
            let lines = "key = value\n".repeat(40);
            files.push((
                format!("roles/r{role}/templates/{file}"),
                format!("{line}{lines}{{% for g in host.groups %}}\ngroup {{{{ g }}}}\n{{% endfor %}}\n"),
            ));
        }
        write!(text, "[unit.\"p{role}.service\"]\nenabled = true\nactive = true\nreload_on = [\"file:/etc/p{role}/0.conf\"]\n").unwrap_or_default();
        files.push((format!("roles/r{role}/role.toml"), text));
        write!(listed, "\"r{role}\", ").unwrap_or_default();
    }
    for host in 0..hosts {
        let text = format!(
            "roles = [{listed}]\ngroups = [\"prod\", \"berlin\"]\n[vars]\nworkers_0 = {host}\n[file.\"/etc/p0/0.conf\"]\nmode = \"0600\"\n"
        );
        files.push((format!("hosts/h{host}.toml"), text));
    }
    files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect()
}

fn main() {
    println!("{:>6} {:>6} {:>10} {:>12} {:>12}", "hosts", "roles", "resources", "check", "one host");
    for (hosts, roles) in [(1, 1), (1, 10), (100, 10), (1000, 10), (1000, 20)] {
        let repository = fleet(hosts, roles);
        let name = repository.hosts().into_iter().next_back();
        let begin = Instant::now();
        let resolved = name.map(|name| Fleet::new(&repository).resolve(&name, &Facts::sample()));
        let one = begin.elapsed();
        let resources = match resolved {
            Some(Ok(resolved)) => resolved.state.resources.len(),
            _ => 0,
        };
        let begin = Instant::now();
        let problems = Fleet::new(&repository).check(&|_| None);
        let all = begin.elapsed();
        let wrong = if problems.is_empty() { String::new() } else { format!("  {problems}") };
        println!("{hosts:>6} {roles:>6} {resources:>10} {all:>12.1?} {one:>12.1?}{wrong}");
    }
}
