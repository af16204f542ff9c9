//! The order in which a pass takes up its resources.
//!
//! What is declared follows its `needs`, which hold what units watch as well. A removal comes after whatever used the thing
//! when it was last in force, with these exceptions: what a unit watches goes before the unit, so that the unit is restarted
//! without it; what lies under a path that is to be a file, or not to be, goes before that; and so does what lies in a
//! directory that is purged. Packages come after their sources. Units that go are taken up first, so that a successor can have their port; everything else that
//! goes is taken up last.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_schema::{
    AbsolutePath, HostState, KindName, Resource, ResourceId,
    spec::{Ensure, Spec},
};

use super::sort::sort;
use crate::ledger::Ledger;

/// One resource in the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item<'a> {
    pub(crate) id: &'a ResourceId,
    /// What is declared; `None` for what Git no longer has.
    pub(crate) declared: Option<&'a Resource>,
    /// Places in the order of what must have ended well before this begins.
    pub(crate) needs: Vec<usize>,
    /// Places in the order of what must have ended, well or not.
    pub(crate) after: Vec<usize>,
}

/// Orders the declared resources that `selected` picks, and what is leaving.
pub(crate) fn order<'a>(
    state: &'a HostState,
    selected: impl Fn(&ResourceId) -> bool,
    leaving: &'a [ResourceId],
    ledger: &Ledger,
) -> Vec<Item<'a>> {
    let mut items: Vec<Item<'a>> = state
        .resources
        .iter()
        .filter(|(id, _)| selected(id))
        .map(|(id, resource)| Item { id, declared: Some(resource), needs: Vec::new(), after: Vec::new() })
        .collect();
    let declared = items.len();
    let removals = leaving.iter().filter(|id| selected(id));
    items.extend(removals.map(|id| Item { id, declared: None, needs: Vec::new(), after: Vec::new() }));
    // Both parts are sorted, for they come from sorted maps.
    let ids: Vec<&ResourceId> = items.iter().map(|item| item.id).collect();
    let (ids_declared, ids_leaving) = ids.split_at(declared);
    let find_declared = |id: &ResourceId| ids_declared.binary_search(&id).ok();
    let find_leaving = |id: &ResourceId| ids_leaving.binary_search(&id).ok().map(|at| at + declared);

    for (at, item) in items.iter_mut().enumerate().take(declared) {
        let Some(resource) = item.declared else { continue };
        item.needs.extend(resource.needs.iter().filter_map(find_declared).filter(|need| *need != at));
    }
    after_repositories(&mut items);
    if !ids_leaving.is_empty() {
        let removals = Removals { state, ledger, ids_leaving, declared };
        removals.connect(&mut items, &find_declared, &find_leaving);
    }
    sort(items)
}

/// Packages come after the sources that they may come from, be these in order or not: which source has which package is not
/// known beforehand, and most do not need the one that fails.
fn after_repositories(items: &mut [Item<'_>]) {
    let present = |item: &Item<'_>, kind| {
        item.id.kind == kind && item.declared.is_some_and(|resource| !resource.spec.is_absent())
    };
    let places = |kind| -> Vec<usize> {
        items.iter().enumerate().filter(|(_, item)| present(item, kind)).map(|(at, _)| at).collect()
    };
    let (repositories, packages) = (places(KindName::Repository), places(KindName::Package));
    for repository in repositories {
        let (mut needed, mut open) = (BTreeSet::from([repository]), vec![repository]);
        while let Some(at) = open.pop() {
            let needs = items.get(at).into_iter().flat_map(|item| &item.needs);
            open.extend(needs.copied().filter(|need| needed.insert(*need)));
        }
        for package in packages.iter().filter(|package| !needed.contains(package)) {
            if let Some(item) = items.get_mut(*package) {
                item.after.push(repository);
            }
        }
    }
}

