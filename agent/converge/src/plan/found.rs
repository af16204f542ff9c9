//! How a resource would have to be declared to be in order as it is found.

use std::collections::BTreeMap;

use holdfast_schema::AbsolutePath;

use crate::{host::Stat, plan::step::Owned};

/// The fields that would have to be declared otherwise, by their names in the language.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Their values.
    pub fields: BTreeMap<&'static str, Value>,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A number in billionths.
    Billionths(u64),
    /// Texts in their order.
    List(Vec<String>),
    /// Texts by their names.
    Table(BTreeMap<String, String>),
    /// What this file holds.
    ContentOf(AbsolutePath),
    /// What these files hold, by their names.
    Files(BTreeMap<String, AbsolutePath>),
}

impl Value {
    /// A size, in bytes, with the largest unit that says it exactly.
    pub(crate) fn size(bytes: u64) -> Self {
        let unit = [(1 << 30, "g"), (1 << 20, "m"), (1 << 10, "k")];
        let exact = unit.into_iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit));
        let (unit, name) = exact.unwrap_or((1, ""));
        Self::Text(format!("{}{name}", bytes / unit))
    }
}

impl Found {
    /// Nothing is there.
    pub(crate) fn absent() -> Self {
        Self::default().with("ensure", Value::Text("absent".to_owned()))
    }

    /// The same with one more field.
    pub(crate) fn with(mut self, field: &'static str, value: Value) -> Self {
        self.fields.insert(field, value);
        self
    }

    /// The same with owner, group and mode where they are not as they should be.
    pub(crate) fn with_access(mut self, stat: &Stat, want: &Owned) -> Self {
        let fields = [
            ("owner", stat.uid != want.uid, stat.uid.to_string()),
            ("group", stat.gid != want.gid, stat.gid.to_string()),
            ("mode", stat.mode != want.mode, stat.mode.to_string()),
        ];
        for (field, _, value) in fields.into_iter().filter(|(_, differs, _)| *differs) {
            self.fields.insert(field, Value::Text(value));
        }
        self
    }

    /// The fields, if there are any.
    pub(crate) fn some(self) -> Option<Self> {
        (!self.fields.is_empty()).then_some(self)
    }
}
