//! Looks at a symbolic link.

use holdfast_schema::spec::SymlinkSpec;

use crate::{
    host::{HostError, Look, Node, Read},
    kinds::{Subject, marks},
};

pub(super) async fn observe(subject: &Subject<'_, SymlinkSpec>, host: &impl Read) -> Result<Node, HostError> {
    match subject.want {
        // A file in its place may be what Holdfast wrote when Git said so: only its content tells.
        Some(want) if subject.entry.is_some() => {
            host.node(&want.path, marks::content(subject.entry, &want.path)).await
        }
        Some(want) => host.node(&want.path, Look::Metadata).await,
        None => marks::left_behind(subject.entry, host).await,
    }
}
