//! Writing `agent.toml` so that people like to read it: a new one with comments, or an old one with only what differs
//! changed.

use toml_edit::{DocumentMut, Item, Table, Value, value};

use super::{AgentConfig, AgentTable, Credential, Remote};
use crate::document::{
    duration,
    table::{Table as _, paragraph},
};

/// `config` as a commented file. With `existing`, that text: its comments and order stay, and what differs is changed.
/// Text that is not TOML is replaced as a whole.
pub fn write(config: &AgentConfig, existing: Option<&str>) -> String {
    if let Some(mut document) = existing.and_then(|text| text.parse::<DocumentMut>().ok()) {
        fill(document.as_table_mut(), config);
        return document.to_string();
    }
    let mut document = DocumentMut::new();
    fill(document.as_table_mut(), config);
    commented(document)
}

/// Sets every key that `config` needs, and takes out those that say otherwise.
fn fill(root: &mut Table, config: &AgentConfig) {
    let default = AgentConfig::new(config.host.clone(), config.fleet.clone());
    set(root, "host", Some(config.host.as_str().into()));
    set(root, "url", Some(config.fleet.url.as_str().into()));
    if config.branch != default.branch || root.contains_key("branch") {
        set(root, "branch", Some(config.branch.as_str().into()));
    }
    let waits = [
        ("poll", config.poll, default.poll),
        ("full_pass", config.full_pass, default.full_pass),
        ("heartbeat", config.heartbeat, default.heartbeat),
        ("stall_timeout", config.stall_timeout, default.stall_timeout),
        ("total_timeout", config.total_timeout, default.total_timeout),
    ];
    for (key, wait, default) in waits {
        let written = root.get(key).and_then(Item::as_str).map(duration::parse);
        // "60s" stays, though we would write "1m".
        if written.map_or(wait != default, |written| written != Some(wait)) {
            set(root, key, Some(duration::show(wait).into()));
        }
    }
    reach(root, &config.fleet, None);
    let own_branch =
        (config.status_branch != default.status_branch).then(|| config.status_branch.as_str().into());
    if own_branch.is_some() || config.status != config.fleet || root.contains_key("status") {
        let status = subtable(root, "status");
        let own_url = config.status.url != config.fleet.url;
        set(status, "url", own_url.then(|| config.status.url.as_str().into()));
        set(status, "branch", own_branch);
        reach(status, &config.status, (!own_url).then_some(&config.fleet));
        if status.is_empty() {
            root.remove("status");
        }
    }
}

/// The document with what each key is, and in comments those that are not set.
fn commented(mut document: DocumentMut) -> String {
    let mut text = String::from("# The agent of Holdfast on this host: see holdfast-agent.toml(5).\n");
    for field in AgentTable::fields() {
        let schema = (field.schema)();
        if schema.get("properties").is_some() {
            continue;
        }
        text.push_str("\n# ");
        text.push_str(&wrap(&paragraph(field.doc)));
        let line = if let Some(set) = document.remove(field.name) {
            format!("\n{} = {}\n", field.name, set.to_string().trim())
        } else {
            let example = schema.pointer("/examples/0").map(ToString::to_string);
            let shown = field.default.map(str::to_owned).or(example).unwrap_or_default();
            format!("\n# {} = {shown}\n", field.name)
        };
        text.push_str(&line);
    }
    let tables = document.to_string();
    if !tables.is_empty() {
        text.push('\n');
        text.push_str(tables.trim_start());
    }
    text
}

/// Comment lines of at most 100 characters.
fn wrap(text: &str) -> String {
    let mut lines = String::new();
    let mut width = 0;
    for word in text.split(' ') {
        if width + word.len() > 100 {
            lines.push_str("\n#");
            width = 0;
        }
        if width > 0 || lines.ends_with('#') {
            lines.push(' ');
        }
        lines.push_str(word);
        width += word.len() + 1;
    }
    lines
}

/// Sets the keys that tell how to reach a remote; those that are as in `default` are left out.
fn reach(table: &mut Table, remote: &Remote, default: Option<&Remote>) {
    let differs = |same: fn(&Remote, &Remote) -> bool| default.is_none_or(|default| !same(remote, default));
    let ca_file = remote.ca_file.as_ref().filter(|_| differs(|one, other| one.ca_file == other.ca_file));
    set(table, "ca_file", ca_file.map(|file| file.as_str().into()));
    let proxy = remote.proxy.as_ref().filter(|_| differs(|one, other| one.proxy == other.proxy));
    set(table, "proxy", proxy.map(|proxy| proxy.expose().into()));
    let credential = match &remote.credential {
        Credential::None => [None, None, None],
        Credential::Basic { user, password_file } => {
            [Some(user.as_str()), Some(password_file.as_str()), None]
        }
        Credential::Bearer { token_file } => [None, None, Some(token_file.as_str())],
    };
    let own = differs(|one, other| one.credential == other.credential);
    let keys = ["user", "password_file", "token_file"].into_iter().zip(credential);
    group(table, "credential", keys.map(|(key, text)| (key, text.filter(|_| own))));
    let ssh = remote.ssh.as_ref().filter(|_| differs(|one, other| one.ssh == other.ssh));
    let keys = [
        ("key_file", ssh.map(|ssh| ssh.key_file.as_str())),
        ("known_hosts_file", ssh.map(|ssh| ssh.known_hosts_file.as_str())),
    ];
    group(table, "ssh", keys.into_iter());
}

/// Sets the keys of a table in the table, which goes when it is empty.
fn group<'k>(table: &mut Table, name: &'static str, keys: impl Iterator<Item = (&'k str, Option<&'k str>)>) {
    let keys: Vec<_> = keys.collect();
    if keys.iter().all(|(_, text)| text.is_none()) {
        table.remove(name);
        return;
    }
    let inner = subtable(table, name);
    for (key, text) in keys {
        set(inner, key, text.map(Value::from));
    }
}

/// The table `name`, made if it is not there or is written in braces.
fn subtable<'t>(table: &'t mut Table, name: &str) -> &'t mut Table {
    let item = table.entry(name).or_insert_with(toml_edit::table);
    if !item.is_table() {
        let taken = std::mem::take(item);
        *item = Item::Table(taken.into_table().unwrap_or_default());
    }
    #[expect(clippy::expect_used, reason = "the lines above make it a table")]
    item.as_table_mut().expect("a table")
}

/// Sets a key, keeping the comment behind it; `None` takes the key out.
fn set(table: &mut Table, key: &str, new: Option<Value>) {
    let Some(mut new) = new else {
        table.remove(key);
        return;
    };
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        None => {
            table.insert(key, value(new));
        }
    }
}
