//! One service of a compose file: the containers that it stands for.

use std::rc::Rc;

use super::{
    project::{PROJECT, Project, is_extension},
    reader::Text,
    tree::{Item, Place, Table},
};
use crate::{
    Problem,
    yaml::{Key, Node, Yaml},
};

/// What is left out because it only says what others already do, or speaks to others than the engine.
const IDLE: [(&str, &str); 5] = [
    ("expose", "containers of one network reach every port of each other"),
    ("attach", "it is for `docker compose up` on a terminal"),
    ("develop", "it is for `docker compose watch`"),
    ("scale", "it says how many containers there are"),
    ("annotations", "the engine's own runtime takes no notice of them"),
];

/// What has no equivalent, and what to do instead.
const LACKING: [(&str, &str); 34] = [
    ("build", "Holdfast builds nothing: let a CI job build and push the image, and name it with `image`"),
    ("extends", "write the service out, or share parts with YAML anchors"),
    ("volumes_from", "name the volumes themselves under `volumes`"),
    ("external_links", "let both be in one network"),
    ("post_start", "let the container's own program do it"),
    ("pre_stop", "let the container's own program do it on its stop signal"),
    ("blkio_config", "it has no equivalent"),
    ("cgroup", "it has no equivalent"),
    ("cpu_count", "it is for Windows"),
    ("cpu_percent", "it is for Windows"),
    ("cpu_period", "use `cpus`"),
    ("cpu_quota", "use `cpus`"),
    ("cpu_rt_period", "it has no equivalent"),
    ("cpu_rt_runtime", "it has no equivalent"),
    ("credential_spec", "it is for Windows"),
    ("device_cgroup_rules", "name the devices under `devices`"),
    ("cgroup_parent", "it has no equivalent"),
    ("cpuset", "it has no equivalent: use `cpus`"),
    ("cpu_shares", "it has no equivalent: use `cpus`"),
    ("dns_opt", "it has no equivalent"),
    ("gpus", "it has no equivalent: use `runtime` and `devices`"),
    ("mac_address", "the engine chooses it"),
    ("memswap_limit", "a container that may use memory may use as much of swap"),
    ("isolation", "it is for Windows"),
    ("mem_swappiness", "it is the host's matter: see sysctl vm.swappiness"),
    ("oom_kill_disable", "it has no equivalent: give it more memory"),
    ("platform", "name an image of the host's own platform"),
    ("provider", "it has no equivalent"),
    ("models", "it has no equivalent"),
    ("storage_opt", "it has no equivalent"),
    ("use_api_socket", "mount /var/run/docker.sock"),
    ("label_file", "write the labels under `labels`"),
    ("uts", "it has no equivalent"),
    ("mem_reservation", "it has no equivalent: use `mem_limit`"),
];

/// The keys that are taken over.
const KEYS: [&str; 56] = [
    "image",
    "pull_policy",
    "command",
    "entrypoint",
    "environment",
    "env_file",
    "ports",
    "volumes",
    "tmpfs",
    "networks",
    "network_mode",
    "depends_on",
    "links",
    "restart",
    "healthcheck",
    "labels",
    "user",
    "working_dir",
    "hostname",
    "domainname",
    "container_name",
    "logging",
    "cap_add",
    "cap_drop",
    "security_opt",
    "privileged",
    "read_only",
    "init",
    "ulimits",
    "sysctls",
    "devices",
    "shm_size",
    "stop_signal",
    "stop_grace_period",
    "dns",
    "dns_search",
    "extra_hosts",
    "mem_limit",
    "cpus",
    "pids_limit",
    "deploy",
    "profiles",
    "secrets",
    "configs",
    "tty",
    "stdin_open",
    "group_add",
    "pid",
    "ipc",
    "runtime",
    "oom_score_adj",
    "userns_mode",
    "expose",
    "build",
    "scale",
    "extends",
];

/// A service under translation.
pub(super) struct Service<'s> {
    pub(super) name: &'s Key,
    pub(super) node: &'s Node,
    /// The container so far.
    pub(super) table: Table,
}

/// Adds the containers of a service to the project's resources.
pub(super) fn translate(project: &mut Project<'_>, name: &Key, node: &Node) {
    let mut service = Service { name, node, table: Table::default() };
    // Compose's default, which is not the language's.
    service.table.set("restart", "no", &name.at);
    for (key, value) in project.reader.entries(node) {
        if !value.is_null() {
            service.key(project, key, value);
        }
    }
    service.networks(project);
    service.finish(project);
}

