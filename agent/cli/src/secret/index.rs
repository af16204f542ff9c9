//! `secrets/index.toml` as text: what a person wrote there stays as it is.

use std::fmt;

use holdfast_schema::{
    HostName, Sha256,
    id::{GroupName, SecretName},
};
use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value};

use crate::failure::Failure;

/// What a new list begins with.
const HEAD: &str = "# Who may read which secret; see SECRETS in holdfast-fleet(5). `holdfast secret` keeps `sealed`.\n\
                    recovery = []\n";

/// The document.
pub(super) struct Index(DocumentMut);

impl Index {
    /// Reads it; an empty one is begun.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let text = if text.is_empty() { HEAD } else { text };
        let document = text.parse().map_err(|why: toml_edit::TomlError| {
            Failure::coded("E_TOML", "cannot read secrets/index.toml", Some("correct it at the place shown"))
                .because(why)
        })?;
        Ok(Self(document))
    }

    /// Lists one more recovery key.
    pub(super) fn add_recovery(&mut self, recipient: &str) {
        push(self.0.as_table_mut(), "recovery", recipient);
    }

    /// Lists a secret with its readers.
    pub(super) fn add(&mut self, name: &SecretName, hosts: &[HostName], groups: &[GroupName]) {
        let Some(table) = self.secret(name) else { return };
        for host in hosts {
            push(table, "hosts", host.as_str());
        }
        for group in groups {
            push(table, "groups", group.as_str());
        }
    }

    /// Writes down what a secret is encrypted to.
    pub(super) fn seal(&mut self, name: &SecretName, recipients: &Sha256) {
        let Some(table) = self.secret(name) else { return };
        let sealed = table.entry("sealed").or_insert_with(|| toml_edit::value(""));
        if let Item::Value(old) = sealed {
            // A comment behind it stays.
            let decor = old.decor().clone();
            *old = Value::from(recipients.to_string());
            *old.decor_mut() = decor;
        }
    }

    /// The table of a secret; `None` only in a list that is no list of secrets, which is told elsewhere.
    fn secret(&mut self, name: &SecretName) -> Option<&mut dyn TableLike> {
        let mut all = Table::new();
        all.set_implicit(true);
        let secrets = self.0.entry("secret").or_insert(Item::Table(all)).as_table_like_mut()?;
        secrets.entry(name.as_str()).or_insert_with(toml_edit::table).as_table_like_mut()
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Adds a text to a list, if it is not in it.
fn push(table: &mut dyn TableLike, key: &str, text: &str) {
    let list = table.entry(key).or_insert_with(|| toml_edit::value(Array::new()));
    if let Some(list) = list.as_array_mut()
        && !list.iter().any(|item| item.as_str() == Some(text))
    {
        list.push(text);
    }
}

#[cfg(test)]
mod tests;
