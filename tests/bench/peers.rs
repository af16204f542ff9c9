//! The same workload kept up by others: one host, on which all is in order, and one run of each that finds it so.
//!
//! Every program first has to repair a file that was changed, so that it is known to look; then it has to leave everything
//! alone, which the times of change of all files show.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use harness::{Command, Fleet, Host, deb, docker, git_server::WebServer};

use crate::{AGENT, Cost, ONCE, cost, mebibytes, median, milliseconds, spent, tools, workload::Workload};

/// From Debian.
const PACKAGES: &str = "cfengine3,puppet,ansible-core,python3-apt,python3-venv";

/// From `PyPI`: where on the host, and what. The releases of salt after this one ask for what is not everywhere.
const PYTHON: [(&str, &[&str]); 2] = [
    (
        "salt",
        &[
            "salt==3007.8",
            "tornado",
            "msgpack",
            "pyzmq",
            "jinja2",
            "PyYAML",
            "distro",
            "looseversion",
            "packaging",
            "psutil",
            "pycryptodomex",
            "cryptography",
            "requests",
            "jmespath",
            "urllib3",
            "aiohttp",
            "croniter",
            "networkx",
        ],
    ),
    ("pyinfra", &["pyinfra==3.10.0"]),
];

/// A run that takes longer is measured once, in seconds.
const SLOW: u64 = 20;
const RUNS: usize = 5;

/// Where the workload and its declarations lie on the host.
const ROOT: &str = "/srv/bench";
/// The file that is changed for each to repair.
const CHANGED: &str = "/etc/bench.d/f0042";

struct Peer {
    name: &'static str,
    command: Vec<String>,
}

/// Prints the table.
pub(crate) fn measure() -> Result<()> {
    let workload = Workload { files: 1000 };
    let server = WebServer::start_for_hosts(&docker::gateway()?)?;
    let repository = server.repository("fleet.git")?;
    let fleet = Fleet::new(repository.path())?;
    workload.publish(&fleet, "bench")?;
    let host = Host::boot_with("bench", PACKAGES)?;
    Workload::repository()?.serve_to(&host)?;
    for tool in ["floor", "cost"] {
        host.copy(&tools()?.join(tool), &format!("/usr/local/bin/{tool}"))?;
    }
    host.install_deb(&deb::path()?)?;
    host.write_file("/root/ca.pem", server.ca())?;
    let (introduction, url) = (fleet.introduction()?, server.https_url("fleet.git"));
    host.run(&[
        "holdfast",
        "enrol",
        &introduction,
        &url,
        "--host",
        "bench",
        "--yes",
        "--ca",
        "/root/ca.pem",
    ])?;
    host.run(&["holdfast", "sync"])?;

    println!(
        "{:<44} {:>11} {:>11} {:>11}",
        "a pass that finds 1,000 files in order", "CPU", "wall", "memory"
    );
    host.write_file("/root/desired", workload.floor_records())?;
    host.write_file("/root/packages", Workload::packages().join("\n") + "\n")?;
    let units = Workload::units();
    let mut floor = vec!["floor", "/root/desired", "/root/packages"];
    floor.extend(units.iter().map(String::as_str));
    row("the least that a program can do (C)", costs(&host, &floor, cost(&host, &floor)?)?);
    in_the_service(&host)?;
    host.run(&["systemctl", "stop", AGENT])?;
    repairs(&host, "Holdfast", &ONCE)?;
    row("Holdfast, one run", costs(&host, &ONCE, cost(&host, &ONCE)?)?);
    declare(&host, &workload)?;
    for peer in peers(&host)? {
        let command: Vec<&str> = peer.command.iter().map(String::as_str).collect();
        let first = repairs(&host, peer.name, &command)?;
        let before = times(&host)?;
        let costs = costs(&host, &command, first)?;
        ensure!(times(&host)? == before, "{} changed what was in order", peer.name);
        row(peer.name, costs);
    }
    Ok(())
}

fn row(name: &str, cost: Cost) {
    let (cpu, wall) = (milliseconds(cost.cpu), milliseconds(cost.wall));
    println!("{name:<44} {cpu:>11} {wall:>11} {:>11}", mebibytes(cost.memory));
}

/// The medians of some runs after a `first`.
fn costs(host: &Host, program: &[&str], first: Cost) -> Result<Cost> {
    let runs = if first.wall.as_secs() > SLOW { 1 } else { RUNS };
    let costs = (0..runs).map(|_| cost(host, program)).collect::<Result<Vec<_>>>()?;
    Ok(Cost {
        cpu: median(costs.iter().map(|cost| cost.cpu)),
        wall: median(costs.iter().map(|cost| cost.wall)),
        memory: median(costs.iter().map(|cost| cost.memory)),
    })
}

