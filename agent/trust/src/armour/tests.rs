use proptest::prelude::*;

use super::*;

/// Armour around these base64 lines.
fn wrapped(lines: &[&str]) -> Vec<u8> {
    format!("-----BEGIN X-----\n{}\n-----END X-----\n", lines.join("\n")).into()
}

#[test]
fn any_one_width_is_fine() {
    let want = Ok(b"some bytes that are no signature".to_vec());
    assert_eq!(parse(&wrapped(&["c29tZSBieXRlcyB0aGF0IGFyZSBubyBzaWduYXR1cmU="]), "X"), want);
    assert_eq!(parse(&wrapped(&["c29tZSBieXRlcyB0aGF0", "IGFyZSBubyBzaWduYXR1", "cmU="]), "X"), want);
    let letters: Vec<_> =
        "c29tZSBieXRlcyB0aGF0IGFyZSBubyBzaWduYXR1cmU=".split("").filter(|s| !s.is_empty()).collect();
    assert_eq!(parse(&wrapped(&letters), "X"), want);
}

#[test]
fn everything_else_is_refused() {
    let good = String::from_utf8(wrapped(&["QUJD"])).unwrap();
    assert_eq!(parse(good.as_bytes(), "X").unwrap(), b"ABC");
    let broken = [
        (good.replace("BEGIN X", "BEGIN Y"), ArmourError::Begin),
        (format!(" {good}"), ArmourError::Begin),
        (format!("\n{good}"), ArmourError::Begin),
        (good.replace("X-----\nQ", "X----- \nQ"), ArmourError::Begin),
        (good.replace('\n', "\r\n"), ArmourError::Begin),
        (good.replace("END X", "END Y"), ArmourError::End),
        (format!("{good}\n"), ArmourError::End),
        (format!("{good} "), ArmourError::End),
        (good.trim_end().to_owned(), ArmourError::End),
        (good.replace("QUJD\n", ""), ArmourError::End),
        (good.replace("QUJD", ""), ArmourError::Width),
        (good.replace("QUJD", "QUJD\n"), ArmourError::Width),
        (good.replace("QUJD", "\nQUJD"), ArmourError::Width),
        (good.replace("QUJD", "Q\nUJD"), ArmourError::Width),
        (good.replace("QUJD", "QU\nJ\nD"), ArmourError::Width),
        (good.replace("QUJD", "QUJD\nQUJDQUJD"), ArmourError::Width),
        (good.replace("QUJD", &"QUJD".repeat(20)), ArmourError::Width),
        (good.replace("QUJD", "QUJ D"), ArmourError::Base64),
        (good.replace("QUJD", "QUJD "), ArmourError::Base64),
        (good.replace("QUJD", "QUJD\r"), ArmourError::Base64),
        (good.replace("QUJD", "QUJ"), ArmourError::Base64),
        (good.replace("QUJD", "QUI"), ArmourError::Base64),
        // "AB" is QUI=, and QUJ= has a bit that says nothing.
        (good.replace("QUJD", "QUJ="), ArmourError::Base64),
        (good.replace("QUJD", "QUI=QUI="), ArmourError::Base64),
        (good.replace("QUJD", "QU-_"), ArmourError::Base64),
    ];
    for (text, want) in broken {
        assert_eq!(parse(text.as_bytes(), "X"), Err(want), "{text:?}");
    }
}

proptest! {
    #[test]
    fn what_is_printed_parses(bytes in prop::collection::vec(any::<u8>(), 1..500)) {
        let text = print(&bytes, "X");
        prop_assert!(text.lines().all(|line| line.len() <= WIDTH));
        prop_assert_eq!(parse(text.as_bytes(), "X").unwrap(), bytes);
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>, framed: bool) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let text = if framed { wrapped(&[&text]) } else { bytes };
        drop(parse(&text, "X"));
    }
}
