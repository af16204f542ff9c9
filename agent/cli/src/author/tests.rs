//! Which key files are taken.

use super::*;

fn public() -> PublicKey {
    holdfast_trust::sign::SecretKey::from_seed(&[7; 32]).public().to_owned()
}

#[test]
fn a_public_key_is_found_beside_its_private_half() {
    let home = tempfile::tempdir().unwrap();
    let (private, beside) = (home.path().join("key"), home.path().join("key.pub"));
    fs::write(&private, "-----BEGIN OPENSSH PRIVATE KEY-----\n").unwrap();
    let alone = from_file(&private).unwrap_err();
    assert_eq!(alone.code(), "E_KEY");
    assert!(alone.remedy().unwrap().contains("ssh-keygen -y"));

    fs::write(&beside, format!("{} somebody@example.com\n", public())).unwrap();
    for path in [&private, &beside] {
        assert_eq!(from_file(path).unwrap(), (public(), beside.display().to_string()));
    }
}

#[test]
fn other_keys_are_refused_with_the_way_to_a_good_one() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("key.pub");
    for text in ["", "nonsense", "ssh-rsa AAAAB3NzaC1yc2E= x", "ssh-ed25519 AAAA"] {
        fs::write(&path, text).unwrap();
        let failure = from_file(&path).unwrap_err();
        assert_eq!(failure.code(), "E_KEY", "{text}");
        assert!(failure.remedy().unwrap().contains("ssh-keygen -t ed25519"), "{text}");
    }
    assert_eq!(from_file(&home.path().join("none")).unwrap_err().code(), "E_READ");
}
