//! From the repository's documents to what each host should be.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{
    Contents, Facts, HostName, HostState, Problem, Problems, Repository, Resource, ResourceId, ResourceSet,
    document::{
        field::{Key, Map},
        source::{Located, Span},
    },
    explain::{self, Explanation},
    language::{
        common::{Common, Declared},
        documents::Resources,
        kinds::{
            ComposeTable, ConfigTable, ContainerTable, DirectoryTable, FileTable, ImageTable, NetworkTable,
            NodeTable, PackageTable, RegistryTable, SecretObjectTable, ServiceTable, StackTable,
            SymlinkTable, UnitTable, VolumeTable,
        },
    },
    limits,
    resolve::{
        apply,
        build::{Build, Expansion},
        check, conflict, inputs,
        library::Library,
        merge::{self, Layer, Merged},
        order::{Members, Order, Written},
        secrets, variables,
    },
    secrets::Secrets,
    state::Mode,
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

/// The merged resources of one host.
struct Declarations<'l> {
    file: Merged<'l, FileTable>,
    directory: Merged<'l, DirectoryTable>,
    symlink: Merged<'l, SymlinkTable>,
    package: Merged<'l, PackageTable>,
    unit: Merged<'l, UnitTable>,
    image: Merged<'l, ImageTable>,
    network: Merged<'l, NetworkTable>,
    volume: Merged<'l, VolumeTable>,
    container: Merged<'l, ContainerTable>,
    service: Merged<'l, ServiceTable>,
    config: Merged<'l, ConfigTable>,
    secret: Merged<'l, SecretObjectTable>,
    node: Merged<'l, NodeTable>,
    registry: Merged<'l, RegistryTable>,
    compose: Merged<'l, ComposeTable>,
    stack: Merged<'l, StackTable>,
}

