//! What a field's value can be: how it is read from TOML, described to editors, merged and shown.

use std::{collections::BTreeMap, ops::RangeInclusive, str::FromStr};

use serde_json::{Value as Json, json};
use toml::de::DeValue;

use super::{
    decode::{Decoder, Toml},
    source::{Located, Span},
};
use crate::{
    AbsolutePath, FileMode, InvalidName, Problem, ResourceId, UnitName,
    id::{GroupName, RoleName, SecretName, VariableName},
    text,
};

/// A type that can stand to the right of a key.
pub(crate) trait Field: Sized + Clone + PartialEq {
    /// What is expected, for messages and the reference, such as `a path`.
    fn expected() -> String;

    /// Its JSON Schema.
    fn schema() -> Json;

    /// Reads it, or tells why not.
    fn decode(value: &Toml<'_>, decoder: &mut Decoder<'_>) -> Option<Self>;

    /// The value as TOML.
    fn show(&self) -> String;

    /// Lays the value of a higher layer over this one.
    fn merge(&mut self, upper: &Self) {
        self.clone_from(upper);
    }

    /// Finds where two sources of equal rank disagree.
    fn disagreements(name: &str, one: &Located<Self>, other: &Located<Self>, found: &mut Vec<Disagreement>) {
        if one.value != other.value {
            found.push(Disagreement { field: name.to_owned(), one: one.at, other: other.at });
        }
    }

    /// The single settings in it, with their places.
    fn settings(&self, name: &str, at: Span, found: &mut Vec<(String, String, Span)>) {
        found.push((name.to_owned(), self.show(), at));
    }
}

/// Where two sources of equal rank set one field differently.
#[derive(Debug)]
pub(crate) struct Disagreement {
    pub(crate) field: String,
    pub(crate) one: Span,
    pub(crate) other: Span,
}

/// A type that can be the key of a map.
pub(crate) trait Key: Ord + Clone + FromStr<Err = InvalidName> {
    /// What keys look like, as a regular expression.
    const PATTERN: Option<&'static str>;
    fn text(&self) -> &str;
}

impl Field for bool {
    fn expected() -> String {
        "true or false".to_owned()
    }
    fn schema() -> Json {
        json!({ "type": "boolean" })
    }
    fn decode(value: &Toml<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        let found = value.get_ref().as_bool();
        if found.is_none() {
            decoder.mismatch(value, &Self::expected());
        }
        found
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Field for String {
    fn expected() -> String {
        "a string".to_owned()
    }
    fn schema() -> Json {
        json!({ "type": "string" })
    }
    fn decode(value: &Toml<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        string::<Self>(value, decoder).map(str::to_owned)
    }
    fn show(&self) -> String {
        text::quote(self)
    }
}

/// The text of a string value; tells of any other type.
pub(crate) fn string<'t, F: Field>(value: &'t Toml<'_>, decoder: &mut Decoder<'_>) -> Option<&'t str> {
    let found = value.get_ref().as_str();
    if found.is_none() {
        decoder.mismatch(value, &F::expected());
    }
    found
}

