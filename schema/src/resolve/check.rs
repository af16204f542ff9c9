//! What is wrong with a repository whatever the host: documents, file names, and what no host may use yet.

use std::collections::BTreeSet;

use super::{build::base, library::Library, secrets, variables};
use crate::{
    Entry, HostName, Location, Problem,
    document::source::{Located, Span},
    id::{GroupName, RoleName, VariableName},
    language::{
        common::Body,
        documents::{GroupDocument, Resources},
        values::RelativePath,
    },
    limits,
};

/// Reads every document and tells what is wrong with it by itself.
pub(crate) fn documents(library: &mut Library<'_>) -> Vec<Problem> {
    let mut problems = names(library);
    problems.extend(secrets::check(library));
    let mut declared: BTreeSet<VariableName> = BTreeSet::new();
    let fleet = library.fleet();
    problems.extend(fleet.problems.iter().cloned());
    problems.extend(variables::check_declarations(fleet.tables.params.as_ref(), library));
    problems.extend(bodies(&fleet.tables.resources, library));
    declared.extend(fleet.tables.params.iter().flat_map(|params| params.value.0.keys().cloned()));
    for name in roles(library) {
        if let Some(role) = library.role(&name) {
            problems.extend(role.problems.iter().cloned());
            problems.extend(variables::check_declarations(role.tables.params.as_ref(), library));
            problems.extend(bodies(&role.tables.resources, library));
            declared.extend(role.tables.params.iter().flat_map(|params| params.value.0.keys().cloned()));
        }
    }
    let mut settings: Vec<_> = fleet.tables.vars.iter().flat_map(|vars| vars.value.0.clone()).collect();
    for name in groups(library) {
        if let Some(group) = library.group(&name) {
            let group: &super::library::Document<GroupDocument> = &group;
            problems.extend(group.problems.iter().cloned());
            problems.extend(bodies(&group.tables.resources, library));
            settings.extend(group.tables.vars.iter().flat_map(|vars| vars.value.0.clone()));
        }
    }
    for (name, setting) in &settings {
        if !declared.contains(name) {
            let mut problem = variables::undeclared(name, setting, declared.iter(), library);
            problem.message = format!("no role, nor fleet.toml, declares `{name}`");
            problems.push(problem);
        }
    }
    problems
}

fn roles(library: &Library<'_>) -> BTreeSet<RoleName> {
    let under = library.repository().under("roles/");
    under
        .filter_map(|(path, _)| path.strip_prefix("roles/")?.strip_suffix("/role.toml")?.parse().ok())
        .collect()
}

fn groups(library: &Library<'_>) -> BTreeSet<GroupName> {
    let under = library.repository().under("groups/");
    under.filter_map(|(path, _)| path.strip_prefix("groups/")?.strip_suffix(".toml")?.parse().ok()).collect()
}

/// What is wrong with the names of files, and with what is no file.
fn names(library: &Library<'_>) -> Vec<Problem> {
    let repository = library.repository();
    let mut problems = Vec::new();
    if repository.is_too_large() {
        let message = format!("the repository has more than {} files", limits::ENTRIES);
        problems.push(Problem::new("E_LIMIT", message).remedy("keep in it only what describes the fleet"));
    }
    for path in repository.odd() {
        let shown = str::from_utf8(path).map_or_else(|_| path.escape_ascii().to_string(), str::to_owned);
        if ["fleet.toml", "hosts/", "groups/", "roles/"].iter().any(|ours| path.starts_with(ours.as_bytes()))
        {
            let problem = Problem::new("E_FILE_NAME", "no document can name this file")
                .remedy(format!(
                    "rename it: UTF-8 without control characters, {} bytes and {} levels at most",
                    limits::PATH_BYTES,
                    limits::PATH_DEPTH
                ))
                .at(Location::file(shown));
            problems.push(problem);
        }
    }
    for part in ["hosts/", "groups/"] {
        for (path, _) in repository.under(part) {
            let name = path.strip_prefix(part).unwrap_or_default();
            if name.starts_with('.') || name.starts_with("README") {
                continue;
            }
            problems.extend(document_name(part, path, name));
        }
    }
    let mut without_document = BTreeSet::new();
    for (path, entry) in repository.under("roles/") {
        let Some((role, _)) = path.strip_prefix("roles/").and_then(|rest| rest.split_once('/')) else {
            if !matches!(path.strip_prefix("roles/"), Some(name) if name.starts_with('.') || name.starts_with("README"))
            {
                let problem = Problem::new("E_FILE_NAME", "a role is a directory with a role.toml in it");
                problems.push(problem.at(Location::file(path)));
            }
            continue;
        };
        let document = format!("roles/{role}/role.toml");
        if let Err(invalid) = role.parse::<RoleName>() {
            if path == document {
                let problem = Problem::new("E_FILE_NAME", invalid.to_string());
                problems.push(problem.at(Location::file(path)));
            }
        } else if repository.get(&document).is_none() && without_document.insert(role.to_owned()) {
            let problem =
                Problem::new("E_ROLE_MISSING", format!("the directory roles/{role} has no role.toml"))
                    .remedy("add one; an empty one will do");
            problems.push(problem.at(Location::file(document)));
        }
        let (code, what) = match entry {
            Entry::File { .. } => continue,
            Entry::Symlink => ("E_SYMLINK", "a symbolic link, which is never followed"),
            Entry::Submodule => ("E_SUBMODULE", "a submodule, which is never read"),
        };
        let problem = Problem::new(code, format!("this is {what}")).remedy("put the file itself there");
        problems.push(problem.at(Location::file(path)));
    }
    problems
}

