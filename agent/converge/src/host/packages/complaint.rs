//! What package managers complain about. How each of them says it is its own module's business.

use std::collections::BTreeSet;

/// One thing that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Complaint {
    /// Another process holds a lock; its name and pid if that is said.
    Locked(Option<(String, i32)>),
    /// The package manager was interrupted and must be set right first.
    Interrupted,
    /// There is no such package, or no such version: then with `=VERSION`.
    NotFound(String),
    /// An archive could not be fetched: its package and why.
    NotFetched(String, String),
    /// It cannot be installed together with what there is: why.
    Unmet(String, String),
    /// The resolver's words, which may name several packages.
    Problem(String),
    /// Something that is installed would have to go.
    WouldRemove(BTreeSet<String>),
    /// Something that is held would have to move.
    WouldMoveHeld(BTreeSet<String>),
    /// A package is left in a state in which it must be unpacked again, and there is no archive of it.
    NoArchive(String),
    /// The package manager failed at a package: why.
    Failed(String, String),
    /// A disk is full.
    NoSpace,
    /// The package lists could not be refreshed whole: why.
    NotRefreshed(String),
    /// Any other error.
    Other(String),
}

/// The line after which the service manager tells what became of the package manager itself: how it ended, and its exit code or
/// the signal, a line each.
pub(super) const ENDED: &str = "holdfast: it ended:";

/// What a package manager said, without how it ended, and that.
pub(super) fn ended(said: &str) -> (&str, Option<(&str, &str)>) {
    let Some((said, told)) = said.rsplit_once(ENDED) else { return (said, None) };
    let mut lines = told.split_whitespace();
    (said, lines.next().zip(lines.next()))
}

/// The signal that ended the package manager itself, if one did.
pub(super) fn killed(said: &str) -> Option<String> {
    let (how, signal) = ended(said).1?;
    matches!(how, "killed" | "dumped").then(|| signal.to_owned())
}

/// A text in one line, without runs of blanks.
pub(super) fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
