//! What of a service only a Swarm has, and the service, configs and secrets that a stack's become there.

use std::rc::Rc;

use super::{
    project::{Project, STACK, Sort, is_extension},
    reader::Text,
    service::{Service, why},
    tree::{Place, Table, Value},
};
use crate::{
    FileMode, Problem,
    yaml::{Key, Node},
};

mod deploy;

/// What is left out because a Swarm does it anyway.
const IDLE: [(&str, &str); 1] = [("pull_policy", "a node pulls an image that it does not have")];

/// What a Swarm does not have, and what to do instead.
const LACKING: [(&str, &str); 30] = [
    ("container_name", "the Swarm names its tasks: others find the service by its name"),
    ("network_mode", "name a network under `networks`; one of the nodes themselves is external"),
    ("links", "services of one network find each other by their names"),
    ("scale", "use `deploy.replicas`"),
    ("domainname", "it has no equivalent in a Swarm"),
    ("pid", "it has no equivalent in a Swarm"),
    ("ipc", "it has no equivalent in a Swarm"),
    ("runtime", "it has no equivalent in a Swarm: make it the default of the nodes' engines"),
    ("privileged", "it has no equivalent in a Swarm: name what it needs under `cap_add`"),
    ("security_opt", "it has no equivalent in a Swarm"),
    ("devices", "it has no equivalent in a Swarm"),
    ("device_cgroup_rules", "it has no equivalent in a Swarm"),
    ("gpus", "it has no equivalent in a Swarm"),
    ("group_add", "it has no equivalent in a Swarm"),
    ("shm_size", "mount a tmpfs at /dev/shm"),
    ("userns_mode", "it has no equivalent in a Swarm"),
    ("oom_score_adj", "it has no equivalent in a Swarm"),
    ("tty", "it has no equivalent: a task has no terminal"),
    ("stdin_open", "it has no equivalent: a task reads nothing"),
    ("dns_search", "it has no equivalent: write names out"),
    ("mem_limit", "use `deploy.resources.limits.memory`"),
    ("mem_reservation", "use `deploy.resources.reservations.memory`"),
    ("pids_limit", "use `deploy.resources.limits.pids`"),
    ("cpus", "use `deploy.resources.limits.cpus`"),
    ("cpu_period", "use `deploy.resources.limits.cpus`"),
    ("cpu_quota", "use `deploy.resources.limits.cpus`"),
    ("cpu_shares", "use `deploy.resources`"),
    ("cpuset", "use `deploy.resources.limits.cpus`"),
    ("platform", "use `deploy.placement.constraints` with node.platform.arch"),
    ("cgroupns_mode", "it has no equivalent in a Swarm"),
];

impl Service<'_> {
    /// Reads a key; `false` if a Swarm has nothing of its own for it.
    pub(super) fn swarm_key(&mut self, project: &mut Project<'_>, key: &Key, value: &Rc<Node>) -> bool {
        let at = &key.at;
        match key.text.as_str() {
            "labels" => project.settings(&mut self.table, "container_labels", value, at),
            "restart" => self.restart_of_tasks(project, value),
            what => {
                if let Some(why) = why(&IDLE, what) {
                    project.reader.idle(what, at, why);
                } else if let Some(why) = why(&LACKING, what) {
                    project.reader.lacks(what, at, why);
                } else {
                    return false;
                }
            }
        }
        true
    }

    /// Names the service and puts it among the resources.
    pub(super) fn finish_service(mut self, project: &mut Project<'_>) {
        let at = self.name.at.clone();
        self.deploy_in_swarm(project);
        if project.setting.labelled {
            let stack = project.setting.project.as_str();
            self.table.table("container_labels", &at).set(STACK, stack, &at);
            let image = self.table.values.get("image").map(|image| image.value.clone());
            let labels = self.table.table("labels", &at);
            labels.set(STACK, stack, &at);
            if let Some(image) = image {
                labels.set("com.docker.stack.image", image, &at);
            }
        }
        let name = project.stacked(&self.name.text);
        project.resources.table("service", &at).put(&name, self.table, &at);
    }

    /// What `docker stack deploy` makes of `restart`. What `deploy.restart_policy` says wins.
    fn restart_of_tasks(&mut self, project: &mut Project<'_>, node: &Node) {
        let Some(policy) = project.reader.text(node) else { return };
        let (name, count) = policy.text.split_once(':').unwrap_or((&policy.text, ""));
        match name {
            "always" | "unless-stopped" => {
                project.reader.idle("restart", &policy.at, "a Swarm replaces every task that ends");
            }
            "on-failure" => {
                let restart = self.table.table("restart", &policy.at);
                restart.set("condition", "on-failure", &policy.at);
                if let Ok(count) = count.parse::<u32>() {
                    restart.set("max_attempts", i64::from(count), &policy.at);
                }
            }
            "no" => project.reader.lacks(
                "restart",
                &policy.at,
                "a Swarm replaces every task that ends: set `deploy.restart_policy.condition` to none",
            ),
            _ => project.reader.wrong(&policy.at, "it is no, always, unless-stopped or on-failure"),
        }
    }

    /// Has the service see a config or secret.
    pub(super) fn attach(
        &mut self,
        project: &mut Project<'_>,
        section: &str,
        name: &Text,
        item: &Node,
        at: &Place,
    ) {
        let full = project.use_of(Sort::of(section), name);
        let mut file = Table::default();
        match item.get("target").and_then(|target| project.reader.text(target)) {
            Some(target) if section == "configs" && !target.text.starts_with('/') => {
                file.set("target", format!("/{}", target.text), &target.at);
            }
            Some(target) => file.set("target", target.text, &target.at),
            None if section == "configs" => file.set("target", format!("/{}", name.text), &name.at),
            None => file.set("target", name.text.as_str(), &name.at),
        }
        for owner in ["uid", "gid"] {
            if let Some(number) = item.get(owner).and_then(|number| project.reader.whole(number)) {
                file.set(owner, number, &item.at);
            }
        }
        if let Some(written) = item.get("mode").and_then(|mode| project.reader.text(mode)) {
            match mode(&written.text) {
                Some(mode) => file.set("mode", mode.to_string(), &written.at),
                None => project.reader.wrong(&written.at, "expected permissions such as 0440"),
            }
        }
        let attached = self.table.table(section, at);
        if attached.has(&full) {
            let problem = Problem::new("E_CONFLICT", format!("the service names {} twice", name.text));
            project.reader.report(&name.at, problem.remedy("take one of them out"));
            return;
        }
        attached.put(&full, file, &name.at);
    }
}

