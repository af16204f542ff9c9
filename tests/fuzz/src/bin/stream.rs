//! The object stream that the unprivileged fetcher hands to the root service.
#![no_main]

use holdfast_trust::{IndexedObjects, Limits, MemoryObjects, Objects as _};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let limits = Limits { total_bytes: 1 << 20, blob_bytes: 1 << 16, ..Limits::default() };
    let memory = MemoryObjects::read(data, &limits);
    let Ok(indexed) = IndexedObjects::open(data.to_vec(), &limits) else { return };
    // Both readers take the same, and what they give is what was asked for.
    let Ok(memory) = memory else { panic!("only the index takes it") };
    assert_eq!(memory.iter().count(), indexed.len());
    for (id, object) in memory.iter() {
        assert_eq!(indexed.get(id).ok().flatten().as_ref(), Some(object));
        assert_eq!(object.id().ok().as_ref(), Some(id));
    }
});