/// Reads a string that has a grammar; tells of one that breaks it.
pub(crate) fn parse<F: Field + FromStr<Err = InvalidName>>(
    value: &Toml<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<F> {
    match string::<F>(value, decoder)?.parse() {
        Ok(parsed) => Some(parsed),
        Err(invalid) => {
            let remedy = remedy(&invalid);
            let mut problem = Problem::new("E_VALUE", invalid.to_string());
            problem.remedy = remedy;
            decoder.report(value.span(), problem);
            None
        }
    }
}

/// What helps with mistakes that people bring along from elsewhere.
fn remedy(invalid: &InvalidName) -> Option<String> {
    match (invalid.what, invalid.text.as_str()) {
        ("file mode", "audit") => Some("to report without touching, write: audit = true".to_owned()),
        ("file mode", "adopt") => {
            Some("to be told how to declare it as it is on the host, write: adopt = true".to_owned())
        }
        ("file mode", "enforce") => Some("that is so unless `audit = true` says otherwise".to_owned()),
        _ => None,
    }
}

/// Makes a `Field` of a type that is written as a string with a grammar.
macro_rules! textual {
    ($type:ty, $expected:literal, $schema:tt) => {
        impl $crate::document::field::Field for $type {
            fn expected() -> String {
                $expected.to_owned()
            }
            fn schema() -> serde_json::Value {
                serde_json::json!($schema)
            }
            fn decode(
                value: &$crate::document::decode::Toml<'_>,
                decoder: &mut $crate::document::decode::Decoder<'_>,
            ) -> Option<Self> {
                $crate::document::field::parse(value, decoder)
            }
            fn show(&self) -> String {
                $crate::text::quote(&self.to_string())
            }
        }
    };
}
pub(crate) use textual;

textual!(AbsolutePath, "an absolute path", { "type": "string", "pattern": "^/[^/]", "examples": ["/path/to/file"] });
textual!(FileMode, "a file mode such as \"0644\"",
    { "type": "string", "pattern": "^[0-7]{3,4}$", "examples": ["0644", "0600", "0755"] });
textual!(UnitName, "a unit's name", { "type": "string", "pattern": "^[^/]+\\.[a-z]+$", "examples": ["nginx.service"] });
textual!(ResourceId, "a resource such as \"file:/etc/motd\"",
    { "type": "string", "pattern": "^(file|directory|symlink|repository|package|unit|image|network|volume|container|service|config|secret|node|registry|compose|stack):.+", "examples": ["file:/etc/motd", "package:nginx"] });
textual!(crate::HostName, "a host's name", { "type": "string", "pattern": "^[a-z0-9_][a-z0-9._-]*$" });
textual!(RoleName, "a role's name", { "type": "string", "pattern": "^[a-z0-9_][a-z0-9._-]*$" });
textual!(GroupName, "a group's name", { "type": "string", "pattern": "^[a-z0-9_][a-z0-9._-]*$" });
textual!(SecretName, "a secret's name", { "type": "string", "pattern": "^[a-z0-9_][a-z0-9._-]*$" });
textual!(crate::Sha256, "a SHA-256 digest", { "type": "string", "pattern": "^[0-9a-f]{64}$" });

/// Makes a `Key` of a name.
macro_rules! key {
    ($type:ty, $pattern:expr) => {
        impl $crate::document::field::Key for $type {
            const PATTERN: Option<&'static str> = $pattern;
            fn text(&self) -> &str {
                self.as_str()
            }
        }
    };
}
pub(crate) use key;

key!(AbsolutePath, Some("^/[^/]"));
key!(UnitName, Some("^[^/]+\\.(service|socket|timer|path|mount|automount|target|slice)$"));
key!(crate::id::RegistryName, Some("^[a-z0-9.:\\[\\]-]+$"));
key!(crate::id::RepositoryName, Some("^[A-Za-z0-9][A-Za-z0-9._-]*$"));
key!(SecretName, Some("^[a-z0-9_][a-z0-9._-]*$"));
key!(VariableName, Some("^[a-z][a-z0-9_]*$"));

/// A whole number within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole<const MIN: u32, const MAX: u32>(pub(crate) u32);

impl<const MIN: u32, const MAX: u32> Field for Whole<MIN, MAX> {
    fn expected() -> String {
        format!("an integer from {MIN} to {MAX}")
    }
    fn schema() -> Json {
        json!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
    fn decode(value: &Toml<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        within(value, MIN..=MAX, &Self::expected(), decoder).map(Self)
    }
    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// A whole number within bounds, which may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signed<const MIN: i32, const MAX: i32>(pub(crate) i32);

impl<const MIN: i32, const MAX: i32> Field for Signed<MIN, MAX> {
    fn expected() -> String {
        format!("an integer from {MIN} to {MAX}")
    }
    fn schema() -> Json {
        json!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
    fn decode(value: &Toml<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        within(value, MIN..=MAX, &Self::expected(), decoder).map(Self)
    }
    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// A whole number in `range`; anything else is told as not `expected`.
fn within<N: TryFrom<i64> + PartialOrd>(
    value: &Toml<'_>,
    range: RangeInclusive<N>,
    expected: &str,
    decoder: &mut Decoder<'_>,
) -> Option<N> {
    if !value.get_ref().is_integer() {
        decoder.mismatch(value, expected);
        return None;
    }
    let number = integer(value).and_then(|number| N::try_from(number).ok());
    let number = number.filter(|number| range.contains(number));
    if number.is_none() {
        decoder.report(value.span(), Problem::new("E_VALUE", format!("expected {expected}")));
    }
    number
}

/// The value of an integer that 64 bits can hold.
pub(crate) fn integer(value: &Toml<'_>) -> Option<i64> {
    let digits = value.get_ref().as_integer()?;
    i64::from_str_radix(digits.as_str(), digits.radix()).ok()
}

/// An array, each of whose items knows its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct List<T>(pub(crate) Vec<Located<T>>);

impl<T> List<T> {
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|item| &item.value)
    }
}

impl<T: Field> Field for List<T> {
    fn expected() -> String {
        format!("a list, each item {}", T::expected())
    }
    fn schema() -> Json {
        json!({ "type": "array", "items": T::schema(), "uniqueItems": true })
    }
    fn decode(value: &Toml<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        let DeValue::Array(items) = value.get_ref() else {
            decoder.mismatch(value, &Self::expected());
            return None;
        };
        let mut list: Vec<Located<T>> = Vec::with_capacity(items.len());
        for item in items {
            let Some(value) = T::decode(item, decoder) else { continue };
            let entry = Located { value, at: decoder.span(item.span()) };
            if list.len() < 1000 && list.contains(&entry) {
                let problem = Problem::new("E_VALUE", format!("{} is listed twice", entry.value.show()));
                decoder.report(item.span(), problem.remedy("take one of them out"));
                continue;
            }
            list.push(entry);
        }
        Some(Self(list))
    }
    fn show(&self) -> String {
        let items: Vec<_> = self.values().map(Field::show).collect();
        format!("[{}]", items.join(", "))
    }
}

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Command(pub(crate) Vec<String>);

impl Field for Command {
    fn expected() -> String {
        "a list of a program and its arguments".to_owned()
    }
    fn schema() -> Json {
        json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 })
    }
    fn decode(value: &Toml<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        let DeValue::Array(items) = value.get_ref() else {
            decoder.mismatch(value, &Self::expected());
            return None;
        };
        let mut words = Vec::with_capacity(items.len());
        for item in items {
            words.push(String::decode(item, decoder)?);
        }
        let wrong = match words.first() {
            None => Some("a command needs at least its program"),
            Some(program) if program.is_empty() => Some("the program's name is empty"),
            Some(program) if program.contains('/') && !program.starts_with('/') => {
                Some("the program must be an absolute path or a name without '/'")
            }
            Some(_) if words.iter().any(|word| word.contains('\0')) => Some("a word holds a NUL character"),
            Some(_) => None,
        };
        if let Some(wrong) = wrong {
            decoder.report(value.span(), Problem::new("E_VALUE", wrong));
            return None;
        }
        Some(Self(words))
    }
    fn show(&self) -> String {
        let words: Vec<_> = self.0.iter().map(|word| text::quote(word)).collect();
        format!("[{}]", words.join(", "))
    }
}

/// A table whose keys the author chooses.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Map<K: Ord, V>(pub(crate) BTreeMap<K, Located<V>>);

impl<K: Ord, V> Default for Map<K, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Key, V: Field> Field for Map<K, V> {
    fn expected() -> String {
        "a table".to_owned()
    }
    fn schema() -> Json {
        let mut schema = json!({ "type": "object", "additionalProperties": V::schema() });
        if let (Some(pattern), Some(object)) = (K::PATTERN, schema.as_object_mut()) {
            object.insert("propertyNames".to_owned(), json!({ "pattern": pattern }));
        }
        schema
    }
    fn decode(value: &Toml<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        let DeValue::Table(entries) = value.get_ref() else {
            decoder.mismatch(value, &Self::expected());
            return None;
        };
        let mut map = BTreeMap::new();
        for (name, item) in entries {
            let key = name.get_ref().parse::<K>();
            if let Err(invalid) = &key {
                let problem = Problem::new("E_VALUE", invalid.to_string());
                decoder.report(name.span(), problem);
            }
            if let (Some(item), Ok(key)) = (V::decode(item, decoder), key) {
                map.insert(key, Located { value: item, at: decoder.span(name.span()) });
            }
        }
        Some(Self(map))
    }
    fn show(&self) -> String {
        let entries: Vec<_> = self
            .0
            .iter()
            .map(|(key, item)| format!("{} = {}", text::quote(key.text()), item.value.show()))
            .collect();
        format!("{{ {} }}", entries.join(", "))
    }
    fn merge(&mut self, upper: &Self) {
        for (key, item) in &upper.0 {
            match self.0.get_mut(key) {
                Some(lower) => {
                    lower.value.merge(&item.value);
                    lower.at = item.at;
                }
                None => {
                    self.0.insert(key.clone(), item.clone());
                }
            }
        }
    }
    fn disagreements(name: &str, one: &Located<Self>, other: &Located<Self>, found: &mut Vec<Disagreement>) {
        for (key, item) in &one.value.0 {
            if let Some(against) = other.value.0.get(key) {
                V::disagreements(&format!("{name}.{}", text::quote(key.text())), item, against, found);
            }
        }
    }
    fn settings(&self, name: &str, _at: Span, found: &mut Vec<(String, String, Span)>) {
        for (key, item) in &self.0 {
            item.value.settings(&format!("{name}.{}", text::quote(key.text())), item.at, found);
        }
    }
}
