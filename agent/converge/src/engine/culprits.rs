//! Who changed what, as far as those tell who listened. Pure.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_schema::{AbsolutePath, HostState, KindName, ResourceId, spec::Spec};

use super::drift::paths;
use crate::host::watch::{Command, Culprit, Run, Touched};

/// What of systemctl(1) changes a unit that it names.
const OF_UNITS: &str = "add-requires add-wants clean condrestart disable edit enable force-reload freeze isolate kill link mask \
    preset reenable reload reload-or-restart reset-failed restart revert set-property start stop thaw \
    try-reload-or-restart try-restart unmask";

/// What of docker(1) and its subcommands changes what it names.
const OF_DOCKER: &str = "connect create deploy disconnect down import kill load pause prune pull remove rename restart rm rmi \
    rollback run scale start stop tag unpause up update";

/// Who changed each of these resources, where that is known.
pub fn culprits(
    state: &HostState,
    concerned: &BTreeSet<ResourceId>,
    touched: &Touched,
) -> BTreeMap<ResourceId, Culprit> {
    let of = |id: &ResourceId| {
        let spec = &state.resources.get(id)?.spec;
        // For whoever asks systemctl(1) to mask a unit, the service manager changes a file.
        let run = touched.runs.iter().rfind(|run| is_about(run, spec, &id.name));
        let found = run.map(|run| &run.by).or_else(|| match spec {
            Spec::Package(_) => touched.packages_by.as_ref(),
            spec => at_its_paths(spec, touched),
        });
        Some((id.clone(), found?.clone()))
    };
    concerned.iter().filter_map(of).collect()
}

/// Who changed one of its paths, or a directory above it.
fn at_its_paths<'t>(spec: &Spec, touched: &'t Touched) -> Option<&'t Culprit> {
    let is_at = |path: &AbsolutePath| path.ancestors().find_map(|path| touched.by.get(&path));
    let found = paths(spec).iter().find_map(is_at);
    match spec {
        Spec::Directory(directory) if directory.purge && found.is_none() => {
            let mut all = touched.by.iter();
            all.find(|(path, _)| path.directory() == directory.path.as_str()).map(|(_, by)| by)
        }
        _ => found,
    }
}

/// Whether a command was told to change just this.
fn is_about(run: &Run, spec: &Spec, name: &str) -> bool {
    let words = run.words.iter().map(String::as_str);
    let does =
        |verbs: &str| verbs.split_ascii_whitespace().any(|verb| words.clone().any(|word| word == verb));
    match (run.command, spec) {
        (Command::Systemctl, Spec::Unit(unit)) => {
            let name = unit.name.as_str();
            // A name without a type is a service's: see systemctl(1).
            does(OF_UNITS)
                && words.clone().any(|word| word == name || Some(word) == name.strip_suffix(".service"))
        }
        (Command::Docker, spec) if spec.kind().is_of_docker() && does(OF_DOCKER) => {
            let of_compose = words.clone().any(|word| word == "compose");
            let of_many = of_compose || words.clone().any(|word| word == "stack");
            let names_it = |word: &str| names(word, spec.kind(), name, of_many);
            words.clone().any(names_it) || (of_compose && projects(run).any(|project| names_it(&project)))
        }
        _ => false,
    }
}

/// Whether a word of docker(1) is the name of something: an image's without its digest, a service's with the number of its
/// tasks, a config's with that of its content; of many things, if it names the stack or the project that they belong to.
fn names(word: &str, kind: KindName, name: &str, of_many: bool) -> bool {
    let is_kept = matches!(kind, KindName::Config | KindName::Secret);
    match (name.strip_prefix(word), word.strip_prefix(name)) {
        _ if word.is_empty() => false,
        (Some(rest), _) => {
            rest.is_empty() || rest.starts_with('@') || (of_many && rest.starts_with(['_', '-']))
        }
        (None, Some(rest)) => rest.starts_with('=') || (is_kept && rest.starts_with('-')),
        (None, None) => false,
    }
}

/// What projects are called that nobody gives a name, as docker-compose(1) has it: like the directory of their file, or that in
/// which the command was run.
fn projects(run: &Run) -> impl Iterator<Item = String> {
    let above = |file: &str| Some(file.rsplit_once('/')?.0.to_owned());
    let directories = run.words.iter().filter_map(move |word| above(word)).chain(run.directory.clone());
    directories.filter_map(|directory| Some(directory.rsplit('/').next()?.to_lowercase()))
}