impl Project<'_> {
    /// Says of a mounted volume how the nodes make it.
    pub(super) fn volume_of_tasks(&mut self, name: &str, mount: &mut Table) {
        let Some(definition) = self.defined(Sort::Volume, name) else { return };
        for (key, value) in self.reader.entries(&definition) {
            match key.text.as_str() {
                "name" | "external" => {}
                _ if value.is_null() || is_extension(key) => {}
                "driver" => self.text(mount, "driver", value),
                "driver_opts" => self.settings(mount, "options", value, &key.at),
                "labels" => self.reader.idle("volumes.labels", &key.at, "a node's volume keeps none"),
                _ => self.reader.unknown(key, &["name", "external", "driver", "driver_opts", "labels"]),
            }
        }
    }

    /// Reads what a config or secret is; says whether somebody else makes it.
    pub(super) fn kept(&mut self, sort: Sort, name: &str, node: &Node, table: &mut Table) -> bool {
        const KNOWN: [&str; 8] =
            ["name", "external", "file", "content", "environment", "labels", "driver", "template_driver"];
        let section = if sort == Sort::Secret { "secrets" } else { "configs" };
        let mut external = false;
        for (key, value) in self.reader.entries(node) {
            match key.text.as_str() {
                "name" => {}
                _ if value.is_null() || is_extension(key) => {}
                "external" => external = self.is_external(value),
                "labels" => self.settings(table, "labels", value, &key.at),
                // What it holds is a secret of the fleet: see below.
                "file" | "content" | "environment" if sort == Sort::Secret => {}
                "file" => self.config_file(table, value),
                "content" => self.text(table, "content", value),
                "environment" => {
                    if let Some(variable) = self.reader.text(value)
                        && let Some(content) = self.variable(&variable)
                    {
                        table.set("content", content, &variable.at);
                    }
                }
                what @ ("driver" | "template_driver") => {
                    self.reader.lacks(&format!("{section}.{what}"), &key.at, "it has no equivalent");
                }
                _ => self.reader.unknown(key, &KNOWN),
            }
        }
        if sort == Sort::Secret && !external {
            let sealed = self.setting.secrets.get(name).cloned();
            table.set("secret", sealed.unwrap_or_else(|| fleet_name(name)), &node.at);
        }
        external
    }

    /// A config's file is the repository's.
    fn config_file(&mut self, table: &mut Table, node: &Node) {
        let Some(path) = self.reader.text(node) else { return };
        if path.text.starts_with('/') {
            let problem = Problem::new("E_VALUE", "a config is a file of the repository");
            self.reader.report(
                &path.at,
                problem.remedy("put it beside the compose file, and write a relative path"),
            );
            return;
        }
        let Some(relative) = self.relative(&path) else { return };
        let source = format!("{}{relative}", self.setting.folder);
        if self.setting.repository.get(&source).is_none() {
            let problem =
                Problem::new("E_SOURCE_MISSING", format!("there is no file {source} in the repository"));
            self.reader.report(&path.at, problem.remedy("add the file, and commit it with the compose file"));
        }
        table.set("source", Value::Text(source), &path.at);
    }
}

/// The secret of the fleet that has a stack's name for one, as far as the fleet takes it.
fn fleet_name(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Permissions as YAML writes them: octal after a zero, else decimal.
fn mode(written: &str) -> Option<FileMode> {
    let octal = written.strip_prefix("0o").or_else(|| written.strip_prefix('0'));
    let bits = match octal {
        Some(digits) => u16::from_str_radix(digits, 8).ok()?,
        None => written.parse().ok()?,
    };
    (bits <= 0o7777).then(|| FileMode::new(bits))
}
