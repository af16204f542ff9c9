//! `[directory."/path"]`: a directory.

use super::{account, value};
use crate::{
    AbsolutePath, FileMode, KindName,
    document::{field::Whole, source::Span, table::table},
    language::{
        common::{Common, Declared},
        values::Account,
    },
    resolve::build::Build,
    spec::{Access, DirectorySpec, Ensure, Spec},
};

table! {
    /// A directory, by its path.
    pub(crate) struct DirectoryTable {
        /// Whether it exists. With `absent` it is removed if it is empty, or with all that is in it if `purge` is set.
        ensure: Ensure = "\"present\"",
        /// The user who owns it, by name or number.
        owner: Account = "\"root\"",
        /// The group that owns it, by name or number.
        group: Account = "\"root\"",
        /// Its permissions.
        mode: FileMode = "\"0755\"",
        /// Removes what is in it and is not declared.
        purge: bool = "false",
        /// How many entries one pass may purge. If there are more, none is removed and the directory is reported.
        purge_limit: Whole<0, { u32::MAX }> = "100",
        after common: Common,
    }
}

impl Declared for DirectoryTable {
    const KIND: KindName = KindName::Directory;
    type Name = AbsolutePath;

    fn common(&self) -> &Common {
        &self.common
    }

    fn spec(&self, path: &AbsolutePath, _at: Span, _build: &mut Build<'_, '_>) -> Option<Spec> {
        Some(Spec::Directory(DirectorySpec {
            path: path.clone(),
            ensure: value(self.ensure.as_ref()).unwrap_or(Ensure::Present),
            access: Access {
                owner: account(self.owner.as_ref()),
                group: account(self.group.as_ref()),
                mode: value(self.mode.as_ref()).unwrap_or(FileMode::new(0o755)),
            },
            purge: value(self.purge.as_ref()).unwrap_or(false),
            purge_limit: self.purge_limit.as_ref().map_or(100, |limit| limit.value.0),
        }))
    }
}
