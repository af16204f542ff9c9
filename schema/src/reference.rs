//! The parts of the manual pages that say what there is: made from the tables that decode the documents.
//!
//! A page marks where such a part goes with two comment lines, `.\" begin NAME` and `.\" end`.

use crate::{
    agent_config::{AgentTable, CredentialTable, Reach, SshTable, StatusTable},
    document::table::{FieldInfo, Table, paragraph},
    language::{
        common::{Body, Common},
        documents::{ApplyTable, DockerTable, Guard, SecretTable, SecretsDocument},
        kinds::{
            ComposeTable, ConfigFileTable, ConfigTable, ContainerTable, DirectoryTable, FileTable,
            HealthTable, HealthcheckTable, ImageTable, LoggingTable, MountTable, NetworkTable, NodeTable,
            PackageTable, PolicyTable, RegistryTable, RepositoryTable, SecretFileTable, SecretObjectTable,
            ServiceTable, StackTable, SymlinkTable, TaskRestartTable, UnitTable, VolumeTable,
        },
        variables::Parameter,
    },
    limits, template,
};

/// `page` with every marked part written anew. A part that nobody knows is left empty.
pub fn fill(page: &str) -> String {
    let mut filled = String::with_capacity(page.len());
    let mut inside = false;
    for line in page.lines() {
        if line == ".\\\" end" {
            inside = false;
        }
        if inside {
            continue;
        }
        filled.push_str(line);
        filled.push('\n');
        if let Some(name) = line.strip_prefix(".\\\" begin ") {
            inside = true;
            filled.push_str(&part(name));
        }
    }
    filled
}

fn part(name: &str) -> String {
    match name {
        "file" => fields::<FileTable>(&[names::<Common>(), names::<Body>()]),
        "directory" => fields::<DirectoryTable>(&[names::<Common>()]),
        "symlink" => fields::<SymlinkTable>(&[names::<Common>()]),
        "repository" => fields::<RepositoryTable>(&[names::<Common>()]),
        "package" => fields::<PackageTable>(&[names::<Common>()]),
        "unit" => fields::<UnitTable>(&[names::<Common>(), names::<Body>()]),
        "image" => fields::<ImageTable>(&[names::<Common>()]),
        "network" => fields::<NetworkTable>(&[names::<Common>()]),
        "volume" => fields::<VolumeTable>(&[names::<Common>()]),
        "registry" => fields::<RegistryTable>(&[names::<Common>()]),
        "container" => fields::<ContainerTable>(&[names::<Common>()]),
        "service" => fields::<ServiceTable>(&[names::<Common>()]),
        "config" => fields::<ConfigTable>(&[names::<Common>(), names::<Body>()]),
        "secret" => fields::<SecretObjectTable>(&[names::<Common>()]),
        "node" => fields::<NodeTable>(&[names::<Common>()]),
        "config_file" => fields::<ConfigFileTable>(&[]),
        "secret_file" => fields::<SecretFileTable>(&[]),
        "task_restart" => fields::<TaskRestartTable>(&[]),
        "policy" => fields::<PolicyTable>(&[]),
        "compose" => fields::<ComposeTable>(&[names::<Common>()]),
        "stack" => fields::<StackTable>(&[names::<Common>()]),
        "mount" => fields::<MountTable>(&[]),
        "healthcheck" => fields::<HealthcheckTable>(&[]),
        "logging" => fields::<LoggingTable>(&[]),
        "docker" => fields::<DockerTable>(&[]),
        "secrets" => fields::<SecretsDocument>(&[]),
        "readers" => fields::<SecretTable>(&[]),
        "health" => fields::<HealthTable>(&[]),
        "body" => fields::<Body>(&[]),
        "common" => fields::<Common>(&[]),
        "guard" => fields::<Guard>(&[]),
        "apply" => fields::<ApplyTable>(&[]),
        "parameter" => fields::<Parameter>(&[]),
        "agent" => fields::<AgentTable>(&[names::<Reach>()]),
        "reach" => fields::<Reach>(&[]),
        "credential" => fields::<CredentialTable>(&[]),
        "ssh" => fields::<SshTable>(&[]),
        "status" => fields::<StatusTable>(&[names::<Reach>()]),
        "limits" => limits::TABLE.iter().map(|(what, limit)| item(&inline(what), &inline(limit))).collect(),
        "filters" => listed(template::filter_names()),
        "tests" => listed(template::test_names()),
        _ => String::new(),
    }
}

fn item(what: &str, text: &str) -> String {
    format!(".It {what}\n{text}\n")
}

fn names<T: Table>() -> Vec<&'static str> {
    T::fields().iter().map(|field| field.name).collect()
}

/// The keys of a table without those that other tables have, too.
fn fields<T: Table>(without: &[Vec<&'static str>]) -> String {
    let own = |field: &FieldInfo| !without.iter().flatten().any(|name| *name == field.name);
    T::fields().iter().filter(|field| own(field)).map(field).collect()
}

fn field(field: &FieldInfo) -> String {
    let default = match (field.required, field.default) {
        (true, _) => "; required".to_owned(),
        (false, Some(default)) => format!("; default \\fB{}\\fP", escape(default)),
        (false, None) => String::new(),
    };
    let expected = inline(&(field.expected)());
    format!(".It Ic {}\n.Pq {expected}{default}\n{}\n", field.name, inline(&paragraph(field.doc)))
}

fn listed(names: &[&str]) -> String {
    format!("{}.\n", names.join(", "))
}

/// Running text: what stands in backticks becomes bold, each sentence begins on a line of its own, as mdoc(7) wants it.
fn inline(text: &str) -> String {
    let mut roff = String::with_capacity(text.len());
    for (index, part) in escape(text).split('`').enumerate() {
        if index % 2 == 1 {
            roff.extend(["\\fB", part, "\\fP"]);
        } else {
            roff.push_str(&part.replace(". ", ".\n"));
        }
    }
    roff
}

/// Text in which roff(7) sees nothing special.
fn escape(text: &str) -> String {
    text.replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('…', "\\[u2026]")
        .replace('"', "\\(dq")
        .replace('\'', "\\(aq")
}
