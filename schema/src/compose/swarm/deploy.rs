//! What `deploy` says of a service: how many tasks, where, what each may use, and how changes are brought to them.

use crate::{
    compose::{
        project::{Project, is_extension},
        service::Service,
        tree::{Place, Table, Value},
    },
    yaml::{Key, Node},
};

impl Service<'_> {
    pub(super) fn deploy_in_swarm(&mut self, project: &mut Project<'_>) {
        const KNOWN: [&str; 9] = [
            "mode",
            "replicas",
            "labels",
            "endpoint_mode",
            "placement",
            "resources",
            "restart_policy",
            "update_config",
            "rollback_config",
        ];
        let Some(deploy) = self.node.get("deploy") else { return };
        for (key, value) in project.reader.entries(deploy) {
            let at = &key.at;
            match key.text.as_str() {
                _ if value.is_null() || is_extension(key) => {}
                "mode" => self.mode(project, value),
                "replicas" => whole(project, &mut self.table, "replicas", value),
                "labels" => project.settings(&mut self.table, "labels", value, at),
                "endpoint_mode" => project.text(&mut self.table, "endpoint_mode", value),
                "placement" => self.placement(project, value),
                "resources" => self.resources_of_tasks(project, value),
                "restart_policy" => self.restart_of_deploy(project, value, at),
                "update_config" => self.policy(project, "update", key, value),
                "rollback_config" => self.policy(project, "rollback", key, value),
                _ => project.reader.unknown(key, &KNOWN),
            }
        }
    }

    fn mode(&mut self, project: &mut Project<'_>, node: &Node) {
        let Some(mode) = project.reader.text(node) else { return };
        match mode.text.as_str() {
            "replicated" | "global" => self.table.set("mode", mode.text, &mode.at),
            "replicated-job" | "global-job" => project.reader.lacks(
                "deploy.mode",
                &mode.at,
                "a service runs for ever: let a oneshot unit run what ends",
            ),
            _ => project.reader.wrong(&mode.at, "it is replicated or global"),
        }
    }

    fn placement(&mut self, project: &mut Project<'_>, node: &Node) {
        for (key, value) in project.reader.entries(node) {
            match key.text.as_str() {
                _ if value.is_null() || is_extension(key) => {}
                "constraints" => project.list(&mut self.table, "constraints", value),
                "preferences" => {
                    for preference in project.reader.items(value) {
                        for (key, over) in project.reader.entries(preference) {
                            match key.text.as_str() {
                                "spread" => {
                                    if let Some(over) = project.reader.text(over) {
                                        self.table.add("spread", over.text, &over.at);
                                    }
                                }
                                _ => project.reader.unknown(key, &["spread"]),
                            }
                        }
                    }
                }
                "max_replicas_per_node" => {
                    whole(project, &mut self.table, "max_replicas_per_node", value);
                }
                _ => project.reader.unknown(key, &["constraints", "preferences", "max_replicas_per_node"]),
            }
        }
    }

    fn resources_of_tasks(&mut self, project: &mut Project<'_>, node: &Node) {
        for (key, value) in project.reader.entries(node) {
            let reserved = match key.text.as_str() {
                _ if value.is_null() || is_extension(key) => continue,
                "limits" => false,
                "reservations" => true,
                _ => {
                    project.reader.unknown(key, &["limits", "reservations"]);
                    continue;
                }
            };
            for (key, value) in project.reader.entries(value) {
                match (key.text.as_str(), reserved) {
                    _ if value.is_null() || is_extension(key) => {}
                    ("memory", false) => self.size(project, "memory", value),
                    ("memory", true) => self.size(project, "reserve_memory", value),
                    ("cpus", false) => self.cpus(project, "cpus", value),
                    ("cpus", true) => self.cpus(project, "reserve_cpus", value),
                    ("pids", false) => self.pids(project, value),
                    (what @ ("generic_resources" | "devices" | "pids"), true) => project.reader.lacks(
                        &format!("deploy.resources.reservations.{what}"),
                        &key.at,
                        "memory and processors are reserved, nothing else",
                    ),
                    _ => project.reader.unknown(key, &["memory", "cpus", "pids"]),
                }
            }
        }
    }

    fn restart_of_deploy(&mut self, project: &mut Project<'_>, node: &Node, at: &Place) {
        let mut restart = Table::default();
        for (key, value) in project.reader.entries(node) {
            match key.text.as_str() {
                _ if value.is_null() || is_extension(key) => {}
                "condition" => project.text(&mut restart, "condition", value),
                "delay" | "window" => pause(project, &mut restart, "deploy.restart_policy", key, value),
                "max_attempts" => whole(project, &mut restart, "max_attempts", value),
                _ => project.reader.unknown(key, &["condition", "delay", "max_attempts", "window"]),
            }
        }
        self.table.put("restart", restart, at);
    }

    fn policy(&mut self, project: &mut Project<'_>, field: &str, named: &Key, node: &Node) {
        const KNOWN: [&str; 6] =
            ["parallelism", "delay", "failure_action", "monitor", "max_failure_ratio", "order"];
        let mut policy = Table::default();
        for (key, value) in project.reader.entries(node) {
            match key.text.as_str() {
                _ if value.is_null() || is_extension(key) => {}
                "parallelism" => whole(project, &mut policy, "parallelism", value),
                "delay" | "monitor" => {
                    pause(project, &mut policy, &format!("deploy.{}", named.text), key, value);
                }
                "failure_action" | "order" => project.text(&mut policy, &key.text, value),
                "max_failure_ratio" => {
                    if let Some(share) = project.reader.decimal(value, "a share such as 0.25") {
                        policy.set("max_failure_ratio", Value::Number(share.text), &share.at);
                    }
                }
                _ => project.reader.unknown(key, &KNOWN),
            }
        }
        self.table.put(field, policy, &named.at);
    }
}

fn whole(project: &mut Project<'_>, table: &mut Table, field: &str, node: &Node) {
    if let Some(number) = project.reader.whole(node) {
        table.set(field, number, &node.at);
    }
}

fn pause(project: &mut Project<'_>, table: &mut Table, of: &str, key: &Key, node: &Node) {
    if let Some(wait) = project.reader.pause(&format!("{of}.{}", key.text), node) {
        table.set(&key.text, wait.text, &wait.at);
    }
}
