//! Writes resources as people would: in the order of the reference, small tables in one line.

use std::fmt::Write as _;

use super::tree::{Table, Value};
use crate::{
    document::table::Table as _,
    language::{
        documents::Resources,
        kinds::{
            ConfigTable, ContainerTable, DirectoryTable, FileTable, NetworkTable, SecretObjectTable,
            ServiceTable, VolumeTable,
        },
    },
    text::quote,
};

/// Resources as TOML.
pub(super) fn write(resources: &Table) -> String {
    let mut written = String::new();
    for kind in Resources::fields() {
        let Some((_, all)) = resources.tables.get(kind.name) else { continue };
        for (name, (_, resource)) in &all.tables {
            let start = if written.is_empty() { "" } else { "\n" };
            // Writing to a string cannot fail.
            writeln!(written, "{start}[{}.{}]", kind.name, key(name)).unwrap_or_default();
            for field in order(kind.name) {
                if let Some(item) = resource.values.get(field) {
                    writeln!(written, "{field} = {}", value(&item.value)).unwrap_or_default();
                }
                if let Some((_, table)) = resource.tables.get(field) {
                    fields(&mut written, field, table);
                }
            }
        }
    }
    written
}

/// The fields of a kind in the order of the reference.
fn order(kind: &str) -> Vec<&'static str> {
    let fields = match kind {
        "file" => FileTable::fields(),
        "directory" => DirectoryTable::fields(),
        "network" => NetworkTable::fields(),
        "volume" => VolumeTable::fields(),
        "container" => ContainerTable::fields(),
        "service" => ServiceTable::fields(),
        "config" => ConfigTable::fields(),
        "secret" => SecretObjectTable::fields(),
        _ => Vec::new(),
    };
    fields.into_iter().map(|field| field.name).collect()
}

/// One line for a small table; one an entry for others.
fn fields(written: &mut String, field: &str, table: &Table) {
    if table.tables.is_empty() && table.values.len() <= 4 {
        writeln!(written, "{field} = {}", inline(table)).unwrap_or_default();
        return;
    }
    for (name, item) in &table.values {
        writeln!(written, "{field}.{} = {}", key(name), value(&item.value)).unwrap_or_default();
    }
    for (name, (_, table)) in &table.tables {
        writeln!(written, "{field}.{} = {}", key(name), inline(table)).unwrap_or_default();
    }
}

fn inline(table: &Table) -> String {
    let values = table.values.iter().map(|(name, item)| format!("{} = {}", key(name), value(&item.value)));
    let tables = table.tables.iter().map(|(name, (_, table))| format!("{} = {}", key(name), inline(table)));
    format!("{{ {} }}", values.chain(tables).collect::<Vec<_>>().join(", "))
}

fn value(value: &Value) -> String {
    match value {
        Value::Text(text) => quote(text),
        Value::Number(number) => number.clone(),
        Value::Flag(flag) => flag.to_string(),
        Value::List(items) => {
            format!("[{}]", items.iter().map(|item| self::value(&item.value)).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A key, in quotes where it needs them.
fn key(name: &str) -> String {
    let bare =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if bare { name.to_owned() } else { quote(name) }
}
