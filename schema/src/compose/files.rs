//! What a compose file takes from beside itself: files of the repository that come to the host, and files of variables.

use super::{
    Target,
    interpolate::environment_file,
    project::{Project, is_extension},
    reader::Text,
    service::Service,
    tree::{Place, Table},
};
use crate::{
    Entry, Problem, limits,
    yaml::{Node, Yaml},
};

/// What a relative path of a compose file is on the host.
pub(super) struct Brought {
    /// The path on the host.
    pub(super) host: String,
    /// Whether the repository has it, and so brings it there.
    pub(super) found: bool,
}

impl Project<'_> {
    /// Declares what the repository has at a relative path, file or directory. Nothing if the path cannot be one.
    pub(super) fn bring(&mut self, path: &Text, secret: bool) -> Option<Brought> {
        let relative = self.relative(path)?;
        let Target::Engine { directory } = self.setting.target else {
            self.reader.lacks(
                "volumes",
                &path.at,
                "the nodes of a Swarm have no files of the repository: make it a config, or write an absolute path",
            );
            return None;
        };
        let host =
            if relative.is_empty() { directory.to_string() } else { format!("{directory}/{relative}") };
        let source = format!("{}{relative}", self.setting.folder);
        if self.setting.repository.get(&source).is_some() {
            self.bring_file(&relative, &source, secret, &path.at);
            return Some(Brought { host, found: true });
        }
        let inside =
            if source.is_empty() { String::new() } else { format!("{}/", source.trim_end_matches('/')) };
        let beneath: Vec<String> = self
            .setting
            .repository
            .under(&inside)
            .map(|(path, _)| path.to_owned())
            .take(limits::MOUNTED_FILES + 1)
            .collect();
        if beneath.is_empty() {
            return Some(Brought { host, found: false });
        }
        if source.is_empty() {
            let problem = Problem::new("E_VALUE", "this would mount the whole repository");
            self.reader.report(
                &path.at,
                problem.remedy("put the compose file and what it mounts into a directory of their own"),
            );
            return None;
        }
        if beneath.len() > limits::MOUNTED_FILES {
            let message = format!("a mount cannot bring more than {} files", limits::MOUNTED_FILES);
            self.reader.report(&path.at, Problem::new("E_LIMIT", message).remedy("put them into an image"));
            return None;
        }
        for found in beneath {
            let rest = found.strip_prefix(self.setting.folder).unwrap_or(&found).to_owned();
            self.bring_file(&rest, &found, secret, &path.at);
        }
        Some(Brought { host, found: true })
    }

    fn bring_file(&mut self, relative: &str, source: &str, secret: bool, at: &Place) {
        let mut file = Table::default().with("source", source, at);
        if secret {
            file = secret_file(file, at);
        }
        self.put_file(relative, file, secret, at);
    }

    /// Declares a file below the project's directory, with the directories that it lies in, and gives its path.
    pub(super) fn put_file(
        &mut self,
        relative: &str,
        file: Table,
        secret: bool,
        at: &Place,
    ) -> Option<String> {
        let Target::Engine { directory } = self.setting.target else { return None };
        let top = directory.as_str();
        let directories = self.resources.table("directory", at);
        if !directories.has(top) {
            directories.put(top, Table::default(), at);
        }
        if secret {
            // Whoever is no root does not get in. A mount does not go through it.
            directories.table(top, at).set("mode", "0700", at);
        }
        for (end, _) in relative.match_indices('/') {
            let above = format!("{top}/{}", relative.get(..end).unwrap_or_default());
            if !directories.has(&above) {
                directories.put(&above, Table::default(), at);
            }
        }
        let path = format!("{top}/{relative}");
        self.resources.table("file", at).put(&path, file, at);
        Some(path)
    }

    /// A path without what says nothing.
    pub(super) fn relative(&mut self, path: &Text) -> Option<String> {
        if path.text.starts_with('~') {
            self.reader.wrong(&path.at, "there is no home directory: write an absolute path");
            return None;
        }
        let parts: Vec<&str> = path.text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        if parts.contains(&"..") {
            self.reader
                .wrong(&path.at, "the path leaves the directory of the compose file: write an absolute path");
            return None;
        }
        Some(parts.join("/"))
    }

    /// The text of a file beside the compose file.
    fn text_beside(&mut self, path: &Text) -> Option<Result<String, String>> {
        let relative = self.relative(path)?;
        let source = format!("{}{relative}", self.setting.folder);
        let Some(Entry::File { blob, .. }) = self.setting.repository.get(&source) else {
            return Some(Err(format!("there is no file {source} in the repository")));
        };
        if blob.size() > limits::DOCUMENT_BYTES {
            return Some(Err(format!("{source} is too long")));
        }
        let read = blob.read().map_err(|why| format!("cannot read {source}: {why}"));
        Some(read.and_then(|bytes| {
            str::from_utf8(&bytes).map(str::to_owned).map_err(|_not_text| format!("{source} is no text"))
        }))
    }
}

/// A file that others shall not read; the program in the container, whoever it runs as, shall.
pub(super) fn secret_file(file: Table, at: &Place) -> Table {
    file.with("mode", "0444", at).with("sensitive", true, at)
}

impl Service<'_> {
    /// Reads files of variables. What `environment` says wins.
    pub(super) fn environment_files(&mut self, project: &mut Project<'_>, node: &Node, at: &Place) {
        let mut files: Vec<(Text, bool)> = Vec::new();
        let items = if let Yaml::Sequence(items) = &node.value {
            items.iter().map(|item| &**item).collect()
        } else {
            vec![node]
        };
        for item in items {
            let Yaml::Mapping(_) = &item.value else {
                files.extend(project.reader.text(item).map(|path| (path, true)));
                continue;
            };
            let required =
                item.get("required").is_none_or(|required| project.reader.flag(required) != Some(false));
            for (key, value) in project.reader.entries(item) {
                match key.text.as_str() {
                    "path" => files.extend(project.reader.text(value).map(|path| (path, required))),
                    "required" => {}
                    "format" => {
                        project.reader.lacks("env_file.format", &value.at, "it is read as Compose reads it");
                    }
                    _ if is_extension(key) => {}
                    _ => project.reader.unknown(key, &["path", "required", "format"]),
                }
            }
        }
        for (path, required) in files {
            let text = match project.text_beside(&path) {
                None => continue,
                Some(Ok(text)) => text,
                Some(Err(_)) if !required => continue,
                Some(Err(why)) => {
                    let problem = Problem::new("E_SOURCE_MISSING", why);
                    project.reader.report(
                        &path.at,
                        problem.remedy("add the file, and commit it with the compose file"),
                    );
                    continue;
                }
            };
            match environment_file(&text, project.setting.variables) {
                Ok(variables) => {
                    let said =
                        self.node.get("environment").map(|own| project.reader.pairs(own)).unwrap_or_default();
                    let table = self.table.table("environment", at);
                    for (name, value) in variables {
                        if !said.iter().any(|(own, _)| own.text == name) {
                            table.set(&name, value, &path.at);
                        }
                    }
                }
                Err(line) => {
                    project.reader.wrong(&path.at, format!("line {line} of {} is not NAME=VALUE", path.text));
                }
            }
        }
    }
}
