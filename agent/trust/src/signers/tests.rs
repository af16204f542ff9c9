use proptest::prelude::*;

use super::*;
use crate::testing::{
    fleet::{key, line},
    git::Git,
};

fn public(name: &str) -> PublicKey {
    key(name).public().clone()
}

/// A line with these options and alice's key.
fn with(options: &str) -> String {
    format!("alice {options} {}\n", public("alice"))
}

fn error(text: &str) -> String {
    Signers::parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn a_file_with_everything_that_is_allowed() {
    let text = format!(
        "# the team\n\n{}alice\tnamespaces=\"git\",valid-after=\"20260101Z\",valid-before=\"202612312359Z\"   {} laptop, \
         2026\nbob@example.com valid-before=\"20301231235959Z\",namespaces=\"git\" {}",
        line("alice"),
        public("alice-2"),
        public("bob"),
    );
    let signers = Signers::parse(text.as_bytes()).unwrap();
    assert_eq!(signers.people().into_iter().collect::<Vec<_>>(), ["alice", "bob@example.com"]);
    assert_eq!(signers.iter().count(), 3);
    let second = signers.find(&public("alice-2")).unwrap();
    assert_eq!(second.principal, "alice");
    assert_eq!(second.valid_after, Some(UnixTime::from_seconds(1_767_225_600)));
    assert_eq!(second.valid_before, Some(UnixTime::from_seconds(1_798_761_540)));
    assert!(signers.find(&public("mallory")).is_none());
}

#[test]
fn a_key_counts_from_its_first_moment_to_its_last() {
    let signers = Signers::parse(
        with("namespaces=\"git\",valid-after=\"20260101Z\",valid-before=\"20260102Z\"").as_bytes(),
    );
    let signers = signers.unwrap();
    let valid = |seconds| signers.iter().next().unwrap().valid_at(UnixTime::from_seconds(seconds));
    let (from, to) = (1_767_225_600, 1_767_312_000);
    assert_eq!([valid(from - 1), valid(from), valid(to), valid(to + 1)], [false, true, true, false]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one long table")]
fn everything_else_refuses_the_file_and_names_the_place() {
    let (git, alice) = ("namespaces=\"git\"", public("alice"));
    let cases = [
        (String::new(), "1:1: the file lists no key, so nobody could change anything"),
        ("# nobody\n\n".to_owned(), "1:1: the file lists no key, so nobody could change anything"),
        (
            line("alice").replace('\n', "\r\n"),
            "1:104: the control character '\\r' is not allowed here; lines end with a single line feed",
        ),
        (
            format!("{}\0", line("alice")),
            "2:1: the control character '\\0' is not allowed here; lines end with a single line feed",
        ),
        (
            format!(" {}", line("alice")),
            "1:1: a line begins with the signer's name, without white space before it",
        ),
        (
            "alice\n".to_owned(),
            "1:6: a line is written `NAME namespaces=\"git\" ssh-ed25519 KEY`: namespaces=\"git\" is missing",
        ),
        (
            format!("alice {git}"),
            "1:23: a line is written `NAME namespaces=\"git\" ssh-ed25519 KEY`: the key's type is missing",
        ),
        (
            format!("alice {git} ssh-ed25519 "),
            "1:35: a line is written `NAME namespaces=\"git\" ssh-ed25519 KEY`: the key is missing",
        ),
        (
            format!("alice {alice}"),
            "1:7: namespaces=\"git\" is missing, without which the key would count for anything that OpenSSH signs",
        ),
        (
            with("valid-before=\"20260101Z\""),
            "1:7: namespaces=\"git\" is missing, without which the key would count for anything that OpenSSH signs",
        ),
        (
            with("cert-authority,namespaces=\"git\""),
            "1:7: the option \"cert-authority\" is not accepted: only namespaces=\"git\", valid-after= and valid-before= are",
        ),
        (
            with("namespaces=\"git\",cert-authority"),
            "1:24: the option \"cert-authority\" is not accepted: only namespaces=\"git\", valid-after= and valid-before= are",
        ),
        (
            with("namespaces=\"git\",verify-required"),
            "1:24: the option \"verify-required\" is not accepted: only namespaces=\"git\", valid-after= and valid-before= are",
        ),
        (
            with("NAMESPACES=\"git\""),
            "1:7: the option \"NAMESPACES\" is not accepted: only namespaces=\"git\", valid-after= and valid-before= are",
        ),
        (
            with("namespaces=\"git\","),
            "1:24: the option \"\" is not accepted: only namespaces=\"git\", valid-after= and valid-before= are",
        ),
        (with("namespaces=\"git\",namespaces=\"git\""), "1:24: the option \"namespaces\" comes twice"),
        (
            with("namespaces=\"git\",valid-before=\"20260101Z\",valid-before=\"20270101Z\""),
            "1:49: the option \"valid-before\" comes twice",
        ),
        (with("namespaces=git"), "1:7: the namespace must be exactly \"git\", in double quotes"),
        (with("namespaces=\"git,file\""), "1:7: the namespace must be exactly \"git\", in double quotes"),
        (with("namespaces=\"g*\""), "1:7: the namespace must be exactly \"git\", in double quotes"),
        (with("namespaces=\"file\""), "1:7: the namespace must be exactly \"git\", in double quotes"),
        (with("namespaces=\"\""), "1:7: the namespace must be exactly \"git\", in double quotes"),
        (with("namespaces"), "1:7: the namespace must be exactly \"git\", in double quotes"),
        (
            with("namespaces=\"git\",valid-before=\"20260101\""),
            "1:24: valid-before must be a time in UTC, in double quotes, such as \"20271231Z\" or \"202712312359Z\"",
        ),
        (
            with("valid-after=20260101Z,namespaces=\"git\""),
            "1:7: valid-after must be a time in UTC, in double quotes, such as \"20271231Z\" or \"202712312359Z\"",
        ),
        (
            with("namespaces=\"git\",valid-after=\"20260102Z\",valid-before=\"20260101Z\""),
            "1:7: valid-before must be later than valid-after",
        ),
        (
            with("namespaces=\"git\",valid-after=\"20260101Z\",valid-before=\"20260101Z\""),
            "1:7: valid-before must be later than valid-after",
        ),
        (
            format!("alice {git} {}", alice.to_string().replace("ssh-ed25519", "ssh-rsa")),
            "1:24: keys of type \"ssh-rsa\" are not accepted, only ssh-ed25519 and sk-ssh-ed25519@openssh.com",
        ),
        (format!("alice {git} {alice}="), "1:24: the key is not canonical base64"),
        (format!("alice {git} {alice}AAAA"), "1:24: the key is damaged: its bytes are not those of its type"),
        (line("alice") + &line("alice"), "2:24: this key is listed on line 1 already, and a key is one line"),
        (
            line("alice") + "\n" + &line("alice").replace("alice", "bob"),
            "3:22: this key is listed on line 1 already, and a key is one line",
        ),
        (
            line("alice") + &line("bob").replace("namespaces", "namespace"),
            "2:5: the option \"namespace\" is not accepted: only namespaces=\"git\", valid-after= and valid-before= are",
        ),
    ];
    for (text, want) in cases {
        assert_eq!(error(&text), want, "{text:?}");
    }
    assert_eq!(Signers::parse(b"# x\n#\xff\n").unwrap_err().to_string(), "2:2: this is not UTF-8");
}

/// One secret is one person's, whatever type its public half is written as.
#[test]
fn one_secret_under_two_types() {
    let PublicKey::Ed25519(point) = public("alice") else { panic!() };
    let security_key = PublicKey::SecurityKey { key: point, application: "ssh:".to_owned() };
    let other = format!("bob namespaces=\"git\" {security_key}\n");
    assert_eq!(Signers::parse(other.as_bytes()).unwrap().find(&security_key).unwrap().principal, "bob");
    let want = "2:22: this key is listed on line 1 already, and a key is one line";
    assert_eq!(error(&(line("alice") + &other)), want);
    assert!(Signers::parse(line("alice").as_bytes()).unwrap().find(&security_key).is_none());
}

#[test]
fn names_are_plain() {
    for bad in [
        "*",
        "a*",
        "al?ce",
        "!alice",
        "alice,bob",
        "\"alice\"",
        "a\\b",
        "a#b",
        "älice",
        "a/b",
        "a:b",
        &"a".repeat(101),
    ] {
        let got = error(&line("alice").replace("alice ", &format!("{bad} ")));
        assert!(got.starts_with("1:1: ") && got.contains("is not a plain name"), "{got}");
    }
    for good in ["a", "alice@example.com", "alice.b+c_d-e", "1"] {
        assert!(Signers::parse(line("alice").replace("alice ", &format!("{good} ")).as_bytes()).is_ok());
    }
}

/// Whatever we accept, OpenSSH reads in the same way: the same name, at the same times.
#[test]
fn ssh_keygen_agrees() {
    let git = Git::new();
    let payload = crate::payload::Payload::new(b"payload", b"");
    git.write("sig", key("alice").sign(&payload));
    let agrees = |text: &str, time: &str| {
        git.write("signers", text);
        let time = format!("verify-time={time}");
        let find = ["-Y", "find-principals", "-f", "signers", "-s", "sig", "-O", &time];
        let found = git.program("ssh-keygen", &find, b"");
        let verify = ["-Y", "verify", "-n", "git", "-I", "alice", "-f", "signers", "-s", "sig", "-O", &time];
        let verified = git.program("ssh-keygen", &verify, b"payload").status.success();
        (String::from_utf8(found.stdout).unwrap().trim_end().to_owned(), verified)
    };
    let window = with("namespaces=\"git\",valid-after=\"20260101Z\",valid-before=\"20260102Z\"");
    let signers = Signers::parse(window.as_bytes()).unwrap();
    let signer = signers.find(&public("alice")).unwrap();
    for time in ["20251231235959Z", "20260101000000Z", "20260102000000Z", "20260102000001Z"] {
        let valid = signer.valid_at(UnixTime::parse_ssh(time).unwrap());
        let want = if valid { "alice" } else { "" };
        assert_eq!(agrees(&window, time), (want.to_owned(), valid), "{time}");
    }
    let many =
        format!("# x\n\n{}alice\t{}\n", line("bob"), line("alice").trim_start_matches("alice ").trim_end());
    assert_eq!(Signers::parse(many.as_bytes()).unwrap().find(&public("alice")).unwrap().principal, "alice");
    assert_eq!(agrees(&many, "20260101Z"), ("alice".to_owned(), true));
}

#[test]
fn a_changed_byte_never_lets_another_key_in() {
    let good = line("alice");
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut changed = good.clone().into_bytes();
            changed[at] ^= 1 << bit;
            if let Ok(signers) = Signers::parse(&changed) {
                // Another name, or a changed comment or blank; the key is the same or one that nobody has.
                assert_eq!(signers.iter().count(), 1);
                let signer = signers.iter().next().unwrap();
                assert!(
                    at < 5 || signer.principal == "alice" || signer.principal.starts_with("alice"),
                    "{at}"
                );
                assert!(signer.key == public("alice") || at > 40, "{at}");
            }
        }
    }
}

fn time() -> impl Strategy<Value = Option<UnixTime>> {
    prop::option::of((0..4_000_000_000_i64).prop_map(UnixTime::from_seconds))
}

proptest! {
    #[test]
    fn what_is_printed_parses(lines in prop::collection::vec(("[a-z.@]{1,9}", any::<[u8; 32]>(), time(), time()), 1..8)) {
        let signers: Vec<Signer> = lines
            .into_iter()
            .map(|(principal, seed, valid_after, before)| Signer {
                principal,
                key: crate::sign::SecretKey::from_seed(&seed).public().clone(),
                valid_after,
                valid_before: before.filter(|before| valid_after.is_none_or(|after| after < *before)),
            })
            .collect();
        let signers = Signers(signers);
        prop_assert_eq!(Signers::parse(signers.to_string().as_bytes()).unwrap(), signers);
    }

    #[test]
    fn random_input_never_panics(bytes: Vec<u8>, text in "[a-z \"=,\t#\n]{0,60}") {
        drop(Signers::parse(&bytes));
        drop(Signers::parse(text.as_bytes()));
        drop(Signers::parse(with(&text).as_bytes()));
    }
}
