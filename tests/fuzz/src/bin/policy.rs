//! `.trust/policy.toml`.
#![no_main]

use holdfast_trust::policy::{Policy, Quorum};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(policy) = Policy::parse(data) {
        let reachable = |quorum: &Quorum| quorum.need >= 1 && quorum.need <= quorum.people.len();
        assert!(policy.reference.starts_with("refs/heads/"));
        assert!(policy.roles.iter().all(|roles| reachable(&roles.root) && reachable(&roles.deploy)));
        assert!(policy.rules.iter().all(|rule| reachable(&rule.quorum) && !rule.paths.is_empty()));
    }
});
