//! Commits, in whatever way they are malformed.
#![no_main]

use holdfast_trust::commit::{self, Commit};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let parents = commit::parents(data);
    if let Ok(commit) = Commit::parse(data) {
        // What finds the way through the history sees the same parents as what judges.
        assert_eq!(parents, commit.parents);
        assert!(data.ends_with(commit.message));
    }
});
