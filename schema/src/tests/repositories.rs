//! Sources of packages: what their files say, and what is refused.

use super::*;
use crate::{
    openpgp,
    spec::{Content, RepositoryKey, RepositoryPlace, RepositorySpec, Spec},
};

/// A public key of nobody.
const KEY: &str = include_str!("../../../examples/kinds/repository/files/example.asc");

fn resolved(declaration: &str) -> (RepositorySpec, Contents) {
    let host = format!("[repository.shop]\n{declaration}");
    let resolved = resolve(&[("hosts/web-1.toml", &host), ("files/shop.asc", KEY)]);
    let Spec::Repository(repository) = &get(&resolved.state, "repository:shop").spec else {
        panic!("{host}")
    };
    (repository.clone(), resolved.contents)
}

/// The files of a repository, in each place that takes it.
fn files(declaration: &str) -> String {
    let (repository, contents) = resolved(declaration);
    let source = repository.source.unwrap();
    let mut text = String::new();
    for place in RepositoryPlace::ALL {
        if let Some(Content { sha256, .. }) = place.content(&source) {
            text += &format!("{}:\n{}\n", place.file(&repository.name), bytes(&contents, sha256));
        }
    }
    text
}

#[test]
fn the_files_of_apt() {
    insta::assert_snapshot!(files(
        r#"
        url = "https://download.docker.com/linux/debian"
        suites = ["bookworm", "bookworm-updates"]
        components = ["stable", "test"]
        architectures = ["amd64", "arm64"]
        key = { source = "files/shop.asc" }
        description = "Docker CE"
        enabled = false
        "#,
    ));
    insta::assert_snapshot!(
        "apt_unsigned",
        files("url = \"http://a.example/x\"\nsuites = [\"./\"]\nunsigned = true\n")
    );
}

#[test]
fn the_files_of_dnf_and_zypper() {
    insta::assert_snapshot!(files(
        r#"
        url = "https://download.docker.com/linux/centos/$releasever/$basearch/stable"
        key = { source = "files/shop.asc" }
        check_metadata = true
        priority = 10
        description = "Docker CE"
        "#,
    ));
    insta::assert_snapshot!(
        "dnf_alone",
        files(
            r#"
        metalink = "https://mirrors.example/metalink?repo=epel-9&arch=$basearch"
        unsigned = true
        exclude = ["kernel*", "shop"]
        enabled = false
        "#,
        )
    );
}

#[test]
fn it_owns_its_files_wherever_they_may_lie() {
    let paths = |declaration: &str| {
        let spec = Spec::Repository(resolved(declaration).0);
        spec.paths().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(format!(
        "apt\n{}\n\nrpm\n{}\n\nabsent\n{}",
        paths("url = \"https://a.example/x\"\nsuites = [\"./\"]\nkey.source = \"files/shop.asc\"\n"),
        paths("url = \"https://a.example/x\"\nkey.source = \"files/shop.asc\"\n"),
        paths("ensure = \"absent\"\n"),
    ));
    let both = "[repository.shop]\nurl = \"file:///srv\"\nsuites = [\"./\"]\nunsigned = true\n\
                [file.\"/etc/apt/sources.list.d/shop.sources\"]\ncontent = \"\"\n";
    assert!(refuse(both).contains("E_TWO_OWNERS"));
}

#[test]
fn a_key_is_in_one_form_whatever_it_was_written_in() {
    let key = |text: &[u8]| -> (String, RepositoryKey) {
        let repository: Repository = [
            ("hosts/web-1.toml", &b"[repository.shop]\nurl = \"file:///srv\"\nkey.source = \"key\"\n"[..]),
            ("key", text),
        ]
        .into_iter()
        .collect();
        let resolved = Fleet::new(&repository).resolve(&"web-1".parse().unwrap(), &Facts::sample()).unwrap();
        let Spec::Repository(shop) = &get(&resolved.state, "repository:shop").spec else { panic!() };
        let key = shop.key.clone().unwrap();
        (bytes(&resolved.contents, key.content.sha256), key)
    };
    let (text, plain) = key(KEY.as_bytes());
    assert_eq!(text, KEY);
    assert_eq!(key(KEY.replace('\n', "\r\n").as_bytes()).1.names, plain.names);
    let binary = openpgp::binary(KEY);
    let (text, armoured) = key(&binary);
    assert!(text.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n"), "{text}");
    assert_eq!((armoured.names, openpgp::binary(&text)), (plain.names, binary));
}

#[test]
fn what_is_wrong_is_told() {
    insta::assert_snapshot!(refuse(
        r#"
        [repository.nothing]
        [repository.no-key]
        url = "http://a.example/x"
        suites = ["stable"]
        components = ["main"]
        [repository.both]
        url = "https://a.example/x"
        key = { content = "nonsense" }
        unsigned = true
        check_metadata = true
        [repository.no-components]
        url = "https://a.example/x"
        suites = ["stable"]
        unsigned = true
        [repository.flat]
        url = "https://a.example/x"
        suites = ["./"]
        components = ["main"]
        unsigned = true
        [repository.of-rpm]
        url = "https://a.example/x"
        unsigned = true
        components = ["main"]
        architectures = ["amd64"]
        [repository.of-deb]
        url = "https://a.example/x"
        unsigned = true
        suites = ["./"]
        priority = 10
        exclude = ["shop"]
        check_metadata = false
        "#,
    ));
}

#[test]
fn no_value_can_end_its_line() {
    insta::assert_snapshot!(refuse(
        r#"
        [repository.two-ways]
        url = "https://a.example"
        metalink = "https://a.example"
        unsigned = true
        [repository.main]
        [repository."a/b"]
        [repository.values]
        url = "https://user:password@a.example/x"
        suites = ["stable\nTrusted: yes", "../../x"]
        components = ["main contrib"]
        architectures = ["amd64\n"]
        description = "two\nlines"
        exclude = ["a b"]
        priority = 100
        [repository.more-values]
        url = "ftp://a.example/x"
        metalink = "https://a.example/x y"
        mirrorlist = "https:///x"
        "#,
    ));
}
