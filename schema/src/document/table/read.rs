//! Reads the keys of a table, and tells of those that are wrong or missing.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Table, paragraph};
use crate::{
    Problem,
    document::{
        decode::{Decoder, Toml},
        source::Span,
    },
    text,
};

/// Reads the keys of `entries` into a table. `at` is where the table is; a document is everywhere.
fn decode<T: Table>(entries: &DeTable<'_>, at: Option<&Range<usize>>, decoder: &mut Decoder<'_>) -> T {
    let mut table = T::default();
    for (name, value) in entries {
        if !table.set(name.get_ref(), value, decoder) {
            decoder.report(name.span(), unknown::<T>(name.get_ref()));
        }
    }
    for group in T::groups() {
        let mut set: Vec<_> = group.iter().filter_map(|key| Some((table.at(key)?, *key))).collect();
        set.sort_unstable();
        if let [(first, one), (second, other), ..] = set.as_slice() {
            let problem = Problem::new("E_CONFLICT", format!("`{one}` and `{other}` exclude each other"))
                .remedy(format!("keep one of {}", quoted(group)));
            decoder.clash(*second, problem, *first, one);
        }
    }
    for field in T::fields() {
        if field.required && !entries.contains_key(field.name) && !decoder.is_broken() {
            let problem = Problem::new("E_MISSING_KEY", format!("`{}` is missing", field.name));
            let remedy = format!("`{}` is: {}", field.name, sentence(field.doc));
            decoder.report_table(at.cloned(), problem.remedy(remedy));
        }
    }
    table
}

/// Reads a whole document.
pub(crate) fn decode_document<T: Table>(document: &Spanned<DeTable<'_>>, decoder: &mut Decoder<'_>) -> T {
    decode(document.get_ref(), None, decoder)
}

/// Reads a table that is a field of another.
pub(crate) fn decode_field<T: Table>(value: &Toml<'_>, decoder: &mut Decoder<'_>) -> Option<T> {
    let DeValue::Table(entries) = value.get_ref() else {
        decoder.mismatch(value, "a table");
        return None;
    };
    Some(decode(entries, Some(&value.span()), decoder))
}

/// What other tools call our fields.
const ELSEWHERE: [(&str, &str); 16] = [
    ("state", "ensure"),
    ("permissions", "mode"),
    ("perms", "mode"),
    ("src", "source"),
    ("text", "content"),
    ("contents", "content"),
    ("require", "needs"),
    ("requires", "needs"),
    ("depends_on", "needs"),
    ("after", "needs"),
    ("notify", "restart_on"),
    ("subscribe", "restart_on"),
    ("running", "active"),
    ("onlyif", "when"),
    ("noop", "audit"),
    ("verify", "validate"),
];

fn unknown<T: Table>(key: &str) -> Problem {
    let problem = Problem::new("E_UNKNOWN_KEY", format!("there is no key `{key}` here"));
    let fields = T::fields();
    let ours = ELSEWHERE.iter().find(|(theirs, _)| *theirs == key).map(|(_, ours)| *ours);
    let ours = ours.filter(|ours| fields.iter().any(|field| field.name == *ours));
    if let Some(near) = ours.or_else(|| text::near(key, fields.iter().map(|field| field.name))) {
        problem.remedy(format!("did you mean `{near}`?"))
    } else {
        let known: Vec<_> = fields.iter().map(|field| field.name).collect();
        problem.remedy(format!("known here: {}", quoted(&known)))
    }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The first sentence of a description.
fn sentence(doc: &str) -> String {
    let doc = paragraph(doc);
    doc.split_once(". ").map_or(doc.clone(), |(first, _)| format!("{first}."))
}

impl Decoder<'_> {
    /// Tells of two keys that exclude each other.
    fn clash(&mut self, at: Span, problem: Problem, other: Span, key: &str) {
        let related = self.locate(other);
        self.report_at(at, problem.related(format!("`{key}` is here"), related));
    }
}
