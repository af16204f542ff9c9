//! Every stable code of every room, for `holdfast explain CODE` and the reference.

use crate::failure;

/// A code, what it means, what mends it.
pub type Entry = (&'static str, &'static str, &'static str);

/// The rooms that give codes, beside converge.
const ROOMS: [&[Entry]; 5] = [
    failure::CODES,
    holdfast_git::CODES,
    holdfast_schema::CODES,
    holdfast_trust::CODES,
    holdfast_agent::CODES,
];

fn rooms() -> impl Iterator<Item = Entry> {
    ROOMS.into_iter().flatten().copied().chain(holdfast_converge::codes())
}

/// All codes by name.
pub fn all() -> Vec<Entry> {
    let mut all: Vec<Entry> = rooms().collect();
    all.sort_by_key(|(code, ..)| *code);
    // The same code may come from two rooms; it means the same then.
    all.dedup_by_key(|(code, ..)| *code);
    all
}

/// What a code means.
pub(crate) fn find(code: &str) -> Option<Entry> {
    rooms().find(|(known, ..)| *known == code)
}

/// The code that is written most like `text`, if one is near.
pub(crate) fn nearest(text: &str) -> Option<&'static str> {
    all()
        .into_iter()
        .map(|(code, ..)| (strsim::damerau_levenshtein(code, text), code))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, code)| code)
}