/// What is wrong with the name of a host's or group's document.
fn document_name(part: &str, path: &str, name: &str) -> Option<Problem> {
    let example = if part == "hosts/" { "hosts/web-1.toml" } else { "groups/prod.toml" };
    let problem = match name.strip_suffix(".toml") {
        _ if name.contains('/') => Problem::new("E_FILE_NAME", format!("{part} has no directories"))
            .remedy(format!("move the file, as in {example}")),
        None => Problem::new("E_FILE_NAME", format!("only documents lie in {part}, and they end in .toml"))
            .remedy(format!("name it as in {example}, or move it elsewhere")),
        Some(stem) if part == "hosts/" => {
            Problem::new("E_FILE_NAME", stem.parse::<HostName>().err()?.to_string())
        }
        Some(stem) => Problem::new("E_FILE_NAME", stem.parse::<GroupName>().err()?.to_string()),
    };
    Some(problem.at(Location::file(path)))
}

/// What is wrong with the files that a document names, even if no host uses them.
fn bodies(resources: &Resources, library: &mut Library<'_>) -> Vec<Problem> {
    let files = resources.file.iter().flat_map(|files| files.value.0.values()).map(|file| &file.value.body);
    let units: Vec<_> = resources.unit.iter().flat_map(|units| units.value.0.values()).collect();
    let own = units.iter().map(|unit| &unit.value.body);
    let drop_ins =
        units.iter().flat_map(|unit| &unit.value.drop_ins).flat_map(|drop_ins| drop_ins.value.0.values());
    let containers = resources.container.iter().flat_map(|containers| containers.value.0.values());
    let environments = containers.filter_map(|container| container.value.env_file.as_ref());
    let services = resources.service.iter().flat_map(|services| services.value.0.values());
    let environments = environments.chain(services.filter_map(|service| service.value.env_file.as_ref()));
    let repositories = resources.repository.iter().flat_map(|repositories| repositories.value.0.values());
    let keys = repositories.filter_map(|repository| repository.value.key.as_ref());
    let configs = resources.config.iter().flat_map(|configs| configs.value.0.values());
    let projects = resources.compose.iter().flat_map(|projects| projects.value.0.values());
    let stacks = resources.stack.iter().flat_map(|stacks| stacks.value.0.values());
    let stacks = stacks.map(|stack| &stack.value.project);
    let projects: Vec<_> = projects.map(|project| &project.value.project).chain(stacks).collect();
    let variables = projects.iter().filter_map(|project| project.env_file.as_ref());
    let all: Vec<&Body> = files
        .chain(environments.map(|file| &file.value))
        .chain(keys.map(|key| &key.value))
        .chain(configs.map(|config| &config.value.body))
        .chain(variables.map(|file| &file.value))
        .chain(own)
        .chain(drop_ins.map(|drop_in| &drop_in.value))
        .collect();
    let mut problems = Vec::new();
    let place = |named: &Located<RelativePath>, library: &Library<'_>| -> (String, Span) {
        (format!("{}{}", base(library.path(named.at)), named.value.as_str()), named.at)
    };
    for path in projects.iter().filter_map(|project| project.source.as_ref()) {
        let (path, at) = place(path, library);
        if let Err(problem) = library.file(&path) {
            problems.push(problem.at(library.locate(at)));
        }
    }
    for body in all {
        if let Some(source) = &body.source {
            let (path, at) = place(source, library);
            if let Err(problem) = library.file(&path) {
                problems.push(problem.at(library.locate(at)));
            }
        }
        if let Some(template) = &body.template {
            let (path, at) = place(template, library);
            match library.template(&path) {
                Err(problem) => problems.push(problem.at(library.locate(at))),
                Ok(stored) => {
                    if let Err(problem) = &stored.template {
                        problems
                            .push(problem.clone().related("the template is named here", library.locate(at)));
                    }
                }
            }
        }
    }
    problems
}
