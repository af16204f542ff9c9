//! Which paths differ between two root trees.

use std::collections::BTreeMap;

use crate::{
    ObjectId, ObjectKind, Objects,
    limits::{Exceeded, Limits},
    tree::{self, Entry, Mode, TreeError},
    walk::WalkError,
};

#[cfg(test)]
mod tests;

/// Calls `visit` with every path that was added, removed or changed. What moved comes twice, by its old and its new path;
/// a directory comes itself only if it is empty.
///
/// Reads only directories that differ; unless `deep`, only the roots, so that directories there come as themselves.
pub(crate) fn visit(
    objects: &dyn Objects,
    old: ObjectId,
    new: ObjectId,
    deep: bool,
    limits: &Limits,
    mut visit: impl FnMut(&[u8]),
) -> Result<(), WalkError> {
    let mut seen: u64 = 0;
    let mut pending = vec![Directory { path: Vec::new(), depth: 0, old: Some(old), new: Some(new) }];
    while let Some(directory) = pending.pop() {
        let Directory { path, depth, old, new } = &directory;
        if old == new {
            continue;
        }
        let (old_data, new_data) = (read(objects, path, *old)?, read(objects, path, *new)?);
        let (old, new) = (parse(path, *old, &old_data)?, parse(path, *new, &new_data)?);
        let count = old.len().saturating_add(new.len());
        if count == 0 {
            visit(path);
            continue;
        }
        seen = seen.saturating_add(count as u64);
        Exceeded::check("changed entries", seen, limits.tree_entries.into())
            .and_then(|()| Exceeded::check("parts of a path", u64::from(depth + 1), limits.tree_depth.into()))
            .map_err(WalkError::Limit)?;
        let mut names: BTreeMap<&[u8], [Option<&Entry<'_>>; 2]> = BTreeMap::new();
        for entry in &old {
            names.entry(entry.name).or_default()[0] = Some(entry);
        }
        for entry in &new {
            names.entry(entry.name).or_default()[1] = Some(entry);
        }
        for (name, [old, new]) in names {
            if old == new {
                continue;
            }
            let mut path = path.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name);
            let directory = |entry: Option<&Entry<'_>>| {
                entry.filter(|entry| entry.mode == Mode::Directory).map(|entry| entry.id)
            };
            let other = |entry: Option<&Entry<'_>>| entry.is_some_and(|entry| entry.mode != Mode::Directory);
            if !deep || other(old) || other(new) {
                visit(&path);
            }
            let (old, new) = (directory(old), directory(new));
            if deep && (old.is_some() || new.is_some()) {
                pending.push(Directory { path, depth: depth + 1, old, new });
            }
        }
    }
    Ok(())
}

/// A directory that may be on one side only.
struct Directory {
    path: Vec<u8>,
    /// How many parts the path has.
    depth: u32,
    old: Option<ObjectId>,
    new: Option<ObjectId>,
}

fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

fn read(objects: &dyn Objects, path: &[u8], tree: Option<ObjectId>) -> Result<Vec<u8>, WalkError> {
    let Some(id) = tree else { return Ok(Vec::new()) };
    match objects.get(&id)? {
        Some(object) if object.kind == ObjectKind::Tree => Ok(object.data),
        Some(_) => Err(WalkError::Tree { path: text(path), id, source: TreeError::Layout { at: 0 } }),
        None => Err(WalkError::Missing { path: text(path), id }),
    }
}

fn parse<'a>(path: &[u8], tree: Option<ObjectId>, data: &'a [u8]) -> Result<Vec<Entry<'a>>, WalkError> {
    let Some(id) = tree else { return Ok(Vec::new()) };
    tree::parse(data).map_err(|source| WalkError::Tree { path: text(path), id, source })
}
