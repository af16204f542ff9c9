//! JSON Schema (draft 2020-12) of every document, for editors: made from the tables that decode them.

use serde_json::{Value, json};

use crate::{
    agent_config::AgentTable,
    document::table::{self, Table},
    language::documents::{FleetDocument, GroupDocument, HostDocument, RoleDocument, SecretsDocument},
};

/// Of `fleet.toml`.
pub fn fleet() -> Value {
    document::<FleetDocument>("Holdfast: fleet.toml")
}

/// Of `hosts/<name>.toml`.
pub fn host() -> Value {
    document::<HostDocument>("Holdfast: a host")
}

/// Of `groups/<name>.toml`.
pub fn group() -> Value {
    document::<GroupDocument>("Holdfast: a group of hosts")
}

/// Of `roles/<name>/role.toml`.
pub fn role() -> Value {
    document::<RoleDocument>("Holdfast: a role")
}

/// Of `secrets/index.toml`.
pub fn secrets() -> Value {
    document::<SecretsDocument>("Holdfast: who may read which secret")
}

/// Of `/etc/holdfast/agent.toml`.
pub fn agent() -> Value {
    document::<AgentTable>("Holdfast: the agent's configuration")
}

fn document<T: Table>(title: &str) -> Value {
    let mut schema = table::schema::<T>();
    if let Some(object) = schema.as_object_mut() {
        object.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        object.insert("title".to_owned(), json!(title));
    }
    schema
}