impl Service<'_> {
    fn key(&mut self, project: &mut Project<'_>, key: &Key, value: &Rc<Node>) {
        let at = &key.at;
        let table = &mut self.table;
        match key.text.as_str() {
            // Looked at elsewhere, since they only mean something together.
            "networks" | "network_mode" | "container_name" | "profiles" | "deploy" | "scale" => {}
            "image" => project.text(table, "image", value),
            "pull_policy" => self.pull(project, value),
            "command" => project.words(table, "command", value),
            "entrypoint" => project.words(table, "entrypoint", value),
            "environment" => self.environment(project, value),
            "env_file" => self.environment_files(project, value, at),
            "ports" => self.ports(project, value),
            "volumes" => self.volumes(project, value, at),
            "tmpfs" => self.memories(project, value, at),
            "secrets" => self.secrets(project, value, at),
            "configs" => self.configs(project, value, at),
            "depends_on" => self.depends_on(project, value),
            "links" => self.links(project, value),
            "restart" => self.restart(project, value),
            "healthcheck" => self.healthcheck(project, value, at),
            "labels" => project.settings(table, "labels", value, at),
            "user" | "working_dir" | "hostname" | "domainname" | "stop_signal" | "pid" | "ipc"
            | "runtime" => project.text(table, &key.text, value),
            "privileged" | "read_only" | "init" | "tty" | "stdin_open" => {
                project.flag(table, &key.text, value);
            }
            "cap_add" | "cap_drop" => self.capabilities(project, &key.text, value),
            "security_opt" | "dns" | "dns_search" | "devices" | "group_add" => {
                project.list(table, &key.text, value);
            }
            "sysctls" => project.settings(table, "sysctls", value, at),
            "ulimits" => self.ulimits(project, value, at),
            "logging" => self.logging(project, value, at),
            "extra_hosts" => self.extra_hosts(project, value, at),
            "shm_size" => self.size(project, "shm_size", value),
            "stop_grace_period" => self.wait(project, "stop_grace_period", value),
            "mem_limit" => self.size(project, "memory", value),
            "pids_limit" => self.pids(project, value),
            "cpus" => self.cpus(project, value),
            "userns_mode" => project.text(table, "userns", value),
            "oom_score_adj" => {
                if let Some(score) = project.reader.whole(value) {
                    table.set("oom_score_adj", score, at);
                }
            }
            _ if is_extension(key) => {}
            what => {
                let find = |list: &[(&'static str, &'static str)]| {
                    list.iter().find(|(name, _)| *name == what).map(|(_, why)| *why)
                };
                if let Some(why) = find(&IDLE) {
                    project.reader.idle(what, at, why);
                } else if let Some(why) = find(&LACKING) {
                    project.reader.lacks(what, at, why);
                } else {
                    project.reader.unknown(key, &KEYS);
                }
            }
        }
    }

    /// Names the containers and puts them among the resources.
    fn finish(mut self, project: &mut Project<'_>) {
        let at = self.name.at.clone();
        if self.node.get("image").is_none_or(|image| image.is_null()) {
            let problem = Problem::new(
                "E_MISSING_KEY",
                format!("nothing says which image {} is made from", self.name.text),
            );
            project.reader.report(&at, problem.remedy("set `image`: Holdfast builds nothing"));
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

    fn environment(&mut self, project: &mut Project<'_>, node: &Node) {
        for (name, value) in project.reader.pairs(node) {
            // Without a value of its own it comes from around the file.
            let value = value.map(|value| value.text).or_else(|| project.variable(&name));
            let Some(value) = value else { continue };
            self.table.table("environment", &node.at).set(&name.text, value, &name.at);
        }
    }

    fn capabilities(&mut self, project: &mut Project<'_>, key: &str, node: &Node) {
        for name in project.reader.texts(node) {
            let upper = name.text.to_uppercase();
            self.table.add(key, upper.strip_prefix("CAP_").unwrap_or(&upper), &name.at);
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

    fn depends_on(&mut self, project: &mut Project<'_>, node: &Node) {
        if let Yaml::Mapping(entries) = &node.value {
            for (key, value) in entries {
                let optional = value
                    .get("required")
                    .is_some_and(|required| project.reader.flag(required) == Some(false));
                for (option, value) in project.reader.entries(value) {
                    match option.text.as_str() {
                        "required" => {}
                        "condition" => {
                            let condition = project.reader.text(value);
                            if condition
                                .is_some_and(|condition| condition.text == "service_completed_successfully")
                            {
                                project.reader.lacks(
                                    "service_completed_successfully",
                                    &value.at,
                                    "a container runs for ever: let a oneshot unit run what ends",
                                );
                            }
                        }
                        "restart" => {
                            if project.reader.flag(value) == Some(true) {
                                project.reader.lacks(
                                    "depends_on.restart",
                                    &option.at,
                                    "it is not restarted with what it depends on",
                                );
                            }
                        }
                        _ => project.reader.unknown(option, &["condition", "required", "restart"]),
                    }
                }
                self.need(project, &Text { text: key.text.clone(), at: key.at.clone() }, optional);
            }
            return;
        }
        for name in project.reader.texts(node) {
            self.need(project, &name, false);
        }
    }

    /// Comes after the containers of another service.
    pub(super) fn need(&mut self, project: &mut Project<'_>, name: &Text, optional: bool) {
        match project.service(&name.text) {
            Some(service) => {
                for container in project.container_names(&name.text, &service) {
                    self.table.add("needs", format!("container:{container}"), &name.at);
                }
            }
            None if optional => {}
            None => {
                let known = project.has_service(&name.text);
                let why = if known { "no active profile has the service" } else { "there is no service" };
                let problem = Problem::new("E_NEEDS", format!("{why} {}", name.text));
                let remedy = if known {
                    "add its profile to `profiles`"
                } else {
                    "correct the name, or declare it under `services`"
                };
                project.reader.report(&name.at, problem.remedy(remedy));
            }
        }
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

    fn healthcheck(&mut self, project: &mut Project<'_>, node: &Node, at: &Place) {
        let mut check = Table::default();
        for (key, value) in project.reader.entries(node) {
            match key.text.as_str() {
                _ if value.is_null() || is_extension(key) => {}
                "test" => health_test(project, value, &mut check),
                "disable" => project.flag(&mut check, "disable", value),
                "interval" | "timeout" | "start_period" => {
                    if let Some(wait) = project.reader.wait(&format!("healthcheck.{}", key.text), value) {
                        check.set(&key.text, wait.text, &wait.at);
                    }
                }
                "retries" => {
                    if let Some(retries) = project.reader.whole(value) {
                        check.set("retries", retries, &value.at);
                    }
                }
                "start_interval" => {
                    project.reader.lacks("healthcheck.start_interval", &key.at, "it has no equivalent");
                }
                _ => project
                    .reader
                    .unknown(key, &["test", "disable", "interval", "timeout", "start_period", "retries"]),
            }
        }
        if !check.is_empty() {
            self.table.put("healthcheck", check, at);
        }
    }

    fn logging(&mut self, project: &mut Project<'_>, node: &Node, at: &Place) {
        let mut logging = Table::default();
        // Compose leaves the driver to the engine, whose default is this.
        logging.set("driver", "json-file", at);
        for (key, value) in project.reader.entries(node) {
            match key.text.as_str() {
                _ if is_extension(key) => {}
                "driver" => project.text(&mut logging, "driver", value),
                "options" => project.settings(&mut logging, "options", value, &key.at),
                _ => project.reader.unknown(key, &["driver", "options"]),
            }
        }
        self.table.put("logging", logging, at);
    }

    fn extra_hosts(&mut self, project: &mut Project<'_>, node: &Node, at: &Place) {
        for (name, address) in project.reader.pairs(node) {
            let colon =
                || name.text.split_once(':').map(|(host, address)| (host.to_owned(), address.to_owned()));
            let pair = address.map_or_else(colon, |address| Some((name.text.clone(), address.text)));
            let Some((name, address)) = pair else {
                project.reader.wrong(&name.at, "write HOST=ADDRESS");
                continue;
            };
            self.table.table("extra_hosts", at).set(&name, address.trim_matches(['[', ']']), at);
        }
    }
}

/// What a health check asks.
fn health_test(project: &mut Project<'_>, node: &Node, check: &mut Table) {
    if let Yaml::Scalar { .. } = &node.value {
        project.text(check, "shell", node);
        return;
    }
    let mut words = project.reader.texts(node).into_iter();
    match words.next().as_ref().map(|word| word.text.as_str()) {
        Some("NONE") => check.set("disable", true, &node.at),
        Some("CMD") => check.set("command", words.map(Into::into).collect::<Vec<_>>(), &node.at),
        Some("CMD-SHELL") => {
            let line = words.map(|word| word.text).collect::<Vec<_>>().join(" ");
            check.set("shell", line, &node.at);
        }
        _ => project.reader.wrong(&node.at, "a list begins with CMD, CMD-SHELL or NONE"),
    }
}
