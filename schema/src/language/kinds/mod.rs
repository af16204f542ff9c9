//! One table a kind, and how each becomes a [`crate::spec::Spec`].

pub(crate) mod compose;
pub(crate) mod config;
pub(crate) mod container;
pub(crate) mod directory;
pub(crate) mod file;
pub(crate) mod image;
pub(crate) mod network;
pub(crate) mod node;
pub(crate) mod package;
pub(crate) mod registry;
pub(crate) mod repository;
pub(crate) mod secret;
pub(crate) mod service;
pub(crate) mod stack;
pub(crate) mod symlink;
pub(crate) mod unit;
pub(crate) mod volume;

pub(crate) use compose::ComposeTable;
pub(crate) use config::ConfigTable;
pub(crate) use container::{ContainerTable, HealthcheckTable, LoggingTable, MountTable};
pub(crate) use directory::DirectoryTable;
pub(crate) use file::FileTable;
pub(crate) use image::ImageTable;
pub(crate) use network::NetworkTable;
pub(crate) use node::NodeTable;
pub(crate) use package::PackageTable;
pub(crate) use registry::RegistryTable;
pub(crate) use repository::RepositoryTable;
pub(crate) use secret::SecretObjectTable;
pub(crate) use service::{ConfigFileTable, PolicyTable, SecretFileTable, ServiceTable, TaskRestartTable};
pub(crate) use stack::StackTable;
pub(crate) use symlink::SymlinkTable;
pub(crate) use unit::{HealthTable, UnitTable};
pub(crate) use volume::VolumeTable;

use std::{collections::BTreeMap, time::Duration};

use super::values::{
    Account,
    docker::{OptionName, Words},
};
use crate::document::{
    duration::Wait,
    field::{Key, List, Map},
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

fn words(words: Option<&Located<Words>>) -> Option<Vec<String>> {
    words.map(|words| words.value.0.clone())
}

fn string<T: ToString>(text: Option<&Located<T>>) -> Option<String> {
    text.map(|text| text.value.to_string())
}

fn wait<const MIN: u64, const MAX: u64>(wait: Option<&Located<Wait<MIN, MAX>>>) -> Option<Duration> {
    wait.map(|wait| wait.value.0)
}

fn list<T: Clone>(list: Option<&Located<List<T>>>) -> impl Iterator<Item = T> {
    list.into_iter().flat_map(|list| list.value.values()).cloned()
}

fn strings<T: ToString>(list: Option<&Located<List<T>>>) -> impl Iterator<Item = String> {
    list.into_iter().flat_map(|list| list.value.values()).map(ToString::to_string)
}

fn map<V, T>(map: Option<&Located<Map<OptionName, V>>>, of: impl Fn(&V) -> T) -> BTreeMap<String, T> {
    let entries = map.into_iter().flat_map(|map| &map.value.0);
    entries.map(|(name, entry)| (name.as_str().to_owned(), of(&entry.value))).collect()
}