/// Runs a block for every kind, with `$kind` bound to its merged resources.
macro_rules! each_kind {
    ($declarations:expr, $kind:ident => $block:expr) => {{
        let $kind = &$declarations.file;
        $block;
        let $kind = &$declarations.directory;
        $block;
        let $kind = &$declarations.symlink;
        $block;
        let $kind = &$declarations.package;
        $block;
        let $kind = &$declarations.unit;
        $block;
        let $kind = &$declarations.image;
        $block;
        let $kind = &$declarations.network;
        $block;
        let $kind = &$declarations.volume;
        $block;
        let $kind = &$declarations.container;
        $block;
        let $kind = &$declarations.service;
        $block;
        let $kind = &$declarations.config;
        $block;
        let $kind = &$declarations.secret;
        $block;
        let $kind = &$declarations.node;
        $block;
        let $kind = &$declarations.registry;
        $block;
        let $kind = &$declarations.compose;
        $block;
        let $kind = &$declarations.stack;
        $block;
    }};
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
        let mut applies = true;
        each_kind!(declarations, kind => {
            for (declared, declaration) in ids(kind).filter(|(declared, _)| declared == id) {
                let common = declaration.value.common();
                applies = holds(&declared, common, &mut self.library, &context, &mut problems);
            }
        });
        if !problems.is_empty() {
            return Err(problems.into());
        }
        let expansions = self.expansions(&declarations, &layers, &context);
        explain::explain(id, applies, &layers, &expansions, &self.library).map_err(Problems::from)
    }

    /// What the resources of a host stand for, as far as that can be said.
    fn expansions(
        &mut self,
        declarations: &Declarations<'_>,
        layers: &[Layer],
        context: &minijinja::Value,
    ) -> Vec<Expansion> {
        let mut expansions = Vec::new();
        let (mut contents, mut problems) = (Contents::default(), Vec::new());
        let mut build = Build {
            library: &mut self.library,
            context,
            contents: &mut contents,
            problems: &mut problems,
            allow_tags: true,
            layers,
            expansions: &mut expansions,
        };
        for (name, project) in &declarations.compose {
            project.value.spec(name, project.at, &mut build);
        }
        for (name, stack) in &declarations.stack {
            stack.value.spec(name, stack.at, &mut build);
        }
        expansions
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
        let allow_tags = apply::allow_tags(&layers);
        let mut expansions = Vec::new();
        let mut places = BTreeMap::new();
        let mut written = BTreeMap::new();
        each_kind!(declarations, kind => {
            for (id, declaration) in ids(kind) {
                places.insert(id.clone(), declaration.at);
                let common = declaration.value.common();
                if holds(&id, common, &mut self.library, &context, &mut problems) {
                    let mut build = Build {
                        library: &mut self.library,
                        context: &context,
                        contents: &mut resolved.contents,
                        problems: &mut problems,
                        allow_tags,
                        layers: &layers,
                        expansions: &mut expansions,
                    };
                    if let Some(resource) = resource(&id, declaration, &mut build) {
                        resolved.state.resources.insert(id.clone(), resource);
                    }
                    written.insert(id, needs(common));
                }
            }
        });
        let mut members: Members = BTreeMap::new();
        for Expansion { of, common, resources } in &expansions {
            each_kind!(Declarations::of(resources), kind => {
                for (id, declaration) in ids(kind) {
                    if let Some(other) = places.insert(id.clone(), declaration.at) {
                        problems.push(twice(&id, of, declaration.at, other, &self.library));
                    }
                    let mut build = Build {
                        library: &mut self.library,
                        context: &context,
                        contents: &mut resolved.contents,
                        problems: &mut problems,
                        allow_tags,
                        layers: &layers,
                        expansions: &mut Vec::new(),
                    };
                    if let Some(resource) = resource(&id, declaration, &mut build) {
                        let resource = belonging(resource, common);
                        resolved.state.resources.insert(id.clone(), resource);
                    }
                    members.entry(of.clone()).or_default().push(id.clone());
                    let mut own = needs(declaration.value.common());
                    own.needs.extend(needs(common).needs);
                    written.insert(id, own);
                }
            });
        }
        declarations.triggers(&expansions, &mut written);
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

impl<'l> Declarations<'l> {
    fn merge(layers: &'l [Layer], library: &Library<'_>, problems: &mut Vec<Problem>) -> Self {
        Self {
            file: merge::merge(layers, |all| all.file.as_ref(), library, problems),
            directory: merge::merge(layers, |all| all.directory.as_ref(), library, problems),
            symlink: merge::merge(layers, |all| all.symlink.as_ref(), library, problems),
            package: merge::merge(layers, |all| all.package.as_ref(), library, problems),
            unit: merge::merge(layers, |all| all.unit.as_ref(), library, problems),
            image: merge::merge(layers, |all| all.image.as_ref(), library, problems),
            network: merge::merge(layers, |all| all.network.as_ref(), library, problems),
            volume: merge::merge(layers, |all| all.volume.as_ref(), library, problems),
            container: merge::merge(layers, |all| all.container.as_ref(), library, problems),
            service: merge::merge(layers, |all| all.service.as_ref(), library, problems),
            config: merge::merge(layers, |all| all.config.as_ref(), library, problems),
            secret: merge::merge(layers, |all| all.secret.as_ref(), library, problems),
            node: merge::merge(layers, |all| all.node.as_ref(), library, problems),
            registry: merge::merge(layers, |all| all.registry.as_ref(), library, problems),
            compose: merge::merge(layers, |all| all.compose.as_ref(), library, problems),
            stack: merge::merge(layers, |all| all.stack.as_ref(), library, problems),
        }
    }

    /// Notes what units and containers restart and reload on.
    fn triggers(&self, expansions: &[Expansion], written: &mut BTreeMap<ResourceId, Written>) {
        let expanded: Vec<_> =
            expansions.iter().map(|expansion| Declarations::of(&expansion.resources)).collect();
        for (name, container) in std::iter::once(self).chain(&expanded).flat_map(|all| &all.container) {
            if let Some(written) = written.get_mut(&ResourceId::new(ContainerTable::KIND, name.as_str())) {
                written.restart_on =
                    container.value.restart_on.iter().flat_map(|list| list.value.0.clone()).collect();
            }
        }
        for (name, unit) in &self.unit {
            if let Some(written) = written.get_mut(&ResourceId::new(UnitTable::KIND, name.as_str())) {
                written.restart_on =
                    unit.value.restart_on.iter().flat_map(|list| list.value.0.clone()).collect();
                written.reload_on =
                    unit.value.reload_on.iter().flat_map(|list| list.value.0.clone()).collect();
            }
        }
    }

    /// What a resource stands for.
    fn of(resources: &'l Resources) -> Self {
        fn all<D: Declared>(map: Option<&Located<Map<D::Name, D>>>) -> Merged<'_, D> {
            map.into_iter()
                .flat_map(|map| &map.value.0)
                .map(|(name, one)| (name, Cow::Borrowed(one)))
                .collect()
        }
        Self {
            file: all(resources.file.as_ref()),
            directory: all(resources.directory.as_ref()),
            symlink: all(resources.symlink.as_ref()),
            package: all(resources.package.as_ref()),
            unit: all(resources.unit.as_ref()),
            image: all(resources.image.as_ref()),
            network: all(resources.network.as_ref()),
            volume: all(resources.volume.as_ref()),
            container: all(resources.container.as_ref()),
            service: all(resources.service.as_ref()),
            config: all(resources.config.as_ref()),
            secret: all(resources.secret.as_ref()),
            node: all(resources.node.as_ref()),
            registry: all(resources.registry.as_ref()),
            compose: all(resources.compose.as_ref()),
            stack: all(resources.stack.as_ref()),
        }
    }
}

