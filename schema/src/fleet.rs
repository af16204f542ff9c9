//! From the repository's documents to what each host should be.

use std::collections::BTreeMap;

use crate::{
    Contents, Facts, HostName, HostState, Problem, Problems, Repository, ResourceId,
    document::source::Span,
    explain::{self, Explanation},
    limits,
    resolve::{
        apply,
        build::{Build, Expansion},
        check, conflict,
        declarations::{self, Declaration, Declarations},
        inputs,
        library::Library,
        merge,
        order::{Members, Order},
        rename::{self, Renamed},
        secrets, variables,
    },
    secrets::Secrets,
};

/// One host's resolved state and the bytes that it speaks of.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// What the host should be.
    pub state: HostState,
    /// The contents by digest. Files of the repository are read again when they are asked for.
    pub contents: Contents,
}

/// A fleet repository as it is read. What hosts share is read and parsed once.
pub struct Fleet<'r> {
    library: Library<'r>,
}

impl<'r> Fleet<'r> {
    /// The fleet in `repository`. Reads nothing yet.
    pub fn new(repository: &'r Repository) -> Self {
        Self { library: Library::new(repository) }
    }

    /// What `host` should be. Reads only the documents and files that this host uses.
    ///
    /// # Errors
    /// Everything that is wrong with what this host uses.
    pub fn resolve(&mut self, host: &HostName, facts: &Facts) -> Result<Resolved, Problems> {
        self.try_resolve(host, facts).map_err(Problems::from)
    }

    /// Everything that is wrong with any document or host. `facts` says what is known of a host; for one of which nothing
    /// is known, [`Facts::sample`] stands in.
    pub fn check(&mut self, facts: &dyn Fn(&HostName) -> Option<Facts>) -> Problems {
        let mut problems = Problems::default();
        for problem in check::documents(&mut self.library) {
            problems.push(problem);
        }
        let sample = Facts::sample();
        for host in self.library.repository().hosts() {
            let own = facts(&host);
            if let Err(found) = self.try_resolve(&host, own.as_ref().unwrap_or(&sample)) {
                for problem in found {
                    problems.push_for(&host, problem);
                }
            }
        }
        problems.sort();
        problems
    }

    /// Which file and line won each field of one resource of `host`, and what they overrode.
    ///
    /// # Errors
    /// Everything that is wrong with the documents of this host; `E_NEEDS` if none declares the resource.
    pub fn explain(
        &mut self,
        host: &HostName,
        facts: &Facts,
        id: &ResourceId,
    ) -> Result<Explanation, Problems> {
        let layers = merge::layers(host, &mut self.library)?;
        let mut problems = Vec::new();
        let declarations = Declarations::merge(&layers, &self.library, &mut problems);
        let values = variables::variables(&layers, &self.library, &mut problems);
        let context = variables::context(&values, facts, host, &layers);
        let mut expansions = Vec::new();
        let mut build = Build {
            library: &mut self.library,
            context: &context,
            contents: &mut Contents::default(),
            problems: &mut problems,
            allow_tags: true,
            layers: &layers,
            expansions: &mut expansions,
        };
        let all = declarations.all();
        // By its name on the host, too.
        let declared = all
            .iter()
            .find(|declared| declared.id == *id)
            .or_else(|| all.iter().find(|declared| declared.id_on(facts) == *id));
        let applies = declared.is_none_or(|declared| declared.holds(&mut build));
        let id = declared.map_or(id, |declared| &declared.id);
        if !build.problems.is_empty() {
            return Err(problems.into());
        }
        declarations.expand(&mut build);
        explain::explain(id, applies, &layers, &expansions, &self.library).map_err(Problems::from)
    }

    /// The public keys with which hosts sign their status, as `hosts/*.toml` tell them. Hosts whose documents cannot be
    /// read, or that tell none, are left out.
    pub fn status_keys(&mut self) -> BTreeMap<HostName, String> {
        let hosts = self.library.repository().hosts().into_iter();
        hosts
            .filter_map(|host| {
                let document = self.library.host(&host)?;
                let key = document.tables.status_key?.value.as_str().to_owned();
                Some((host, key))
            })
            .collect()
    }

    /// The secrets of the fleet, and to which keys each is to be encrypted.
    ///
    /// # Errors
    /// Everything that is wrong with the list of them.
    pub fn secrets(&mut self) -> Result<Secrets, Problems> {
        secrets::secrets(&mut self.library).map_err(Problems::from)
    }

