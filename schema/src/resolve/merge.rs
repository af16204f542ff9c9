//! The layers of one host, and laying them over each other.
//!
//! Rank, lowest first: roles (all of one rank), the fleet, groups in the order in which the host lists them, the host.

use std::{borrow::Cow, collections::BTreeMap, rc::Rc};

use super::library::{Document, Library};
use crate::{
    HostName, Location, Problem, ResourceId,
    document::{
        field::{Field, Key, Map},
        source::{Located, Span},
        table,
    },
    id::{GroupName, RoleName},
    language::{
        common::Declared,
        documents::{FleetDocument, GroupDocument, HostDocument, Resources, RoleDocument},
    },
    limits, text,
};

/// One layer of a host: a document and its name.
pub(crate) enum Layer {
    Role(RoleName, Rc<Document<RoleDocument>>),
    Fleet(Rc<Document<FleetDocument>>),
    Group(GroupName, Rc<Document<GroupDocument>>),
    Host(HostName, Rc<Document<HostDocument>>),
}

impl Layer {
    pub(crate) fn resources(&self) -> &Resources {
        match self {
            Self::Role(_, role) => &role.tables.resources,
            Self::Fleet(fleet) => &fleet.tables.resources,
            Self::Group(_, group) => &group.tables.resources,
            Self::Host(_, host) => &host.tables.resources,
        }
    }

    pub(crate) fn problems(&self) -> &[Problem] {
        match self {
            Self::Role(_, role) => &role.problems,
            Self::Fleet(fleet) => &fleet.problems,
            Self::Group(_, group) => &group.problems,
            Self::Host(_, host) => &host.problems,
        }
    }

    pub(crate) fn role_name(&self) -> Option<&str> {
        if let Self::Role(name, _) = self { Some(name.as_str()) } else { None }
    }

    pub(crate) fn group_name(&self) -> Option<&str> {
        if let Self::Group(name, _) = self { Some(name.as_str()) } else { None }
    }

    /// Its name for people, such as `role web`.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Role(name, _) => format!("role {name}"),
            Self::Fleet(_) => "fleet".to_owned(),
            Self::Group(name, _) => format!("group {name}"),
            Self::Host(name, _) => format!("host {name}"),
        }
    }
}

/// The layers of `host`, lowest first. Roles come in the order of their names: theirs says nothing.
pub(crate) fn layers(host: &HostName, library: &mut Library<'_>) -> Result<Vec<Layer>, Vec<Problem>> {
    let Some(document) = library.host(host) else {
        let path = format!("hosts/{host}.toml");
        let problem = Problem::new("E_HOST_MISSING", format!("there is no {path} in the repository"));
        let known = library.repository().hosts();
        let problem = match text::near(host.as_str(), known.iter().map(HostName::as_str)) {
            Some(near) => problem.remedy(format!("did you mean the host {near}? Otherwise add the file")),
            None => problem.remedy("add the file; an empty one will do"),
        };
        return Err(vec![problem.at(Location::file(path))]);
    };
    // What a broken document seems to list may be anything.
    if document.problems.iter().any(|problem| problem.code == "E_TOML") {
        return Err(document.problems);
    }
    let mut problems = Vec::new();
    let mut roles = BTreeMap::new();
    for role in document.tables.roles.iter().flat_map(|roles| &roles.value.0).take(limits::LAYERS) {
        match library.role(&role.value) {
            Some(found) => {
                roles.insert(role.value.clone(), found);
            }
            None => problems.push(missing(
                "E_ROLE_MISSING",
                "role",
                &format!("roles/{}/role.toml", role.value),
                role.at,
                library,
            )),
        }
    }
    let mut groups = Vec::new();
    for group in document.tables.groups.iter().flat_map(|groups| &groups.value.0).take(limits::LAYERS) {
        match library.group(&group.value) {
            Some(found) => groups.push((group.value.clone(), found)),
            None => problems.push(missing(
                "E_GROUP_MISSING",
                "group",
                &format!("groups/{}.toml", group.value),
                group.at,
                library,
            )),
        }
    }
    let listed = [
        ("roles", document.tables.roles.as_ref().map(|roles| (roles.value.0.len(), roles.at))),
        ("groups", document.tables.groups.as_ref().map(|groups| (groups.value.0.len(), groups.at))),
    ];
    for (what, list) in listed {
        if let Some((count, at)) = list
            && count > limits::LAYERS
        {
            let message = format!("a host cannot have more than {} {what}", limits::LAYERS);
            problems.push(Problem::new("E_LIMIT", message).at(library.locate(at)));
        }
    }
    let mut layers: Vec<Layer> = roles.into_iter().map(|(name, role)| Layer::Role(name, role)).collect();
    layers.push(Layer::Fleet(library.fleet()));
    layers.extend(groups.into_iter().map(|(name, group)| Layer::Group(name, group)));
    layers.push(Layer::Host(host.clone(), Rc::new(document)));
    problems.extend(layers.iter().flat_map(Layer::problems).cloned());
    if problems.is_empty() { Ok(layers) } else { Err(problems) }
}