/// Full passes of the running service, which reads no file again that surely has not changed.
fn in_the_service(host: &Host) -> Result<()> {
    let pid = host.property(AGENT, "MainPID")?;
    let mut passes = Vec::new();
    for _ in 0..RUNS {
        let (before, start) = (spent(host, &pid)?, std::time::Instant::now());
        host.shell("for n in $(seq 20); do holdfast sync >/dev/null; done")?;
        passes.push((spent(host, &pid)?.saturating_sub(before) / 20, start.elapsed() / 20));
    }
    let status = host.read_file(&format!("/proc/{pid}/status"))?;
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let memory = memory.trim().trim_end_matches(" kB").parse()?;
    let (cpu, wall) = (median(passes.iter().map(|pass| pass.0)), median(passes.iter().map(|pass| pass.1)));
    row("Holdfast, in its service, with a poll of Git", Cost { cpu, wall, memory });
    Ok(())
}

/// Has a program repair a file.
fn repairs(host: &Host, name: &str, program: &[&str]) -> Result<Cost> {
    let before = host.run(&["sha256sum", CHANGED])?;
    host.shell(&format!("echo drift >>{CHANGED}"))?;
    let first = cost(host, program).with_context(|| name.to_owned())?;
    ensure!(host.run(&["sha256sum", CHANGED])? == before, "{name} did not repair {CHANGED}");
    Ok(first)
}

/// When everything that is declared was changed last.
fn times(host: &Host) -> Result<String> {
    host.shell("find /etc/bench.d /etc/systemd/system -name 'f0*' -o -name 'bench-*' | sort | xargs stat --format '%n %z'")
}

fn peers(host: &Host) -> Result<Vec<Peer>> {
    for (name, packages) in PYTHON {
        let directory = tools()?.join(format!("peers-{name}"));
        if !directory.exists() {
            let pip =
                ["pip3", "install", "--quiet", "--disable-pip-version-check", "--root-user-action", "ignore"];
            let target = ["--target".to_owned(), directory.display().to_string()];
            let all = pip.iter().chain(packages).map(|word| (*word).to_owned()).chain(target);
            Command::new(all).limit(std::time::Duration::from_mins(15)).run()?;
        }
        host.copy(&directory, &format!("/opt/{name}"))?;
    }
    let words = |line: &str| line.split(' ').map(str::to_owned).collect();
    let peer = |name, line: &str| Peer { name, command: words(line) };
    Ok(vec![
        peer("CFEngine 3.21, as lean as it can be written", &format!("cf-agent -K -f {ROOT}/best.cf")),
        peer(
            "Salt 3007, masterless",
            &format!(
                "env PYTHONPATH=/opt/salt python3 /opt/salt/bin/salt-call --local -c {ROOT}/salt --retcode-passthrough state.apply bench"
            ),
        ),
        peer("CFEngine 3.21, as its library has it", &format!("cf-agent -f {ROOT}/usual.cf")),
        peer("Puppet 7, puppet apply", &format!("puppet apply {ROOT}/site.pp")),
        peer(
            "pyinfra 3.10, @local",
            &format!(
                "env --chdir={ROOT} PYTHONPATH=/opt/pyinfra python3 /opt/pyinfra/bin/pyinfra @local deploy.py -y"
            ),
        ),
        peer(
            "Ansible 2.14, local connection",
            &format!(
                "env ANSIBLE_CONFIG={ROOT}/ansible.cfg ansible-playbook -c local -i localhost, {ROOT}/site.yml"
            ),
        ),
    ])
}

/// Writes what each is told of the workload.
fn declare(host: &Host, workload: &Workload) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let root = scratch.path();
    workload.write_below(root)?;
    let (files, units): (Vec<u32>, _) = ((0..workload.files).collect(), Workload::units());
    let write = |name: &str, text: String| write(root, name, &text);
    write("best.cf", cfengine(&files, &units, true))?;
    write("usual.cf", cfengine(&files, &units, false))?;
    write("site.pp", puppet(&units))?;
    write("site.yml", ansible(&files, &units))?;
    write(
        "ansible.cfg",
        "[defaults]\ninterpreter_python=/usr/bin/python3\n[connection]\npipelining=True\n".to_owned(),
    )?;
    write("deploy.py", pyinfra(&units))?;
    write("salt/states/bench.sls", salt(&files, &units)?)?;
    write(
        "salt/minion",
        format!(
            "file_client: local\nmaster_type: disable\nid: bench\nfile_roots: {{base: [{ROOT}/salt/states, {ROOT}]}}\nsystemd.scope: False\n\
         log_level: error\nstate_output: terse\n"
        ),
    )?;
    host.copy(root, ROOT)?;
    host.shell(&format!("chown -R root:root {ROOT}; chmod 0600 {ROOT}/*.cf; chgrp adm {ROOT}/odd/*"))?;
    // What the distribution leaves to the first contact with a server.
    host.shell(
        "cp -a /var/lib/cfengine3/masterfiles/. /var/lib/cfengine3/inputs/
         mkdir -p /var/lib/cfengine3/modules/packages
         sed '2,$!b' /var/lib/cfengine3/masterfiles/modules/packages/vendored/apt_get.mustache >/var/lib/cfengine3/modules/packages/apt_get
         chmod 755 /var/lib/cfengine3/modules/packages/apt_get
         ln -sf /usr/bin/python3 /usr/bin/cfengine-selected-python
         [ -f /var/lib/cfengine3/ppkeys/localhost.priv ] || cf-key",
    )
    .map(drop)
}

