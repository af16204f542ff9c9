//! Looks at a directory, and into it where that matters.

use holdfast_schema::{
    AbsolutePath,
    spec::{DirectorySpec, Ensure},
};

use super::{Observed, Stranger};
use crate::{
    host::{HostError, Look, Node, Read},
    kinds::{
        Around, Subject, access,
        marks::{self, Maker},
    },
};

pub(super) async fn observe(
    subject: &Subject<'_, DirectorySpec>,
    host: &impl Read,
) -> Result<Observed, HostError> {
    let Some(want) = subject.want else {
        let node = marks::left_behind(subject.entry, host).await?;
        let path = subject.entry.and_then(|entry| entry.marks.first()).map(|mark| &mark.path);
        let inside = path.filter(|path| marks::maker(subject.entry, path, &node) == Maker::Holdfast);
        return look_into(node, inside, subject.around, host).await;
    };
    // A file in its place may be what Holdfast wrote when Git said so: only its content tells.
    let look = match subject.entry {
        Some(_) => marks::content(subject.entry, &want.path),
        None => Look::Metadata,
    };
    let node = host.node(&want.path, look).await?;
    let matters = want.purge || want.ensure == Ensure::Absent;
    let mut seen = look_into(node, matters.then_some(&want.path), subject.around, host).await?;
    if want.ensure == Ensure::Present {
        seen.accounts = Some(access::resolve(&want.access, host).await?);
    }
    Ok(seen)
}

/// Reads the entries of `inside`, if it is asked and there is a directory.
async fn look_into(
    node: Node,
    inside: Option<&AbsolutePath>,
    around: &Around<'_>,
    host: &impl Read,
) -> Result<Observed, HostError> {
    let mut seen = Observed { node, accounts: None, strangers: Vec::new(), known: 0 };
    let (Some(path), Node::Directory { .. }) = (inside, &seen.node) else { return Ok(seen) };
    let known = around.known_names(path);
    for entry in host.entries(path).await? {
        if entry.plain && known.contains(&entry.name) {
            seen.known += 1;
            continue;
        }
        // A name that makes the path too long cannot be managed either.
        let node = match path.join(&entry.name) {
            Ok(path) if entry.plain => match host.node(&path, Look::Metadata).await? {
                Node::Absent => continue,
                node => Some(node),
            },
            Ok(_) | Err(_) => None,
        };
        seen.strangers.push(Stranger { name: entry.name, node });
    }
    Ok(seen)
}
