//! One service of a compose file, as far as it means the same on one engine and in a Swarm.

use std::rc::Rc;

use super::{
    Target,
    project::{Project, is_extension},
    reader::Text,
    tree::{Place, Table},
};
use crate::{
    Problem,
    yaml::{Key, Node, Yaml},
};

/// What is left out because it only says what others already do, or speaks to others than the engine.
const IDLE: [(&str, &str); 4] = [
    ("expose", "containers of one network reach every port of each other"),
    ("attach", "it is for `docker compose up` on a terminal"),
    ("develop", "it is for `docker compose watch`"),
    ("annotations", "the engine's own runtime takes no notice of them"),
];

/// What has no equivalent, and what to do instead.
const LACKING: [(&str, &str); 26] = [
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
    ("cpu_rt_period", "it has no equivalent"),
    ("cpu_rt_runtime", "it has no equivalent"),
    ("credential_spec", "it is for Windows"),
    ("cgroup_parent", "it has no equivalent"),
    ("dns_opt", "it has no equivalent"),
    ("mac_address", "the engine chooses it"),
    ("isolation", "it is for Windows"),
    ("mem_swappiness", "it is the host's matter: see sysctl vm.swappiness"),
    ("oom_kill_disable", "it has no equivalent: give it more memory"),
    ("provider", "it has no equivalent"),
    ("models", "it has no equivalent"),
    ("storage_opt", "it has no equivalent"),
    ("use_api_socket", "mount /var/run/docker.sock"),
    ("label_file", "write the labels under `labels`"),
    ("uts", "it has no equivalent"),
    ("memswap_limit", "a container that may use memory may use as much of swap"),
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
    /// The container or service so far.
    pub(super) table: Table,
}

/// Adds what a service becomes to the project's resources.
pub(super) fn translate(project: &mut Project<'_>, name: &Key, node: &Node) {
    let mut service = Service { name, node, table: Table::default() };
    for (key, value) in project.reader.entries(node) {
        if !value.is_null() {
            service.key(project, key, value);
        }
    }
    service.networks(project);
    if node.get("image").is_none_or(|image| image.is_null()) {
        let problem =
            Problem::new("E_MISSING_KEY", format!("nothing says which image {} is made from", name.text));
        project.reader.report(&name.at, problem.remedy("set `image`: Holdfast builds nothing"));
    }
    match project.setting.target {
        Target::Engine { .. } => service.finish_containers(project),
        Target::Swarm => service.finish_service(project),
    }
}

/// Why something is left out, if it is in a list of such.
pub(super) fn why(list: &[(&str, &'static str)], what: &str) -> Option<&'static str> {
    list.iter().find(|(name, _)| *name == what).map(|(_, why)| *why)
}

impl Service<'_> {
    fn key(&mut self, project: &mut Project<'_>, key: &Key, value: &Rc<Node>) {
        let at = &key.at;
        let table = &mut self.table;
        match key.text.as_str() {
            // Looked at elsewhere, since they only mean something together.
            "networks" | "profiles" | "deploy" => {}
            "image" => project.text(table, "image", value),
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
            "healthcheck" => self.healthcheck(project, value, at),
            "user" | "working_dir" | "hostname" | "stop_signal" => project.text(table, &key.text, value),
            "read_only" | "init" => project.flag(table, &key.text, value),
            "cap_add" | "cap_drop" => self.capabilities(project, &key.text, value),
            "dns" => project.list(table, "dns", value),
            "sysctls" => project.settings(table, "sysctls", value, at),
            "ulimits" => self.ulimits(project, value, at),
            "logging" => self.logging(project, value, at),
            "extra_hosts" => self.extra_hosts(project, value, at),
            "stop_grace_period" => self.wait(project, "stop_grace_period", value),
            _ if is_extension(key) => {}
            what => {
                let taken = match project.setting.target {
                    Target::Engine { .. } => self.engine_key(project, key, value),
                    Target::Swarm => self.swarm_key(project, key, value),
                };
                if taken {
                } else if let Some(why) = why(&IDLE, what) {
                    project.reader.idle(what, at, why);
                } else if let Some(why) = why(&LACKING, what) {
                    project.reader.lacks(what, at, why);
                } else {
                    project.reader.unknown(key, &KEYS);
                }
            }
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
                let needed = match project.setting.target {
                    Target::Engine { .. } => project.container_names(&name.text, &service),
                    Target::Swarm => vec![project.stacked(&name.text)],
                };
                for needed in needed {
                    let kind = project.setting.target.kind();
                    self.table.add("needs", format!("{kind}:{needed}"), &name.at);
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
