//! `[compose.NAME]`: a compose file as it is, on one engine.

use std::collections::{BTreeMap, BTreeSet};

use super::{list, texts, value};
use crate::{
    AbsolutePath, ContentSource as _, KindName, ObjectName, Problem, ResourceId,
    compose::{
        Setting, Table, Target, Translation, Variables, default_directory, environment_file, translate,
    },
    document::{
        decode::Decoder,
        duration::Wait,
        field::{Field as _, List, Map},
        source::{Located, Source, Span},
        table::{self, table},
    },
    id::SecretName,
    language::{
        common::{Body, Common, Declared},
        documents::Resources,
        values::{
            RelativePath,
            docker::{EnvironmentName, OptionName, Word},
        },
    },
    resolve::build::{Build, Expansion},
    spec::{ComposeSpec, Pull, Spec},
};

table! {
    /// What a compose file is taken from, whatever it is for.
    pub(crate) struct ProjectTable {
        /// The compose file. The path is relative to the role's directory or, outside of roles, to the repository's root.
        source: RelativePath,
        /// Values for the variables of the file, by their names.
        variables: Map<EnvironmentName, String>,
        /// A text of `NAME=VALUE` lines with more of them, as Compose reads `.env`; takes `content`, `source` or `template`. What
        /// `variables` says wins. By default the `.env` beside the compose file, if there is one.
        env_file: Body,
        /// Which profiles are active.
        profiles: List<Word> = "[]",
        /// Secrets of the fleet that stand for those of the file, by the names that the file gives them: see SECRETS. For one
        /// that is not listed, `compose` takes the file of the repository, which everybody can read, and `stack` the fleet's
        /// secret of the same name.
        secrets: Map<OptionName, SecretName>,
        /// Keys of the file that have no equivalent, such as `build`, and that are to be left aside. Without this each of them is
        /// an error.
        ignore: List<Word> = "[]",
    }
}

table! {
    /// A compose file of the repository as it is, by its project's name. Its services, networks and volumes become containers,
    /// networks and volumes as if they were declared one by one, and what it mounts of the repository becomes files: see
    /// COMPOSE FILES. A project of that name that is there is taken over: what does not differ stays as it is, and containers of
    /// services that the file does not have are removed.
    pub(crate) struct ComposeTable {
        before project: ProjectTable,
        /// Where on the host the paths begin that the file writes as relative ones. By default `/srv/NAME`.
        directory: AbsolutePath,
        /// Where the images may come from.
        pull: Pull = "\"missing\"",
        /// How long a container with a health check may take after a start until it is healthy.
        healthy_within: Wait<1, 3600> = "\"1m\"",
        after common: Common,
    }
}

impl Declared for ComposeTable {
    const KIND: KindName = KindName::Compose;
    type Name = ObjectName;

    fn common(&self) -> &Common {
        &self.common
    }

    fn spec(&self, name: &ObjectName, at: Span, build: &mut Build<'_, '_>) -> Option<Spec> {
        let directory = match &self.directory {
            Some(directory) => directory.value.clone(),
            None => default_directory(name).map_err(|problem| build.report(at, problem)).ok()?,
        };
        let target = Target::Engine { directory: &directory };
        let expanded = Expanded { of: ResourceId::new(Self::KIND, name.as_str()), common: &self.common };
        let asleep =
            self.project.expand(name, at, target, expanded, build, |resources| self.complete(resources))?;
        Some(Spec::Compose(ComposeSpec { name: name.clone(), asleep }))
    }
}

/// What a compose file is expanded for.
pub(super) struct Expanded<'e> {
    pub(super) of: ResourceId,
    pub(super) common: &'e Common,
}

