//! What the documents declare for one host: its resources of all kinds, merged, and how each is made.

use std::borrow::Cow;

use super::{
    build::Build,
    library::Library,
    merge::{self, Layer, Merged},
    order::{self, Written},
};
use crate::{
    Facts, Problem, Resource, ResourceId, ResourceSet,
    document::{
        field::{Key, Map},
        source::{Located, Span},
    },
    language::{
        common::{Common, Declared},
        documents::Resources,
        kinds::{
            ComposeTable, ConfigTable, ContainerTable, DirectoryTable, FileTable, ImageTable, NetworkTable,
            NodeTable, PackageTable, RegistryTable, RepositoryTable, SecretObjectTable, ServiceTable,
            StackTable, SymlinkTable, UnitTable, VolumeTable,
        },
    },
    state::Mode,
};

/// The merged resources of one host.
pub(crate) struct Declarations<'l> {
    file: Merged<'l, FileTable>,
    directory: Merged<'l, DirectoryTable>,
    symlink: Merged<'l, SymlinkTable>,
    repository: Merged<'l, RepositoryTable>,
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

/// One of them, whatever its kind.
pub(crate) struct Declaration<'d> {
    /// Its name in the documents.
    pub(crate) id: ResourceId,
    /// Where the highest layer declares it.
    pub(crate) at: Span,
    table: &'d dyn AnyTable,
}

/// What there is to ask a declaration of any kind.
trait AnyTable {
    fn common(&self) -> &Common;
    fn triggers(&self, written: &mut Written);
    fn name_on(&self, facts: &Facts) -> Option<&str>;
    fn resource(&self, id: &ResourceId, at: Span, build: &mut Build<'_, '_>) -> Option<Resource>;
}

impl<D: Declared> AnyTable for D {
    fn common(&self) -> &Common {
        Declared::common(self)
    }

    fn triggers(&self, written: &mut Written) {
        Declared::triggers(self, written);
    }

    fn name_on(&self, facts: &Facts) -> Option<&str> {
        Declared::name_on(self, facts).map(Key::text)
    }

    fn resource(&self, id: &ResourceId, at: Span, build: &mut Build<'_, '_>) -> Option<Resource> {
        let spec = self.spec(&id.name.parse().ok()?, at, build)?;
        let common = Declared::common(self);
        Some(Resource {
            spec,
            needs: ResourceSet::default(),
            mode: mode(common),
            confirm: common.confirm.as_ref().is_some_and(|confirm| confirm.value),
            tags: tags(common).collect(),
            declared: build.library.position(at),
        })
    }
}

impl Declaration<'_> {
    /// Its name on a host with these facts.
    pub(crate) fn id_on(&self, facts: &Facts) -> ResourceId {
        match self.table.name_on(facts) {
            Some(name) => ResourceId::new(self.id.kind, name),
            None => self.id.clone(),
        }
    }

    /// Whether it applies to the host.
    pub(crate) fn holds(&self, build: &mut Build<'_, '_>) -> bool {
        let Some(when) = &self.table.common().when else { return true };
        let Some(condition) = build.library.condition(when.value.as_str()) else { return true };
        condition.holds(build.context).unwrap_or_else(|error| {
            let message = format!("the condition of {} cannot be decided: {}", self.id, error.message);
            let mut problem = Problem::new("E_TEMPLATE", message);
            problem.remedy = error.remedy;
            build.report(when.at, problem);
            true
        })
    }

    /// What the host should have, under the name that it has there.
    pub(crate) fn resource(&self, id: &ResourceId, build: &mut Build<'_, '_>) -> Option<Resource> {
        self.table.resource(id, self.at, build)
    }

    /// What it says about order.
    pub(crate) fn written(&self) -> Written {
        let mut written = Written { needs: needs(self.table.common()), ..Written::default() };
        self.table.triggers(&mut written);
        written
    }
}

impl<'l> Declarations<'l> {
    pub(crate) fn merge(layers: &'l [Layer], library: &Library<'_>, problems: &mut Vec<Problem>) -> Self {
        Self {
            file: merge::merge(layers, |all| all.file.as_ref(), library, problems),
            directory: merge::merge(layers, |all| all.directory.as_ref(), library, problems),
            symlink: merge::merge(layers, |all| all.symlink.as_ref(), library, problems),
            repository: merge::merge(layers, |all| all.repository.as_ref(), library, problems),
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

    /// What a resource stands for.
    pub(crate) fn of(resources: &'l Resources) -> Self {
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
            repository: all(resources.repository.as_ref()),
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

    /// Has `build` note what resources stand for.
    pub(crate) fn expand(&self, build: &mut Build<'_, '_>) {
        for (name, project) in &self.compose {
            project.value.spec(name, project.at, build);
        }
        for (name, stack) in &self.stack {
            stack.value.spec(name, stack.at, build);
        }
    }

    /// All of them, kind by kind.
    pub(crate) fn all(&self) -> Vec<Declaration<'_>> {
        fn add<'d, D: Declared>(merged: &'d Merged<'_, D>, all: &mut Vec<Declaration<'d>>) {
            all.extend(merged.iter().map(|(name, declared)| Declaration {
                id: ResourceId::new(D::KIND, name.text()),
                at: declared.at,
                table: &declared.value,
            }));
        }
        let mut all = Vec::new();
        add(&self.file, &mut all);
        add(&self.directory, &mut all);
        add(&self.symlink, &mut all);
        add(&self.repository, &mut all);
        add(&self.package, &mut all);
        add(&self.unit, &mut all);
        add(&self.image, &mut all);
        add(&self.network, &mut all);
        add(&self.volume, &mut all);
        add(&self.container, &mut all);
        add(&self.service, &mut all);
        add(&self.config, &mut all);
        add(&self.secret, &mut all);
        add(&self.node, &mut all);
        add(&self.registry, &mut all);
        add(&self.compose, &mut all);
        add(&self.stack, &mut all);
        all
    }
}

/// A resource that another stands for, with what that says for all of them.
pub(crate) fn belonging(mut resource: Resource, common: &Common) -> Resource {
    // What a compose file becomes says nothing of its own about this.
    resource.mode = mode(common);
    resource.confirm |= common.confirm.as_ref().is_some_and(|confirm| confirm.value);
    resource.tags.extend(tags(common));
    resource
}

/// What must be in order before it.
pub(crate) fn needs(common: &Common) -> Vec<Located<ResourceId>> {
    order::listed(common.needs.as_ref())
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

fn tags(common: &Common) -> impl Iterator<Item = String> {
    common.tags.iter().flat_map(|tags| tags.value.values()).map(|tag| tag.as_str().to_owned())
}
