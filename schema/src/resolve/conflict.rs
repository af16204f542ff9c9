//! Resources that cannot hold together: two owners of one path, things in things that are no directory.

use std::collections::BTreeMap;

use super::library::Library;
use crate::{AbsolutePath, HostState, KindName, Problem, ResourceId, document::source::Span, spec::Spec};

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
        for path in resource.spec.paths() {
            let path = path.to_string();
            if let Some(other) = claims.get(&path) {
                let problem = Problem::new("E_TWO_OWNERS", format!("{id} and {} both own {path}", other.id))
                    .remedy("keep one of them");
                report(id, problem, Some((other.id, "is declared here")));
            } else {
                let directory = matches!(resource.spec, Spec::Directory(_));
                claims.insert(path, Claim { id, present: !resource.spec.is_absent(), directory });
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
    let own_unit = matches!(spec, Spec::Unit(unit) if RESERVED_UNITS.contains(&unit.name.as_str()));
    own_unit || spec.paths().iter().any(under)
}

/// The kinds that are a path.
pub(crate) const PATHS: [KindName; 3] = [KindName::File, KindName::Directory, KindName::Symlink];
