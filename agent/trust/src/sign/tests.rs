use proptest::prelude::*;

use super::*;
use crate::{
    UnixTime,
    testing::{
        fleet::{key, line},
        git::Git,
    },
};

const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

fn status(message: &str) -> Object {
    let author =
        Identity::new("holdfast on web-1", "web-1@holdfast.invalid", UnixTime::from_seconds(1_700_000_000));
    let commit = NewCommit { tree: EMPTY_TREE.parse().unwrap(), parents: vec![], author, message };
    commit.sign(&key("web-1")).unwrap()
}

#[test]
fn ssh_keygen_reads_our_key_file() {
    let git = Git::new();
    for comment in ["", "a", "web-1", "seven77", "eight888", "a longer comment with spaces"] {
        let path = git.path(".git/key");
        git.write(".git/key", key("web-1").print(comment).as_bytes());
        assert!(git.program("chmod", &["600", path.to_str().unwrap()], b"").status.success());
        let output = git.program("ssh-keygen", &["-y", "-f", path.to_str().unwrap()], b"");
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed.trim_end(), format!("{} {comment}", key("web-1").public()).trim_end());
    }
}

#[test]
fn we_read_the_key_file_of_ssh_keygen_and_write_it_alike() {
    let git = Git::new();
    let path = git.path("key");
    let path = path.to_str().unwrap();
    let made =
        git.program("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "a comment", "-f", path], b"");
    assert!(made.status.success());
    let text = git.program("cat", &[path], b"").stdout;
    let key = SecretKey::parse(&text).unwrap();
    let public = String::from_utf8(git.program("cat", &["key.pub"], b"").stdout).unwrap();
    assert_eq!(format!("{} a comment\n", key.public()), public);
    // All but the random number that ssh-keygen puts in twice, which follows its own length of the secret part.
    let ours = armour::parse(key.print("a comment").as_bytes(), LABEL).unwrap();
    let theirs = armour::parse(&text, LABEL).unwrap();
    let start = MAGIC.len() + 8 + 8 + 4 + 4 + 4 + 51 + 4;
    assert_eq!(ours[..start], theirs[..start]);
    assert_eq!(ours[start + 8..], theirs[start + 8..]);
    assert_eq!(theirs[start..start + 4], theirs[start + 4..start + 8]);
}

#[test]
fn keys_that_cannot_be_used_say_why() {
    let git = Git::new();
    let make = |kind, passphrase| {
        git.program("rm", &["-f", "key", "key.pub"], b"");
        let made = git.program("ssh-keygen", &["-q", "-t", kind, "-N", passphrase, "-f", "key"], b"");
        assert!(made.status.success());
        SecretKey::parse(&git.program("cat", &["key"], b"").stdout).map(|key| key.fingerprint())
    };
    assert_eq!(make("ed25519", "secret"), Err(SecretKeyError::Encrypted));
    assert_eq!(make("ecdsa", ""), Err(SecretKeyError::Type("ecdsa-sha2-nistp256".to_owned())));
    assert_eq!(make("rsa", ""), Err(SecretKeyError::Type("ssh-rsa".to_owned())));
    for not_a_key in [&b""[..], b"hello", b"-----BEGIN RSA PRIVATE KEY-----\n"] {
        assert!(matches!(SecretKey::parse(not_a_key), Err(SecretKeyError::Armour(ArmourError::Begin))));
    }
}

/// The public half stands in the file three times; if one is changed the file is refused, and no other key comes out.
#[test]
fn a_changed_byte_never_makes_another_key() {
    let key = key("web-1");
    let bytes = armour::parse(key.print("web-1").as_bytes(), LABEL).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        if let Ok(other) = SecretKey::parse(armour::print(&changed, LABEL).as_bytes()) {
            assert_eq!(other.fingerprint(), key.fingerprint(), "{at}");
        }
    }
    for end in 0..bytes.len() {
        assert!(SecretKey::parse(armour::print(&bytes[..end], LABEL).as_bytes()).is_err());
    }
}

#[test]
fn nothing_prints_the_secret() {
    let key = key("web-1");
    assert_eq!(format!("{key:?}"), format!("SecretKey({})", key.fingerprint()));
}

#[test]
fn stock_git_calls_our_commit_good() {
    let git = Git::new();
    let object = status("converged 3fa2c1d: 2 changed\n\nRevision: 3fa2c1d\n");
    let id = git.store(ObjectKind::Commit, &object.data);
    assert_eq!(id, object.id().unwrap());
    git.write("signers", line("web-1"));
    assert!(git.calls_good(id, &git.path("signers")));
    git.write("signers", line("web-2"));
    assert!(!git.calls_good(id, &git.path("signers")));
    git.program("git", &["mktree"], b"");
    let check = git.program("git", &["fsck", "--strict", &id.to_string()], b"");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}

#[test]
fn text_that_has_no_place_in_a_commit_is_an_error() {
    let sign = |name, message| {
        let author = Identity::new(name, "x", UnixTime::from_seconds(1));
        NewCommit { tree: EMPTY_TREE.parse().unwrap(), parents: vec![], author, message }.sign(&key("web-1"))
    };
    assert!(sign("web-1", "fine\n").is_ok());
    for name in ["a\nb", "a <b", "a>b", "a\0b", "a\ncommitter x <x> 1 +0000"] {
        assert!(sign(name, "m\n").is_err(), "{name:?}");
    }
    assert!(sign("web-1", "nul\0\n").is_err());
}

proptest! {
    #[test]
    fn a_key_file_parses_as_it_prints(seed: [u8; 32], comment in "[ -~]{0,40}") {
        let key = SecretKey::from_seed(&seed);
        let again = SecretKey::parse(key.print(&comment).as_bytes()).unwrap();
        prop_assert_eq!(again.public(), key.public());
        prop_assert_eq!(again.key.as_bytes(), &seed);
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>) {
        drop(SecretKey::parse(&bytes));
        drop(SecretKey::parse(armour::print(&[MAGIC, &bytes].concat(), LABEL).as_bytes()));
    }
}
