//! Against the specification's own vectors, and the limits beyond it.
#![expect(clippy::disallowed_methods, reason = "reads the test vectors")]

use std::{collections::BTreeMap, fs, path::Path, time::Instant};

use holdfast_schema::Sha256;
use proptest::prelude::*;

use super::{
    Identity, LONGEST_CONTENT, LONGEST_HEADER, MOST_RECIPIENTS, OpenError, Recipient, count_recipients, open,
    seal,
};

/// One vector: what is said of it, and the file.
struct Vector {
    name: String,
    said: BTreeMap<String, String>,
    file: Vec<u8>,
}

fn vectors() -> Vec<Vector> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("testkit");
    let mut vectors = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name == "README" {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let said: BTreeMap<String, String> = head
            .lines()
            .map(|line| line.split_once(": ").unwrap())
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let mut file = bytes[end + 2..].to_vec();
        if said.get("compressed").is_some_and(|how| how == "zlib") {
            let mut inflated = vec![0; 32 << 20];
            let config = zlib_rs::InflateConfig::default();
            let (inflated, code) = zlib_rs::decompress_slice(&mut inflated, &file, config);
            assert_eq!(code, zlib_rs::ReturnCode::Ok, "{name}");
            file = inflated.to_vec();
        }
        vectors.push(Vector { name, said, file });
    }
    vectors
}

#[test]
fn the_specifications_vectors() {
    let (mut opened, mut refused) = (0, 0);
    for Vector { name, said, file } in vectors() {
        let identities: Vec<Identity> =
            said.get("identity").into_iter().map(|text| Identity::parse(text).unwrap()).collect();
        let identities: Vec<&Identity> = identities.iter().collect();
        let result = open(&file, &identities);
        let expected = match said["expect"].as_str() {
            "success" => {
                if file.len() > LONGEST_CONTENT {
                    assert_eq!(result.err(), Some(OpenError::TooLarge), "{name}");
                    continue;
                }
                let secret = result.unwrap_or_else(|why| panic!("{name}: {why}"));
                assert_eq!(Sha256::of(secret.expose()).to_string(), said["payload"], "{name}");
                opened += 1;
                continue;
            }
            "no match" => OpenError::NotForUs,
            "HMAC failure" => OpenError::Tampered,
            // The specification counts the nonce to the header.
            "header failure" if name.ends_with("_nonce") => OpenError::Damaged,
            "header failure" => OpenError::Header,
            "armor failure" => OpenError::Armour,
            "payload failure" => OpenError::Damaged,
            other => panic!("{name}: {other}"),
        };
        let found = result.err().unwrap_or_else(|| panic!("{name} was opened"));
        let bigger = found == OpenError::TooLarge && file.len() > LONGEST_CONTENT;
        assert!(found == expected || bigger, "{name}: {found:?}, not {expected:?}");
        refused += 1;
    }
    assert!((opened, refused) == (16, 79), "{opened} opened, {refused} refused");
}

fn identity() -> Identity {
    Identity::generate().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_sealed_is_opened_by_each_recipient_and_nobody_else(
        content in proptest::collection::vec(any::<u8>(), 0..200_000),
        count in 1..5_usize,
    ) {
        let identities: Vec<Identity> = (0..count).map(|_| identity()).collect();
        let recipients: Vec<Recipient> = identities.iter().map(Identity::recipient).collect();
        let file = seal(&content, &recipients).unwrap();
        prop_assert_eq!(count_recipients(file.as_bytes()), Ok(count));
        for identity in &identities {
            let opened = open(file.as_bytes(), &[identity]).map(|secret| secret.expose() == content);
            prop_assert_eq!(opened.ok(), Some(true));
        }
        prop_assert_eq!(open(file.as_bytes(), &[&identity()]).err(), Some(OpenError::NotForUs));
        prop_assert_eq!(open(file.as_bytes(), &[]).err(), Some(OpenError::NotForUs));
    }

    #[test]
    fn no_bytes_make_it_panic(file: Vec<u8>, at in 0..300_usize, with: u8) {
        let me = identity();
        drop(open(&file, &[&me]));
        drop(open(&[b"age-encryption.org/v1\n".as_slice(), &file].concat(), &[&me]));
        let mut sealed = super::unarmoured(seal(b"hunter2", &[me.recipient()]).unwrap().as_bytes()).unwrap();
        let at = at % sealed.len();
        if sealed[at] != with {
            sealed[at] = with;
            prop_assert!(open(&sealed, &[&me]).is_err(), "byte {} could be changed", at);
        }
    }
}

#[test]
fn lengths_around_a_piece() {
    let me = identity();
    for length in [0, 1, 65_535, 65_536, 65_537, 131_072, 131_073, LONGEST_CONTENT] {
        let content = vec![b'x'; length];
        let file = seal(&content, &[me.recipient()]).unwrap();
        assert_eq!(
            open(file.as_bytes(), &[&me]).unwrap_or_else(|why| panic!("{length}: {why}")).expose(),
            content
        );
    }
    let file = seal(&vec![b'x'; LONGEST_CONTENT + 1], &[me.recipient()]).unwrap();
    assert_eq!(open(file.as_bytes(), &[&me]).err(), Some(OpenError::TooLarge));
}

#[test]
fn keys_read_as_they_are_written() {
    let me = identity();
    let text = me.print();
    assert_eq!(Identity::parse(&text).unwrap().recipient(), me.recipient());
    assert_eq!(me.recipient().to_string().parse(), Ok(me.recipient()));
    assert_eq!(me.recipient().to_string().len(), 62);
    // Of the specification.
    let known = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0";
    assert_eq!(*Identity::parse(known).unwrap().print().lines().last().unwrap(), *known);
    for wrong in ["", "age1", "AGE-SECRET-KEY-1", &known.to_lowercase(), &format!("{known}\n{known}")] {
        assert!(Identity::parse(wrong).is_err(), "{wrong}");
    }
    let recipient = me.recipient().to_string();
    for wrong in [
        recipient.to_uppercase(),
        format!("{recipient}q"),
        recipient.replacen("age1", "age2", 1),
        known.to_owned(),
    ] {
        assert!(wrong.parse::<Recipient>().is_err(), "{wrong}");
    }
}

/// Such a header cost another implementation 17 seconds of computing for a thousand recipients.
#[test]
fn a_header_of_many_recipients_costs_nothing() {
    let share = "TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc";
    let stanza = format!("-> X25519 {share}\n{share}\n");
    let many = |count: usize| {
        format!("age-encryption.org/v1\n{}--- {share}\n{}", stanza.repeat(count), "x".repeat(40))
    };
    let me = identity();
    let began = Instant::now();
    assert_eq!(open(many(20_000).as_bytes(), &[&me]).err(), Some(OpenError::HeaderTooLarge));
    assert!(began.elapsed().as_millis() < 100, "{:?}", began.elapsed());
    assert_eq!(open(many(MOST_RECIPIENTS + 1).as_bytes(), &[&me]).err(), Some(OpenError::HeaderTooLarge));
    assert_eq!(open(many(MOST_RECIPIENTS).as_bytes(), &[&me]).err(), Some(OpenError::NotForUs));
    let long = format!("age-encryption.org/v1\n-> grease {}\n\n--- {share}\n", "x ".repeat(LONGEST_HEADER));
    assert!(open(long.as_bytes(), &[&me]).is_err());
}
