//! What must be in order before what: written `needs`, and the order that everyone expects.
//!
//! Two sorts of automatic edge. Certain ones follow from what is declared (a file lies in a directory). Expected ones
//! follow from names (`nginx.service` and the package `nginx`); they give way where they contradict the certain ones.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    conflict::{PATHS, ancestors},
    library::Library,
};
use crate::{
    HostState, KindName, Problem, ResourceId, ResourceSet,
    document::{
        field::List,
        source::{Located, Span},
    },
    spec::Spec,
    text,
};

mod circles;
mod docker;
mod expected;

/// What the documents write about order, for one resource.
#[derive(Default)]
pub(crate) struct Written {
    pub(crate) needs: Vec<Located<ResourceId>>,
    pub(crate) restart_on: Vec<Located<ResourceId>>,
    pub(crate) reload_on: Vec<Located<ResourceId>>,
}

/// The references in a list, if there is one.
pub(crate) fn listed(list: Option<&Located<List<ResourceId>>>) -> Vec<Located<ResourceId>> {
    list.map(|list| list.value.0.clone()).unwrap_or_default()
}

/// `after` waits for `before`.
struct Edge {
    before: usize,
    why: &'static str,
    at: Option<Span>,
}

/// What resources stand for others: all of these, by theirs.
pub(crate) type Members = BTreeMap<ResourceId, Vec<ResourceId>>;

/// What there is to know about the resources of a host.
pub(crate) struct Order<'o, 'r> {
    pub(crate) written: &'o BTreeMap<ResourceId, Written>,
    /// Where each resource is declared; also those that do not apply to the host.
    pub(crate) places: &'o BTreeMap<ResourceId, Span>,
    pub(crate) members: &'o Members,
    pub(crate) library: &'o Library<'r>,
}

struct Graph<'s> {
    ids: Vec<&'s ResourceId>,
    specs: Vec<&'s Spec>,
    index: BTreeMap<&'s ResourceId, usize>,
    /// By resource: what it waits for.
    edges: Vec<Vec<Edge>>,
}

impl Order<'_, '_> {
    /// Fills in `needs` of every resource, and takes out of it and of the triggers what does not apply to the host.
    pub(crate) fn apply(&self, state: &mut HostState, problems: &mut Vec<Problem>) {
        self.check_references(state, problems);
        let needs = {
            let mut graph = Graph::new(state);
            self.certain(&mut graph);
            let circles = graph.circles();
            if !circles.is_empty() {
                problems.extend(circles.iter().map(|circle| self.circle(&graph, circle)));
                return;
            }
            graph.expected();
            graph.engine();
            graph.needs()
        };
        let known: BTreeSet<ResourceId> = state.resources.keys().cloned().collect();
        for (resource, needs) in state.resources.values_mut().zip(needs) {
            resource.needs = needs;
            if let Spec::Unit(unit) = &mut resource.spec {
                unit.restart_on.retain(|id| known.contains(id));
                unit.reload_on.retain(|id| known.contains(id));
            }
        }
    }

    /// Tells of every id that no document of the host declares.
    fn check_references(&self, state: &HostState, problems: &mut Vec<Problem>) {
        for (id, written) in self.written {
            if !state.resources.contains_key(id) {
                continue;
            }
            let lists = [
                ("needs", &written.needs),
                ("restart_on", &written.restart_on),
                ("reload_on", &written.reload_on),
            ];
            for (field, references) in lists {
                for reference in references {
                    let problem = if reference.value == *id {
                        Problem::new("E_NEEDS", format!("{id} names itself in `{field}`"))
                            .remedy("take it out")
                    } else if self.places.contains_key(&reference.value) {
                        continue;
                    } else {
                        let wanted = reference.value.to_string();
                        let message = format!("`{field}` names {wanted}, which the host does not have");
                        let known: Vec<String> = self.places.keys().map(ToString::to_string).collect();
                        match text::near(&wanted, known.iter().map(String::as_str)) {
                            Some(near) => {
                                Problem::new("E_NEEDS", message).remedy(format!("did you mean {near:?}?"))
                            }
                            None => Problem::new("E_NEEDS", message).remedy(
                                "declare it in one of the host's roles, groups or files, or take it out",
                            ),
                        }
                    };
                    problems.push(problem.at(self.library.locate(reference.at)));
                }
            }
        }
    }