impl ProjectTable {
    /// Turns the file into the resources that it stands for, once `complete` has added what is said of all of them. Gives the
    /// services that no active profile has.
    pub(super) fn expand(
        &self,
        name: &ObjectName,
        at: Span,
        target: Target<'_>,
        expanded: Expanded<'_>,
        build: &mut Build<'_, '_>,
        complete: impl FnOnce(&mut Table),
    ) -> Option<BTreeSet<String>> {
        let Some(path) = &self.source else {
            let problem = Problem::new("E_MISSING_KEY", format!("nothing says which compose file {name} is"));
            build.report(at, problem.remedy("set `source`"));
            return None;
        };
        let path = Located { value: build.repository_path(path.at, path.value.as_str()), at: path.at };
        let source = match build.library.source(&path.value) {
            Ok(source) => source,
            Err(problem) => {
                build.report(path.at, problem);
                return None;
            }
        };
        let folder = path.value.rfind('/').and_then(|end| path.value.get(..=end)).unwrap_or("");
        let variables = self.variables(folder, build)?;
        let secrets = self.secrets.iter().flat_map(|secrets| &secrets.value.0);
        let Translation { mut resources, problems, notes, asleep } = translate(
            &source,
            &Setting {
                project: name,
                target,
                repository: build.library.repository(),
                folder,
                variables: &variables,
                profiles: list(self.profiles.as_ref()).map(|profile| profile.to_string()).collect(),
                secrets: secrets
                    .map(|(own, secret)| (own.as_str().to_owned(), secret.value.to_string()))
                    .collect(),
                labelled: true,
            },
        );
        build.problems.extend(problems);
        let ignored: Vec<String> = list(self.ignore.as_ref()).map(|key| key.to_string()).collect();
        let lacking = notes.into_iter().filter(|note| note.matters && !ignored.contains(&note.what));
        build.problems.extend(lacking.map(|note| {
            Problem::new("E_COMPOSE", format!("`{}` has no equivalent: {}", note.what, note.why))
                .at(note.at)
                .remedy(format!("to do without it, add it to the resource: ignore = [{:?}]", note.what))
        }));
        complete(&mut resources);
        let resources = decode(&source, &resources, build);
        build.expansions.push(Expansion { of: expanded.of, common: expanded.common.clone(), resources });
        Some(asleep)
    }

    /// The values of the file's variables.
    fn variables(&self, folder: &str, build: &mut Build<'_, '_>) -> Option<Variables> {
        let (bytes, at) = if let Some(file) = &self.env_file {
            let body = build.body(&file.value)?;
            (build.contents.content(&body.content.sha256).ok(), Some(file.at))
        } else {
            let beside = build.library.file(&format!("{folder}.env")).ok();
            (beside.and_then(|file| file.blob.read().ok()), None)
        };
        let text = bytes.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        let mut variables = environment_file(&text, &Variables::new()).unwrap_or_else(|line| {
            let message = format!("line {line} of the file of variables is not NAME=VALUE");
            let at = at.or(self.source.as_ref().map(|source| source.at));
            if let Some(at) = at {
                build.report(at, Problem::new("E_VALUE", message).remedy("write one NAME=VALUE a line"));
            }
            Variables::new()
        });
        variables.extend(texts(self.variables.as_ref()));
        Some(variables)
    }
}

impl ComposeTable {
    /// Adds to every container what the resource says of all.
    fn complete(&self, resources: &mut Table) {
        let containers = resources.tables.get_mut("container").map(|(_, all)| &mut all.tables);
        for (at, container) in containers.into_iter().flat_map(BTreeMap::values_mut) {
            if value(self.pull.as_ref()) == Some(Pull::Never) {
                container.set("pull", "never", at);
            }
            if let Some(within) = &self.healthy_within {
                let shown = within.value.show();
                container.set("healthy_within", shown.trim_matches('"'), at);
            }
        }
    }
}

/// What a compose file became, as the language reads it.
fn decode(source: &Source, resources: &Table, build: &mut Build<'_, '_>) -> Resources {
    let mut decoder = Decoder::of(source);
    let document = resources.document();
    let resources = table::decode_document(&document, &mut decoder);
    build.problems.extend(decoder.finish());
    resources
}
