//! A compose file as a whole: what it declares, under which names, and what of it is used.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::{
    Setting, Target, Translation,
    reader::{Reader, Text},
    service,
    tree::{Place, Table},
};
use crate::{
    Problem,
    document::source::Source,
    yaml::{self, Key, Node},
};

mod sections;

pub(crate) use sections::Sort;

/// The keys of a whole file.
const KEYS: [&str; 7] = ["name", "version", "services", "networks", "volumes", "configs", "secrets"];

/// The labels by which Docker's own tools know what belongs to a project.
pub(crate) const PROJECT: &str = "com.docker.compose.project";
/// The same of a stack.
pub(crate) const STACK: &str = "com.docker.stack.namespace";

impl Target<'_> {
    /// The kind that a service becomes.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Engine { .. } => "container",
            Self::Swarm => "service",
        }
    }

    /// The label that names the project.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Engine { .. } => PROJECT,
            Self::Swarm => STACK,
        }
    }
}

/// One compose file under translation.
pub(crate) struct Project<'c> {
    pub(crate) setting: &'c Setting<'c>,
    pub(crate) reader: Reader<'c>,
    pub(crate) root: Rc<Node>,
    /// What came of it so far.
    pub(crate) resources: Table,
    /// What services use of the file's other sections, by their names in the file, with a place that uses them.
    pub(crate) used: BTreeMap<(Sort, String), Place>,
    /// The containers by their names, with the services that they are of.
    pub(crate) containers: BTreeMap<String, String>,
    /// Services that no active profile has.
    pub(crate) asleep: BTreeSet<String>,
}

pub(super) fn translate(source: &Source, setting: &Setting<'_>) -> Translation {
    let reader = Reader { source, variables: setting.variables, problems: Vec::new(), notes: Vec::new() };
    let broken = |problem| Translation {
        resources: Table::default(),
        problems: vec![problem],
        notes: Vec::new(),
        asleep: BTreeSet::new(),
    };
    let root = match yaml::parse(source) {
        Ok(Some(root)) => root,
        Ok(None) => return broken(Problem::new("E_YAML", "the file is empty").at(reader.locate(&(0..0)))),
        Err(problem) => return broken(problem),
    };
    let mut project = Project {
        setting,
        reader,
        root: Rc::clone(&root),
        resources: Table::default(),
        used: BTreeMap::new(),
        containers: BTreeMap::new(),
        asleep: BTreeSet::new(),
    };
    project.translate(&root);
    let Project { reader, resources, asleep, .. } = project;
    Translation { resources, problems: reader.problems, notes: reader.notes, asleep }
}

/// Whether a key is the author's own business.
pub(crate) fn is_extension(key: &Key) -> bool {
    key.text.starts_with("x-")
}

