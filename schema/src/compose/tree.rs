//! A document of the language that was not written as TOML: each part keeps its place in what it was made from.

use std::{borrow::Cow, collections::BTreeMap, ops::Range};

use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

use crate::document::decode::Toml;

/// Where something stands in the text that it was made from.
pub(crate) type Place = Range<usize>;

/// A value and where it comes from.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) value: Value,
    pub(crate) at: Place,
}

/// A value of the language that is no table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    /// A number as TOML writes it.
    Number(String),
    Flag(bool),
    List(Vec<Item>),
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}
impl Eq for Item {}

/// Values by their keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) values: BTreeMap<String, Item>,
    pub(crate) tables: BTreeMap<String, (Place, Table)>,
}

impl Table {
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.tables.is_empty()
    }

    /// Whether anything is set at a key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key) || self.tables.contains_key(key)
    }

    /// Sets a key. What it was before is forgotten.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<Value>, at: &Place) {
        self.values.insert(key.to_owned(), Item { value: value.into(), at: at.clone() });
    }

    /// The same with another key.
    #[must_use]
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>, at: &Place) -> Self {
        self.set(key, value, at);
        self
    }

    /// Puts a table at a key.
    pub(crate) fn put(&mut self, key: &str, table: Table, at: &Place) {
        self.tables.insert(key.to_owned(), (at.clone(), table));
    }

    /// The table at a key, which is made if it is missing.
    pub(crate) fn table(&mut self, key: &str, at: &Place) -> &mut Table {
        &mut self.tables.entry(key.to_owned()).or_insert_with(|| (at.clone(), Table::default())).1
    }

    /// Adds to the list at a key what is not in it yet.
    pub(crate) fn add(&mut self, key: &str, value: impl Into<Value>, at: &Place) {
        let item = Item { value: value.into(), at: at.clone() };
        match self.values.get_mut(key).map(|item| &mut item.value) {
            Some(Value::List(items)) if items.contains(&item) => {}
            Some(Value::List(items)) => items.push(item),
            _ => self.set(key, Value::List(vec![item]), at),
        }
    }

    /// As what the decoder of documents reads.
    pub(crate) fn document(&self) -> Spanned<DeTable<'_>> {
        Spanned::new(0..0, self.entries())
    }

    fn entries(&self) -> DeTable<'_> {
        let key = |name, at: &Place| Spanned::new(at.clone(), Cow::Borrowed(name));
        let values = self.values.iter().map(|(name, item)| (key(name.as_str(), &item.at), item.toml()));
        let tables = self.tables.iter().map(|(name, (at, table))| {
            (key(name.as_str(), at), Spanned::new(at.clone(), DeValue::Table(table.entries())))
        });
        values.chain(tables).collect()
    }
}

impl Item {
    fn toml(&self) -> Toml<'_> {
        let value = match &self.value {
            Value::Text(text) => DeValue::String(Cow::Borrowed(text)),
            Value::Flag(flag) => DeValue::Boolean(*flag),
            // Only TOML's own parser makes numbers.
            Value::Number(number) => DeValue::parse(number)
                .map_or_else(|_no_number| DeValue::String(Cow::Borrowed(number)), Spanned::into_inner),
            Value::List(items) => {
                let mut list = DeArray::new();
                for item in items {
                    list.push(item.toml());
                }
                DeValue::Array(list)
            }
        };
        Spanned::new(self.at.clone(), value)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number.to_string())
    }
}
impl From<Vec<Item>> for Value {
    fn from(items: Vec<Item>) -> Self {
        Self::List(items)
    }
}
