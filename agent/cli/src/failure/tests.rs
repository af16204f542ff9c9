//! Codes are unique and documented.

use std::collections::BTreeSet;

use super::*;

#[test]
fn codes_are_unique_and_say_something() {
    let unique: BTreeSet<&str> = CODES.iter().map(|(code, ..)| *code).collect();
    assert_eq!(unique.len(), CODES.len());
    for (code, meaning, remedy) in CODES {
        assert!(code.starts_with("E_"), "{code}");
        assert!(meaning.ends_with('.') && remedy.ends_with('.'), "{code}");
    }
}

#[test]
fn only_a_reader_that_left_is_a_broken_pipe() {
    let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
    assert!(Failure::from(gone()).is_broken_pipe());
    assert!(!Failure::read(Path::new("/x"), gone()).is_broken_pipe());
    assert!(!Failure::from(io::Error::other("full")).is_broken_pipe());
}
