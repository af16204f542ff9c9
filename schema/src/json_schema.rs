//! JSON Schema (draft 2020-12) of every document, for editors.

use serde_json::Value;

/// Of `fleet.toml`.
pub fn fleet() -> Value {
    Value::Null
}

/// Of `hosts/<name>.toml`.
pub fn host() -> Value {
    Value::Null
}

/// Of `groups/<name>.toml`.
pub fn group() -> Value {
    Value::Null
}

/// Of `roles/<name>/role.toml`.
pub fn role() -> Value {
    Value::Null
}

/// Of `/etc/holdfast/agent.toml`.
pub fn agent() -> Value {
    Value::Null
}
