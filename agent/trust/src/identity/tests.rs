use proptest::prelude::*;

use super::*;

fn print(identity: &Identity<'_>) -> Vec<u8> {
    let mut line = Vec::new();
    identity.print(&mut line);
    line
}

#[test]
fn good_lines() {
    let got = Identity::parse(b"Alice A. <alice@example.com> 1700000000 +0100").unwrap();
    assert_eq!((got.name, got.email), (&b"Alice A."[..], &b"alice@example.com"[..]));
    assert_eq!((got.time.seconds(), got.zone), (1_700_000_000, "+0100"));
    for good in
        [&b"a <b> 0 +0000"[..], b" <> 1 -0000", b"\xe9milie <e@x> 1 -1130", b"A <a b> 253402300799 +1345"]
    {
        let got = Identity::parse(good).unwrap_or_else(|| panic!("{good:?}"));
        assert_eq!(print(&got), good);
    }
}

#[test]
fn bad_lines() {
    for bad in [
        "",
        "a",
        "a <b>",
        "a <b> ",
        "a <b> 1",
        "a <b> 1 ",
        "a <b> +0000",
        "a<b> 1 +0000",
        "a <b>1 +0000",
        "a <b> 01 +0000",
        "a <b> -1 +0000",
        "a <b> +1 +0000",
        "a <b> 1.5 +0000",
        "a <b>  1 +0000",
        "a <b> 1  +0000",
        "a <b> 1 0000",
        "a <b> 1 +000",
        "a <b> 1 +00000",
        "a <b> 1 +0060",
        "a <b> 1 +3000",
        "a <b> 1 +0000 ",
        "a <b> 1 UTC",
        "a <b> 253402300800 +0000",
        "a <b> 99999999999999999999 +0000",
        "a <b <c> 1 +0000",
        "a < <b> 1 +0000",
        "a > <b> 1 +0000",
        "a <b>> 1 +0000",
        "a <b> 1 +0000\n",
        "a\0 <b> 1 +0000",
        "a <b\n> 1 +0000",
        "a <b> <c> 1 +0000",
    ] {
        assert_eq!(Identity::parse(bad.as_bytes()), None, "{bad:?}");
    }
}

proptest! {
    #[test]
    fn what_parses_prints_the_same(line in "[ -~]{0,10} <[ -~]{0,10}> [0-9]{1,13} [+-][0-9]{4}") {
        if let Some(identity) = Identity::parse(line.as_bytes()) {
            prop_assert_eq!(print(&identity), line.into_bytes());
        }
    }

    #[test]
    fn random_bytes_never_panic(line: Vec<u8>) {
        let _ = Identity::parse(&line);
    }
}
