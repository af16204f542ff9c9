//! Amounts of memory and processors, and shares.

use std::{fmt, ops::RangeInclusive, str::FromStr};

use serde_json::{Value as Json, json};
use toml::de::DeValue;

use crate::{
    InvalidName, Problem,
    document::{
        decode::{Decoder, Toml},
        field::{Field, integer, textual},
    },
    text,
};

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

/// The letters of sizes, largest first, with what they stand for.
const UNITS: [(char, u64); 3] = [('g', 1 << 30), ('m', 1 << 20), ('k', 1 << 10)];

impl FromStr for Size {
    type Err = InvalidName;
    fn from_str(written: &str) -> Result<Self, InvalidName> {
        let unit = UNITS.iter().find_map(|(letter, factor)| Some((written.strip_suffix(*letter)?, *factor)));
        let (digits, factor) = unit.unwrap_or((written, 1));
        let bytes = text::number::<u64>(digits).and_then(|number| number.checked_mul(factor));
        bytes.filter(|bytes| *bytes > 0 && i64::try_from(*bytes).is_ok()).map(Self).ok_or_else(|| {
            InvalidName {
                what: "size",
                text: written.to_owned(),
                why: "write a whole number of bytes with k, m or g, as in '512m'",
            }
        })
    }
}
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, factor)| self.0.is_multiple_of(*factor));
        match unit {
            Some((letter, factor)) => write!(f, "{}{letter}", self.0 / factor),
            None => write!(f, "{}", self.0),
        }
    }
}
textual!(Size, "a size such as \"512m\"",
    { "type": "string", "pattern": "^[0-9]+[kmg]?$", "examples": ["512m", "2g"] });

/// How much memory a mount may take; 0 for as much as the kernel allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemorySize(pub(crate) u64);

impl FromStr for MemorySize {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text == "default" { Ok(Self(0)) } else { text.parse::<Size>().map(|size| Self(size.0)) }
    }
}
impl fmt::Display for MemorySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { f.write_str("default") } else { Size(self.0).fmt(f) }
    }
}
textual!(MemorySize, "a size such as \"512m\", or \"default\"",
    { "type": "string", "pattern": "^([0-9]+[kmg]?|default)$", "examples": ["512m", "default"] });

/// One, in billionths.
const WHOLE: u64 = 1_000_000_000;

/// A number of processors, in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Processors(pub(crate) u64);

impl Field for Processors {
    fn expected() -> String {
        "a number of processors such as 1.5".to_owned()
    }
    fn schema() -> Json {
        json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 1024 })
    }
    fn decode(value: &Toml<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        let range = 1_000_000..=1024 * WHOLE;
        let wanted = "a number from 0.001 to 1024, with nine digits at most after the point";
        decimal(value, range, &Self::expected(), wanted, decoder).map(Self)
    }
    fn show(&self) -> String {
        let (whole, rest) = (self.0 / WHOLE, self.0 % WHOLE);
        let digits = format!("{rest:09}");
        let digits = digits.trim_end_matches('0');
        format!("{whole}.{}", if digits.is_empty() { "0" } else { digits })
    }
}

/// A share from 0 to 1, in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ratio(pub(crate) u64);

impl Field for Ratio {
    fn expected() -> String {
        "a share from 0.0 to 1.0".to_owned()
    }
    fn schema() -> Json {
        json!({ "type": "number", "minimum": 0, "maximum": 1 })
    }
    fn decode(value: &Toml<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        decimal(value, 0..=WHOLE, &Self::expected(), &Self::expected(), decoder).map(Self)
    }
    fn show(&self) -> String {
        Processors(self.0).show()
    }
}

/// Reads a number in `range`, in billionths; what is none is told as not `expected`, and what is out of it as not `wanted`.
fn decimal(
    value: &Toml<'_>,
    range: RangeInclusive<u64>,
    expected: &str,
    wanted: &str,
    decoder: &mut Decoder<'_>,
) -> Option<u64> {
    let number = match value.get_ref() {
        DeValue::Integer(_) => {
            integer(value).and_then(|number| u64::try_from(number).ok()?.checked_mul(WHOLE))
        }
        DeValue::Float(float) => billionths(float.as_str()),
        _ => {
            decoder.mismatch(value, expected);
            return None;
        }
    };
    let number = number.filter(|number| range.contains(number));
    if number.is_none() {
        decoder.report(value.span(), Problem::new("E_VALUE", format!("expected {wanted}")));
    }
    number
}

/// Reads a decimal number exactly.
fn billionths(text: &str) -> Option<u64> {
    let (whole, rest) = text.split_once('.')?;
    if rest.len() > 9 || !rest.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let rest = format!("{rest:0<9}");
    text::number::<u64>(whole)?.checked_mul(WHOLE)?.checked_add(rest.parse().ok()?)
}
