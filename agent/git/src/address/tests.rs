use proptest::prelude::*;

use super::Address;

fn shown(url: &str) -> Result<String, String> {
    Address::parse(url).map(|address| format!("{address:?}")).map_err(|fault| fault.to_string())
}

#[test]
fn the_spellings_of_git() {
    let ssh = |user: &str, host: &str, port: &str, path: &str| {
        Ok(format!("Ssh(SshAddress {{ user: {user}, host: {host:?}, port: {port}, path: {path:?} }})"))
    };
    for (url, expected) in [
        ("https://host/a/b.git/", Ok(r#"Http { url: "https://host/a/b.git", secure: true }"#.to_owned())),
        ("http://host:80/a", Ok(r#"Http { url: "http://host:80/a", secure: false }"#.to_owned())),
        ("ssh://git@host/a/b.git", ssh("Some(\"git\")", "host", "None", "/a/b.git")),
        ("ssh://host:22/~u/b.git", ssh("None", "host", "Some(22)", "~u/b.git")),
        ("ssh://git@[::1]:2222/a%20b", ssh("Some(\"git\")", "::1", "Some(2222)", "/a b")),
        ("git@host:a/b.git", ssh("Some(\"git\")", "host", "None", "a/b.git")),
        ("host:/a/b.git", ssh("None", "host", "None", "/a/b.git")),
        ("/srv/a.git", Ok(r#"Local("/srv/a.git")"#.to_owned())),
        ("file:///srv/a%20b.git", Ok(r#"Local("/srv/a b.git")"#.to_owned())),
        ("file://localhost/srv/a.git", Ok(r#"Local("/srv/a.git")"#.to_owned())),
    ] {
        assert_eq!(shown(url), expected, "{url}");
    }
}

#[test]
fn what_is_not_taken_is_told_without_repeating_it() {
    for url in [
        "",
        "a/b",
        "./a:b",
        "https://user:canary@host/a",
        "https://canary@host/a",
        "https://host/a?canary",
        "https:///canary",
        "https://",
        "ssh://user:canary@host/a",
        "ssh://host",
        "ssh://host/",
        "ssh://host:canary/a",
        "ssh://-oProxyCommand=canary/a",
        "ssh://-canary@host/a",
        "git@host:-canary",
        "git@host:",
        "ssh://host/%canary",
        "ssh://host/%0acanary",
        "ssh://host/%+fcanary",
        "ssh://host/%ffcanary",
        "file://canary/a",
        "file:a",
        "https:/canary/a",
        "git://host/canary",
        "ftp://host/canary",
        "https://host/a b",
        "https://host/\ncanary",
        "/srv/\0canary",
    ] {
        let why = shown(url).expect_err(url);
        assert!(!why.contains("canary"), "{url:?}: {why}");
    }
}

#[test]
fn it_is_shown_without_anything_secret() {
    for (url, expected) in [
        ("https://host/a/", "https://host/a"),
        ("git@host:a/b", "ssh://git@host/a/b"),
        ("ssh://host:22/a", "ssh://host:22/a"),
        ("file:///a", "/a"),
    ] {
        assert_eq!(Address::parse(url).unwrap().to_string(), expected);
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text: String, tail in "[a-z]{0,5}://[a-z@:/%\\[\\]-]{0,20}") {
        drop(Address::parse(&text));
        drop(Address::parse(&tail));
    }
}