    fn try_resolve(&mut self, host: &HostName, facts: &Facts) -> Result<Resolved, Vec<Problem>> {
        let layers = merge::layers(host, &mut self.library)?;
        let mut problems = Vec::new();
        let declarations = Declarations::merge(&layers, &self.library, &mut problems);
        let values = variables::variables(&layers, &self.library, &mut problems);
        // What follows would only repeat in other words what is wrong so far.
        if !problems.is_empty() {
            return Err(problems);
        }
        let context = variables::context(&values, facts, host, &layers);
        let mut resolved = Resolved {
            state: HostState {
                host: host.clone(),
                resources: BTreeMap::new(),
                guard: apply::guard(&layers),
                apply: apply::apply(&layers, &self.library, &mut problems),
            },
            contents: Contents::default(),
        };
        let mut expansions = Vec::new();
        let mut build = Build {
            library: &mut self.library,
            context: &context,
            contents: &mut resolved.contents,
            problems: &mut problems,
            allow_tags: apply::allow_tags(&layers),
            layers: &layers,
            expansions: &mut expansions,
        };
        let (mut places, mut written, mut renamed) = (BTreeMap::new(), BTreeMap::new(), Renamed::new());
        for declared in declarations.all() {
            places.insert(declared.id.clone(), declared.at);
            if !declared.holds(&mut build) {
                continue;
            }
            let id = declared.id_on(facts);
            written.insert(id.clone(), declared.written());
            if let Some(resource) = declared.resource(&id, &mut build)
                && resolved.state.resources.insert(id.clone(), resource).is_some()
            {
                let other = renamed.iter().find(|(_, taken)| **taken == id).map_or(&id, |(other, _)| other);
                let problem = same_name(&declared, &id, other, &places, build.library);
                build.problems.push(problem);
            }
            if id != declared.id {
                places.entry(id.clone()).or_insert(declared.at);
                renamed.insert(declared.id, id);
            }
        }
        let mut members: Members = BTreeMap::new();
        for Expansion { of, common, resources } in std::mem::take(build.expansions) {
            for declared in Declarations::of(&resources).all() {
                if let Some(other) = places.insert(declared.id.clone(), declared.at) {
                    let problem = twice(&declared.id, &of, declared.at, other, build.library);
                    build.problems.push(problem);
                }
                if let Some(resource) = declared.resource(&declared.id, &mut build) {
                    let resource = declarations::belonging(resource, &common);
                    resolved.state.resources.insert(declared.id.clone(), resource);
                }
                members.entry(of.clone()).or_default().push(declared.id.clone());
                let mut own = declared.written();
                own.needs.extend(declarations::needs(&common));
                written.insert(declared.id, own);
            }
        }
        rename::follow(&renamed, &mut resolved.state, &mut written);
        if places.len() > limits::RESOURCES {
            let message = format!(
                "a host cannot have more than {} resources; this one has {}",
                limits::RESOURCES,
                places.len()
            );
            return Err(vec![Problem::new("E_LIMIT", message)]);
        }
        if problems.is_empty() {
            conflict::find(&resolved.state, &places, &self.library, &mut problems);
            let order =
                Order { written: &written, places: &places, members: &members, library: &self.library };
            order.apply(&mut resolved.state, &mut problems);
            inputs::record(&mut resolved.state, &written);
        }
        if problems.is_empty() { Ok(resolved) } else { Err(problems) }
    }
}

/// Two declarations of one resource.
fn twice(id: &ResourceId, of: &ResourceId, at: Span, other: Span, library: &Library<'_>) -> Problem {
    Problem::new("E_CONFLICT", format!("{of} has {id}, which is declared by itself, too"))
        .at(library.locate(at))
        .related("it is also declared here", library.locate(other))
        .remedy("take one of the two out")
}

/// Two declarations that have one name on the host.
fn same_name(
    declared: &Declaration<'_>,
    id: &ResourceId,
    other: &ResourceId,
    places: &BTreeMap<ResourceId, Span>,
    library: &Library<'_>,
) -> Problem {
    let message = format!("{} and {other} are both {id} on this host", declared.id);
    let problem = Problem::new("E_CONFLICT", message)
        .at(library.locate(declared.at))
        .remedy("take one of the two out, or give one of them a `when`");
    match places.get(other) {
        Some(place) => problem.related(format!("{other} is declared here"), library.locate(*place)),
        None => problem,
    }
}
