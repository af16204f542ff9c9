//! `status.toml`: written so that nothing in it can deceive whoever shows it, and read with a limit.

use std::fmt::{self, Write as _};

use toml::{Table, Value};

use super::Status;
use crate::{limits, text};

/// The version of the document that this program writes, and the only one that it reads.
const FORMAT: u32 = 1;

/// The order of keys and tables, for people: what matters first. Others follow by name.
const ORDER: [&str; 22] = [
    "format",
    "host",
    "time",
    "result",
    "id",
    "outcome",
    "code",
    "message",
    "remedy",
    "at",
    "commit",
    "attempted",
    "applied",
    "signer",
    "branch",
    "agent",
    "revision",
    "summary",
    "problem",
    "resource",
    "image",
    "facts",
];

/// Why a text is no status document.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// It is no TOML, or not a status document's.
    #[error("cannot read the status document")]
    Malformed(#[source] toml::de::Error),
    /// It is of a version that this program does not know.
    #[error("cannot read a status document of format {0}; this program reads format 1")]
    Format(u32),
    /// It is longer than any host writes.
    #[error("cannot read a status document of {0} bytes; none is longer than 1 MiB")]
    TooLong(usize),
}

impl StatusError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "E_STATUS",
            Self::Format(_) => "E_STATUS_FORMAT",
            Self::TooLong(_) => "E_LIMIT",
        }
    }
}

/// Only the version, whatever else there is.
#[derive(serde::Deserialize)]
struct Version {
    format: u32,
}

impl Status {
    /// The text of `status.toml`. Control characters and those that turn text around are escaped as TOML does it, so
    /// that the document is safe to show and nothing is lost.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        // Nothing in a status is without a form in TOML, so this cannot fail.
        if let Ok(table) = Table::try_from(self) {
            write(&table, "", &mut text).unwrap_or_default();
        }
        text
    }

    /// Reads `status.toml`. What it says comes from another machine: escape it before showing it ([`text::escape`]).
    ///
    /// # Errors
    /// If it is none, too long, or of another format.
    pub fn from_toml(text: &str) -> Result<Self, StatusError> {
        if text.len() > limits::STATUS_BYTES {
            return Err(StatusError::TooLong(text.len()));
        }
        let Version { format } = toml::from_str(text).map_err(StatusError::Malformed)?;
        if format != FORMAT {
            return Err(StatusError::Format(format));
        }
        toml::from_str(text).map_err(StatusError::Malformed)
    }
}

/// Writes a table: plain keys first, then its tables under `prefix`.
fn write(table: &Table, prefix: &str, text: &mut String) -> fmt::Result {
    let mut entries: Vec<_> = table.iter().collect();
    entries
        .sort_by_key(|(key, _)| (ORDER.iter().position(|first| first == key).unwrap_or(ORDER.len()), *key));
    for (key, value) in &entries {
        if !is_table(value) {
            writeln!(text, "{key} = {}", plain(value))?;
        }
    }
    for (key, value) in entries {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(inner) => {
                writeln!(text, "\n[{name}]")?;
                write(inner, &name, text)?;
            }
            Value::Array(items) if is_table(value) => {
                for inner in items.iter().filter_map(Value::as_table) {
                    writeln!(text, "\n[[{name}]]")?;
                    write(inner, &name, text)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_table(value: &Value) -> bool {
    match value {
        Value::Table(_) => true,
        Value::Array(items) => items.first().is_some_and(Value::is_table),
        _ => false,
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(string) => text::quote(string),
        Value::Array(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
