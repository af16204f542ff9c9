//! What a JSON Schema says of a table.

use serde_json::{Map as JsonMap, Value as Json, json};

use super::{Table, paragraph};

/// The JSON Schema of a table.
pub(crate) fn schema<T: Table>() -> Json {
    let mut properties = JsonMap::new();
    let mut required = Vec::new();
    for field in T::fields() {
        let mut schema = (field.schema)();
        if let Some(object) = schema.as_object_mut() {
            let own = object.remove("description");
            let own = own.as_ref().and_then(Json::as_str).map(|own| format!("\n\n{own}")).unwrap_or_default();
            object.insert("description".to_owned(), format!("{}{own}", paragraph(field.doc)).into());
            if let Some(default) = field.default {
                object.insert("default".to_owned(), literal(default));
            }
        }
        properties.insert(field.name.to_owned(), schema);
        if field.required {
            required.push(field.name);
        }
    }
    let mut schema = json!({
        "type": "object",
        "description": paragraph(T::DOC),
        "properties": properties,
        "additionalProperties": false,
    });
    if let Some(object) = schema.as_object_mut() {
        if !required.is_empty() {
            object.insert("required".to_owned(), json!(required));
        }
        let exclusive: Vec<Json> = T::groups().into_iter().flat_map(pairs).collect();
        if !exclusive.is_empty() {
            object.insert("allOf".to_owned(), exclusive.into());
        }
    }
    schema
}

/// "Not both", for each two keys of a group.
fn pairs(group: &'static [&'static str]) -> impl Iterator<Item = Json> {
    group.iter().enumerate().flat_map(move |(index, one)| {
        group.iter().skip(index + 1).map(move |other| json!({ "not": { "required": [one, other] } }))
    })
}

/// A TOML literal as JSON.
fn literal(toml: &str) -> Json {
    let parsed = format!("value = {toml}").parse::<toml::Table>().ok();
    parsed
        .and_then(|mut table| table.remove("value"))
        .and_then(|value| serde_json::to_value(value).ok())
        .unwrap_or(Json::Null)
}
