//! Where each field of a resource comes from.

use serde::Serialize;

use crate::{
    Location, Problem, ResourceId,
    document::{field::Key, source::Span},
    language::{
        common::Declared,
        documents::Resources,
        kinds::{
            ComposeTable, ConfigTable, ContainerTable, DirectoryTable, FileTable, ImageTable, NetworkTable,
            NodeTable, PackageTable, RegistryTable, RepositoryTable, SecretObjectTable, ServiceTable,
            StackTable, SymlinkTable, UnitTable, VolumeTable,
        },
    },
    resolve::{build::Expansion, library::Library, merge::Layer},
    text,
};

/// A resource's fields with their origins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Which resource.
    pub id: ResourceId,
    /// Whether it applies to the host; `false` when its `when` says no.
    pub applies: bool,
    /// The fields that are set, in the order of the reference.
    pub fields: Vec<FieldOrigin>,
}

/// Where one field's value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldOrigin {
    /// The field, such as `mode` or `health.within`.
    pub field: String,
    /// What holds.
    pub winner: Setting,
    /// What was overridden, from the highest layer down.
    pub overridden: Vec<Setting>,
}

/// A value that a layer sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The value as TOML; `(not shown)` for what is sensitive.
    pub value: String,
    /// Which layer sets it, such as `role web` or `host web-1`.
    pub layer: String,
    /// Where.
    pub at: Location,
}

/// What one layer says of the resource.
struct Sets {
    layer: String,
    overrides: bool,
    settings: Vec<(String, String, Span)>,
}

/// The origins of a resource's fields.
pub(crate) fn explain(
    id: &ResourceId,
    applies: bool,
    layers: &[Layer],
    expansions: &[Expansion],
    library: &Library<'_>,
) -> Result<Explanation, Problem> {
    let mut sets: Vec<Sets> = layers
        .iter()
        .filter_map(|layer| settings(id, &layer.label(), layer.resources()))
        .chain(expansions.iter().filter_map(|one| settings(id, &one.of.to_string(), &one.resources)))
        .collect();
    if sets.is_empty() {
        let problem = Problem::new("E_NEEDS", format!("no document of the host declares {id}"));
        return Err(problem.remedy("`holdfast render` lists what the host has"));
    }
    // A role that overrides ranks above the other roles; the sort keeps all else in place.
    let roles = sets.iter().take_while(|one| one.layer.starts_with("role ")).count();
    if let Some(roles) = sets.get_mut(..roles) {
        roles.sort_by_key(|one| one.overrides);
    }
    let sensitive = sets
        .iter()
        .flat_map(|one| &one.settings)
        .any(|(name, value, _)| name == "sensitive" && value == "true");
    let mut fields: Vec<FieldOrigin> = Vec::new();
    for one in sets.iter().rev() {
        for (name, value, at) in &one.settings {
            let hidden = sensitive && name == "content";
            let value = if hidden { "(not shown)".to_owned() } else { value.clone() };
            let setting = Setting { value, layer: one.layer.clone(), at: library.locate(*at) };
            match fields.iter_mut().find(|field| same(id, &field.field, name)) {
                Some(field) => field.overridden.push(setting),
                None => {
                    fields.push(FieldOrigin { field: name.clone(), winner: setting, overridden: Vec::new() });
                }
            }
        }
    }
    let order = names(id);
    let rank = |field: &FieldOrigin| {
        let first = field.field.split('.').next().unwrap_or_default();
        order.iter().position(|name| *name == first).unwrap_or(order.len())
    };
    fields.sort_by_key(rank);
    Ok(Explanation { id: id.clone(), applies, fields })
}

/// Whether two names are one field, or displace each other.
fn same(id: &ResourceId, one: &str, other: &str) -> bool {
    let (prefix, last) = one.rsplit_once('.').unwrap_or(("", one));
    let (other_prefix, other_last) = other.rsplit_once('.').unwrap_or(("", other));
    if prefix != other_prefix {
        return false;
    }
    let _ = id;
    let exclusive = [
        ["content", "source", "template"],
        ["http", "tcp", "command"],
        ["volume", "bind", "tmpfs"],
        ["url", "metalink", "mirrorlist"],
    ];
    last == other_last || exclusive.iter().any(|group| group.contains(&last) && group.contains(&other_last))
}