/// A kind's resources with their ids.
fn ids<'m, D: Declared>(merged: &'m Merged<'_, D>) -> impl Iterator<Item = (ResourceId, &'m Located<D>)> {
    merged.iter().map(|(name, declaration)| (ResourceId::new(D::KIND, name.text()), &**declaration))
}

/// A resource that another stands for, with what that says for all of them.
fn belonging(mut resource: Resource, common: &Common) -> Resource {
    // What a compose file becomes says nothing of its own about this.
    resource.mode = mode(common);
    resource.confirm |= common.confirm.as_ref().is_some_and(|confirm| confirm.value);
    resource.tags.extend(tags(common));
    resource
}

/// What may be done about a difference.
fn mode(common: &Common) -> Mode {
    let is_set = |field: &Option<Located<bool>>| field.as_ref().is_some_and(|field| field.value);
    match (is_set(&common.adopt), is_set(&common.audit)) {
        (true, _) => Mode::Adopt,
        (false, true) => Mode::Audit,
        (false, false) => Mode::Enforce,
    }
}

/// Two declarations of one resource.
fn twice(id: &ResourceId, of: &ResourceId, at: Span, other: Span, library: &Library<'_>) -> Problem {
    Problem::new("E_CONFLICT", format!("{of} has {id}, which is declared by itself, too"))
        .at(library.locate(at))
        .related("it is also declared here", library.locate(other))
        .remedy("take one of the two out")
}

fn tags(common: &Common) -> impl Iterator<Item = String> {
    common.tags.iter().flat_map(|tags| tags.value.values()).map(|tag| tag.as_str().to_owned())
}

fn needs(common: &Common) -> Written {
    let needs = common.needs.iter().flat_map(|needs| needs.value.0.clone()).collect();
    Written { needs, ..Written::default() }
}

/// Whether a resource applies to the host.
fn holds(
    id: &ResourceId,
    common: &Common,
    library: &mut Library<'_>,
    context: &minijinja::Value,
    problems: &mut Vec<Problem>,
) -> bool {
    let Some(when) = &common.when else { return true };
    let Some(condition) = library.condition(when.value.as_str()) else { return true };
    condition.holds(context).unwrap_or_else(|error| {
        let message = format!("the condition of {id} cannot be decided: {}", error.message);
        let mut problem = Problem::new("E_TEMPLATE", message).at(library.locate(when.at));
        problem.remedy = error.remedy;
        problems.push(problem);
        true
    })
}

fn resource<D: Declared>(
    id: &ResourceId,
    declaration: &Located<D>,
    build: &mut Build<'_, '_>,
) -> Option<Resource> {
    let name = id.name.parse::<D::Name>().ok()?;
    let spec = declaration.value.spec(&name, declaration.at, build)?;
    let common = declaration.value.common();
    Some(Resource {
        spec,
        needs: ResourceSet::default(),
        mode: mode(common),
        confirm: common.confirm.as_ref().is_some_and(|confirm| confirm.value),
        tags: tags(common).collect(),
        declared: build.library.position(declaration.at),
    })
}
