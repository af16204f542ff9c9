//! How revisions are put in force on a host, and how much one may remove.

use super::{library::Library, merge::Layer};
use crate::{
    Problem,
    document::field::Field as _,
    language::documents::{ApplyTable, Guard},
    state::{Apply, RemovalGuard},
};

/// How much a pass may remove: only the fleet says so.
pub(crate) fn guard(layers: &[Layer]) -> RemovalGuard {
    let default = RemovalGuard::default();
    let guard = layers.iter().find_map(|layer| match layer {
        Layer::Fleet(fleet) => fleet.tables.guard.as_ref().map(|guard| &guard.value),
        _ => None,
    });
    let Some(Guard { max_removals, max_removal_percent }) = guard else { return default };
    RemovalGuard {
        max_removals: max_removals.as_ref().map_or(default.max_removals, |limit| limit.value.0),
        max_removal_percent: max_removal_percent
            .as_ref()
            .and_then(|limit| u8::try_from(limit.value.0).ok())
            .unwrap_or(default.max_removal_percent),
        allowed: 0,
    }
}

/// Whether images may be named by their tags alone: only the fleet says so.
pub(crate) fn allow_tags(layers: &[Layer]) -> bool {
    let docker = layers.iter().find_map(|layer| match layer {
        Layer::Fleet(fleet) => fleet.tables.docker.as_ref(),
        _ => None,
    });
    docker.and_then(|docker| docker.value.allow_tags.as_ref()).is_some_and(|allow| allow.value)
}

/// How a new revision is put in force: each layer's fields over those of the ones below it.
pub(crate) fn apply(layers: &[Layer], library: &Library<'_>, problems: &mut Vec<Problem>) -> Apply {
    let mut merged = ApplyTable::default();
    for layer in layers {
        let table = match layer {
            Layer::Role(..) => None,
            Layer::Fleet(fleet) => fleet.tables.apply.as_ref(),
            Layer::Group(_, group) => group.tables.apply.as_ref(),
            Layer::Host(_, host) => host.tables.apply.as_ref(),
        };
        if let Some(table) = table {
            merged.merge(&table.value);
        }
    }
    let mut apply = Apply::default();
    if let Some(on_failure) = merged.on_failure {
        apply.on_failure = on_failure.value;
    }
    if let Some(within) = merged.confirm_within {
        apply.confirm_within = within.value.0;
    }
    if let Some(limit) = merged.package_script_limit {
        apply.package_script_limit = limit.value.0;
    }
    for (name, health) in merged.health.iter().flat_map(|health| &health.value.0) {
        match health.value.health() {
            Ok(probe) => drop(apply.health.insert(name.to_string(), probe)),
            Err(problem) => problems.push(problem.at(library.locate(health.at))),
        }
    }
    apply
}
