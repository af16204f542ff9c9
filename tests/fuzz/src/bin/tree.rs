//! Directories.
#![no_main]

use holdfast_trust::tree::{self, Entry};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(entries) = tree::parse(data) {
        for entry in &entries {
            assert!(!entry.name.is_empty() && !entry.name.contains(&b'/') && entry.name != b".." && entry.name != b".");
        }
        // There is one way to write a tree.
        let mut again: Vec<Entry<'_>> = entries.clone();
        assert_eq!(tree::make(&mut again).map(|object| object.data).ok().as_deref(), Some(data));
    }
});
