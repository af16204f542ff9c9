use holdfast_schema::{Sha256, spec::Content};

use super::{Ledger, LedgerError, Lesson, Origin};
use crate::{
    host::Expected,
    kinds::access,
    plan::Action,
    testing::{id, ledger_of, path},
};

/// What the first released agent writes. It never changes: a newer agent must read it.
const FORMAT_1: &str = include_str!("format-1.json");

#[test]
fn format_1_is_read_and_written_as_ever() {
    let ledger = Ledger::parse(FORMAT_1.as_bytes()).unwrap();
    let compact: String = FORMAT_1.lines().map(str::trim_start).collect();
    let written = String::from_utf8(ledger.to_json().unwrap()).unwrap();
    assert_eq!(written, compact.replace("\": ", "\":"));

    let file = ledger.entry(&id("file:/etc/motd")).unwrap();
    assert_eq!((file.marks[0].origin, file.marks[0].digests.len()), (Origin::Created, 2));
    assert!(file.needs.contains(&id("directory:/etc/app")));
    assert_eq!(ledger.entry(&id("symlink:/etc/claimed")).unwrap().marks[0].origin, Origin::Claimed);
    assert_eq!(ledger.entry(&id("file:/etc/found")).unwrap().marks[0].origin, Origin::Found);
    assert!(!ledger.entry(&id("package:nginx")).unwrap().made_something());
    let started = ledger.entry(&id("unit:app.service")).unwrap().started.clone().unwrap();
    assert_eq!((started.restart.len(), started.reload.len(), started.owes_health), (3, 1, true));
    assert_eq!(started.invocation.as_deref(), Some("0f1e2d3c4b5a69788796a5b4c3d2e1f0"));
}

#[test]
fn damage_and_a_newer_format_are_told_apart() {
    let code = |text: &str| Ledger::parse(text.as_bytes()).unwrap_err().code();
    assert_eq!(code(""), "E_LEDGER_DAMAGED");
    assert_eq!(code("{}"), "E_LEDGER_DAMAGED");
    assert_eq!(code("{\"format\":1,\"owned\":{\"file:/etc/x\""), "E_LEDGER_DAMAGED");
    assert_eq!(code("{\"format\":1,\"owned\":{\"nonsense\":{}}}"), "E_LEDGER_DAMAGED");
    assert_eq!(code("{\"format\":2,\"owned\":{}}"), "E_LEDGER_FORMAT");
    assert_eq!(code("{\"format\":2,\"owned\":\"otherwise\"}"), "E_LEDGER_FORMAT");
    let error = Ledger::parse(b"{\"format\":2,\"owned\":{}}").unwrap_err();
    assert!(matches!(error, LedgerError::Format { found: 2 }));
}

#[test]
fn every_prefix_of_a_ledger_is_refused() {
    let bytes = Ledger::parse(FORMAT_1.as_bytes()).unwrap().to_json().unwrap();
    for end in 0..bytes.len() {
        assert!(Ledger::parse(&bytes[..end]).is_err(), "{end}");
    }
}

/// The origin and the number of digests of the one mark of `/etc/x`.
fn mark(ledger: &Ledger) -> (Origin, usize) {
    let mark = &ledger.entry(&id("file:/etc/x")).unwrap().marks[0];
    (mark.origin, mark.digests.len())
}

fn write(content: &[u8]) -> Action {
    Action::WriteFile {
        path: path("/etc/x"),
        content: Content { sha256: Sha256::of(content), size: 1 },
        access: access::root(0o644),
        validate: None,
        sensitive: false,
    }
}

#[test]
fn a_mark_through_its_life() {
    let (file, at) = (id("file:/etc/x"), path("/etc/x"));
    let (one, two) = (Some(Sha256::of(b"1")), Some(Sha256::of(b"2")));
    let mut ledger = Ledger::default();
    assert!(ledger.intend(&file, &at, one, true));
    assert_eq!(mark(&ledger), (Origin::Claimed, 1));
    assert!(!ledger.intend(&file, &at, one, true), "the same promise is no news");
    assert!(ledger.did(&file, &write(b"1"), &Expected::Nothing));
    assert_eq!(mark(&ledger), (Origin::Created, 1));
    // A replacement that may or may not have happened.
    assert!(ledger.intend(&file, &at, two, false));
    assert_eq!(mark(&ledger), (Origin::Created, 2));
    assert!(ledger.learn(&file, Lesson::Holds { path: at.clone(), digest: Sha256::of(b"2") }));
    assert_eq!(mark(&ledger), (Origin::Created, 1));
    assert!(!ledger.intend(&file, &at, two, false));
    // It vanished and is made anew, with something else.
    assert!(ledger.intend(&file, &at, one, true));
    assert_eq!(mark(&ledger), (Origin::Claimed, 1));
    // Somebody else was faster.
    assert!(ledger.learn(&file, Lesson::Origin { path: at.clone(), origin: Origin::Found }));
    assert_eq!(mark(&ledger), (Origin::Found, 0));
    assert!(!ledger.intend(&file, &at, one, false), "what others made is overwritten without a promise");
    let stat = crate::host::Stat {
        device: 1,
        inode: 1,
        size: 1,
        modified: 1,
        changed: 1,
        uid: 0,
        gid: 0,
        mode: holdfast_schema::FileMode::new(0o644),
    };
    assert!(!ledger.did(&file, &write(b"1"), &Expected::Node(stat)));
    assert_eq!(mark(&ledger), (Origin::Found, 0));
    assert!(ledger.forget(&file));
    assert!(!ledger.forget(&file));
}

#[test]
fn a_path_is_handed_over_with_its_history() {
    let mut ledger = ledger_of(&[("symlink:/etc/x", "/etc/x", Some("target"))]);
    assert!(ledger.hand_over(&path("/etc/x"), &id("symlink:/etc/x"), &id("file:/etc/x")));
    assert_eq!(ledger.owned().len(), 1);
    assert_eq!(mark(&ledger), (Origin::Created, 1));
    assert!(!ledger.hand_over(&path("/etc/x"), &id("symlink:/etc/x"), &id("file:/etc/x")));
}

#[test]
fn a_directory_that_gives_way_keeps_its_mark_until_it_is_gone() {
    let mut ledger = ledger_of(&[("file:/etc/x", "/etc/x", None)]);
    let digest = Some(Sha256::of(b"1"));
    assert!(!ledger.intend(&id("file:/etc/x"), &path("/etc/x"), digest, false));
    assert!(ledger.intend(&id("file:/etc/x"), &path("/etc/x"), digest, true));
    assert_eq!(mark(&ledger), (Origin::Claimed, 1));
}
