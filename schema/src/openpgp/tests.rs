use super::*;

const KEY: &str = include_str!("../../../examples/kinds/repository/files/example.asc");

#[test]
fn armour_that_everybody_reads_stays_as_it_is() {
    let keys = read(KEY.as_bytes()).unwrap();
    assert_eq!(keys.armour, None);
    assert_eq!(keys.names.len(), 1);
}

#[test]
fn every_other_form_becomes_one_block() {
    let packets = binary(KEY);
    let names = read(KEY.as_bytes()).unwrap().names;
    let without_checksum: String = KEY.split_inclusive('\n').filter(|line| !line.starts_with('=')).collect();
    for other in [
        packets.clone(),
        KEY.replace('\n', "\r\n").into_bytes(),
        format!("a key of the shop\n{KEY}").into_bytes(),
        without_checksum.into_bytes(),
    ] {
        let keys = read(&other).unwrap();
        assert_eq!(keys.names, names);
        let armour = keys.armour.unwrap();
        assert_eq!(binary(&armour), packets);
        assert_eq!(read(armour.as_bytes()).unwrap().armour, None, "it is not as everybody reads it");
    }
    let twice = read(format!("{KEY}{KEY}").as_bytes()).unwrap();
    assert_eq!(binary(&twice.armour.unwrap()), packets.repeat(2));
}

#[test]
fn what_is_no_public_key_is_refused() {
    let refused = |text: &str| read(text.as_bytes()).unwrap_err();
    assert_eq!(refused(""), "it holds no public key");
    assert_eq!(refused("nonsense"), "it holds no public key");
    let private = KEY.replace("PUBLIC", "PRIVATE");
    assert_eq!(refused(&private), "it holds a private key");
    assert_eq!(
        refused(&KEY.replace("PUBLIC KEY BLOCK", "MESSAGE")),
        "it holds something else than public keys"
    );
    assert_eq!(refused(&KEY.replace(END, "")), "its ASCII armour is damaged or cut off");
    let other = KEY.replacen('=', "=AAAA", 1);
    assert!(read(other.as_bytes()).is_err());

    let mut packets = binary(KEY);
    // The tag of a private key.
    packets[0] = 0xC5;
    assert!(read(&packets).is_err());
    let packets = binary(KEY);
    for length in [20, packets.len() - 1] {
        assert_eq!(read(&packets[..length]).unwrap_err(), "it is damaged or cut off");
    }
    // A key of version 6, with nothing in it.
    assert_eq!(
        read(&[0xC6, 5, 6, 0, 0, 0, 0]).unwrap_err(),
        "it is of a version that package managers do not read: they read version 4"
    );
}

proptest::proptest! {
    #[test]
    fn nothing_makes_it_panic(bytes: Vec<u8>) {
        for bytes in [bytes.clone(), [&[0xC6][..], &bytes].concat()] {
            proptest::prop_assert!(read(&bytes).is_err() || !bytes.is_empty());
        }
    }
}
