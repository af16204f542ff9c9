use proptest::prelude::*;

use super::*;

#[test]
fn known_ids() {
    let id = |kind, data: &str| Object { kind, data: data.into() }.id().unwrap().to_string();
    // `git hash-object -t KIND --stdin`
    assert_eq!(id(ObjectKind::Blob, ""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    assert_eq!(id(ObjectKind::Blob, "hello\n"), "ce013625030ba8dba906f756967f9e9ca394464a");
    assert_eq!(id(ObjectKind::Tree, ""), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
}

/// The first 320 bytes of the two files at <https://shattered.io>, which have one SHA-1.
const SHATTERED: [&str; 2] = [
    "JVBERi0xLjMKJeLjz9MKCgoxIDAgb2JqCjw8L1dpZHRoIDIgMCBSL0hlaWdodCAzIDAgUi9UeXBlIDQgMCBSL1N1YnR5cGUgNSAwIFIvRmls\
     dGVyIDYgMCBSL0NvbG9yU3BhY2UgNyAwIFIvTGVuZ3RoIDggMCBSL0JpdHNQZXJDb21wb25lbnQgOD4+CnN0cmVhbQr/2P/+ACRTSEEtMSBp\
     cyBkZWFkISEhISGFL+wJIzl1nDmxocY8TJfh//4Bc0bckWa2fhGPApq2IbJWD/nKZ8yox/hbqEx5AwwrPeIY+G2zqQkB1d9FwU8m/t+z3Djp\
     asIv571yjw5FvOBG0jxXD+sUE5i7VS71oKgr4zH+pIA3uLXXHw4zLt+TrDUA603cDezBqGR5DHgsdiFWYN0wl5HQa9CvP5jNpLxGKbE=",
    "JVBERi0xLjMKJeLjz9MKCgoxIDAgb2JqCjw8L1dpZHRoIDIgMCBSL0hlaWdodCAzIDAgUi9UeXBlIDQgMCBSL1N1YnR5cGUgNSAwIFIvRmls\
     dGVyIDYgMCBSL0NvbG9yU3BhY2UgNyAwIFIvTGVuZ3RoIDggMCBSL0JpdHNQZXJDb21wb25lbnQgOD4+CnN0cmVhbQr/2P/+ACRTSEEtMSBp\
     cyBkZWFkISEhISGFL+wJIzl1nDmxocY8TJfh//4Bf0bck6a2fgE7ApqqHbJWC0XKZ9aIx/hLjEx5H+ArPfYU+G2xaQkBxWtFwVMK/t+3YDjp\
     cnIv561yjw5JBOBGwjBXD+nUE5ir4S71vJQr4zVCpIAtmLXXDyozLsN/rDUU503cDyzBqHTNDHgwWiFWZGEwl4lga9C/P5jNqARGKaE=",
];

/// T30. The collision only works at the very start of the hashed bytes, so it is fed to the hasher without Git's
/// `blob 320\0`; every id goes through this one hasher.
#[test]
fn a_collision_is_an_error_and_never_an_id() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let plain = |bytes: &[u8]| {
        let mut sha1 = Sha1::builder().detect_collision(false).build();
        sha1.update(bytes);
        sha1.try_finalize().hash().to_vec()
    };
    let [one, two] = SHATTERED.map(|text| STANDARD.decode(text).unwrap());
    assert_ne!(one, two);
    assert_eq!(plain(&one), plain(&two), "these two do collide");
    for mut bytes in [one, two] {
        bytes.extend_from_slice(b"and whatever follows");
        let mut hasher = Hasher(Sha1::new());
        hasher.update(&bytes);
        assert_eq!(hasher.finish(), Err(Collision));
    }
}

#[test]
fn only_forty_lower_case_digits_are_an_id() {
    let good = "ce013625030ba8dba906f756967f9e9ca394464a";
    assert_eq!(good.parse::<ObjectId>().unwrap().to_string(), good);
    for bad in [
        "",
        good.trim_start_matches('c'),
        &format!("{good}0"),
        &good.to_uppercase(),
        &good.replace('c', "g"),
        &good.replace('c', "é"),
    ] {
        assert!(bad.parse::<ObjectId>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn an_id_prints_as_it_parses(bytes: [u8; 20]) {
        let id = ObjectId::from_bytes(bytes);
        prop_assert_eq!(id.to_string().parse::<ObjectId>().unwrap(), id);
    }

    #[test]
    fn hashing_in_pieces_is_hashing_at_once(pieces: Vec<Vec<u8>>) {
        let data = pieces.concat();
        let mut hasher = Hasher::new(ObjectKind::Blob, data.len() as u64);
        for piece in &pieces {
            hasher.update(piece);
        }
        prop_assert_eq!(hasher.finish(), Object { kind: ObjectKind::Blob, data }.id());
    }
}
