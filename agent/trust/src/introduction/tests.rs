use proptest::prelude::*;

use super::*;
use crate::testing::fleet::{fleet_id, key};

fn introduction() -> Introduction {
    let commit = "ce013625030ba8dba906f756967f9e9ca394464a".parse().unwrap();
    Introduction { fleet: fleet_id(), commit, key: key("alice").fingerprint() }
}

#[test]
fn the_line_is_stable() {
    let line = introduction().to_string();
    assert_eq!(
        line,
        "intro1.07070707070707070707070707070707.ce013625030ba8dba906f756967f9e9ca394464a.\
         WeXpogacdCqvmaxuNZFUpT1Te6ZU_j7aPAocB0T2i8o.933ed0e8"
    );
    assert_eq!(line.parse::<Introduction>().unwrap(), introduction());
}

#[test]
fn every_typing_error_is_found() {
    let line = introduction().to_string();
    for at in 0..line.len() {
        for wrong in ["", "0", "a", "A", ".", "-", " "] {
            let mut mistyped = line.clone();
            mistyped.replace_range(at..=at, wrong);
            if mistyped != line {
                assert!(mistyped.parse::<Introduction>().is_err(), "{mistyped}");
            }
        }
        assert!(line.chars().take(at).collect::<String>().parse::<Introduction>().is_err());
    }
    for at in 1..line.len() {
        let mut swapped = line.clone().into_bytes();
        swapped.swap(at - 1, at);
        if swapped != line.as_bytes() {
            assert!(String::from_utf8(swapped).unwrap().parse::<Introduction>().is_err());
        }
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let line = introduction().to_string();
    let with_check = |body: &str| format!("{body}.{}", check(body));
    let cases = [
        (String::new(), "an introduction has five parts with dots between them, this has 1"),
        (format!("{line}.x"), "an introduction has five parts with dots between them, this has 6"),
        (
            line.replace("intro1", "intro2"),
            "an introduction begins with \"intro1.\", this begins with \"intro2\"",
        ),
        (format!(" {line}"), "an introduction begins with \"intro1.\", this begins with \" intro1\""),
        (
            line.replace("ce0136", "ce0137"),
            "the introduction is mistyped or cut: its check should be \"23fcafcd\" but is \"933ed0e8\"",
        ),
        (with_check("intro1.07.x.y"), "the introduction's fleet id is malformed"),
        (with_check(&format!("intro1.{}.x.y", fleet_id())), "the introduction's commit is malformed"),
        (
            with_check(&format!("intro1.{}.{}.y", fleet_id(), introduction().commit)),
            "the introduction's key fingerprint is malformed",
        ),
    ];
    for (text, want) in cases {
        let got = text.parse::<Introduction>().unwrap_err();
        assert_eq!((got.to_string().as_str(), got.code()), (want, "E_INTRODUCTION"));
    }
}

proptest! {
    #[test]
    fn what_is_printed_parses(fleet: [u8; 16], commit: [u8; 20], seed: [u8; 32]) {
        let introduction = Introduction {
            fleet: FleetId::from_bytes(fleet),
            commit: ObjectId::from_bytes(commit),
            key: crate::sign::SecretKey::from_seed(&seed).fingerprint(),
        };
        prop_assert_eq!(introduction.to_string().parse::<Introduction>().unwrap(), introduction);
    }

    #[test]
    fn random_text_never_panics(text: String) {
        drop(text.parse::<Introduction>());
    }
}
