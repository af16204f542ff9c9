//! What a service's containers mount: volumes, paths of the host, memory, configs and secrets.

use super::{
    Target,
    files::secret_file,
    project::{Project, Sort, is_extension},
    reader::Text,
    service::Service,
    tree::{Place, Table},
};
use crate::{
    Problem,
    yaml::{Key, Node, Yaml},
};

/// Where the host's own things lie: what is missing there is not made.
const SYSTEM: [&str; 8] = ["/dev", "/etc", "/proc", "/run", "/sys", "/usr", "/var/run", "/var/lib/docker"];

/// A mount as it is written.
struct Mount {
    source: Option<Text>,
    target: Text,
    read_only: bool,
    /// Whether a directory that is missing is made.
    create: bool,
}

impl Service<'_> {
    pub(super) fn volumes(&mut self, project: &mut Project<'_>, node: &Node, at: &Place) {
        for item in project.reader.items(node) {
            if let Yaml::Mapping(_) = &item.value {
                self.long_volume(project, item, at);
            } else if let Some(volume) = project.reader.text(item) {
                self.short_volume(project, &volume, at);
            }
        }
    }

    /// `[SOURCE:]TARGET[:OPTIONS]`
    fn short_volume(&mut self, project: &mut Project<'_>, volume: &Text, at: &Place) {
        let text = |text: &str| Text { text: text.to_owned(), at: volume.at.clone() };
        let mut parts = volume.text.split(':');
        let (first, second, options) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
        let (source, target) = match (first, second) {
            (Some(source), Some(target)) if parts.next().is_none() => (Some(text(source)), text(target)),
            (Some(target), None) => (None, text(target)),
            _ => {
                project.reader.wrong(
                    &volume.at,
                    format!("{:?} is no mount such as data:/var/lib/data:ro", volume.text),
                );
                return;
            }
        };
        let mut mount = Mount { source, target, read_only: false, create: true };
        let mut propagation = None;
        for option in options.split(',').filter(|option| !option.is_empty()) {
            match option {
                "ro" => mount.read_only = true,
                "rw" => {}
                "cached" | "delegated" | "consistent" => {
                    project.reader.idle("volumes", &volume.at, format!("`{option}` says nothing on Linux"));
                }
                "shared" | "slave" | "private" | "rshared" | "rslave" | "rprivate" => {
                    propagation = Some(option);
                }
                _ => project.reader.lacks(
                    "volumes",
                    &volume.at,
                    format!("the option `{option}` has no equivalent"),
                ),
            }
        }
        let is_path = mount.source.as_ref().is_some_and(|source| source.text.starts_with(['/', '.', '~']));
        if is_path {
            self.bind(project, mount, propagation.map(text), at);
        } else {
            self.volume(project, mount, at);
        }
    }

    fn long_volume(&mut self, project: &mut Project<'_>, node: &Node, at: &Place) {
        let mut part = |name| {
            let node = node.get(name).filter(|node| !node.is_null())?;
            project.reader.text(node)
        };
        let (sort, source, target) = (part("type"), part("source"), part("target"));
        let read_only = node.get("read_only").and_then(|flag| project.reader.flag(flag)).unwrap_or_default();
        let Some(target) = target else {
            project.reader.wrong(&node.at, "a mount needs its `target`");
            return;
        };
        let mut mount = Mount { source, target, read_only, create: true };
        let (mut propagation, mut memory) = (None, None);
        for (key, value) in project.reader.entries(node) {
            match key.text.as_str() {
                "type" | "source" | "target" | "read_only" => {}
                _ if is_extension(key) || value.is_null() => {}
                "consistency" => {
                    project.reader.idle("volumes.consistency", &key.at, "it says nothing on Linux");
                }
                "bind" => {
                    for (key, value) in project.reader.entries(value) {
                        match key.text.as_str() {
                            "create_host_path" => mount.create = project.reader.flag(value).unwrap_or(true),
                            "propagation" => propagation = project.reader.text(value),
                            what => project.reader.lacks(
                                &format!("volumes.bind.{what}"),
                                &key.at,
                                "it has no equivalent",
                            ),
                        }
                    }
                }
                "tmpfs" => {
                    for (key, value) in project.reader.entries(value) {
                        match key.text.as_str() {
                            "size" => memory = project.reader.size(value),
                            what => project.reader.lacks(
                                &format!("volumes.tmpfs.{what}"),
                                &key.at,
                                "it has no equivalent",
                            ),
                        }
                    }
                }
                "volume" => {
                    for (key, _) in project.reader.entries(value) {
                        project.reader.lacks(
                            &format!("volumes.volume.{}", key.text),
                            &key.at,
                            "it has no equivalent",
                        );
                    }
                }
                _ => project
                    .reader
                    .unknown(key, &["type", "source", "target", "read_only", "bind", "tmpfs", "volume"]),
            }
        }
        match sort.as_ref().map(|sort| sort.text.as_str()) {
            Some("bind") => self.bind(project, mount, propagation, at),
            Some("volume") | None => self.volume(project, mount, at),
            Some("tmpfs") => {
                let size = memory.map_or_else(|| "default".to_owned(), |size| size.text);
                let place = mount.target.at.clone();
                self.mount(project, &mount.target, Table::default().with("tmpfs", size, &place), at);
            }
            Some(other) => {
                project.reader.lacks("volumes.type", &node.at, format!("`{other}` has no equivalent"));
            }
        }
    }

    fn volume(&mut self, project: &mut Project<'_>, mount: Mount, at: &Place) {
        let Some(source) = mount.source else {
            project.reader.lacks(
                "volumes",
                &mount.target.at,
                "a volume without a name has no equivalent: give it one",
            );
            return;
        };
        let full = project.use_of(Sort::Volume, &source);
        let mut table = Table::default().with("volume", full, &source.at);
        if mount.read_only {
            table.set("read_only", true, &source.at);
        }
        if project.setting.target == Target::Swarm {
            project.volume_of_tasks(&source.text, &mut table);
        }
        self.mount(project, &mount.target, table, at);
    }

    fn bind(&mut self, project: &mut Project<'_>, mount: Mount, propagation: Option<Text>, at: &Place) {
        let Some(source) = mount.source else {
            project.reader.wrong(&mount.target.at, "a bind mount needs its `source`");
            return;
        };
        let (host, found) = if source.text.starts_with('/') {
            let trimmed = source.text.trim_end_matches('/');
            (if trimmed.is_empty() { "/".to_owned() } else { trimmed.to_owned() }, false)
        } else {
            match project.bring(&source, false) {
                Some(brought) => (brought.host, brought.found),
                None => return,
            }
        };
        let of_the_system =
            host == "/" || SYSTEM.iter().any(|own| host == *own || host.starts_with(&format!("{own}/")));
        let mut table = Table::default().with("bind", host, &source.at);
        let one_engine = project.setting.target != Target::Swarm;
        if mount.create && !found && !of_the_system && one_engine {
            table.set("create", true, &source.at);
        }
        if mount.read_only {
            table.set("read_only", true, &source.at);
        }
        if let Some(propagation) = propagation {
            table.set("propagation", propagation.text, &propagation.at);
        }
        self.mount(project, &mount.target, table, at);
    }

    pub(super) fn memories(&mut self, project: &mut Project<'_>, node: &Node, at: &Place) {
        for memory in project.reader.texts(node) {
            let (target, options) = memory.text.split_once(':').unwrap_or((&memory.text, ""));
            let mut size = "default".to_owned();
            for option in options.split(',').filter(|option| !option.is_empty()) {
                match option.split_once('=') {
                    Some(("size", written)) => {
                        let scalar = Node::scalar(written, &memory.at);
                        if let Some(found) = project.reader.size(&scalar) {
                            size = found.text;
                        }
                    }
                    _ => project.reader.lacks(
                        "tmpfs",
                        &memory.at,
                        format!("the option `{option}` has no equivalent"),
                    ),
                }
            }
            let target = Text { text: target.to_owned(), at: memory.at.clone() };
            let table = Table::default().with("tmpfs", size, &memory.at);
            self.mount(project, &target, table, at);
        }
    }

    /// Adds a mount.
    fn mount(&mut self, project: &mut Project<'_>, target: &Text, table: Table, at: &Place) {
        let path = target.text.trim_end_matches('/');
        let mounts = self.table.table("mounts", at);
        if mounts.has(path) {
            let problem = Problem::new("E_CONFLICT", format!("two things are mounted at {path}"));
            project.reader.report(&target.at, problem.remedy("take one of them out"));
            return;
        }
        mounts.put(path, table, &target.at);
    }

    pub(super) fn secrets(&mut self, project: &mut Project<'_>, node: &Node, at: &Place) {
        self.contents(project, node, at, "secrets");
    }

    pub(super) fn configs(&mut self, project: &mut Project<'_>, node: &Node, at: &Place) {
        self.contents(project, node, at, "configs");
    }

    /// Reads which of what is declared under `secrets` or `configs` the service sees.
    fn contents(&mut self, project: &mut Project<'_>, node: &Node, at: &Place, section: &'static str) {
        const KNOWN: [&str; 5] = ["source", "target", "uid", "gid", "mode"];
        for item in project.reader.items(node) {
            let name = if let Yaml::Mapping(entries) = &item.value {
                for (key, _) in entries {
                    if !KNOWN.contains(&key.text.as_str()) && !is_extension(key) {
                        project.reader.unknown(key, &KNOWN);
                    }
                }
                item.get("source").and_then(|source| project.reader.text(source))
            } else {
                project.reader.text(item)
            };
            let Some(name) = name else { continue };
            match project.setting.target {
                Target::Engine { .. } => self.mount_content(project, section, &name, item, at),
                Target::Swarm => self.attach(project, section, &name, item, at),
            }
        }
    }

    /// Mounts the file that a secret or config is on one engine.
    fn mount_content(
        &mut self,
        project: &mut Project<'_>,
        section: &'static str,
        name: &Text,
        item: &Node,
        at: &Place,
    ) {
        let secret = section == "secrets";
        for access in ["uid", "gid", "mode"] {
            if let Some(found) = item.get(access) {
                project.reader.lacks(
                    &format!("{section}.{access}"),
                    &found.at,
                    "whoever is in the container can read it, and nobody write",
                );
            }
        }
        let target = item.get("target").and_then(|target| project.reader.text(target));
        let target = match target.map(|target| target.text) {
            Some(target) if target.starts_with('/') => target,
            Some(target) if secret => format!("/run/secrets/{target}"),
            Some(target) => format!("/{target}"),
            None if secret => format!("/run/secrets/{}", name.text),
            None => format!("/{}", name.text),
        };
        let Some(host) = project.content(section, name) else { return };
        let table = Table::default().with("bind", host, &name.at).with("read_only", true, &name.at);
        self.mount(project, &Text { text: target, at: name.at.clone() }, table, at);
    }
}

