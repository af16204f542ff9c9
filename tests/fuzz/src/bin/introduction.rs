//! The line that introduces a host, and public keys.
#![no_main]

use holdfast_trust::{Introduction, PublicKey};

libfuzzer_sys::fuzz_target!(|data: &str| {
    if let Ok(introduction) = data.parse::<Introduction>() {
        assert_eq!(introduction.to_string(), data);
    }
    if let Ok(key) = data.parse::<PublicKey>() {
        assert_eq!(key.to_string().parse::<PublicKey>().ok(), Some(key));
    }
});
