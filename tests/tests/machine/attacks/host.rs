//! What somebody on the host's side can reach, or put in the way: sockets, the environment, the directory they are in.

use anyhow::{Result, ensure};

use super::history::goes_on;
use crate::{
    last_good::{GOOD, good},
    site::AGENT,
};

/// T22: nobody speaks to the agent from afar, and of those who are here only root.
#[test]
fn nothing_of_ours_listens_and_the_control_socket_is_root_s() -> Result<()> {
    let site = good()?;
    let listening = site.host.run(&[
        "ss",
        "--no-header",
        "--listening",
        "--numeric",
        "--tcp",
        "--udp",
        "--raw",
        "--processes",
    ])?;
    ensure!(listening.is_empty(), "{listening}");
    let ours = site.host.shell("ss -H -l -n -p -x | grep LISTEN | grep holdfast")?;
    for line in ours.lines() {
        ensure!(line.contains(" /run/holdfast/"), "{line}");
    }
    let modes = site.host.run(&[
        "stat",
        "--format=%n %a %U",
        "/run/holdfast/control.sock",
        "/run/holdfast/fetch.sock",
    ])?;
    assert_eq!(modes, "/run/holdfast/control.sock 600 root\n/run/holdfast/fetch.sock 600 root\n");
    for user in ["nobody", "holdfast-fetch"] {
        let refused =
            site.host.output(&["setpriv", "--reuid", user, "--clear-groups", "holdfast", "sync"])?;
        assert_ne!(refused.code, Some(0), "{user}: {refused}");
    }
    // What is no question is answered by nothing, and breaks nothing.
    let pid = site.host.property(AGENT, "MainPID")?;
    site.host.shell(
        "for question in 'printf \"\\377\\377\\377\\377\"' 'printf \"\\0\\0\\0\\2{}\"' 'head -c 100000 /dev/urandom' \
         'printf \"\\0\\0\\0\\60{\\\"want\\\":\\\"Apply\\\",\\\"file\\\":\\\"/etc/motd\\\"}        \"' true; do
             eval \"$question\" | perl -MIO::Socket::UNIX -e '
                 my $s = IO::Socket::UNIX->new(Peer => \"/run/holdfast/control.sock\") or die;
                 $SIG{PIPE} = \"IGNORE\"; local $/; print $s <STDIN>; shutdown($s, 1); print <$s>' | head -c 100
         done",
    )?;
    assert_eq!(site.host.property(AGENT, "MainPID")?, pid);
    goes_on(&site)
}

/// A directory full of programs with the names of everything that is called anywhere, and settings that would have others
/// call them.
const HOSTILE: &str = r#"
install -d -m 1777 /var/tmp/marks
mkdir -p /srv/evil/.ssh /srv/evil/.git /srv/evil/.config/git && cd /srv/evil
for name in git ssh dpkg dpkg-query apt-get apt systemctl sh cat stat id ssh-keygen gpg ssh-askpass mark; do
    printf '#!/bin/sh\n/usr/bin/touch /var/tmp/marks/%s\n' $name >$name && chmod 0755 $name
done
printf '[core]\n\tsshCommand = /srv/evil/mark\n\tfsmonitor = /srv/evil/mark\n[url "file:///srv/evil"]\n\tinsteadOf = https://\n[http]\n\tproxy = http://127.0.0.1:1\n\tsslVerify = false\n[credential]\n\thelper = /srv/evil/mark\n' >.gitconfig
cp .gitconfig .config/git/config && cp .gitconfig .git/config
printf 'Host *\n ProxyCommand /srv/evil/mark\n' >.ssh/config
echo 'machine github.com login evil password evil' >.netrc
printf '[file."/etc/motd"]\ncontent = "evil"\n' >agent.toml && cp agent.toml policy.toml && mkdir -p hosts && cp agent.toml hosts/web-1.toml
"#;

const ENVIRONMENT: &[&str] = &[
    "PATH=/srv/evil:.",
    "HOME=/srv/evil",
    "XDG_CONFIG_HOME=/srv/evil/.config",
    "GIT_DIR=/srv/evil/.git",
    "GIT_WORK_TREE=/etc",
    "GIT_OBJECT_DIRECTORY=/srv/evil",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES=/srv/evil",
    "GIT_CONFIG_GLOBAL=/srv/evil/.gitconfig",
    "GIT_CONFIG_SYSTEM=/srv/evil/.gitconfig",
    "GIT_CONFIG_COUNT=1",
    "GIT_CONFIG_KEY_0=core.sshCommand",
    "GIT_CONFIG_VALUE_0=/srv/evil/mark",
    "GIT_EXEC_PATH=/srv/evil",
    "GIT_SSH=/srv/evil/mark",
    "GIT_SSH_COMMAND=/srv/evil/mark",
    "GIT_ASKPASS=/srv/evil/mark",
    "GIT_PROXY_COMMAND=/srv/evil/mark",
    "GIT_EXTERNAL_DIFF=/srv/evil/mark",
    "GIT_SSL_NO_VERIFY=1",
    "GIT_NAMESPACE=evil",
    "GIT_REPLACE_REF_BASE=refs/evil/",
    "GIT_TRACE=/var/tmp/marks/trace",
    "GIT_TRACE_CURL=/var/tmp/marks/trace-curl",
    "SSH_ASKPASS=/srv/evil/ssh-askpass",
    "SSH_AUTH_SOCK=/srv/evil/agent",
    "DISPLAY=:0",
    "https_proxy=http://127.0.0.1:1",
    "HTTPS_PROXY=http://127.0.0.1:1",
    "http_proxy=http://127.0.0.1:1",
    "ALL_PROXY=http://127.0.0.1:1",
    "SSL_CERT_FILE=/srv/evil/none.pem",
    "SSL_CERT_DIR=/srv/evil",
    "SSLKEYLOGFILE=/var/tmp/marks/keys",
    "LD_LIBRARY_PATH=/srv/evil",
    "LD_PRELOAD=",
    "TMPDIR=/srv/evil",
    "EDITOR=/srv/evil/mark",
    "PAGER=/srv/evil/mark",
    "SHELL=/srv/evil/sh",
    "BASH_ENV=/srv/evil/mark",
    "ENV=/srv/evil/mark",
    "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/srv/evil/bus",
    "DPKG_ROOT=/srv/evil",
    "DPKG_ADMINDIR=/srv/evil",
    "APT_CONFIG=/srv/evil/apt.conf",
    "STATE_DIRECTORY_EVIL=/srv/evil",
    "TZ=:/srv/evil/tz",
    "LANG=evil",
];

/// T49: of `holdfast sync`, and of the services themselves.
#[test]
fn a_hostile_environment_has_no_effect() -> Result<()> {
    let site = good()?;
    let host = &site.host;
    host.shell(HOSTILE)?;
    let state = format!(
        "{GOOD}[package.tzdata]\n[unit.\"tick.service\"]\ncontent = \"[Service]\\nExecStart=/bin/sleep infinity\\n\"\nactive = true\n"
    );
    site.publish(&state)?;
    // Whoever runs it from somewhere, with all of that.
    host.write_file("/etc/motd", "drift")?;
    let command = ["env", "--ignore-environment", "--chdir=/srv/evil"];
    let command = [&command[..], ENVIRONMENT, &["/usr/bin/holdfast", "sync"]].concat();
    host.run(&command)?;
    assert_eq!(host.read_file("/etc/motd")?, "good\n");

    // And the services with all of that.
    let settings = format!("Environment=\"{}\"\n", ENVIRONMENT.join("\" \""));
    for unit in ["holdfast-agent", "holdfast-fetch"] {
        host.write_file(
            &format!("/etc/systemd/system/{unit}.service.d/evil.conf"),
            format!("[Service]\n{settings}WorkingDirectory=/srv/evil\n"),
        )?;
    }
    host.shell(&format!("systemctl daemon-reload && systemctl restart {AGENT} holdfast-fetch.service"))?;
    site.publish(&state.replace("tick", "tock"))?;
    host.write_file("/etc/motd", "drift")?;
    site.sync()?.success()?;
    assert_eq!(host.read_file("/etc/motd")?, "good\n");
    assert_eq!(host.property("tock.service", "ActiveState")?, "active");
    let marks = host.run(&["ls", "--almost-all", "/var/tmp/marks"])?;
    ensure!(marks.is_empty(), "it was heeded: {marks}");
    goes_on(&site)
}
