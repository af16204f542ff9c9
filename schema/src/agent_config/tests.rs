use super::*;

fn path(text: &str) -> AbsolutePath {
    text.parse().unwrap()
}

fn config() -> AgentConfig {
    AgentConfig::new(
        "web-1".parse().unwrap(),
        Remote { url: "https://git.example.com/fleet.git".into(), ..Remote::default() },
    )
}

fn refuse(text: &str) -> String {
    parse(text, "/etc/holdfast/agent.toml").unwrap_err().to_string()
}

#[test]
fn two_lines_are_enough() {
    let text = "host = \"web-1\"\nurl = \"https://git.example.com/fleet.git\"\n";
    assert_eq!(parse(text, "agent.toml").unwrap(), config());
}

#[test]
fn everything_can_be_said() {
    let text = r#"
host = "web-1"
url = "https://git.example.com/fleet.git"
branch = "live"
poll = "5s"
heartbeat = "1h"
stall_timeout = "10s"
total_timeout = "1m30s"
level = "signed"
ca_file = "/etc/holdfast/ca.pem"
proxy = "http://user:hunter2@proxy:3128"
[credential]
user = "web-1"
password_file = "/etc/holdfast/password"
[status]
url = "git@git.example.com:status.git"
branch = "host/web-1"
[status.ssh]
key_file = "/etc/holdfast/key"
known_hosts_file = "/etc/holdfast/known_hosts"
"#;
    let found = parse(text, "agent.toml").unwrap();
    insta::assert_debug_snapshot!(found);
    assert_eq!(found.fleet.proxy.unwrap().expose(), "http://user:hunter2@proxy:3128");
}

#[test]
fn the_status_takes_what_is_the_fleets_only_at_the_same_server() {
    let fleet =
        "host = \"a\"\nurl = \"https://x/f.git\"\nca_file = \"/ca\"\n[credential]\ntoken_file = \"/t\"\n";
    let same = parse(fleet, "a").unwrap();
    assert_eq!(same.status, same.fleet);
    let writer = parse(&format!("{fleet}[status.credential]\ntoken_file = \"/w\"\n"), "a").unwrap();
    assert_eq!(writer.status.credential, Credential::Bearer { token_file: path("/w") });
    assert_eq!(writer.status.ca_file, Some(path("/ca")));
    let other = parse(&format!("{fleet}[status]\nurl = \"https://y/s.git\"\n"), "a").unwrap();
    assert_eq!(other.status, Remote { url: "https://y/s.git".into(), ..Remote::default() });
}

#[test]
fn what_is_wrong_is_said_without_secrets() {
    let said = [
        "",
        "host = \"Web 1\"\nurl = \"ftp://x\"\npol = \"60s\"\npoll = \"1s\"\nbranch = \"refs/heads/main\"\n",
        "host = \"a\"\nurl = \"https://user:hunter2@x/f.git\"\nproxy = \"http://u:hunter2@p\"\n",
        "host = \"a\"\nurl = \"ssh://-oProxyCommand=x/f\"\n",
        "host = \"a\"\nurl = \"-oProxyCommand=x:f\"\n",
        "host = \"a\"\nurl = \"git@x:f.git\"\n",
        "host = \"a\"\nurl = \"git@x:f.git\"\n[ssh]\nkey_file = \"/k\"\n",
        "host = \"a\"\nurl = \"git@x:f.git\"\n[ssh]\nkey_file = \"/k\"\nknown_hosts_file = \"/h\"\n[credential]\ntoken_file = \"/t\"\n",
        "host = \"a\"\nurl = \"http://x/f.git\"\n[credential]\ntoken_file = \"/t\"\n",
        "host = \"a\"\nurl = \"https://x/f.git\"\n[credential]\nuser = \"u\"\n",
        "host = \"a\"\nurl = \"https://x/f.git\"\n[credential]\nuser = \"u\"\ntoken_file = \"/t\"\n",
        "host = \"a\"\nurl = \"https://x/f.git\"\nlevel = \"none\"\n",
        "host = \"a\"\nurl = \"https://x/f.git\"\n[status]\nbranch = \"main\"\n",
        "host = \"a\"\nurl = \"https://x/f.git\"\nbranch = \"a..b\"\n",
    ]
    .map(refuse)
    .join("\n\n");
    assert!(!said.contains("hunter2"));
    insta::assert_snapshot!(said);
}

#[test]
fn a_new_file_is_commented() {
    let mut wanted = config();
    wanted.poll = Duration::from_mins(5);
    wanted.fleet.credential =
        Credential::Basic { user: "web-1".into(), password_file: path("/etc/holdfast/password") };
    wanted.status = wanted.fleet.clone();
    let text = write(&wanted, None);
    insta::assert_snapshot!(text);
    assert_eq!(parse(&text, "agent.toml").unwrap(), wanted);
}

#[test]
fn an_old_file_keeps_its_comments() {
    let old = "# mine\nhost = \"old\" # was web-0\nurl = \"git@x:f.git\"\npoll = \"60s\" # often enough\n\n# the key\n[ssh]\nkey_file = \"/k\" # root only\nknown_hosts_file = \"/h\"\n\n[status]\ncredential = { token_file = \"/t\" }\nurl = \"https://s/s.git\"\n";
    let mut wanted = config();
    wanted.fleet.credential = Credential::Bearer { token_file: path("/token") };
    wanted.status = wanted.fleet.clone();
    let text = write(&wanted, Some(old));
    insta::assert_snapshot!(text);
    assert_eq!(parse(&text, "agent.toml").unwrap(), wanted);
}

#[test]
fn what_is_written_is_read_again() {
    let ssh = Some(Ssh { key_file: path("/k"), known_hosts_file: path("/h") });
    let remotes = [
        Remote { url: "https://x/f.git".into(), ..Remote::default() },
        Remote { url: "git@x:f.git".into(), ssh: ssh.clone(), ..Remote::default() },
        Remote { url: "ssh://git@x:2222/f.git".into(), ssh, ..Remote::default() },
        Remote {
            url: "https://x/f.git".into(),
            credential: Credential::Bearer { token_file: path("/t") },
            ca_file: Some(path("/ca")),
            ..Remote::default()
        },
        Remote { url: "/srv/fleet.git".into(), ..Remote::default() },
        Remote { url: "file:///srv/fleet.git".into(), ..Remote::default() },
        Remote { url: "http://127.0.0.1:8080/f.git".into(), ..Remote::default() },
    ];
    let mut last = None;
    for fleet in &remotes {
        for status in &remotes {
            let mut wanted = AgentConfig::new("a".parse().unwrap(), fleet.clone());
            // A status at the same address cannot do without what the fleet needs there.
            if status.url != fleet.url {
                wanted.status = status.clone();
            }
            for existing in [None, last.as_deref()] {
                let text = write(&wanted, existing);
                assert_eq!(
                    parse(&text, "agent.toml").unwrap_or_else(|problems| panic!("{problems}\n{text}")),
                    wanted,
                    "{text}"
                );
            }
            last = Some(write(&wanted, None));
        }
    }
}
