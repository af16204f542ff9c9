//! Comparing what the engine says of something, field by field, with what is declared: what is not declared does not count.

use std::collections::BTreeSet;

use serde_json::Value;

use super::docker::difference;
use crate::plan::Difference;

/// Something under comparison.
pub(super) struct Comparison<'a> {
    /// All that the engine says of it.
    pub(super) all: &'a Value,
    /// What differs.
    pub(super) found: Vec<Difference>,
}

impl<'a> Comparison<'a> {
    pub(super) fn of(all: &'a Value) -> Self {
        Self { all, found: Vec::new() }
    }

    pub(super) fn differ(&mut self, field: &str, from: impl Into<String>, to: impl Into<String>) {
        self.found.push(difference(field, from, to));
    }

    pub(super) fn text(&mut self, field: &str, pointer: &str, want: Option<&str>) {
        let found = self.all.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if let Some(want) = want.filter(|want| *want != found) {
            let found = if found.is_empty() { "none" } else { found }.to_owned();
            self.differ(field, found, want);
        }
    }

    pub(super) fn number(&mut self, field: &str, pointer: &str, want: Option<u64>) {
        let found = self.all.pointer(pointer).and_then(Value::as_u64);
        if let Some(want) = want.filter(|want| Some(*want) != found) {
            self.differ(
                field,
                found.map_or_else(|| "none".to_owned(), |found| found.to_string()),
                want.to_string(),
            );
        }
    }

    pub(super) fn flag(&mut self, field: &str, pointer: &str, want: Option<bool>) {
        let found = self.all.pointer(pointer).and_then(Value::as_bool).unwrap_or_default();
        if let Some(want) = want.filter(|want| *want != found) {
            self.differ(field, found.to_string(), want.to_string());
        }
    }

    /// Words in their order. Their values may be secrets, so only their number is told.
    pub(super) fn words(&mut self, field: &str, pointer: &str, want: Option<&Vec<String>>) {
        let Some(want) = want else { return };
        let found = list(self.all.pointer(pointer));
        if found != want.iter().map(String::as_str).collect::<Vec<_>>() {
            self.differ(field, format!("{} other words", found.len()), format!("{} words", want.len()));
        }
    }

    pub(super) fn set(&mut self, field: &str, pointer: &str, want: &BTreeSet<String>) {
        let found = texts(self.all.pointer(pointer));
        // The engine's own spelling has `CAP_` from 1.42 on.
        let has =
            |name: &String| found.contains(name.as_str()) || found.contains(format!("CAP_{name}").as_str());
        let lacking: BTreeSet<String> = want.iter().filter(|name| !has(name)).cloned().collect();
        if !lacking.is_empty() {
            self.differ(field, "not there", joined(&lacking));
        }
    }

    /// An item of a list, known by `name`.
    pub(super) fn member(&mut self, field: &str, pointer: &str, name: &str, want: &Value) {
        let found = self.all.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
        if !found.into_iter().any(|item| item == want) {
            self.differ(&format!("{field}.{name}"), "other", "as declared");
        }
    }

    /// Every field of `want` is so in what is there.
    pub(super) fn subset(&mut self, field: &str, pointer: &str, want: &Value) {
        let found = self.all.pointer(pointer);
        for (name, value) in want.as_object().into_iter().flatten() {
            let there = found.and_then(|found| found.get(name));
            if there != Some(value) {
                let shown = there.map_or_else(|| "none".to_owned(), plain);
                self.differ(&format!("{field}.{name}"), shown, plain(value));
            }
        }
    }
}

pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(super) fn list(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

pub(super) fn texts(value: Option<&Value>) -> BTreeSet<&str> {
    list(value).into_iter().collect()
}

pub(super) fn joined(set: &BTreeSet<String>) -> String {
    if set.is_empty() {
        return "none".to_owned();
    }
    set.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
