//! The journal on a real disk.
#![expect(clippy::disallowed_methods, reason = "a test spoils files")]

use holdfast_converge::plan::step::Owned;
use holdfast_schema::FileMode;

use super::*;

fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    (directory, store)
}

fn before(path: &str, sha256: Sha256, size: u64) -> Record {
    let access = Owned { uid: 0, gid: 0, mode: FileMode::new(0o640) };
    let was = Was::File { sha256, size, access };
    let (resource, path) = (format!("file:{path}").parse().unwrap(), path.parse().unwrap());
    Record::Before(Before::Path { resource, path, was })
}

#[test]
fn what_is_appended_is_read_and_what_is_kept_is_given_back() {
    let (_directory, store) = store();
    let mut files = JournalFiles::new(&store);
    assert!(!files.is_there());
    let sha256 = files.keep(b"old").unwrap();
    files.append(&[before("/etc/a", sha256, 3)]).unwrap();
    // Another process goes on with it.
    let mut files = JournalFiles::new(&store);
    files.append(&[before("/etc/b", sha256, 3)]).unwrap();
    files.note(&Record::Done(0));
    let (recorded, damage) = files.read().unwrap();
    assert_eq!((recorded.befores.len(), damage), (2, Damage::default()));
    assert_eq!(&*files.content(&sha256).unwrap(), b"old");
    files.end(&recorded, "2026-11-21T18:00:00Z", "3fa2c1d").unwrap();
    assert!(!files.is_there());
    let listed = JournalFiles::overwritten(&store).unwrap();
    assert_eq!(listed.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), ["/etc/a", "/etc/b"]);
    assert_eq!(&*original(&store, &sha256).unwrap(), b"old");
}

/// R4: what follows a torn line is whole.
#[test]
fn a_torn_line_spoils_nothing_that_follows() {
    let (_directory, store) = store();
    let mut files = JournalFiles::new(&store);
    let sha256 = files.keep(b"old").unwrap();
    files.append(&[before("/etc/a", sha256, 3), before("/etc/b", sha256, 3)]).unwrap();
    let text = fs::read(store.path(JOURNAL)).unwrap();
    fs::write(store.path(JOURNAL), &text[..text.len() - 10]).unwrap();
    let mut files = JournalFiles::new(&store);
    files.append(&[before("/etc/c", sha256, 3)]).unwrap();
    let (recorded, damage) = files.read().unwrap();
    let paths: Vec<_> = recorded.paths().map(ToString::to_string).collect();
    assert_eq!(
        (paths, damage),
        (vec!["/etc/a".to_owned(), "/etc/c".to_owned()], Damage { torn: 0, spoilt: 1 })
    );
}

#[test]
fn damaged_originals_are_not_given_out_and_are_kept_anew() {
    let (_directory, store) = store();
    let mut files = JournalFiles::new(&store);
    let sha256 = files.keep(b"old").unwrap();
    let path = store.path(ORIGINALS).join(sha256.to_string());
    fs::write(&path, b"odd").unwrap();
    assert_eq!(original(&store, &sha256).unwrap_err().kind(), io::ErrorKind::InvalidData);
    files.keep(b"old").unwrap();
    assert_eq!(&*original(&store, &sha256).unwrap(), b"old");
}

#[test]
fn the_originals_are_for_root_alone() {
    use std::os::unix::fs::MetadataExt as _;
    let (_directory, store) = store();
    let sha256 = JournalFiles::new(&store).keep(b"old").unwrap();
    let directory = store.path(ORIGINALS);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&directory), mode(&directory.join(sha256.to_string()))), (0o700, 0o600));
}

#[test]
fn the_oldest_originals_make_room() {
    let (_directory, store) = store();
    let mut files = JournalFiles::new(&store);
    let large = |byte: u8| vec![byte; 60 << 20];
    let kept: Vec<Sha256> = (0..6)
        .map(|number| {
            let sha256 = files.keep(&large(number)).unwrap();
            let file =
                File::options().write(true).open(store.path(ORIGINALS).join(sha256.to_string())).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(u64::from(number)))
                .unwrap();
            sha256
        })
        .collect();
    files.append(&[]).unwrap();
    files.end(&Recorded::default(), "", "").unwrap();
    let there: Vec<bool> = kept.iter().map(|sha256| original(&store, sha256).is_ok()).collect();
    assert_eq!(there, [false, false, true, true, true, true]);
}
