//! Variables: what roles declare (`params`) and what fleet, groups and hosts give them (`vars`).

use std::{fmt, str::FromStr};

use serde_json::{Value as Json, json};
use toml::de::DeValue;

use super::values::choice;
use crate::{
    InvalidName, Problem,
    document::{
        decode::{Decoder, Toml},
        field::{Field, List, integer, textual},
        source::Located,
        table::table,
    },
    text,
};

/// A variable's value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Variable {
    Text(String),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    Texts(Vec<String>),
    Integers(Vec<i64>),
    /// An empty list, which may be one of texts or of integers.
    Nothing,
}

impl Field for Variable {
    fn expected() -> String {
        "a string, an integer, a number, true or false, or a list of strings or of integers".to_owned()
    }
    fn schema() -> Json {
        json!({ "anyOf": [
            { "type": ["string", "number", "boolean"] },
            { "type": "array", "items": { "type": "string" } },
            { "type": "array", "items": { "type": "integer" } },
        ] })
    }
    fn decode(value: &Toml<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        let found = match value.get_ref() {
            DeValue::String(text) => Some(Self::Text(text.to_string())),
            DeValue::Integer(_) => {
                let number = integer(value);
                if number.is_none() {
                    decoder.report(
                        value.span(),
                        Problem::new("E_VALUE", "this integer needs more than 64 bits"),
                    );
                    return None;
                }
                number.map(Self::Integer)
            }
            DeValue::Float(number) => {
                let number = number.as_str().parse().ok().filter(|number: &f64| number.is_finite());
                if number.is_none() {
                    decoder.report(value.span(), Problem::new("E_VALUE", "this number is not finite"));
                    return None;
                }
                number.map(Self::Number)
            }
            DeValue::Boolean(flag) => Some(Self::Boolean(*flag)),
            DeValue::Array(items) if items.is_empty() => Some(Self::Nothing),
            DeValue::Array(items) => {
                let texts: Option<Vec<_>> =
                    items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect();
                let integers = || items.iter().map(integer).collect::<Option<Vec<_>>>();
                texts.map(Self::Texts).or_else(|| integers().map(Self::Integers))
            }
            DeValue::Datetime(_) | DeValue::Table(_) => None,
        };
        if found.is_none() {
            decoder.mismatch(value, &Self::expected());
        }
        found
    }
    fn show(&self) -> String {
        fn list(items: impl Iterator<Item = String>) -> String {
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
        match self {
            Self::Text(text) => text::quote(text),
            Self::Integer(number) => number.to_string(),
            Self::Number(number) => format!("{number:?}"),
            Self::Boolean(flag) => flag.to_string(),
            Self::Texts(texts) => list(texts.iter().map(|text| text::quote(text))),
            Self::Integers(numbers) => list(numbers.iter().map(i64::to_string)),
            Self::Nothing => "[]".to_owned(),
        }
    }
}

impl From<&Variable> for minijinja::Value {
    fn from(variable: &Variable) -> Self {
        match variable {
            Variable::Text(text) => Self::from(text.as_str()),
            Variable::Integer(number) => Self::from(*number),
            Variable::Number(number) => Self::from(*number),
            Variable::Boolean(flag) => Self::from(*flag),
            Variable::Texts(texts) => Self::from(texts.clone()),
            Variable::Integers(numbers) => Self::from(numbers.clone()),
            Variable::Nothing => Self::from(Vec::<Self>::new()),
        }
    }
}

/// A variable's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    String,
    Integer,
    Number,
    Boolean,
    Strings,
    Integers,
}

choice!(Type {
    "string" => Type::String, "a text";
    "integer" => Type::Integer, "a whole number";
    "number" => Type::Number, "a number, whole or not";
    "boolean" => Type::Boolean, "true or false";
    "strings" => Type::Strings, "a list of texts";
    "integers" => Type::Integers, "a list of whole numbers";
});

impl Type {
    /// What a value of the type looks like.
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Strings => "a list of strings",
            Self::Integers => "a list of integers",
        }
    }

    /// Whether `value` is of the type.
    pub(crate) const fn takes(self, value: &Variable) -> bool {
        matches!(
            (self, value),
            (Self::String, Variable::Text(_))
                | (Self::Integer | Self::Number, Variable::Integer(_))
                | (Self::Number, Variable::Number(_))
                | (Self::Boolean, Variable::Boolean(_))
                | (Self::Strings, Variable::Texts(_) | Variable::Nothing)
                | (Self::Integers, Variable::Integers(_) | Variable::Nothing)
        )
    }
}

table! {
    /// A variable that a role, or the fleet, knows.
    pub(crate) struct Parameter {
        /// What values it takes.
        r#type: Type [required],
        /// Its value where no layer gives one. Without a default, each host must get a value.
        default: Variable,
        /// What it is for.
        doc: String,
        /// The only values that it takes; of a list, its items.
        choices: List<Variable>,
    }
}

impl Parameter {
    /// Why `value` cannot be the variable's.
    pub(crate) fn refuse(&self, value: &Variable) -> Option<String> {
        let r#type = self.r#type.as_ref()?.value;
        if !r#type.takes(value) {
            return Some(format!("expected {}, found {}", r#type.describe(), value.show()));
        }
        let choices = &self.choices.as_ref()?.value;
        let known = |one: &Variable| choices.values().any(|choice| choice == one);
        let fits = match value {
            Variable::Texts(texts) => texts.iter().all(|text| known(&Variable::Text(text.clone()))),
            Variable::Integers(numbers) => numbers.iter().all(|number| known(&Variable::Integer(*number))),
            other => known(other),
        };
        (!fits).then(|| format!("{} is none of the choices {}", value.show(), choices.show()))
    }

    /// What is wrong with its own default, with its place.
    pub(crate) fn wrong_default(&self) -> Option<(&Located<Variable>, String)> {
        let default = self.default.as_ref()?;
        self.refuse(&default.value).map(|why| (default, why))
    }
}

/// A host's public key, in OpenSSH's format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatusKey(String);

impl StatusKey {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StatusKey {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let mut words = text.split(' ');
        let fits = words.next() == Some("ssh-ed25519")
            && words
                .next()
                .is_some_and(|key| key.len() == 68 && key.starts_with("AAAAC3NzaC1lZDI1NTE5AAAAI"))
            && !text.chars().any(char::is_control);
        if !fits {
            let why = "it must be one line that begins with 'ssh-ed25519 AAAA…'";
            return Err(InvalidName { what: "status key", text: text.to_owned(), why });
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for StatusKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a host's or a person's key is called to whom something is encrypted, in the format of age(1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AgeKey(String);

impl AgeKey {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AgeKey {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        const BECH32: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
        let rest = text.strip_prefix("age1").filter(|rest| rest.len() == 58);
        if !rest.is_some_and(|rest| rest.chars().all(|c| BECH32.contains(c))) {
            let why = "it must be the 62 characters of an X25519 recipient, which begin with 'age1'";
            return Err(InvalidName { what: "age recipient", text: text.to_owned(), why });
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for AgeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

textual!(AgeKey, "an age recipient", { "type": "string", "pattern": "^age1[02-9ac-hj-np-z]{58}$" });
textual!(StatusKey, "an ed25519 public key as OpenSSH writes it", { "type": "string", "pattern": "^ssh-ed25519 AAAA" });
