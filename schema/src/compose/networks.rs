//! The networks that a service's containers are in, the names that they have there, and the ports that are open.

use super::{
    Target,
    project::{Project, Sort, is_extension},
    reader::Text,
    service::Service,
    tree::Place,
};
use crate::{
    text,
    yaml::{Node, Yaml},
};

/// The most ports that one range stands for.
const RANGE: u16 = 1000;

impl Service<'_> {
    /// Reads `networks` and `network_mode`, which exclude each other.
    pub(super) fn networks(&mut self, project: &mut Project<'_>) {
        let name = self.name.clone();
        let one_engine = project.setting.target != Target::Swarm;
        if let Some(mode) = self.node.get("network_mode").filter(|mode| one_engine && !mode.is_null()) {
            let Some(mode) = project.reader.text(mode) else { return };
            match mode.text.as_str() {
                "host" | "none" | "bridge" => self.table.add("networks", mode.text, &mode.at),
                _ => project.reader.lacks(
                    "network_mode",
                    &mode.at,
                    "a container has networks of its own, or `host` or `none`",
                ),
            }
            return;
        }
        let mut any = false;
        if let Some(networks) = self.node.get("networks").filter(|networks| !networks.is_null()) {
            if let Yaml::Mapping(entries) = &networks.value {
                for (key, options) in entries {
                    any = true;
                    self.join(project, &Text { text: key.text.clone(), at: key.at.clone() });
                    self.endpoint(project, options);
                }
            } else {
                for network in project.reader.texts(networks) {
                    any = true;
                    self.join(project, &network);
                }
            }
        }
        if !any {
            self.join(project, &Text { text: "default".to_owned(), at: name.at.clone() });
        }
        self.table.add("aliases", name.text.as_str(), &name.at);
    }

    fn join(&mut self, project: &mut Project<'_>, network: &Text) {
        let full = project.use_of(Sort::Network, network);
        self.table.add("networks", full, &network.at);
    }

    fn endpoint(&mut self, project: &mut Project<'_>, options: &Node) {
        for (key, value) in project.reader.entries(options) {
            match key.text.as_str() {
                _ if value.is_null() || is_extension(key) => {}
                "aliases" => {
                    for alias in project.reader.texts(value) {
                        self.table.add("aliases", alias.text, &alias.at);
                    }
                }
                "priority" | "gw_priority" => {
                    project.reader.idle(
                        &format!("networks.{}", key.text),
                        &key.at,
                        "the engine takes the first network by its name",
                    );
                }
                what => project.reader.lacks(&format!("networks.{what}"), &key.at, "the engine chooses it"),
            }
        }
    }

    pub(super) fn ports(&mut self, project: &mut Project<'_>, node: &Node) {
        for item in project.reader.items(node) {
            if let Yaml::Mapping(_) = &item.value {
                self.long_port(project, item);
            } else if let Some(port) = project.reader.text(item) {
                self.port(project, "ports", &port.text, &port.at);
            }
        }
    }

    fn long_port(&mut self, project: &mut Project<'_>, node: &Node) {
        let mut part = |name| {
            let node = node.get(name).filter(|node| !node.is_null())?;
            project.reader.text(node).map(|text| text.text)
        };
        let (target, published, address, protocol) =
            (part("target"), part("published"), part("host_ip"), part("protocol"));
        // One engine has only ports of its own.
        let mode = part("mode").filter(|_| project.setting.target == Target::Swarm);
        for (key, _) in project.reader.entries(node) {
            let known = ["target", "published", "host_ip", "protocol", "mode", "name", "app_protocol"];
            if !known.contains(&key.text.as_str()) && !is_extension(key) {
                project.reader.unknown(key, &known);
            }
        }
        let Some(target) = target else {
            project.reader.wrong(&node.at, "a port needs its `target`");
            return;
        };
        let protocol = protocol.map_or_else(String::new, |protocol| format!("/{protocol}"));
        let written = match (address, published) {
            (Some(address), published) => {
                format!("{address}:{}:{target}{protocol}", published.unwrap_or_default())
            }
            (None, Some(published)) => format!("{published}:{target}{protocol}"),
            (None, None) => format!("{target}{protocol}"),
        };
        match mode.as_deref() {
            Some("host") => self.port(project, "host_ports", &written, &node.at),
            Some("ingress") | None => self.port(project, "ports", &written, &node.at),
            Some(_) => project.reader.wrong(&node.at, "the mode of a port is ingress or host"),
        }
    }

    /// Adds a port, or each of a range.
    fn port(&mut self, project: &mut Project<'_>, key: &str, written: &str, at: &Place) {
        let (ports, protocol) = written.split_once('/').unwrap_or((written, "tcp"));
        let protocol = if protocol == "tcp" { String::new() } else { format!("/{protocol}") };
        let (host, target) =
            ports.rsplit_once(':').map_or((None, ports), |(host, target)| (Some(host), target));
        let (address, published) = match host.map(|host| host.rsplit_once(':').unwrap_or(("", host))) {
            Some((address, published)) => {
                (address, Some(published).filter(|published| !published.is_empty()))
            }
            None => ("", None),
        };
        let address = match address {
            address if !address.is_empty() && project.setting.target == Target::Swarm => {
                if address != "0.0.0.0" {
                    project.reader.lacks(
                        "ports.host_ip",
                        at,
                        "a Swarm opens a port on all addresses of a node",
                    );
                }
                String::new()
            }
            "" => String::new(),
            address if address.contains(':') && !address.starts_with('[') => format!("[{address}]:"),
            address => format!("{address}:"),
        };
        let Some(targets) = range(target) else {
            project.reader.wrong(at, format!("{written:?} is no port such as 8080:80"));
            return;
        };
        let hosts = match published.map(range) {
            None => targets.clone().map(|_| None).collect(),
            Some(Some(hosts)) if hosts.len() == targets.len() => hosts.map(Some).collect::<Vec<_>>(),
            Some(Some(_)) => {
                project.reader.lacks("ports", at, "of a range the engine would choose one: name it");
                return;
            }
            Some(None) => {
                project.reader.wrong(at, format!("{written:?} is no port such as 8080:80"));
                return;
            }
        };
        for (host, target) in hosts.into_iter().zip(targets) {
            let port = match host {
                Some(host) => format!("{address}{host}:{target}{protocol}"),
                None if address.is_empty() => format!("{target}{protocol}"),
                None => format!("{address}:{target}{protocol}"),
            };
            self.table.add(key, port, at);
        }
    }
}

/// A port, or a range of them.
fn range(text: &str) -> Option<std::ops::RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (text::number::<u16>(first)?, text::number::<u16>(last)?);
    (first > 0 && first <= last && last - first < RANGE).then_some(first..=last)
}
