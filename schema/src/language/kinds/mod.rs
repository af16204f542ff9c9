//! One table a kind, and how each becomes a [`crate::spec::Spec`].

pub(crate) mod container;
pub(crate) mod directory;
pub(crate) mod file;
pub(crate) mod image;
pub(crate) mod network;
pub(crate) mod package;
pub(crate) mod symlink;
pub(crate) mod unit;
pub(crate) mod volume;

pub(crate) use container::{ContainerTable, HealthcheckTable, LoggingTable, MountTable};
pub(crate) use directory::DirectoryTable;
pub(crate) use file::FileTable;
pub(crate) use image::ImageTable;
pub(crate) use network::NetworkTable;
pub(crate) use package::PackageTable;
pub(crate) use symlink::SymlinkTable;
pub(crate) use unit::{HealthTable, UnitTable};
pub(crate) use volume::VolumeTable;

use std::collections::BTreeMap;

use super::values::Account;
use crate::document::{
    field::{Key, Map},
    source::Located,
};

/// The account that owns what nobody says otherwise of.
fn account(account: Option<&Located<Account>>) -> String {
    account.map_or("root", |account| account.value.as_str()).to_owned()
}

/// The texts of a table, by their names.
fn texts<K: Key>(map: Option<&Located<Map<K, String>>>) -> BTreeMap<String, String> {
    let entries = map.into_iter().flat_map(|map| &map.value.0);
    entries.map(|(name, text)| (name.text().to_owned(), text.value.clone())).collect()
}

/// The value of an optional field.
fn value<T: Clone>(field: Option<&Located<T>>) -> Option<T> {
    field.map(|field| field.value.clone())
}
