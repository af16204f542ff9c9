#![expect(clippy::disallowed_methods, reason = "these tests make files")]

use std::fs;

use super::{Mirror, checksum};

#[test]
fn one_process_at_a_time_uses_a_mirror() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Mirror::open(dir.path(), "name", "refs/heads/main");
    let first = open().unwrap();
    let second = open().unwrap_err();
    assert_eq!(second.code(), "E_GIT_MIRROR");
    assert_eq!(std::error::Error::source(&second).unwrap().to_string(), "another process uses it");
    drop(first);
    assert!(open().is_ok());
}

#[test]
fn a_place_that_cannot_be_written_is_told() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let failed = Mirror::open(&dir.path().join("file"), "name", "refs/heads/main").unwrap_err();
    assert_eq!(failed.code(), "E_GIT_MIRROR");
}

#[test]
fn a_file_is_held_against_the_checksum_at_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    let mut hasher = gix_hash::hasher(gix_hash::Kind::Sha1);
    let text = b"a text that is longer than a checksum";
    hasher.update(text);
    let whole = [text, hasher.try_finalize().unwrap().as_slice()].concat();
    fs::write(&file, &whole).unwrap();
    assert!(checksum(&file).unwrap().is_some());
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&file, &bytes).unwrap();
        assert_eq!(checksum(&file).unwrap(), None, "{at}");
        fs::write(&file, &whole[..at]).unwrap();
        assert_eq!(checksum(&file).unwrap(), None, "{at}");
    }
}
