//! Looks at a unit: its files on disk, and what the service manager says of it.

use std::collections::BTreeSet;

use holdfast_schema::{
    AbsolutePath, Sha256, UnitName,
    spec::{Content, Ensure, UnitSpec},
};

use super::{drop_in_directory, unit_file};
use crate::{
    host::{HostError, Look, Node, Read, UnitNow},
    kinds::Subject,
};

/// What can be seen of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) name: UnitName,
    /// The unit file and the drop-ins: what is declared, and what the ledger knows.
    pub(crate) files: Vec<OwnFile>,
    /// The drop-ins' directory, if one is declared or known.
    pub(crate) directory: Option<DropIns>,
    pub(crate) now: UnitNow,
}

/// A file that belongs to the unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnFile {
    pub(crate) path: AbsolutePath,
    /// `content` or `drop-in/<name>`, as the unit's inputs are named.
    pub(crate) input: String,
    pub(crate) node: Node,
    /// The digest that it should have; `None` if it should not be there.
    pub(crate) want: Option<Sha256>,
}

/// The directory of the unit's drop-ins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DropIns {
    pub(crate) path: AbsolutePath,
    pub(crate) node: Node,
    /// Whether drop-ins are declared.
    pub(crate) wanted: bool,
    /// Whether drop-ins lie in it that are not Holdfast's; only looked for when none is declared.
    pub(crate) others: bool,
}

/// The name that a unit's own file has among its inputs.
pub(super) const CONTENT: &str = "content";

/// The name that a drop-in has among its unit's inputs.
pub(super) fn drop_in_input(name: &str) -> String {
    format!("drop-in/{name}")
}

pub(super) async fn observe(
    subject: &Subject<'_, UnitSpec>,
    host: &impl Read,
) -> Result<Observed, HostError> {
    let name = match subject.want {
        Some(want) => want.name.clone(),
        None => subject.id.name.parse().map_err(|_not_a_unit| HostError::Unsupported {
            what: format!("a unit with the name {:?}", subject.id.name),
        })?,
    };
    let want = subject.want.filter(|want| want.ensure == Ensure::Present);
    let marked = |path: &AbsolutePath| subject.entry.is_some_and(|entry| entry.mark(path).is_some());
    let mut files = Vec::new();
    let file = unit_file(&name)?;
    let content = want.and_then(|want| want.content);
    if content.is_some() || marked(&file) {
        files.push(own_file(file, CONTENT.to_owned(), content, host).await?);
    }
    let declared = want.is_some_and(|want| !want.drop_ins.is_empty());
    let directory = if declared || subject.entry.is_some() {
        drop_ins(subject, want, &drop_in_directory(&name)?, &mut files, host).await?
    } else {
        None
    };
    Ok(Observed { files, directory, now: host.unit(&name).await?, name })
}

async fn own_file(
    path: AbsolutePath,
    input: String,
    want: Option<Content>,
    host: &impl Read,
) -> Result<OwnFile, HostError> {
    let node = host.node(&path, Look::Content).await?;
    Ok(OwnFile { path, input, node, want: want.map(|content| content.sha256) })
}

/// Adds every declared and every known drop-in to `files`, and looks at their directory if there is one to speak of.
async fn drop_ins(
    subject: &Subject<'_, UnitSpec>,
    want: Option<&UnitSpec>,
    path: &AbsolutePath,
    files: &mut Vec<OwnFile>,
    host: &impl Read,
) -> Result<Option<DropIns>, HostError> {
    let inside = |marked: &AbsolutePath| marked.parent().is_some_and(|parent| parent == *path);
    let marks = || subject.entry.into_iter().flat_map(|entry| &entry.marks);
    let mut names: BTreeSet<&str> =
        marks().map(|mark| &mark.path).filter(|path| inside(path)).map(AbsolutePath::file_name).collect();
    names.extend(want.into_iter().flat_map(|want| want.drop_ins.keys()).map(String::as_str));
    if names.is_empty() && !marks().any(|mark| mark.path == *path) {
        return Ok(None);
    }
    let node = host.node(path, Look::Metadata).await?;
    for name in &names {
        let content = want.and_then(|want| want.drop_ins.get(*name)).copied();
        let file = path.join(name).map_err(|_too_long| HostError::Unsupported {
            what: format!("a drop-in with the name {name:?}"),
        })?;
        let input = drop_in_input(name);
        files.push(match node {
            Node::Directory { .. } => own_file(file, input, content, host).await?,
            _ => {
                OwnFile { path: file, input, node: Node::Absent, want: content.map(|content| content.sha256) }
            }
        });
    }
    let wanted = want.is_some_and(|want| !want.drop_ins.is_empty());
    let others = match node {
        Node::Directory { .. } if !wanted => {
            host.entries(path).await?.iter().any(|entry| !names.contains(entry.name.as_str()))
        }
        _ => false,
    };
    Ok(Some(DropIns { path: path.clone(), node, wanted, others }))
}
