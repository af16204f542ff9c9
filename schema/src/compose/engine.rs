//! What of a service only one engine has, and the containers that the service becomes there.

use std::rc::Rc;

use super::{
    project::{PROJECT, Project},
    reader::Text,
    service::{Service, why},
    tree::Item,
};
use crate::{
    Problem,
    yaml::{Key, Node},
};

/// What has no equivalent on one engine, and what to do instead.
const LACKING: [(&str, &str); 8] = [
    ("cpu_period", "use `cpus`"),
    ("cpu_quota", "use `cpus`"),
    ("device_cgroup_rules", "name the devices under `devices`"),
    ("cpuset", "it has no equivalent: use `cpus`"),
    ("cpu_shares", "it has no equivalent: use `cpus`"),
    ("gpus", "it has no equivalent: use `runtime` and `devices`"),
    ("platform", "name an image of the host's own platform"),
    ("mem_reservation", "it has no equivalent: use `mem_limit`"),
];

impl Service<'_> {
    /// Reads a key; `false` if one engine has nothing of its own for it.
    pub(super) fn engine_key(&mut self, project: &mut Project<'_>, key: &Key, value: &Rc<Node>) -> bool {
        let at = &key.at;
        let table = &mut self.table;
        match key.text.as_str() {
            // Looked at elsewhere, since they only mean something together.
            "network_mode" | "container_name" => {}
            "scale" => project.reader.idle("scale", at, "it says how many containers there are"),
            "pull_policy" => self.pull(project, value),
            "links" => self.links(project, value),
            "restart" => self.restart(project, value),
            "labels" => project.settings(table, "labels", value, at),
            "domainname" | "pid" | "ipc" | "runtime" => project.text(table, &key.text, value),
            "privileged" | "tty" | "stdin_open" => project.flag(table, &key.text, value),
            "security_opt" | "dns_search" | "devices" | "group_add" => {
                project.list(table, &key.text, value);
            }
            "shm_size" => self.size(project, "shm_size", value),
            "mem_limit" => self.size(project, "memory", value),
            "pids_limit" => self.pids(project, value),
            "cpus" => self.cpus(project, "cpus", value),
            "userns_mode" => project.text(table, "userns", value),
            "oom_score_adj" => {
                if let Some(score) = project.reader.whole(value) {
                    table.set("oom_score_adj", score, at);
                }
            }
            what => {
                let Some(why) = why(&LACKING, what) else { return false };
                project.reader.lacks(what, at, why);
            }
        }
        true
    }

    /// Names the containers and puts them among the resources.
    pub(super) fn finish_containers(mut self, project: &mut Project<'_>) {
        let at = self.name.at.clone();
        // Compose's default, which is not the language's.
        if !self.table.has("restart") {
            self.table.set("restart", "no", &at);
        }
        self.deploy(project);
        let names = project.container_names(&self.name.text, self.node);
        let published = self.node.get("ports").filter(|_| names.len() > 1);
        if let Some(ports) = published {
            let fixed = self.table.values.get("ports").is_some_and(Item::is_published);
            if fixed {
                let problem = Problem::new(
                    "E_CONFLICT",
                    format!("{} containers cannot share one port of the host", names.len()),
                );
                project.reader.report(
                    &ports.at.clone(),
                    problem.remedy("publish no fixed port, or have one container"),
                );
            }
        }
        for (number, name) in (1..).zip(names) {
            let mut table = self.table.clone();
            if project.setting.labelled {
                let labels = table.table("labels", &at);
                labels.set(PROJECT, project.setting.project.as_str(), &at);
                labels.set("com.docker.compose.service", self.name.text.as_str(), &at);
                labels.set("com.docker.compose.container-number", number.to_string(), &at);
                labels.set("com.docker.compose.oneoff", "False", &at);
            }
            if let Some(other) = project.containers.insert(name.clone(), self.name.text.clone()) {
                let problem = Problem::new(
                    "E_CONFLICT",
                    format!("the services {other} and {} both name their container {name}", self.name.text),
                );
                project.reader.report(&at, problem.remedy("give one of them another `container_name`"));
                continue;
            }
            project.resources.table("container", &at).put(&name, table, &at);
        }
    }

    fn pull(&mut self, project: &mut Project<'_>, node: &Node) {
        let Some(policy) = project.reader.text(node) else { return };
        match policy.text.as_str() {
            "missing" | "if_not_present" => {}
            "never" => self.table.set("pull", "never", &policy.at),
            _ => project.reader.lacks(
                "pull_policy",
                &policy.at,
                "an image is pulled where it is missing: another one is another digest",
            ),
        }
    }

    fn restart(&mut self, project: &mut Project<'_>, node: &Node) {
        let Some(policy) = project.reader.text(node) else { return };
        let (name, count) = policy.text.split_once(':').unwrap_or((&policy.text, ""));
        if !count.is_empty() {
            project.reader.lacks("restart", &policy.at, "the engine goes on trying without end");
        }
        self.table.set("restart", name, &policy.at);
    }

    fn links(&mut self, project: &mut Project<'_>, node: &Node) {
        for link in project.reader.texts(node) {
            let (service, alias) = link.text.split_once(':').unwrap_or((&link.text, ""));
            let service = Text { text: service.to_owned(), at: link.at.clone() };
            if !alias.is_empty() && alias != service.text {
                project.reader.lacks(
                    "links",
                    &link.at,
                    format!("give {} the alias {alias} under its own `networks`", service.text),
                );
            }
            self.need(project, &service, false);
        }
    }
}
