//! How many containers a service has on one engine, and what each may use.

use super::{
    project::{Project, is_extension},
    service::Service,
    tree::{Item, Place, Value},
};
use crate::{
    Problem, limits,
    yaml::{Node, Yaml},
};

/// What of `deploy` only a Swarm reads.
const SWARM: [&str; 5] = ["placement", "update_config", "rollback_config", "endpoint_mode", "labels"];

impl Service<'_> {
    /// Reads what Compose reads of `deploy`. Of two ways to say one thing this is the stronger, as there.
    pub(super) fn deploy(&mut self, project: &mut Project<'_>) {
        let Some(deploy) = self.node.get("deploy") else { return };
        for (key, value) in project.reader.entries(deploy) {
            match key.text.as_str() {
                // `container_names` reads it.
                "replicas" => {}
                "resources" => self.resources(project, value),
                "restart_policy" => self.restart_policy(project, value),
                "mode" => {
                    if project.reader.text(value).is_some_and(|mode| mode.text != "replicated") {
                        project.reader.lacks(
                            "deploy.mode",
                            &key.at,
                            "one engine has as many containers as `replicas` says",
                        );
                    }
                }
                what if SWARM.contains(&what) => {
                    project.reader.idle(
                        &format!("deploy.{what}"),
                        &key.at,
                        "only a Swarm reads it: see `stack`",
                    );
                }
                _ if is_extension(key) => {}
                _ => project.reader.unknown(key, &["replicas", "resources", "restart_policy", "mode"]),
            }
        }
    }

    fn resources(&mut self, project: &mut Project<'_>, node: &Node) {
        for (key, value) in project.reader.entries(node) {
            if key.text != "limits" {
                project.reader.lacks(
                    &format!("deploy.resources.{}", key.text),
                    &key.at,
                    "only limits have an equivalent",
                );
                continue;
            }
            for (key, value) in project.reader.entries(value) {
                match key.text.as_str() {
                    "memory" => self.size(project, "memory", value),
                    "cpus" => self.cpus(project, "cpus", value),
                    "pids" => self.pids(project, value),
                    _ => project.reader.unknown(key, &["memory", "cpus", "pids"]),
                }
            }
        }
    }

    fn restart_policy(&mut self, project: &mut Project<'_>, node: &Node) {
        let mut policy = "unless-stopped";
        for (key, value) in project.reader.entries(node) {
            match key.text.as_str() {
                "condition" => {
                    match project.reader.text(value).as_ref().map(|condition| condition.text.as_str()) {
                        Some("none") => policy = "no",
                        Some("on-failure") => policy = "on-failure",
                        Some("any") | None => {}
                        Some(_) => project.reader.wrong(&value.at, "it is none, on-failure or any"),
                    }
                }
                what => project.reader.lacks(
                    &format!("deploy.restart_policy.{what}"),
                    &key.at,
                    "the engine chooses how long it waits and goes on trying without end",
                ),
            }
        }
        self.table.set("restart", policy, &node.at);
    }

    pub(super) fn size(&mut self, project: &mut Project<'_>, key: &str, node: &Node) {
        if let Some(size) = project.reader.size(node) {
            self.table.set(key, size.text, &size.at);
        }
    }

    pub(super) fn wait(&mut self, project: &mut Project<'_>, key: &str, node: &Node) {
        if let Some(wait) = project.reader.wait(key, node) {
            self.table.set(key, wait.text, &wait.at);
        }
    }

    pub(super) fn pids(&mut self, project: &mut Project<'_>, node: &Node) {
        // No limit is what nothing says, too.
        if let Some(count) = project.reader.whole(node).filter(|count| *count > 0) {
            self.table.set("pids", count, &node.at);
        }
    }

    pub(super) fn cpus(&mut self, project: &mut Project<'_>, key: &str, node: &Node) {
        let Some(cpus) = project.reader.decimal(node, "a number of processors such as 0.5") else { return };
        // No limit is what nothing says, too.
        if cpus.text.bytes().any(|digit| !matches!(digit, b'0' | b'.')) {
            self.table.set(key, Value::Number(cpus.text), &cpus.at);
        }
    }

    pub(super) fn ulimits(&mut self, project: &mut Project<'_>, node: &Node, at: &Place) {
        for (key, value) in project.reader.entries(node) {
            let limit = if let Yaml::Mapping(_) = &value.value {
                let mut part = |name| value.get(name).and_then(|part| project.reader.whole(part));
                let (Some(soft), Some(hard)) = (part("soft"), part("hard")) else {
                    project.reader.wrong(&key.at, "a limit has `soft` and `hard`");
                    continue;
                };
                let number = |number: i64| Item { value: number.into(), at: value.at.clone() };
                Value::List(vec![number(soft), number(hard)])
            } else {
                match project.reader.whole(value) {
                    Some(both) => both.into(),
                    None => continue,
                }
            };
            self.table.table("ulimits", at).set(&key.text, limit, &key.at);
        }
    }
}

impl Project<'_> {
    /// The names of a service's containers.
    pub(super) fn container_names(&mut self, name: &str, service: &Node) -> Vec<String> {
        let deploy = service.get("deploy").and_then(|deploy| deploy.get("replicas"));
        let replicas = service.get("scale").or(deploy).filter(|node| !node.is_null());
        let count = match replicas {
            None => 1,
            Some(node) => {
                let count = self.reader.whole(node).and_then(|count| u32::try_from(count).ok());
                let allowed = count.filter(|count| *count <= limits::REPLICAS);
                if let (Some(_), None) = (count, allowed) {
                    let message = format!("a service cannot have more than {} containers", limits::REPLICAS);
                    self.reader.report(&node.at, Problem::new("E_LIMIT", message));
                }
                allowed.unwrap_or(1)
            }
        };
        let own = service.get("container_name").and_then(|own| self.reader.text(own));
        match own {
            Some(own) if count <= 1 => std::iter::repeat_n(own.text, count as usize).collect(),
            Some(own) => {
                let problem = Problem::new("E_CONFLICT", format!("{count} containers cannot have one name"));
                self.reader.report(&own.at, problem.remedy("take `container_name` out"));
                Vec::new()
            }
            None => (1..=count).map(|number| format!("{}-{name}-{number}", self.setting.project)).collect(),
        }
    }
}

impl Item {
    /// Whether a list of ports holds one that is fixed on the host.
    pub(super) fn is_published(&self) -> bool {
        let Value::List(ports) = &self.value else { return false };
        let fixed = |port: &Item| matches!(&port.value, Value::Text(port) if port.parse::<crate::spec::Port>().is_ok_and(|port| port.published.is_some()));
        ports.iter().any(fixed)
    }
}