fn missing(code: &'static str, what: &str, path: &str, at: Span, library: &Library<'_>) -> Problem {
    let problem =
        Problem::new(code, format!("there is no such {what}: {path} does not exist")).at(library.locate(at));
    let prefix = format!("{what}s/");
    let known: std::collections::BTreeSet<&str> = library
        .repository()
        .under(&prefix)
        .filter_map(|(path, _)| path.strip_prefix(&prefix)?.split('/').next())
        .map(|name| name.strip_suffix(".toml").unwrap_or(name))
        .collect();
    let name = path.strip_prefix(&prefix).and_then(|rest| rest.split('/').next()).unwrap_or("");
    match text::near(name.strip_suffix(".toml").unwrap_or(name), known) {
        Some(near) => problem.remedy(format!("did you mean {near:?}?")),
        None => problem.remedy(format!("add {path}")),
    }
}

/// A kind's resources, merged: the fields that won, at the highest layer's place.
pub(crate) type Merged<'l, D> = BTreeMap<&'l <D as Declared>::Name, Cow<'l, Located<D>>>;

/// Merges one kind's resources of all layers.
pub(crate) fn merge<'l, D: Declared>(
    layers: &'l [Layer],
    pick: Pick<D>,
    library: &Library<'_>,
    problems: &mut Vec<Problem>,
) -> Merged<'l, D> {
    let mut merged: Merged<'l, D> = BTreeMap::new();
    for (name, declarations) in role_declarations(layers, pick) {
        // First those that yield, then those that say `override`; within each, all must agree.
        let (strong, weak): (Vec<_>, Vec<_>) =
            declarations.iter().partition(|(_, one)| overrides(&one.value));
        for equal in [&weak, &strong] {
            for (index, (role, one)) in equal.iter().enumerate() {
                for (other_role, other) in equal.iter().skip(index + 1) {
                    let id = ResourceId::new(D::KIND, name.text());
                    disagree(&id, (role, one), (other_role, other), library, problems);
                }
            }
        }
        for (_, declaration) in weak.into_iter().chain(strong) {
            lay(&mut merged, name, declaration);
        }
    }
    for layer in layers.iter().filter(|layer| layer.role_name().is_none()) {
        for (name, declaration) in pick(layer.resources()).into_iter().flat_map(|map| &map.value.0) {
            lay(&mut merged, name, declaration);
        }
    }
    merged
}

/// How a kind's resources are found in a layer.
pub(crate) type Pick<D> = fn(&Resources) -> Option<&Located<Map<<D as Declared>::Name, D>>>;

type RoleDeclarations<'l, D> = BTreeMap<&'l <D as Declared>::Name, Vec<(&'l str, &'l Located<D>)>>;

fn role_declarations<'l, D: Declared>(layers: &'l [Layer], pick: Pick<D>) -> RoleDeclarations<'l, D> {
    let mut declarations: RoleDeclarations<'l, D> = BTreeMap::new();
    for layer in layers {
        let Some(role) = layer.role_name() else { continue };
        for (name, declaration) in pick(layer.resources()).into_iter().flat_map(|map| &map.value.0) {
            declarations.entry(name).or_default().push((role, declaration));
        }
    }
    declarations
}

fn overrides<D: Declared>(declaration: &D) -> bool {
    declaration.common().r#override.as_ref().is_some_and(|says| says.value)
}

fn lay<'l, D: Declared>(merged: &mut Merged<'l, D>, name: &'l D::Name, declaration: &'l Located<D>) {
    match merged.get_mut(name) {
        None => {
            merged.insert(name, Cow::Borrowed(declaration));
        }
        Some(lower) => {
            let lower = lower.to_mut();
            Field::merge(&mut lower.value, &declaration.value);
            lower.at = declaration.at;
        }
    }
}

fn disagree<D: Declared>(
    id: &ResourceId,
    (role, one): (&str, &Located<D>),
    (other_role, other): (&str, &Located<D>),
    library: &Library<'_>,
    problems: &mut Vec<Problem>,
) {
    let mut found = Vec::new();
    table::disagreements(&one.value, &other.value, "", &mut found);
    problems.extend(found.into_iter().map(|disagreement| {
        let message =
            format!("the roles {role} and {other_role} set `{}` of {id} differently", disagreement.field);
        Problem::new("E_CONFLICT", message)
            .at(library.locate(disagreement.other))
            .related(format!("the role {role} sets it here"), library.locate(disagreement.one))
            .remedy(
                "set it in one role only, or say override = true in the resource of the role that shall win",
            )
    }));
}