    /// Adds the written edges and those that follow from what is declared.
    fn certain(&self, graph: &mut Graph<'_>) {
        for (id, written) in self.written {
            let Some(&after) = graph.index.get(id) else { continue };
            let lists = [
                (&written.needs, "`needs` names it"),
                (&written.restart_on, "`restart_on` names it"),
                (&written.reload_on, "`reload_on` names it"),
            ];
            for (references, why) in lists {
                for reference in references {
                    // Who needs what stands for others needs these.
                    let members = self.members.get(&reference.value).into_iter().flatten();
                    for named in std::iter::once(&reference.value).chain(members) {
                        if let Some(&before) = graph.index.get(named) {
                            graph.wait(after, before, why, Some(reference.at));
                        }
                    }
                }
            }
        }
        for (of, members) in self.members {
            for member in members.iter().filter(|member| member.kind == KindName::Container) {
                // What a project no longer has may hold a port that it wants.
                if let (Some(&after), Some(&before)) = (graph.index.get(member), graph.index.get(of)) {
                    graph.wait(after, before, "what it replaces goes first", None);
                }
            }
        }
        let paths = graph.paths();
        for (path, index) in &paths {
            // The nearest declared directory will do: it waits for those above it.
            let above = ancestors(path).find_map(|above| paths.get(above));
            if let Some(&above) = above {
                graph.wait(*index, above, "it lies in it", None);
            }
        }
        for after in 0..graph.ids.len() {
            match graph.spec(after) {
                Some(Spec::Symlink(link)) => {
                    if let Some(&target) = paths.get(link.target.as_str()) {
                        graph.wait(after, target, "it points at it", None);
                    }
                }
                Some(Spec::Repository(repository)) => {
                    for (path, _) in repository.files() {
                        if let Some(&above) = ancestors(path.as_str()).find_map(|above| paths.get(above)) {
                            graph.wait(after, above, "its file lies in it", None);
                        }
                    }
                }
                Some(Spec::Unit(unit)) => {
                    let name = unit.name.as_str();
                    // An instance such as `tunnel@home.service` comes from the template `tunnel@.service`.
                    let template = name.split_once('@').and_then(|(stem, rest)| {
                        rest.rsplit_once('.')
                            .filter(|(instance, _)| !instance.is_empty())
                            .map(|(_, kind)| format!("{stem}@.{kind}"))
                    });
                    for name in std::iter::once(name.to_owned()).chain(template) {
                        let unit = graph.index.get(&ResourceId::new(KindName::Unit, name.as_str())).copied();
                        if let Some(unit) = unit.filter(|unit| *unit != after) {
                            graph.wait(after, unit, "it is an instance of it", None);
                        }
                        for directory in ["/etc", "/usr/lib", "/usr/local/lib", "/lib", "/run"] {
                            let own = format!("{directory}/systemd/system/{name}");
                            if let Some(&file) = paths.get(own.as_str()) {
                                graph.wait(after, file, "it is its unit file", None);
                            }
                            let drop_ins = format!("{own}.d/");
                            let beneath: Vec<usize> = paths
                                .range(drop_ins.clone()..)
                                .take_while(|(path, _)| path.starts_with(&drop_ins))
                                .map(|(_, index)| *index)
                                .collect();
                            for file in beneath {
                                graph.wait(after, file, "it is its drop-in", None);
                            }
                        }
                    }
                    // The directory that the unit's own files go into may be declared, too.
                    let own = unit.file();
                    if let Some(&above) = ancestors(&own).find_map(|above| paths.get(above)) {
                        graph.wait(after, above, "its unit file lies in it", None);
                    }
                }
                Some(Spec::Container(container)) => graph.container(after, container, &paths),
                Some(Spec::Service(service)) => graph.service(after, service, &paths),
                Some(Spec::Image(image)) => graph.login(after, &image.reference),
                _ => {}
            }
        }
    }
}

impl<'s> Graph<'s> {
    fn new(state: &'s HostState) -> Self {
        let ids: Vec<_> = state.resources.keys().collect();
        let specs = state.resources.values().map(|resource| &resource.spec).collect();
        let index = ids.iter().enumerate().map(|(index, id)| (*id, index)).collect();
        let edges = ids.iter().map(|_| Vec::new()).collect();
        Self { ids, specs, index, edges }
    }

    fn spec(&self, index: usize) -> Option<&'s Spec> {
        self.specs.get(index).copied()
    }

    /// The resources that are a path, by path.
    fn paths(&self) -> BTreeMap<String, usize> {
        let is_path = |(_, id): &(usize, &&ResourceId)| PATHS.contains(&id.kind);
        self.ids.iter().enumerate().filter(is_path).map(|(index, id)| (id.name.clone(), index)).collect()
    }

    fn is_absent(&self, index: usize) -> bool {
        self.spec(index).is_some_and(Spec::is_absent)
    }

    /// `after` waits for `before`, or the other way round if `before` goes away: a thing leaves after what uses it.
    fn wait(&mut self, after: usize, before: usize, why: &'static str, at: Option<Span>) {
        // Who wrote an order between a thing that goes and one that stays meant it as it stands.
        let turned = self.is_absent(before) && (at.is_none() || self.is_absent(after));
        let (after, before) = if turned { (before, after) } else { (after, before) };
        if after != before
            && let Some(edges) = self.edges.get_mut(after)
            && !edges.iter().any(|edge| edge.before == before)
        {
            edges.push(Edge { before, why, at });
        }
    }

    fn needs(&self) -> Vec<ResourceSet> {
        let id = |edge: &Edge| self.ids.get(edge.before).map(|id| (*id).clone());
        self.edges.iter().map(|edges| edges.iter().filter_map(id).collect()).collect()
    }
}
