//! Commands about who may change the fleet.

use holdfast_trust::Refusal;

use crate::failure::Failure;

mod hooks;
pub(crate) mod init;
pub(crate) mod intro;
mod level;
pub(crate) mod ok;
mod rules;
pub(crate) mod show;
mod standing;

/// A commit that a host would not believe.
pub(crate) fn refused(refusal: &Refusal) -> Failure {
    Failure::coded(refusal.code(), refusal.to_string(), Some(refusal.remedy()))
}
