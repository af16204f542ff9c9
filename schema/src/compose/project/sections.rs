//! The sections of a file beside its services: what they declare of what services use.

use std::{collections::BTreeMap, rc::Rc};

use super::{PROJECT, Project, is_extension};
use crate::{
    compose::{
        Target,
        tree::{Place, Table},
    },
    yaml::Node,
};

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

    pub(super) const fn section(self) -> &'static str {
        match self {
            Self::Network => "networks",
            Self::Volume => "volumes",
            Self::Config => "configs",
            Self::Secret => "secrets",
        }
    }
}

impl Project<'_> {
    /// Declares what is used of a section.
    pub(super) fn define(&mut self, sort: Sort) {
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
}
