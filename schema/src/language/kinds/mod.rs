//! One table a kind, and how each becomes a [`crate::spec::Spec`].

pub(crate) mod directory;
pub(crate) mod file;
pub(crate) mod package;
pub(crate) mod symlink;
pub(crate) mod unit;

pub(crate) use directory::DirectoryTable;
pub(crate) use file::FileTable;
pub(crate) use package::PackageTable;
pub(crate) use symlink::SymlinkTable;
pub(crate) use unit::{HealthTable, UnitTable};

use super::values::Account;
use crate::document::source::Located;

/// The account that owns what nobody says otherwise of.
fn account(account: Option<&Located<Account>>) -> String {
    account.map_or("root", |account| account.value.as_str()).to_owned()
}

/// The value of an optional field.
fn value<T: Clone>(field: Option<&Located<T>>) -> Option<T> {
    field.map(|field| field.value.clone())
}