/// The fields of a resource's kind, in the order of the reference.
fn names(id: &ResourceId) -> Vec<&'static str> {
    fn of<D: Declared>() -> Vec<&'static str> {
        D::fields().iter().map(|field| field.name).collect()
    }
    match id.kind {
        crate::KindName::File => of::<FileTable>(),
        crate::KindName::Directory => of::<DirectoryTable>(),
        crate::KindName::Symlink => of::<SymlinkTable>(),
        crate::KindName::Repository => of::<RepositoryTable>(),
        crate::KindName::Package => of::<PackageTable>(),
        crate::KindName::Unit => of::<UnitTable>(),
        crate::KindName::Image => of::<ImageTable>(),
        crate::KindName::Network => of::<NetworkTable>(),
        crate::KindName::Volume => of::<VolumeTable>(),
        crate::KindName::Container => of::<ContainerTable>(),
        crate::KindName::Service => of::<ServiceTable>(),
        crate::KindName::Config => of::<ConfigTable>(),
        crate::KindName::Secret => of::<SecretObjectTable>(),
        crate::KindName::Node => of::<NodeTable>(),
        crate::KindName::Registry => of::<RegistryTable>(),
        crate::KindName::Compose => of::<ComposeTable>(),
        crate::KindName::Stack => of::<StackTable>(),
    }
}

/// What a layer sets of a resource, if it names it.
fn settings(id: &ResourceId, layer: &str, all: &Resources) -> Option<Sets> {
    fn of<D: Declared>(
        id: &ResourceId,
        map: Option<&crate::document::source::Located<crate::document::field::Map<D::Name, D>>>,
        layer: &str,
    ) -> Option<Sets> {
        let (_, declaration) = map?.value.0.iter().find(|(name, _)| name.text() == id.name)?;
        let mut settings = Vec::new();
        declaration.value.list_settings("", &mut settings);
        let overrides = declaration.value.common().r#override.as_ref().is_some_and(|says| says.value);
        Some(Sets { layer: text::escape(layer).into_owned(), overrides, settings })
    }
    match id.kind {
        crate::KindName::File => of::<FileTable>(id, all.file.as_ref(), layer),
        crate::KindName::Directory => of::<DirectoryTable>(id, all.directory.as_ref(), layer),
        crate::KindName::Symlink => of::<SymlinkTable>(id, all.symlink.as_ref(), layer),
        crate::KindName::Repository => of::<RepositoryTable>(id, all.repository.as_ref(), layer),
        crate::KindName::Package => of::<PackageTable>(id, all.package.as_ref(), layer),
        crate::KindName::Unit => of::<UnitTable>(id, all.unit.as_ref(), layer),
        crate::KindName::Image => of::<ImageTable>(id, all.image.as_ref(), layer),
        crate::KindName::Network => of::<NetworkTable>(id, all.network.as_ref(), layer),
        crate::KindName::Volume => of::<VolumeTable>(id, all.volume.as_ref(), layer),
        crate::KindName::Container => of::<ContainerTable>(id, all.container.as_ref(), layer),
        crate::KindName::Service => of::<ServiceTable>(id, all.service.as_ref(), layer),
        crate::KindName::Config => of::<ConfigTable>(id, all.config.as_ref(), layer),
        crate::KindName::Secret => of::<SecretObjectTable>(id, all.secret.as_ref(), layer),
        crate::KindName::Node => of::<NodeTable>(id, all.node.as_ref(), layer),
        crate::KindName::Registry => of::<RegistryTable>(id, all.registry.as_ref(), layer),
        crate::KindName::Compose => of::<ComposeTable>(id, all.compose.as_ref(), layer),
        crate::KindName::Stack => of::<StackTable>(id, all.stack.as_ref(), layer),
    }
}