impl Project<'_> {
    /// Where on the host the content of a secret or config lies, which is thereby declared.
    fn content(&mut self, section: &'static str, name: &Text) -> Option<String> {
        let secret = section == "secrets";
        let Some(definition) = self.root.get(section).and_then(|all| all.get(&name.text)).cloned() else {
            let problem = Problem::new("E_NEEDS", format!("`{section}` has no {}", name.text));
            self.reader.report(
                &name.at,
                problem.remedy(format!("declare it under `{section}`, or correct its name")),
            );
            return None;
        };
        let sealed = self.setting.secrets.get(&name.text).filter(|_| secret).cloned();
        if let Some(sealed) = sealed {
            return self.content_secret(name, &definition, &sealed);
        }
        let mut host = None;
        for (key, value) in self.reader.entries(&definition) {
            match key.text.as_str() {
                "file" => host = self.content_file(value, secret),
                "content" | "environment" => host = self.content_text(section, name, key, value),
                "external" => {
                    if self.reader.flag(value) == Some(true) {
                        self.reader.lacks(
                            &format!("{section}.external"),
                            &key.at,
                            "only a Swarm keeps them: name a `file`",
                        );
                    }
                }
                "name" | "labels" => {
                    self.reader.idle(&format!("{section}.{}", key.text), &key.at, "only a Swarm keeps them");
                }
                _ if is_extension(key) => {}
                what => self.reader.lacks(&format!("{section}.{what}"), &key.at, "it has no equivalent"),
            }
        }
        host
    }

    fn content_file(&mut self, node: &Node, secret: bool) -> Option<String> {
        let path = self.reader.text(node)?;
        if path.text.starts_with('/') {
            return Some(path.text);
        }
        let brought = self.bring(&path, secret)?;
        if !brought.found {
            let problem =
                Problem::new("E_SOURCE_MISSING", format!("there is no file {} in the repository", path.text));
            self.reader.report(&path.at, problem.remedy("add the file, and commit it with the compose file"));
        }
        Some(brought.host)
    }

    /// A secret of the fleet, at the place that the file names for it.
    fn content_secret(&mut self, name: &Text, definition: &Node, sealed: &str) -> Option<String> {
        let named = definition.get("file").and_then(|file| self.reader.text(file));
        let relative = match named {
            Some(path) if !path.text.starts_with('/') => self.relative(&path)?,
            _ => format!(".secrets/{}", name.text),
        };
        let file = Table::default().with("secret", sealed, &name.at).with("mode", "0444", &name.at);
        self.put_file(&relative, file, true, &name.at)
    }

    fn content_text(&mut self, section: &str, name: &Text, key: &Key, node: &Node) -> Option<String> {
        let text = self.reader.text(node)?;
        let content = match key.text.as_str() {
            "content" => text.text,
            _ => self.variable(&text)?,
        };
        let secret = section == "secrets";
        let mut file = Table::default().with("content", content, &text.at);
        if secret {
            file = secret_file(file, &text.at);
        }
        let relative = format!(".{section}/{}", name.text);
        self.put_file(&relative, file, secret, &name.at)
    }
}
