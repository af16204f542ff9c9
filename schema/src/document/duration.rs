//! Durations as people write them: `30s`, `5m`, `1h30m`, `2d`.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{
    decode::{Decoder, Toml},
    field::{Field, string},
};
use crate::{Problem, text};

/// The units, largest first, in seconds.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

/// Reads a duration; `None` if the text is none. Each unit at most once, larger ones first.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds: u64 = 0;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit())?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let unit = tail.chars().next()?;
        let (_, factor) = units.find(|(name, _)| *name == unit)?;
        seconds = number.parse::<u64>().ok()?.checked_mul(*factor)?.checked_add(seconds)?;
        rest = tail.strip_prefix(unit)?;
    }
    (!text.is_empty()).then(|| Duration::from_secs(seconds))
}

/// Writes a duration so that [`parse`] reads it again; parts of a second are dropped.
pub(crate) fn show(duration: Duration) -> String {
    let mut left = duration.as_secs();
    let mut shown = String::new();
    for (unit, factor) in UNITS {
        let count = left / factor;
        left %= factor;
        if count > 0 {
            shown.push_str(&count.to_string());
            shown.push(unit);
        }
    }
    if shown.is_empty() { "0s".to_owned() } else { shown }
}

/// A duration from `MIN` to `MAX` seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait<const MIN: u64, const MAX: u64>(pub(crate) Duration);

impl<const MIN: u64, const MAX: u64> Field for Wait<MIN, MAX> {
    fn expected() -> String {
        "a duration such as \"30s\" or \"1h30m\"".to_owned()
    }
    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$", "examples": ["30s", "5m", "6h"] })
    }
    fn decode(value: &Toml<'_>, decoder: &mut Decoder<'_>) -> Option<Self> {
        let written = string::<Self>(value, decoder)?;
        let Some(duration) = parse(written) else {
            let problem = Problem::new("E_VALUE", format!("{written:?} is not a duration"));
            decoder.report(
                value.span(),
                problem.remedy("write it with d, h, m and s, as in \"30s\" or \"1h30m\""),
            );
            return None;
        };
        if !(MIN..=MAX).contains(&duration.as_secs()) {
            let (least, most) = (show(Duration::from_secs(MIN)), show(Duration::from_secs(MAX)));
            let problem = Problem::new("E_VALUE", format!("{written} is out of bounds"));
            decoder.report(value.span(), problem.remedy(format!("take a duration from {least} to {most}")));
            return None;
        }
        Some(Self(duration))
    }
    fn show(&self) -> String {
        text::quote(&show(self.0))
    }
}
