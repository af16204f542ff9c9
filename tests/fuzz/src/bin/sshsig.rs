//! Signatures as they stand in commits and tags.
#![no_main]

use holdfast_trust::{payload::Payload, sshsig::Signature};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(signature) = Signature::parse(data) {
        // Nobody signs nothing.
        assert!(signature.verify(&Payload::new(b"", b"")).is_err());
    }
});
