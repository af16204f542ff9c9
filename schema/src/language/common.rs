//! What every kind takes, and where text comes from.

use super::values::{Condition, RelativePath, Tag};
use crate::{
    Facts, KindName, ResourceId,
    document::{
        field::{Field, Key, List},
        source::Span,
        table::{Table, table},
    },
    resolve::{build::Build, order::Written},
    spec::Spec,
};

table! {
    /// What every kind takes.
    pub(crate) struct Common {
        /// Resources that must be in order before this one is touched, each written `KIND:NAME`. If one of them fails, this
        /// one is left alone. A resource that does not apply to the host (`when`) is not waited for. Most order needs no
        /// words: see ORDER.
        needs: List<ResourceId> = "[]",
        /// Report differences, but do not touch anything.
        audit: bool = "false",
        /// Report differences, do not touch anything, and propose the host's way: `holdfast drift --toml` on the host prints how
        /// to declare it as it is.
        adopt: bool = "false",
        /// Treat a change of it as one that could cut the host off: see APPLY. Changes of the network, the firewall, the
        /// resolver, the SSH server and Holdfast itself are treated so anyway.
        confirm: bool = "false",
        /// Whether the resource applies to the host: an expression over `facts`, `vars` and `host` that gives true or
        /// false. Without it, it does.
        when: Condition,
        /// Labels to choose resources by.
        tags: List<Tag> = "[]",
        /// Lets this role's fields win where another role of the host sets them differently. Without it that is an error.
        r#override: bool = "false",
    }
}

table! {
    /// Where a text comes from: one of three.
    pub(crate) struct Body {
        /// The text itself.
        content: String,
        /// A file of the repository whose bytes are taken as they are. The path is relative to the role's directory or,
        /// outside of roles, to the repository's root.
        source: RelativePath,
        /// A file of the repository that is rendered: see TEMPLATES. The path is relative as for `source`.
        template: RelativePath,
    }
    one_of [["content", "source", "template"]]
}

impl Body {
    /// Whether any of the three is set.
    pub(crate) fn is_set(&self) -> bool {
        self.content.is_some() || self.source.is_some() || self.template.is_some()
    }
}

/// A kind's table.
pub(crate) trait Declared: Table + Field {
    /// Which kind it declares.
    const KIND: KindName;
    /// What identifies a resource of it.
    type Name: Key;

    /// What every kind takes.
    fn common(&self) -> &Common;

    /// What a host with these facts calls it, where that is not what the documents do.
    fn name_on(&self, _facts: &Facts) -> Option<&Self::Name> {
        None
    }

    /// Adds what it restarts and reloads on.
    fn triggers(&self, _written: &mut Written) {}

    /// What the resource should be, or nothing if that cannot be said; the reasons are told to `build`.
    fn spec(&self, name: &Self::Name, at: Span, build: &mut Build<'_, '_>) -> Option<Spec>;
}
