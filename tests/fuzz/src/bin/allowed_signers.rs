//! `.trust/allowed_signers`.
#![no_main]

use holdfast_trust::signers::Signers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(signers) = Signers::parse(data) {
        // Each key is one person's, and found again.
        for signer in signers.iter() {
            let found = signers.find(&signer.key);
            assert_eq!(found.map(|found| &found.principal), Some(&signer.principal));
        }
    }
});