impl Project<'_> {
    fn translate(&mut self, root: &Node) {
        for (key, value) in self.reader.entries(root) {
            match key.text.as_str() {
                "name" => self.check_name(value),
                // It says nothing since Compose has no versions any more.
                "version" | "services" | "networks" | "volumes" | "configs" | "secrets" => {}
                "include" => {
                    self.reader.lacks(
                        "include",
                        &key.at,
                        "other compose files are not taken in: name each for itself",
                    );
                }
                "models" => self.reader.lacks("models", &key.at, "models have no equivalent"),
                _ if is_extension(key) => {}
                _ => self.reader.unknown(key, &KEYS),
            }
        }
        let services = root.get("services").cloned();
        let Some(services) = services else {
            self.reader.report(&root.at.clone(), Problem::new("E_MISSING_KEY", "there are no `services`"));
            return;
        };
        let services = self.reader.entries(&services).to_vec();
        for (key, node) in services.iter().filter(|(key, _)| !is_extension(key)) {
            if self.is_active(node) {
                service::translate(self, key, node);
            } else {
                self.asleep.insert(key.text.clone());
            }
        }
        self.define(Sort::Network);
        match self.setting.target {
            Target::Engine { .. } => self.define(Sort::Volume),
            // Each node makes a volume where a task needs it.
            Target::Swarm => {
                self.define(Sort::Config);
                self.define(Sort::Secret);
            }
        }
    }

    fn check_name(&mut self, node: &Node) {
        let Some(name) = self.reader.text(node) else { return };
        let project = self.setting.project;
        // Who imports it may choose another.
        if self.setting.labelled && name.text != project.as_str() {
            let problem = Problem::new(
                "E_CONFLICT",
                format!("the file names its project {:?}, not {project}", name.text),
            );
            self.reader.report(&name.at, problem.remedy("give both one name"));
        }
    }

    /// The value of a variable that the file only names.
    pub(crate) fn variable(&mut self, name: &Text) -> Option<String> {
        let value = self.setting.variables.get(&name.text).cloned();
        if value.is_none() {
            let problem =
                Problem::new("E_MISSING_VARIABLE", format!("nothing gives `{}` a value", name.text));
            self.reader.report(&name.at, problem.remedy("give it one in `variables` or `env_file`"));
        }
        value
    }

    /// Whether a service has no profiles, or an active one.
    fn is_active(&mut self, service: &Node) -> bool {
        let Some(profiles) = service.get("profiles") else { return true };
        let wanted = self.reader.texts(profiles);
        wanted.is_empty() || wanted.iter().any(|profile| self.setting.profiles.contains(&profile.text))
    }

    /// The service's node, if the file has it and its profile is active.
    pub(crate) fn service(&mut self, name: &str) -> Option<Rc<Node>> {
        let service = Rc::clone(self.root.get("services")?.get(name)?);
        self.is_active(&service).then_some(service)
    }

    /// Whether the file has a service, in whatever profile.
    pub(crate) fn has_service(&self, name: &str) -> bool {
        self.root.get("services").is_some_and(|services| services.get(name).is_some())
    }

    /// The name that the engine knows something under, which is thereby used.
    pub(crate) fn use_of(&mut self, sort: Sort, name: &Text) -> String {
        if self.defined(sort, &name.text).is_none() && !(sort == Sort::Network && name.text == "default") {
            let section = sort.section();
            let problem = Problem::new("E_NEEDS", format!("`{section}` has no {}", name.text));
            self.reader.report(
                &name.at,
                problem.remedy(format!("declare it under `{section}`, or correct its name")),
            );
        }
        self.used.entry((sort, name.text.clone())).or_insert_with(|| name.at.clone());
        self.full_name(sort, &name.text)
    }

    fn full_name(&mut self, sort: Sort, name: &str) -> String {
        let definition = self.defined(sort, name);
        let external = definition.as_ref().and_then(|definition| definition.get("external")).cloned();
        let own = definition
            .as_ref()
            .and_then(|definition| definition.get("name"))
            .or_else(|| external.as_ref().and_then(|external| external.get("name")))
            .cloned();
        if let Some(own) = own.and_then(|own| self.reader.text(&own)) {
            return own.text;
        }
        let is_external = external.is_some_and(|external| self.is_external(&external));
        if is_external { name.to_owned() } else { self.stacked(name) }
    }

    /// A name of the file with the project's in front, as Docker's own tools write it.
    pub(crate) fn stacked(&self, name: &str) -> String {
        format!("{}_{name}", self.setting.project)
    }

    /// What the file says of something, if it does.
    pub(crate) fn defined(&self, sort: Sort, name: &str) -> Option<Rc<Node>> {
        self.root.get(sort.section())?.get(name).cloned()
    }

    pub(crate) fn is_external(&mut self, external: &Node) -> bool {
        external.get("name").is_some() || self.reader.flag(external) == Some(true)
    }

    /// Sets a key to a text.
    pub(crate) fn text(&mut self, table: &mut Table, key: &str, node: &Node) {
        if let Some(text) = self.reader.text(node) {
            table.set(key, text.text, &text.at);
        }
    }

    /// Sets a key to true or false.
    pub(crate) fn flag(&mut self, table: &mut Table, key: &str, node: &Node) {
        if let Some(flag) = self.reader.flag(node) {
            table.set(key, flag, &node.at);
        }
    }

    /// Sets a key to a list of texts.
    pub(crate) fn list(&mut self, table: &mut Table, key: &str, node: &Node) {
        for text in self.reader.texts(node) {
            table.add(key, text.text, &text.at);
        }
    }

    /// Sets a key to a table of texts; what has no value has an empty one.
    pub(crate) fn settings(&mut self, table: &mut Table, key: &str, node: &Node, at: &Place) {
        for (name, value) in self.reader.pairs(node) {
            let value = value.map_or_else(String::new, |value| value.text);
            table.table(key, at).set(&name.text, value, &name.at);
        }
    }

    /// Sets a key to words in an order that counts.
    pub(crate) fn words(&mut self, table: &mut Table, key: &str, node: &Node) {
        if let Some(words) = self.reader.words(node) {
            table.set(key, words, &node.at);
        }
    }
}