fn write(root: &Path, name: &str, text: &str) -> Result<()> {
    let path = root.join(name);
    fs::create_dir_all(path.parent().context("a parent")?)?;
    Ok(fs::write(path, text)?)
}

fn quoted(words: &[String], quote: &str) -> String {
    words.iter().map(|word| format!("{quote}{word}{quote}")).collect::<Vec<_>>().join(", ")
}

fn cfengine(files: &[u32], units: &[String], best: bool) -> String {
    let packages = quoted(&Workload::packages(), "\"");
    let of = |rest: u32| {
        let names: Vec<String> =
            files.iter().filter(|file| **file % 2 == rest).map(|file| format!("f{file:04}")).collect();
        quoted(&names, "\"")
    };
    let (even, odd, all, services) = (of(0), of(1), units.join(" "), quoted(units, "\""));
    let unit_files = format!(
        "  files:\n    \"/etc/systemd/system/$(s)\" perms => mog(\"0644\", \"root\", \"root\"), copy_from => local_dcp(\"{ROOT}/units/$(s)\");\n"
    );
    if best {
        return format!(
            r#"body common control {{ bundlesequence => {{ "bench_files", "bench_packages", "bench_services" }}; }}
body agent control {{ ifelapsed => "0"; }}
body perms mog(m, o, g) {{ mode => "$(m)"; rxdirs => "false"; owners => {{ "$(o)" }}; groups => {{ "$(g)" }}; }}
body copy_from local_dcp(f) {{ source => "$(f)"; compare => "digest"; }}
body copy_from tree(f) {{ source => "$(f)"; compare => "digest"; preserve => "true"; }}
body depth_search one {{ depth => "1"; }}
body package_method dpkg
{{
  package_changes => "bulk"; package_name_convention => "$(name)"; package_installed_regex => ".*";
  package_list_command => "/usr/bin/dpkg -l"; package_list_update_ifelapsed => "0";
  package_list_name_regex => "ii\s+([^\s:]+).*"; package_list_version_regex => "ii\s+[^\s]+\s+([^\s]+).*";
  package_add_command => "/usr/bin/apt-get --yes install";
}}
bundle agent bench_files
{{
  files:
    "/etc/bench.d" copy_from => tree("{ROOT}/even"), depth_search => one;
    "/etc/bench.d" copy_from => tree("{ROOT}/odd"), depth_search => one;
}}
bundle agent bench_packages
{{
  vars: "p" slist => {{ {packages} }};
  packages: "$(p)" package_policy => "add", package_method => dpkg;
}}
bundle agent bench_services
{{
  vars: "s" slist => {{ {services} }};
  classes:
    "up" expression => returnszero("/bin/systemctl is-active --quiet {all}", "noshell");
    "on" expression => returnszero("/bin/systemctl is-enabled --quiet {all}", "noshell");
{unit_files}  commands:
    !up|!on:: "/bin/systemctl enable --now {all}";
}}
"#
        );
    }
    format!(
        r#"body common control
{{
  inputs => {{ "/var/lib/cfengine3/inputs/lib/stdlib.cf" }};
  bundlesequence => {{ "bench_files", "bench_packages", "bench_services" }};
}}
body agent control {{ ifelapsed => "0"; }}
bundle agent bench_files
{{
  vars:
    "even" slist => {{ {even} }};
    "odd" slist => {{ {odd} }};
  files:
    "/etc/bench.d/$(even)" perms => mog("0644", "root", "root"), copy_from => local_dcp("{ROOT}/even/$(even)");
    "/etc/bench.d/$(odd)" perms => mog("0640", "root", "adm"), copy_from => local_dcp("{ROOT}/odd/$(odd)");
}}
bundle agent bench_packages
{{
  vars: "p" slist => {{ {packages} }};
  packages: "$(p)" policy => "present", package_module => apt_get;
}}
bundle agent bench_services
{{
  vars: "s" slist => {{ {services} }};
{unit_files}  services: "$(s)" service_policy => "start";
}}
"#
    )
}

