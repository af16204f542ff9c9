//! The journal's text, and what its records say together.

use super::*;
use crate::{
    host::{Expected, PackageNow},
    plan::{Difference, Disruption},
    testing::{id, path},
};

fn before(name: &str, was: Was) -> Before {
    Before::Path { resource: id(&format!("file:{name}")), path: path(name), was }
}

fn step(name: &str) -> Step {
    Step {
        resource: id(&format!("file:{name}")),
        action: Action::RemovePath { path: path(name) },
        expects: Expected::Anything,
        because: Difference {
            field: "ensure".to_owned(),
            from: "a file".to_owned(),
            to: "absent".to_owned(),
        },
        disrupts: Disruption::None,
    }
}

fn records() -> Vec<Record> {
    let installed = |version: &str| PackageNow::Installed { version: version.to_owned(), held: false };
    let changes = [("app".to_owned(), (PackageNow::Absent, installed("1.0")))];
    vec![
        Record::Before(before("/etc/a", Was::Absent)),
        Record::Before(before("/etc/b", Was::Symlink { target: "ä\n".to_owned() })),
        Record::Intent(Box::new(step("/etc/a"))),
        Record::Intent(Box::new(step("/etc/b"))),
        Record::Packages(changes.into()),
        Record::Done(0),
    ]
}

#[test]
fn what_is_written_is_read() {
    let text = encode(&records()).unwrap();
    assert_eq!(text.lines().count(), 6);
    assert_eq!(parse(text.as_bytes()), (records(), Damage::default()));
    assert_eq!(parse(b""), (Vec::new(), Damage::default()));
}

/// R4: wherever a write is cut, what is whole before the cut is read and the rest is dropped.
#[test]
fn a_torn_tail_is_dropped_wherever_it_is_torn() {
    let text = encode(&records()).unwrap();
    for length in 0..text.len() {
        let (kept, torn) = text.as_bytes().split_at(length);
        let (found, damage) = parse(kept);
        let whole = kept.split(|byte| *byte == b'\n').count() - 1;
        assert_eq!(found, records().into_iter().take(whole).collect::<Vec<_>>(), "cut before {torn:?}");
        let last = kept.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        assert_eq!(damage, Damage { torn: length - last, spoilt: 0 });
    }
}

#[test]
fn a_changed_byte_costs_one_record_and_is_noticed() {
    let text = encode(&records()).unwrap();
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let (found, damage) = parse(&bytes);
        assert!(damage != Damage::default(), "byte {at}");
        assert!(found.iter().all(|record| records().contains(record)), "byte {at}: {found:?}");
        // The changed byte can be a line's end, which spoils two.
        assert!(found.len() >= 4, "byte {at}");
    }
}

#[test]
fn records_together() {
    let mut all = records();
    all.push(Record::Before(before("/etc/a", Was::Symlink { target: "later".to_owned() })));
    let installed = |version: &str| PackageNow::Installed { version: version.to_owned(), held: false };
    all.push(Record::Packages([("app".to_owned(), (installed("1.0"), installed("2.0")))].into()));
    let recorded = Recorded::of(all);
    assert_eq!(recorded.befores[0], before("/etc/a", Was::Absent), "what it was at first counts");
    assert_eq!(recorded.befores.len(), 2);
    assert_eq!(recorded.packages["app"], (PackageNow::Absent, installed("2.0")));
    assert_eq!(recorded.unfinished().collect::<Vec<_>>(), [&step("/etc/b")]);
}
