//! From the command line to the configuration.

use clap::Parser as _;
use holdfast_schema::agent_config::Credential;

use super::*;
use crate::{
    arguments::{Arguments, Color, Command},
    output::Output,
};

fn enrol(words: &[&str], directory: &Path) -> Result<Configuration, Failure> {
    let words = [&["holdfast", "enrol", "intro1", "--host", "web-1"], words].concat();
    let Command::Enrol(arguments) = Arguments::parse_from(words).command else { panic!("not enrol") };
    let context = Context {
        program: "holdfast".into(),
        output: Output::new(Color::Never, true),
        directory: directory.to_owned(),
        home: None,
        editor: None,
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    Configuration::of(&arguments, &context)
}

#[test]
fn credential_files_are_named_where_they_are_and_where_they_will_be() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("token"), "secret\n").unwrap();
    let words = ["https://git.example.com/fleet.git", "--user", "web-1", "--password-file", "token"];
    let configuration = enrol(&words, directory.path()).unwrap();
    let files = |config: &AgentConfig| match &config.fleet.credential {
        Credential::Basic { user, password_file } => (user.clone(), password_file.to_string()),
        other => panic!("{other:?}"),
    };
    let source = directory.path().canonicalize().unwrap().join("token").display().to_string();
    assert_eq!(files(configuration.source()), ("web-1".to_owned(), source));
    let installed = "/etc/holdfast/password".to_owned();
    assert_eq!(files(configuration.installed()), ("web-1".to_owned(), installed));
    assert_eq!(configuration.files().collect::<Vec<_>>(), [("password", b"secret\n".as_slice())]);
}

#[test]
fn a_credential_goes_to_the_status_repository_only_on_the_same_server() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("token"), "secret\n").unwrap();
    for (status, same) in [
        ("https://git.example.com/fleet-status.git", true),
        ("https://git.example.com:8443/fleet-status.git", false),
        ("https://other.example.com/fleet-status.git", false),
    ] {
        let words = ["https://git.example.com/fleet.git", "--token-file", "token", "--status-url", status];
        let configuration = enrol(&words, directory.path()).unwrap();
        let config = configuration.installed();
        assert_eq!(config.status.url, status);
        assert_eq!(config.status.credential != Credential::None, same, "{status}");
    }
}

#[test]
fn ssh_and_a_proxy_are_taken() {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in [("key", "k"), ("hosts", "h"), ("proxy", "http://u:p@proxy:3128\n")] {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let words = ["git@git.example.com:fleet.git", "--ssh-key", "key", "--known-hosts", "hosts"];
    let config = enrol(&words, directory.path()).unwrap();
    let ssh = config.installed().fleet.ssh.clone().unwrap();
    assert_eq!(ssh.key_file.as_str(), "/etc/holdfast/ssh_key");
    let config =
        enrol(&["https://git.example.com/fleet.git", "--proxy-file", "proxy"], directory.path()).unwrap();
    assert_eq!(config.installed().fleet.proxy.as_ref().unwrap().expose(), "http://u:p@proxy:3128");
}

#[test]
fn what_agent_toml_would_refuse_is_refused_now() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |words: &[&str]| enrol(words, directory.path()).map(drop).unwrap_err();
    let failure = refused(&["https://user:hunter2@git.example.com/fleet.git"]);
    let said = format!("{failure} {:?}", std::error::Error::source(&failure).map(ToString::to_string));
    assert!(!said.contains("hunter2") && said.contains("user or password"), "{said}");
    refused(&["fleet"]);
    assert_eq!(refused(&["/srv/fleet.git", "--ca", "missing"]).code(), "E_READ");
}

#[test]
fn a_server_is_the_part_before_the_path() {
    assert_eq!(server("https://git.example.com:8443/a/b.git"), "https://git.example.com:8443");
    assert_eq!(server("git@git.example.com:fleet.git"), "git@git.example.com");
    assert_eq!(server("ssh://git@git.example.com/fleet.git"), "ssh://git@git.example.com");
    assert_eq!(server("/srv/fleet.git"), "");
}