fn puppet(units: &[String]) -> String {
    format!(
        "file {{ '/etc/bench.d': ensure => directory }}
Integer[0, 999].each |$i| {{
  $n = sprintf('f%04d', $i)
  $d = $i % 2 ? {{ 0 => 'even', default => 'odd' }}
  file {{ \"/etc/bench.d/${{n}}\":
    ensure  => file, owner => 'root',
    group   => $i % 2 ? {{ 0 => 'root', default => 'adm' }},
    mode    => $i % 2 ? {{ 0 => '0644', default => '0640' }},
    content => file(\"{ROOT}/${{d}}/${{n}}\"),
  }}
}}
package {{ [{}]: ensure => installed }}
[{}].each |$s| {{
  file {{ \"/etc/systemd/system/${{s}}\":
    ensure => file, owner => 'root', group => 'root', mode => '0644', content => file(\"{ROOT}/units/${{s}}\"),
  }}
  ~> service {{ $s: ensure => running, enable => true, provider => systemd }}
}}
",
        quoted(&Workload::packages(), "'"),
        quoted(units, "'")
    )
}

fn ansible(files: &[u32], units: &[String]) -> String {
    let copies: String = [("even", "root", "0644", 0), ("odd", "adm", "0640", 1)]
        .map(|(directory, group, mode, rest)| {
            let names: Vec<String> =
                files.iter().filter(|file| **file % 2 == rest).map(|file| format!("f{file:04}")).collect();
            format!(
                "    - copy:\n        src: \"{ROOT}/{directory}/{{{{ item }}}}\"\n        dest: \"/etc/bench.d/{{{{ item }}}}\"\n        \
                 owner: root\n        group: {group}\n        mode: \"{mode}\"\n      loop: [{}]\n",
                names.join(", ")
            )
        })
        .concat();
    let (packages, units) = (Workload::packages().join(", "), units.join(", "));
    format!(
        "- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - file: {{path: /etc/bench.d, state: directory}}
{copies}    - apt:
        name: [{packages}]
    - copy:
        src: \"{ROOT}/units/{{{{ item }}}}\"
        dest: \"/etc/systemd/system/{{{{ item }}}}\"
        owner: root
        group: root
        mode: \"0644\"
      loop: [{units}]
      register: unit_files
    - systemd: {{daemon_reload: true}}
      when: unit_files is changed
    - systemd:
        name: \"{{{{ item }}}}\"
        state: started
        enabled: true
      loop: [{units}]
"
    )
}

fn salt(files: &[u32], units: &[String]) -> Result<String> {
    let mut text = String::new();
    for file in files {
        let (directory, group, mode) =
            if file % 2 == 0 { ("even", "root", "0644") } else { ("odd", "adm", "0640") };
        write!(
            text,
            "/etc/bench.d/f{file:04}:\n  file.managed:\n    - source: salt://{directory}/f{file:04}\n    - mode: \"{mode}\"\n    - user: root\n    \
             - group: {group}\n"
        )?;
    }
    writeln!(text, "bench_packages:\n  pkg.installed:\n    - pkgs: [{}]", Workload::packages().join(", "))?;
    for unit in units {
        write!(
            text,
            "/etc/systemd/system/{unit}:\n  file.managed:\n    - source: salt://units/{unit}\n    - mode: \"0644\"\n    - user: root\n    - group: root\n\
             {unit}:\n  service.running:\n    - enable: true\n    - watch: [{{file: /etc/systemd/system/{unit}}}]\n"
        )?;
    }
    Ok(text)
}

fn pyinfra(units: &[String]) -> String {
    format!(
        r#"from pyinfra.operations import apt, files, systemd
files.directory(path="/etc/bench.d")
for i in range(1000):
    files.put(src=f"{ROOT}/{{'odd' if i % 2 else 'even'}}/f{{i:04d}}", dest=f"/etc/bench.d/f{{i:04d}}", user="root",
              group="adm" if i % 2 else "root", mode="640" if i % 2 else "644", create_remote_dir=False)
apt.packages(packages=[{}], no_recommends=True)
for s in [{}]:
    u = files.put(src=f"{ROOT}/units/{{s}}", dest=f"/etc/systemd/system/{{s}}", user="root", group="root", mode="644",
                  create_remote_dir=False)
    systemd.service(service=s, running=True, enabled=True, daemon_reload=u.will_change)
"#,
        quoted(&Workload::packages(), "\""),
        quoted(units, "\"")
    )
}
