//! Annotated tags.
#![no_main]

use holdfast_trust::tag::Tag;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(tag) = Tag::parse(data) {
        // Nothing stands behind the signature, and the name is in what is signed.
        assert!(tag.signature.is_none_or(|signature| data.ends_with(signature)));
        assert!(!tag.name.is_empty() && !tag.name.contains(".."), "{}", tag.name);
    }
});
