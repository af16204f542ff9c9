//! The order that names suggest, where it contradicts nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::{Graph, PATHS};
use crate::{KindName, ResourceId, spec::Spec};

/// Where the package manager's own configuration lies: it must be there before packages are asked for.
const PACKAGE_SOURCES: [&str; 6] = [
    "/etc/apt/",
    "/usr/share/keyrings/",
    "/etc/dnf/",
    "/etc/yum.repos.d/",
    "/etc/zypp/",
    "/etc/pki/rpm-gpg/",
];

/// The most package-manager files that every package waits for.
const SOURCES: usize = 100;

impl Graph<'_> {
    /// Adds what names suggest, where it contradicts nothing.
    pub(super) fn expected(&mut self) {
        let packages: BTreeMap<&str, usize> = self
            .ids
            .iter()
            .enumerate()
            .filter(|(_, id)| id.kind == KindName::Package)
            .map(|(index, id)| (id.name.split_once(':').map_or(id.name.as_str(), |(name, _)| name), index))
            .collect();
        let sources: Vec<usize> = self
            .ids
            .iter()
            .enumerate()
            .filter(|(_, id)| {
                PATHS.contains(&id.kind) && PACKAGE_SOURCES.iter().any(|own| id.name.starts_with(own))
            })
            .map(|(index, _)| index)
            .take(SOURCES)
            .collect();
        let asks = |(_, id): &(usize, &&ResourceId)| id.kind == KindName::Repository;
        let repositories: Vec<usize> =
            self.ids.iter().enumerate().filter(asks).map(|(index, _)| index).collect();
        for source in &sources {
            for after in packages.values().chain(&repositories) {
                self.suggest(*after, *source);
            }
        }
        for after in 0..self.ids.len() {
            let Some(id) = self.ids.get(after).copied() else { continue };
            let mut names: BTreeSet<&str> = BTreeSet::new();
            match self.spec(after) {
                Some(Spec::Unit(_)) => {
                    let (stem, kind) = id.name.rsplit_once('.').unwrap_or((&id.name, ""));
                    names.insert(stem.split_once('@').map_or(stem, |(stem, _)| stem));
                    if matches!(kind, "timer" | "socket" | "path") {
                        let service = ResourceId::new(KindName::Unit, format!("{stem}.service"));
                        if let Some(&service) = self.index.get(&service) {
                            self.suggest(after, service);
                        }
                    }
                }
                Some(Spec::File(file)) => {
                    names.extend(id.name.split('/'));
                    let program = file.validate.iter().flatten().next();
                    names.extend(program.and_then(|program| program.rsplit('/').next()));
                }
                Some(Spec::Directory(_) | Spec::Symlink(_)) => names.extend(id.name.split('/')),
                _ => {}
            }
            for package in
                names.into_iter().filter_map(|name| packages.get(name)).copied().collect::<Vec<_>>()
            {
                self.suggest(after, package);
            }
        }
    }

    /// Adds an edge unless the opposite already follows.
    pub(super) fn suggest(&mut self, after: usize, before: usize) {
        let (from, to) = if self.is_absent(before) { (after, before) } else { (before, after) };
        if !self.waits(from, to) {
            self.wait(after, before, "their names belong together", None);
        }
    }

    /// Whether `from` waits, directly or not, for `to`.
    fn waits(&self, from: usize, to: usize) -> bool {
        let mut seen = BTreeSet::from([from]);
        let mut open = vec![from];
        while let Some(index) = open.pop() {
            if index == to {
                return true;
            }
            let before = self.edges.get(index).into_iter().flatten().map(|edge| edge.before);
            open.extend(before.filter(|before| seen.insert(*before)));
        }
        false
    }
}
