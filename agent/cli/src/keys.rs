//! New keys, from the system's random numbers.

use holdfast_trust::sign::SecretKey;
use zeroize::Zeroizing;

use crate::failure::{Code, Failure};

/// A key that nobody has yet.
pub(crate) fn new() -> Result<SecretKey, Failure> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed)
        .map_err(|why| Failure::new(Code::Random, "cannot draw a key").because(why))?;
    Ok(SecretKey::from_seed(&seed))
}
