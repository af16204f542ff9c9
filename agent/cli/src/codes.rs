//! Every stable code of every room, for `holdfast explain CODE` and the reference.

use crate::failure;

/// A code, what it means, what mends it.
pub type Entry = (&'static str, &'static str, &'static str);

/// The rooms that give codes.
const ROOMS: [&[Entry]; 5] = [
    failure::CODES,
    holdfast_git::CODES,
    holdfast_schema::CODES,
    holdfast_trust::CODES,
    holdfast_agent::CODES,
];

/// All codes by name.
pub fn all() -> Vec<&'static Entry> {
    let mut all: Vec<&Entry> = ROOMS.into_iter().flatten().collect();
    all.sort_by_key(|(code, ..)| *code);
    // The same code may come from two rooms; it means the same then.
    all.dedup_by_key(|(code, ..)| *code);
    all
}

/// What a code means.
pub(crate) fn find(code: &str) -> Option<&'static Entry> {
    ROOMS.into_iter().flatten().find(|(known, ..)| *known == code)
}

/// The code that is written most like `text`, if one is near.
pub(crate) fn nearest(text: &str) -> Option<&'static str> {
    all()
        .into_iter()
        .map(|(code, ..)| (strsim::damerau_levenshtein(code, text), *code))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, code)| code)
}
