//! Resources that cannot hold together: two owners of one path, things in things that are no directory.

use std::collections::BTreeMap;

use super::library::Library;
use crate::{
    AbsolutePath, HostState, KindName, Problem, ResourceId, UnitName,
    document::source::Span,
    spec::{Ensure, Spec},
};

/// Where systemd looks for the units of this host's administrator.
pub(crate) const UNIT_DIRECTORY: &str = "/etc/systemd/system";

/// What the agent keeps for itself: to change these from Git could lock the host out of its own fleet.
const RESERVED: [&str; 4] =
    ["/etc/holdfast", "/var/lib/holdfast", "/var/lib/holdfast-fetch", "/run/holdfast"];

/// The agent's own units.
const RESERVED_UNITS: [&str; 2] = ["holdfast-agent.service", "holdfast-fetch.service"];

/// Who claims a path.
struct Claim<'s> {
    id: &'s ResourceId,
    present: bool,
    /// Whether other paths can lie under it.
    directory: bool,
}

/// Finds every two resources that cannot hold together.
pub(crate) fn find(
    state: &HostState,
    places: &BTreeMap<ResourceId, Span>,
    library: &Library<'_>,
    problems: &mut Vec<Problem>,
) {
    let at = |id: &ResourceId| places.get(id).map(|at| library.locate(*at));
    let mut report = |id: &ResourceId, mut problem: Problem, other: Option<(&ResourceId, &str)>| {
        problem.at = at(id).map(Box::new);
        if let Some((other, why)) = other
            && let Some(location) = at(other)
        {
            problem = problem.related(format!("{other} {why}"), location);
        }
        problems.push(problem);
    };
    let mut claims: BTreeMap<String, Claim<'_>> = BTreeMap::new();
    for (id, resource) in &state.resources {
        if is_reserved(&resource.spec) {
            let problem = Problem::new("E_RESERVED", format!("{id} belongs to the agent itself"));
            report(id, problem.remedy("change it on the host: `holdfast enrol` and the package do"), None);
        }
        for (path, claim) in claimed(id, &resource.spec) {
            match claims.get(&path) {
                Some(other) => {
                    let problem =
                        Problem::new("E_TWO_OWNERS", format!("{id} and {} both own {path}", other.id))
                            .remedy("keep one of them");
                    report(id, problem, Some((other.id, "is declared here")));
                }
                None => {
                    claims.insert(path, claim);
                }
            }
        }
    }
    for (path, claim) in claims.iter().filter(|(_, claim)| claim.present) {
        for ancestor in ancestors(path) {
            let Some(above) = claims.get(ancestor) else { continue };
            let problem = if !above.present && above.directory {
                Problem::new(
                    "E_CONFLICT",
                    format!("{} lies in {}, which shall be absent", claim.id, above.id),
                )
                .remedy("take one of them out")
            } else if above.present && !above.directory {
                Problem::new(
                    "E_CONFLICT",
                    format!("{} lies under {}, which is no directory", claim.id, above.id),
                )
                .remedy("name the directory itself in the path")
            } else {
                continue;
            };
            report(claim.id, problem, Some((above.id, "is declared here")));
        }
    }
}

/// The paths that a resource owns.
fn claimed<'s>(id: &'s ResourceId, spec: &'s Spec) -> Vec<(String, Claim<'s>)> {
    let claim = |ensure: Ensure, directory| Claim { id, present: ensure == Ensure::Present, directory };
    match spec {
        Spec::File(file) => vec![(file.path.to_string(), claim(file.ensure, false))],
        Spec::Directory(directory) => vec![(directory.path.to_string(), claim(directory.ensure, true))],
        Spec::Symlink(link) => vec![(link.path.to_string(), claim(link.ensure, false))],
        Spec::Package(_)
        | Spec::Image(_)
        | Spec::Network(_)
        | Spec::Volume(_)
        | Spec::Container(_)
        | Spec::Service(_)
        | Spec::Config(_)
        | Spec::Secret(_)
        | Spec::Node(_)
        | Spec::Registry(_)
        | Spec::Compose(_) => Vec::new(),
        Spec::Unit(unit) => {
            let own = unit.content.map(|_| unit_path(&unit.name));
            let drop_ins = unit.drop_ins.keys().map(|file| format!("{}.d/{file}", unit_path(&unit.name)));
            own.into_iter().chain(drop_ins).map(|path| (path, claim(unit.ensure, false))).collect()
        }
    }
}

/// Where a unit's own file is.
pub(crate) fn unit_path(name: &UnitName) -> String {
    format!("{UNIT_DIRECTORY}/{name}")
}

/// Every directory above a path, nearest first, without the root.
pub(crate) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let up = |path: &str| path.rsplit_once('/').map(|(above, _)| above.len()).filter(|length| *length > 0);
    std::iter::successors(up(path), move |length| up(path.get(..*length)?))
        .filter_map(|length| path.get(..length))
}

fn is_reserved(spec: &Spec) -> bool {
    let under = |path: &AbsolutePath| {
        RESERVED
            .iter()
            .any(|own| path.as_str() == *own || ancestors(path.as_str()).any(|above| above == *own))
    };
    match spec {
        Spec::File(file) => under(&file.path),
        Spec::Directory(directory) => under(&directory.path),
        Spec::Symlink(link) => under(&link.path),
        Spec::Unit(unit) => RESERVED_UNITS.contains(&unit.name.as_str()),
        Spec::Package(_)
        | Spec::Image(_)
        | Spec::Network(_)
        | Spec::Volume(_)
        | Spec::Container(_)
        | Spec::Service(_)
        | Spec::Config(_)
        | Spec::Secret(_)
        | Spec::Node(_)
        | Spec::Registry(_)
        | Spec::Compose(_) => false,
    }
}

/// The kinds that are a path.
pub(crate) const PATHS: [KindName; 3] = [KindName::File, KindName::Directory, KindName::Symlink];
