//! From the command line to `agent.toml`: the same rules as for a file that somebody writes.
#![expect(clippy::disallowed_methods, reason = "reads the credential files that the command line names")]

use std::{fs, path::Path};

use holdfast_schema::agent_config::{self, AgentConfig};
use toml::{Table, Value};

use crate::{
    Context,
    arguments::host::{Access, Enrol},
    failure::{Code, Failure},
};

/// The agent's configuration, before and after its files are in `/etc/holdfast`.
pub(super) struct Configuration {
    source: AgentConfig,
    installed: AgentConfig,
    /// What goes into `/etc/holdfast`: names and contents.
    files: Vec<(&'static str, Vec<u8>)>,
}

/// A file that the command line names: the key in `agent.toml`, where it lies now, and its name in `/etc/holdfast`.
struct Named {
    table: &'static str,
    key: &'static str,
    path: String,
    name: &'static str,
}

impl Configuration {
    /// The configuration that the command line asks for.
    pub(super) fn of(arguments: &Enrol, context: &Context) -> Result<Self, Failure> {
        let named = named(&arguments.access, &context.directory)?;
        let proxy = arguments.access.proxy_file.as_ref().map(|path| {
            let path = context.directory.join(path);
            fs::read_to_string(&path).map_err(|why| Failure::read(&path, why))
        });
        let proxy = proxy.transpose()?.map(|text| text.trim().to_owned());
        let files = named
            .iter()
            .map(|file| {
                Ok((file.name, fs::read(&file.path).map_err(|why| Failure::read(file.path.as_ref(), why))?))
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        let etc = arguments.root.join("etc/holdfast");
        let installed = |file: &Named| etc.join(file.name).display().to_string();
        Ok(Self {
            source: config(arguments, proxy.as_deref(), &named, |file| file.path.clone())?,
            installed: config(arguments, proxy.as_deref(), &named, installed)?,
            files,
        })
    }

    /// With the files where the command line names them.
    pub(super) fn source(&self) -> &AgentConfig {
        &self.source
    }

    /// With the files where the agent will find them.
    pub(super) fn installed(&self) -> &AgentConfig {
        &self.installed
    }

    /// What goes into `/etc/holdfast`.
    pub(super) fn files(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        self.files.iter().map(|(name, bytes)| (*name, bytes.as_slice()))
    }
}

fn named(access: &Access, directory: &Path) -> Result<Vec<Named>, Failure> {
    let Access { password_file, token_file, ca, ssh_key, known_hosts, .. } = access;
    let all = [
        ("credential", "password_file", password_file, "password"),
        ("credential", "token_file", token_file, "token"),
        ("", "ca_file", ca, "ca.pem"),
        ("ssh", "key_file", ssh_key, "ssh_key"),
        ("ssh", "known_hosts_file", known_hosts, "known_hosts"),
    ];
    let mut named = Vec::new();
    for (table, key, path, name) in all {
        let Some(path) = path else { continue };
        let path = fs::canonicalize(directory.join(path)).map_err(|why| Failure::read(path, why))?;
        named.push(Named { table, key, path: path.display().to_string(), name });
    }
    Ok(named)
}

/// The configuration with each file at `place`.
fn config(
    arguments: &Enrol,
    proxy: Option<&str>,
    named: &[Named],
    place: impl Fn(&Named) -> String,
) -> Result<AgentConfig, Failure> {
    let mut access = Table::new();
    if let Some(proxy) = proxy {
        access.insert("proxy".to_owned(), proxy.into());
    }
    for file in named {
        let value = Value::from(place(file));
        if file.table.is_empty() {
            access.insert(file.key.to_owned(), value);
            continue;
        }
        let table = access.entry(file.table).or_insert_with(|| Table::new().into());
        if let Value::Table(table) = table {
            table.insert(file.key.to_owned(), value);
        }
    }
    if let (Some(user), Some(Value::Table(credential))) =
        (&arguments.access.user, access.get_mut("credential"))
    {
        credential.insert("user".to_owned(), user.as_str().into());
    }
    let mut document = Table::new();
    document.insert("host".to_owned(), arguments.host.as_str().into());
    document.insert("url".to_owned(), arguments.repository().into());
    document.insert("branch".to_owned(), arguments.branch.as_str().into());
    if let Some(url) = &arguments.status_url {
        let mut status = Table::new();
        status.insert("url".to_owned(), url.as_str().into());
        // A credential is for one server; for another one, agent.toml has to say so.
        if server(url) == server(arguments.repository()) {
            status.extend(access.clone());
        }
        document.insert("status".to_owned(), status.into());
    }
    document.extend(access);
    let text = document.to_string();
    agent_config::parse(&text, "the command line").map_err(|problems| {
        let first = problems.iter().next();
        let remedy = first.and_then(|problem| problem.remedy.clone());
        let failure = Failure::coded(
            first.map_or(Code::Arguments.as_str(), |problem| problem.code),
            "cannot enrol with these arguments",
            remedy.as_deref(),
        );
        let messages: Vec<String> = problems.iter().map(|problem| problem.message.clone()).collect();
        failure.because(messages.join("; "))
    })
}

/// The part of an address that says which server it is on.
fn server(url: &str) -> &str {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            url.get(..scheme.len() + 3 + end).unwrap_or(url)
        }
        None => url.split_once(':').map_or("", |(server, _)| server),
    }
}

#[cfg(test)]
mod tests;
