//! Who may read which secret.

use super::{check, get, repository, resolve};
use crate::{Facts, Fleet, secrets, spec::Spec};

const WEB: &str = "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq";
const DB: &str = "age1pppppppppppppppppppppppppppppppppppppppppppppppppppppppppp";
const SAFE: &str = "age1zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz";

fn sealed(recipients: &[&str]) -> String {
    secrets::digest(&recipients.iter().map(|&recipient| recipient.to_owned()).collect()).to_string()
}

fn index(rest: &str) -> String {
    format!("recovery = [\"{SAFE}\"]\n[secret.tls]\n{rest}\n")
}

const KEY: &str = "[file.\"/etc/key\"]\nsecret = \"tls\"\n";

#[test]
fn a_file_holds_a_secret_that_its_host_may_read() {
    for readers in ["hosts = [\"web-1\"]", "groups = [\"prod\"]"] {
        let host = format!("groups = [\"prod\"]\n{KEY}");
        let files = [
            ("hosts/web-1.toml", host.as_str()),
            ("groups/prod.toml", ""),
            ("secrets/index.toml", &index(readers)),
            ("secrets/tls.age", "sealed"),
        ];
        let resolved = resolve(&files);
        let Spec::File(file) = &get(&resolved.state, "file:/etc/key").spec else { panic!() };
        let secret = file.secret.as_ref().unwrap();
        assert_eq!((secret.name.as_str(), file.content, file.sensitive), ("tls", None, true));
        assert_eq!(file.access.mode.to_string(), "0600");
        assert_eq!(super::bytes(&resolved.contents, secret.sealed.sha256), "sealed");
    }
}

#[test]
fn a_secret_that_is_not_for_the_host_is_refused() {
    let files = |index: &str, more: &str| {
        let host = format!("age_key = \"{WEB}\"\n{more}{KEY}");
        check(&[
            ("hosts/web-1.toml", &host),
            ("hosts/db.toml", &format!("age_key = \"{DB}\"")),
            ("secrets/index.toml", index),
            ("secrets/tls.age", "sealed"),
        ])
    };
    insta::assert_snapshot!(
        [
            files(&index(&format!("hosts = [\"db\"]\nsealed = \"{}\"", sealed(&[DB, SAFE]))), ""),
            files(&index("hosts = [\"web-1\"]").replace("tls", "tsl"), ""),
            files(&index("hosts = [\"web-1\", \"web-9\"]\ngroups = [\"prod\"]"), ""),
        ]
        .join("\n---\n")
    );
}

#[test]
fn the_list_the_files_and_the_keys_go_together() {
    let files = |index: &str, key: &str| {
        check(&[
            ("hosts/web-1.toml", &format!("{key}\n{KEY}")),
            ("secrets/index.toml", index),
            ("secrets/tls.age", "sealed"),
        ])
    };
    let right = index(&format!("hosts = [\"web-1\"]\nsealed = \"{}\"", sealed(&[WEB, SAFE])));
    let key = format!("age_key = \"{WEB}\"");
    assert_eq!(files(&right, &key), "");
    insta::assert_snapshot!(
        [
            files(&right, &format!("age_key = \"{DB}\"")),
            files(&right, ""),
            files(&right.replace(SAFE, DB), &key),
            files(&right.replace(&format!("\"{SAFE}\""), ""), &key),
            check(&[("secrets/index.toml", &index("")), ("secrets/db.age", "x")]),
        ]
        .join("\n---\n")
    );
}

#[test]
fn a_secret_is_the_only_content() {
    let files = |file: &str| check(&[("hosts/web-1.toml", file)]);
    insta::assert_snapshot!(
        [files(&format!("{KEY}content = \"x\"\n")), files("age_key = \"age1oops\"")].join("\n---\n")
    );
}

/// The layer above wins as a whole: a host can replace a secret by a text and the other way round.
#[test]
fn a_higher_layer_replaces_it() {
    let role = ("roles/web/role.toml", KEY);
    let host = ("hosts/web-1.toml", "roles = [\"web\"]\n[file.\"/etc/key\"]\ncontent = \"plain\"");
    let resolved = resolve(&[role, host]);
    assert_eq!(super::text(&resolved, "file:/etc/key"), "plain");
}

#[test]
fn each_secret_goes_to_its_hosts_and_the_recovery_keys() {
    let repository = repository(&[
        ("hosts/web-1.toml", &format!("age_key = \"{WEB}\"\ngroups = [\"prod\"]")),
        ("hosts/db.toml", &format!("age_key = \"{DB}\"")),
        ("groups/prod.toml", ""),
        ("secrets/index.toml", &index("groups = [\"prod\"]\n[secret.pass]\nhosts = [\"db\", \"web-1\"]")),
    ]);
    let secrets = Fleet::new(&repository).secrets().unwrap();
    let to = |name: &str| secrets.recipients(&name.parse().unwrap()).into_iter().collect::<Vec<_>>();
    assert_eq!(to("tls"), [WEB, SAFE]);
    assert_eq!(to("pass"), [DB, WEB, SAFE]);
    assert!(to("other").is_empty());
    assert!(Fleet::new(&repository).resolve(&"db".parse().unwrap(), &Facts::sample()).is_ok());
}
