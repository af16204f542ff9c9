//! `[symlink."/path"]`: a symbolic link.

use super::value;
use crate::{
    AbsolutePath, KindName, Problem,
    document::{source::Span, table::table},
    language::{
        common::{Common, Declared},
        values::LinkTarget,
    },
    resolve::build::Build,
    spec::{Ensure, Spec, SymlinkSpec},
};

table! {
    /// A symbolic link, by its path.
    pub(crate) struct SymlinkTable {
        /// Whether it exists.
        ensure: Ensure = "\"present\"",
        /// What it points at, written into the link as it is. Needed unless it is absent.
        target: LinkTarget,
        after common: Common,
    }
}

impl Declared for SymlinkTable {
    const KIND: KindName = KindName::Symlink;
    type Name = AbsolutePath;

    fn common(&self) -> &Common {
        &self.common
    }

    fn spec(&self, path: &AbsolutePath, at: Span, build: &mut Build<'_, '_>) -> Option<Spec> {
        let ensure = value(self.ensure.as_ref()).unwrap_or_default();
        if ensure == Ensure::Present && self.target.is_none() {
            let problem = Problem::new("E_MISSING_KEY", format!("nothing says what {path} points at"));
            build.report(at, problem.remedy("set `target`, or ensure = \"absent\""));
            return None;
        }
        let target = match ensure {
            Ensure::Present => {
                self.target.as_ref().map(|target| target.value.as_str().to_owned()).unwrap_or_default()
            }
            Ensure::Absent => String::new(),
        };
        Some(Spec::Symlink(SymlinkSpec { path: path.clone(), ensure, target }))
    }
}
