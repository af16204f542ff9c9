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

/// What a file names and services use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sort {
    Network,
    Volume,
    Config,
    Secret,
}

impl Sort {
    /// The section of the file that declares it, by its name.
    pub(crate) fn of(section: &str) -> Self {
        if section == "secrets" { Self::Secret } else { Self::Config }
    }

    const fn kind(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Config => "config",
            Self::Secret => "secret",
        }
    }

    const fn section(self) -> &'static str {
        match self {
            Self::Network => "networks",
            Self::Volume => "volumes",
            Self::Config => "configs",
            Self::Secret => "secrets",
        }
    }
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

    /// Declares what is used of a section.
    fn define(&mut self, sort: Sort) {
        let section = self.root.get(sort.section()).cloned();
        let mut definitions: BTreeMap<String, (Place, Option<Rc<Node>>)> = BTreeMap::new();
        if let Some(section) = section {
            for (key, node) in self.reader.entries(&section) {
                definitions.insert(key.text.clone(), (key.at.clone(), Some(Rc::clone(node))));
            }
        }
        if let Some(at) =
            self.used.get(&(Sort::Network, "default".to_owned())).filter(|_| sort == Sort::Network)
        {
            definitions.entry("default".to_owned()).or_insert_with(|| (at.clone(), None));
        }
        for (name, (at, node)) in definitions {
            let mut table = Table::default();
            let is_content = matches!(sort, Sort::Config | Sort::Secret);
            let external = match node {
                Some(node) if is_content => self.kept(sort, &name, &node, &mut table),
                Some(node) => self.definition(sort, &node, &mut table),
                None => false,
            };
            if external || !self.used.contains_key(&(sort, name.clone())) {
                continue;
            }
            match self.setting.target {
                Target::Swarm if sort == Sort::Network && !table.has("driver") => {
                    table.set("driver", "overlay", &at);
                }
                Target::Swarm | Target::Engine { .. } => {}
            }
            if self.setting.labelled {
                let labels = table.table("labels", &at);
                let of = self.setting.target.label();
                labels.set(of, self.setting.project.as_str(), &at);
                if of == PROJECT {
                    labels.set(&format!("com.docker.compose.{}", sort.kind()), name.as_str(), &at);
                }
            }
            let full = self.full_name(sort, &name);
            self.resources.table(sort.kind(), &at).put(&full, table, &at);
        }
    }

    /// Reads what a network or volume is; says whether somebody else makes it.
    fn definition(&mut self, sort: Sort, node: &Node, table: &mut Table) -> bool {
        const NETWORK: [&str; 9] = [
            "name",
            "external",
            "driver",
            "driver_opts",
            "labels",
            "ipam",
            "internal",
            "enable_ipv6",
            "attachable",
        ];
        const VOLUME: [&str; 5] = ["name", "external", "driver", "driver_opts", "labels"];
        let mut external = false;
        for (key, value) in self.reader.entries(node) {
            let at = &key.at;
            match (key.text.as_str(), sort) {
                ("name", _) => {}
                _ if value.is_null() => {}
                ("external", _) => external = self.is_external(value),
                ("driver", _) => self.text(table, "driver", value),
                ("driver_opts", _) => self.settings(table, "options", value, at),
                ("labels", _) => self.settings(table, "labels", value, at),
                ("internal", Sort::Network) => self.flag(table, "internal", value),
                ("enable_ipv6", Sort::Network) => self.flag(table, "ipv6", value),
                ("attachable", Sort::Network) if self.setting.target == Target::Swarm => {
                    self.flag(table, "attachable", value);
                }
                ("attachable", Sort::Network) => {
                    self.reader.idle("attachable", at, "every network of one engine can be joined");
                }
                ("ipam", Sort::Network) => self.addresses(table, value),
                _ if is_extension(key) => {}
                (_, Sort::Network) => self.reader.unknown(key, &NETWORK),
                (_, Sort::Volume | Sort::Config | Sort::Secret) => self.reader.unknown(key, &VOLUME),
            }
        }
        external
    }

    fn addresses(&mut self, table: &mut Table, node: &Node) {
        for (key, value) in self.reader.entries(node) {
            match key.text.as_str() {
                "driver" => {
                    if self.reader.text(value).is_some_and(|driver| driver.text != "default") {
                        self.reader.lacks(
                            "ipam.driver",
                            &key.at,
                            "addresses are given by the engine's own driver",
                        );
                    }
                }
                "config" => {
                    for (index, range) in self.reader.items(value).iter().enumerate() {
                        if index > 0 {
                            self.reader.lacks("ipam.config", &range.at, "a network has one subnet");
                            continue;
                        }
                        for (key, value) in self.reader.entries(range) {
                            match key.text.as_str() {
                                "subnet" => self.text(table, "subnet", value),
                                "gateway" => self.text(table, "gateway", value),
                                what => self.reader.lacks(
                                    &format!("ipam.config.{what}"),
                                    &key.at,
                                    "a network has a subnet and a gateway, no more",
                                ),
                            }
                        }
                    }
                }
                _ if is_extension(key) => {}
                what => self.reader.lacks(&format!("ipam.{what}"), &key.at, "it has no equivalent"),
            }
        }
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
