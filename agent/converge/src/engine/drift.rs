//! What has to be watched for a state to be kept up, and which resources a change concerns. Pure.

use std::collections::BTreeSet;

use holdfast_schema::{
    AbsolutePath, HostState, ResourceId,
    spec::{Ensure, RepositorySource, Spec},
};

use super::{Scope, watched_by_units};
use crate::host::{
    logins,
    watch::{Interest, Touched, Watched},
};

/// The files that say which number an account has: see passwd(5) and group(5).
const ACCOUNTS: [&str; 2] = ["/etc/passwd", "/etc/group"];

/// Everything whose change could be a drift from `state`.
pub fn watched(state: &HostState) -> Watched {
    let mut watched = Watched::default();
    let mut add = |directory: &str, interest: Interest| {
        let known = watched.directories.entry(directory.to_owned()).or_insert(interest);
        *known = interest.max(*known);
        let mut rest = directory;
        while let Some((above, _)) = rest.rsplit_once('/') {
            watched.directories.entry(above.to_owned()).or_insert(Interest::Itself);
            rest = above;
        }
    };
    let mut accounts = false;
    for resource in state.resources.values() {
        match &resource.spec {
            Spec::Directory(directory) if directory.ensure == Ensure::Present => {
                let interest = if directory.purge { Interest::Entries } else { Interest::Itself };
                add(directory.path.as_str(), interest);
                accounts = true;
            }
            spec => {
                accounts |= matches!(spec, Spec::File(_));
                for path in paths(spec) {
                    add(path.directory(), Interest::Entries);
                }
            }
        }
    }
    if accounts {
        add("/etc", Interest::Entries);
    }
    for resource in state.resources.values() {
        match &resource.spec {
            Spec::Unit(unit) => drop(watched.units.insert(unit.name.clone())),
            Spec::Package(_) => watched.packages = true,
            Spec::Repository(_) => watched.packages |= has_keys_of_rpm(&resource.spec),
            Spec::Registry(_) => {}
            spec => watched.docker |= spec.kind().is_of_docker(),
        }
    }
    watched
}

/// The resources that have to be looked at because of a change, with the units that watch them, and what those watch.
pub fn concerned(state: &HostState, touched: &Touched) -> BTreeSet<ResourceId> {
    if touched.everything {
        return state.resources.keys().cloned().collect();
    }
    let accounts = ACCOUNTS.iter().any(|path| touched.paths.iter().any(|touched| touched.as_str() == *path));
    let parents: BTreeSet<&str> = touched.paths.iter().map(AbsolutePath::directory).collect();
    let is_touched = |path: &AbsolutePath| path.ancestors().any(|path| touched.paths.contains(&path));
    let any_path = |spec: &Spec| paths(spec).iter().any(is_touched);
    let is_concerned = |spec: &Spec| match spec {
        Spec::Package(_) => touched.packages,
        Spec::Repository(_) => any_path(spec) || (touched.packages && has_keys_of_rpm(spec)),
        Spec::Unit(unit) => {
            touched.all_units
                || touched.units.contains(&unit.name)
                || any_path(spec)
                || unit.file().parse().is_ok_and(|path| is_touched(&path))
        }
        Spec::Directory(directory) => {
            accounts
                || is_touched(&directory.path)
                || (directory.purge && parents.contains(directory.path.as_str()))
        }
        Spec::File(_) => accounts || any_path(spec),
        Spec::Symlink(_) | Spec::Registry(_) => any_path(spec),
        // One list serves all that the engine keeps.
        spec => touched.docker && spec.kind().is_of_docker(),
    };
    let mut concerned: BTreeSet<ResourceId> = state
        .resources
        .iter()
        .filter(|(_, resource)| is_concerned(&resource.spec))
        .map(|(id, _)| id.clone())
        .collect();
    loop {
        let watching: Vec<ResourceId> = state
            .resources
            .iter()
            .filter(|(id, resource)| !concerned.contains(*id) && watches(&resource.spec, &concerned))
            .map(|(id, _)| id.clone())
            .collect();
        if watching.is_empty() {
            break;
        }
        concerned.extend(watching);
    }
    // A unit is not restarted with what drifted a moment ago, which is told a moment later.
    let inputs = watched_by_units(state, Scope::Only(&concerned)).into_iter();
    let inputs: Vec<ResourceId> = inputs.filter(|id| state.resources.contains_key(*id)).cloned().collect();
    concerned.extend(inputs);
    concerned
}

/// Whether a unit restarts or reloads because of one of these.
fn watches(spec: &Spec, changed: &BTreeSet<ResourceId>) -> bool {
    matches!(spec, Spec::Unit(unit) if unit.inputs().any(|input| changed.contains(input)))
}

/// Whether rpm, in the database of its packages, keeps keys for it.
fn has_keys_of_rpm(spec: &Spec) -> bool {
    matches!(
        spec,
        Spec::Repository(repository)
            if repository.key.is_some() && matches!(repository.source, Some(RepositorySource::Rpm { .. }))
    )
}

/// Every path that a resource is about, whether something should be there or not.
pub(super) fn paths(spec: &Spec) -> Vec<AbsolutePath> {
    match spec {
        Spec::Registry(_) => logins::PATH.parse().into_iter().collect(),
        spec => spec.paths(),
    }
}
