//! A host's document, resolved as an agent does.
#![no_main]

use holdfast_schema::{Entry, Facts, Fleet, Repository};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut repository = Repository::new();
    repository.insert("hosts/web-1.toml", Entry::file(data.to_vec()));
    let Ok(host) = "web-1".parse() else { return };
    if let Ok(resolved) = Fleet::new(&repository).resolve(&host, &Facts::sample()) {
        // Nothing may be kept where the agent itself lives.
        for id in resolved.state.resources.keys() {
            assert!(!id.name.starts_with("/etc/holdfast") && !id.name.contains("/../"), "{id}");
        }
    }
});
