use proptest::prelude::*;

use super::*;
use crate::testing::{fleet::key, git::Git};

#[test]
fn a_fingerprint_is_the_one_that_ssh_keygen_prints() {
    let git = Git::new();
    let path = git.key("alice", &key("alice"));
    let output = git.program("ssh-keygen", &["-l", "-f", path.with_extension("pub").to_str().unwrap()], b"");
    let printed = String::from_utf8(output.stdout).unwrap();
    let ours = key("alice").public().fingerprint().to_string();
    assert_eq!(printed.trim_end(), format!("256 {ours} alice (ED25519)"));
    assert_eq!(ours.parse::<Fingerprint>().unwrap(), key("alice").fingerprint());
}

#[test]
fn a_pub_file_parses() {
    let public = key("alice").public().clone();
    for line in [format!("{public}"), format!("{public}\n"), format!("{public} alice at work\n")] {
        assert_eq!(line.parse::<PublicKey>().unwrap(), public);
    }
}

#[test]
fn other_types_say_so() {
    let git = Git::new();
    for kind in ["rsa", "ecdsa"] {
        let path = git.path(kind);
        let path = path.to_str().unwrap();
        assert!(git.program("ssh-keygen", &["-q", "-t", kind, "-N", "", "-f", path], b"").status.success());
        let line = String::from_utf8(git.program("cat", &[&format!("{path}.pub")], b"").stdout).unwrap();
        assert!(matches!(line.parse::<PublicKey>(), Err(KeyError::Type(_))), "{line}");
        let base64 = line.split(' ').nth(1).unwrap();
        assert!(matches!(format!("ssh-ed25519 {base64}").parse::<PublicKey>(), Err(KeyError::Type(_))));
    }
}

#[test]
fn damaged_keys() {
    let good = key("alice").public().to_string();
    let cases = [
        (String::new(), KeyError::Line),
        ("ssh-ed25519".to_owned(), KeyError::Line),
        ("ssh-ed25519 ".to_owned(), KeyError::Bytes),
        (good.replace("ssh-ed25519 ", "ssh-ed25519  "), KeyError::Bytes),
        (good.replace("ssh-ed25519 ", "SSH-ED25519 "), KeyError::Type("SSH-ED25519".to_owned())),
        (format!("{good}="), KeyError::Base64),
        (format!("{good}AAAA"), KeyError::Bytes),
        (good.chars().take(good.len() - 4).collect(), KeyError::Bytes),
        (good.chars().take(good.len() - 1).collect(), KeyError::Base64),
        (format!("{good}\n\n").replace("\n\n", "\r\n"), KeyError::Base64),
    ];
    for (text, want) in cases {
        assert_eq!(text.parse::<PublicKey>(), Err(want), "{text:?}");
    }
}

/// Everybody can make signatures that fit these points: their order is at most 8.
#[test]
fn unsafe_points_are_no_keys() {
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    let zero = [0; 32];
    let order_eight = [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ];
    let mut no_point = [0; 32];
    no_point[0] = 2;
    for point in [zero, one, minus_one, order_eight, no_point] {
        assert_eq!(PublicKey::from_ed25519(&point), Err(KeyError::Point));
    }
}

#[test]
fn a_security_key() {
    let PublicKey::Ed25519(point) = *key("alice").public() else { panic!() };
    let security_key =
        |application: &str| PublicKey::SecurityKey { key: point, application: application.to_owned() };
    for application in ["ssh:", "ssh:work"] {
        let public = security_key(application);
        assert!(public.to_string().starts_with("sk-ssh-ed25519@openssh.com AAAA"));
        assert_eq!(public.to_string().parse::<PublicKey>().unwrap(), public);
        assert!(public.has_secret_of(key("alice").public()));
        assert!(!public.has_secret_of(key("bob").public()));
        assert_ne!(public.fingerprint(), key("alice").fingerprint());
    }
    for application in ["", "web:", &format!("ssh:{}", "x".repeat(97))] {
        assert_eq!(PublicKey::from_wire(&security_key(application).to_wire()), Err(KeyError::Bytes));
    }
    // The type before the base64 must be the one within.
    let line = security_key("ssh:").to_string().replace("sk-ssh-ed25519@openssh.com", "ssh-ed25519");
    assert_eq!(line.parse::<PublicKey>(), Err(KeyError::Bytes));
    let line = key("alice").public().to_string().replace("ssh-ed25519", "sk-ssh-ed25519@openssh.com");
    assert_eq!(line.parse::<PublicKey>(), Err(KeyError::Bytes));
}

#[test]
fn ssh_keygen_gives_a_security_key_the_same_fingerprint() {
    let git = Git::new();
    let PublicKey::Ed25519(point) = *key("alice").public() else { panic!() };
    let public = PublicKey::SecurityKey { key: point, application: "ssh:".to_owned() };
    git.write("sk.pub", format!("{public} alice\n"));
    let output = git.program("ssh-keygen", &["-l", "-f", "sk.pub"], b"");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed.trim_end(), format!("256 {} alice (ED25519-SK)", public.fingerprint()));
}

proptest! {
    #[test]
    fn a_key_prints_as_it_parses(seed: [u8; 32]) {
        let key = crate::sign::SecretKey::from_seed(&seed).public().clone();
        prop_assert_eq!(&key.to_string().parse::<PublicKey>().unwrap(), &key);
        prop_assert_eq!(&PublicKey::from_wire(&key.to_wire()).unwrap(), &key);
        let fingerprint = key.fingerprint();
        prop_assert_eq!(Fingerprint::from_url(&fingerprint.to_url()).unwrap(), fingerprint);
    }

    #[test]
    fn random_input_never_panics(bytes: Vec<u8>, text: String) {
        drop(PublicKey::from_wire(&bytes));
        drop(text.parse::<PublicKey>());
        drop(text.parse::<Fingerprint>());
        let _ = Fingerprint::from_url(&text);
    }
}
