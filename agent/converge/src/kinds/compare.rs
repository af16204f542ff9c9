//! Comparing what the engine says of something, field by field, with what is declared: what is not declared does not count.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::docker::difference;
use crate::plan::{
    Difference,
    found::{self, Found},
};

/// Something under comparison.
pub(super) struct Comparison<'a> {
    /// All that the engine says of it.
    pub(super) all: &'a Value,
    /// What differs.
    pub(super) found: Vec<Difference>,
    /// How it would be declared as it is; `None` if something differs that cannot be said in the language.
    pub(super) declared: Option<Found>,
}

impl<'a> Comparison<'a> {
    pub(super) fn of(all: &'a Value) -> Self {
        Self { all, found: Vec::new(), declared: Some(Found::default()) }
    }

    /// A difference that cannot be declared as it is.
    pub(super) fn differ(&mut self, field: &str, from: impl Into<String>, to: impl Into<String>) {
        self.found.push(difference(field, from, to));
        self.declared = None;
    }

    /// A difference, with the value of the field as it is.
    pub(super) fn differ_as(
        &mut self,
        field: &'static str,
        value: found::Value,
        from: impl Into<String>,
        to: impl Into<String>,
    ) {
        self.found.push(difference(field, from, to));
        self.declared = self.declared.take().map(|declared| declared.with(field, value));
    }

    pub(super) fn text(&mut self, field: &'static str, pointer: &str, want: Option<&str>) {
        let found = self.all.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let Some(want) = want.filter(|want| *want != found) else { return };
        if found.is_empty() {
            self.differ(field, "none", want);
        } else {
            self.differ_as(field, found::Value::Text(found.to_owned()), found, want);
        }
    }

    /// A number of what is declared as `unit` says.
    pub(super) fn number(&mut self, field: &'static str, pointer: &str, want: Option<u64>, unit: Unit) {
        let found = self.all.pointer(pointer).and_then(Value::as_u64);
        let Some(want) = want.filter(|want| Some(*want) != found) else { return };
        match found {
            Some(found) => self.differ_as(field, unit.of(found), found.to_string(), want.to_string()),
            None => self.differ(field, "none", want.to_string()),
        }
    }

    pub(super) fn flag(&mut self, field: &'static str, pointer: &str, want: Option<bool>) {
        let found = self.all.pointer(pointer).and_then(Value::as_bool).unwrap_or_default();
        if let Some(want) = want.filter(|want| *want != found) {
            self.differ_as(field, found::Value::Flag(found), found.to_string(), want.to_string());
        }
    }

    /// Environment variables, with the others that are there if `ours` says that nobody else's are. Their values may be
    /// secrets, so only their names are told.
    pub(super) fn environment(&mut self, pointer: &str, want: &BTreeMap<String, String>, ours: bool) {
        let found = list(self.all.pointer(pointer)).into_iter().filter_map(|text| text.split_once('='));
        let found: BTreeMap<&str, &str> = found.collect();
        let lacking: BTreeSet<String> = want
            .iter()
            .filter(|(name, text)| found.get(name.as_str()) != Some(&text.as_str()))
            .map(|(name, _)| name.clone())
            .collect();
        let excess: BTreeSet<String> = found
            .keys()
            .filter(|name| ours && !want.contains_key(**name))
            .map(|name| (*name).to_owned())
            .collect();
        if lacking.is_empty() && excess.is_empty() {
            return;
        }
        let (from, to) = if lacking.is_empty() {
            (joined(&excess), "not there".to_owned())
        } else {
            ("other values".to_owned(), format!("declared values of {}", joined(&lacking)))
        };
        let as_found = |name: &String| Some((name.clone(), (*found.get(name.as_str())?).to_owned()));
        match lacking.iter().chain(&excess).map(as_found).collect() {
            Some(table) => self.differ_as("environment", found::Value::Table(table), from, to),
            None => self.differ("environment", from, to),
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

    pub(super) fn set(&mut self, field: &'static str, pointer: &str, want: &BTreeSet<String>) {
        let found = texts(self.all.pointer(pointer));
        // The engine's own spelling has `CAP_` from 1.42 on.
        let has =
            |name: &String| found.contains(name.as_str()) || found.contains(format!("CAP_{name}").as_str());
        let lacking: BTreeSet<String> = want.iter().filter(|name| !has(name)).cloned().collect();
        if !lacking.is_empty() {
            let all = found.iter().map(|name| name.trim_start_matches("CAP_").to_owned()).collect();
            self.differ_as(field, found::Value::List(all), "not there", joined(&lacking));
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

/// How a number is declared.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    /// As it is.
    One,
    /// As a size.
    Bytes,
    /// As a duration.
    Seconds,
    /// As a duration, to the millisecond.
    Nanoseconds,
}

impl Unit {
    fn of(self, number: u64) -> found::Value {
        match self {
            Self::One => found::Value::Number(i64::try_from(number).unwrap_or(i64::MAX)),
            Self::Bytes => found::Value::size(number),
            Self::Seconds => found::Value::Text(format!("{number}s")),
            Self::Nanoseconds => found::Value::Text(format!("{}ms", number / 1_000_000)),
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