/// The edges between what goes and the rest.
struct Removals<'a, 'b> {
    state: &'a HostState,
    ledger: &'a Ledger,
    ids_leaving: &'b [&'b ResourceId],
    declared: usize,
}

impl Removals<'_, '_> {
    fn connect(
        &self,
        items: &mut [Item<'_>],
        find_declared: &impl Fn(&ResourceId) -> Option<usize>,
        find_leaving: &impl Fn(&ResourceId) -> Option<usize>,
    ) {
        let yielding = self.yielding();
        let mut edge = |from: usize, to: usize, hard: bool| {
            if let Some(item) = items.get_mut(from)
                && from != to
            {
                if hard { item.needs.push(to) } else { item.after.push(to) }
            }
        };
        for (user, entry) in self.ledger.owned() {
            let watches = |id: &ResourceId| {
                let started = entry.started.as_deref();
                let name = id.to_string();
                started.is_some_and(|started| {
                    started.restart.contains_key(&name) || started.reload.contains_key(&name)
                })
            };
            for used in &entry.needs {
                let Some(removal) = find_leaving(used) else { continue };
                if let Some(user) = find_leaving(user) {
                    edge(removal, user, true);
                } else if let Some(user) = find_declared(user) {
                    if watches(used) {
                        edge(user, removal, false);
                    } else if !yielding.contains_key(used) {
                        edge(removal, user, true);
                    }
                }
            }
        }
        for (removal, successor) in &yielding {
            if let (Some(removal), Some(successor)) = (find_leaving(removal), find_declared(successor)) {
                edge(successor, removal, true);
            }
        }
        for (removal, directory) in self.purged() {
            if let (Some(removal), Some(directory)) = (find_leaving(removal), find_declared(directory)) {
                edge(directory, removal, false);
            }
        }
        // A directory goes after what goes from under it, whatever was recorded.
        for (at, directory) in self.ids_leaving.iter().enumerate() {
            if directory.kind != KindName::Directory {
                continue;
            }
            let inside = format!("{}/", directory.name);
            for (other, id) in self.ids_leaving.iter().enumerate() {
                if self.paths(id).any(|path| path.as_str().starts_with(&inside)) {
                    edge(at + self.declared, other + self.declared, true);
                }
            }
        }
    }

    /// What goes from under a path at which no directory is to be, with the resource that says so.
    fn yielding(&self) -> BTreeMap<&ResourceId, &ResourceId> {
        self.under(|resource| match &resource.spec {
            Spec::File(_) | Spec::Symlink(_) => true,
            Spec::Directory(directory) => directory.ensure == Ensure::Absent,
            _ => false,
        })
    }

    /// What goes from under a directory that is purged, with that directory.
    fn purged(&self) -> BTreeMap<&ResourceId, &ResourceId> {
        self.under(|resource| {
            matches!(&resource.spec, Spec::Directory(directory) if directory.ensure == Ensure::Present && directory.purge)
        })
    }

    /// What goes from under something declared that is `wanted`, with that.
    fn under(&self, wanted: impl Fn(&Resource) -> bool) -> BTreeMap<&ResourceId, &ResourceId> {
        let declared = |path: &AbsolutePath| {
            let kinds = [KindName::File, KindName::Symlink, KindName::Directory];
            let found = kinds
                .into_iter()
                .filter_map(|kind| self.state.resources.get_key_value(&ResourceId::new(kind, path.as_str())));
            found.filter(|(_, resource)| wanted(resource)).map(|(id, _)| id).next()
        };
        let successor = |path: &AbsolutePath| path.ancestors().skip(1).find_map(|path| declared(&path));
        self.ids_leaving.iter().filter_map(|id| Some((*id, self.paths(id).find_map(successor)?))).collect()
    }

    fn paths(&self, id: &ResourceId) -> impl Iterator<Item = &AbsolutePath> {
        self.ledger.entry(id).into_iter().flat_map(|entry| entry.marks.iter().map(|mark| &mark.path))
    }
}

#[cfg(test)]
mod tests;
