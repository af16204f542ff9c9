//! `holdfast render`

use holdfast_schema::{
    ContentSource as _, Contents, Fleet, HostState, Resolved, Resource, spec::Content, state::Mode,
};
use serde_json::{Map, Value, json};

use crate::{
    Context,
    arguments::workstation::{Format, Render},
    exit::Exit,
    failure::{Code, Failure},
    workstation::{check, facts, work_tree},
};

mod write;

/// Shows what a host should be.
pub(crate) fn run(arguments: &Render, context: &Context) -> Result<Exit, Failure> {
    let root = work_tree::find(&arguments.work_tree, &context.directory)?;
    let repository = work_tree::read(&root)?;
    let facts = facts::of(&arguments.host, &root, &repository, &arguments.facts.facts)?;
    let Resolved { state, contents } = match Fleet::new(&repository).resolve(&arguments.host, &facts) {
        Ok(resolved) => resolved,
        Err(found) => {
            check::show(&found, context)?;
            return Ok(Exit::Problem);
        }
    };
    if let Some(directory) = &arguments.out {
        let written = write::below(directory, &state, &contents)?;
        context
            .output
            .line(format!("wrote {written} files, directories and links below {}", directory.display()))?;
        return Ok(Exit::Success);
    }
    let document = document(&state, arguments.content.then_some(&contents))?;
    match arguments.format {
        Format::Json => context.output.json(&document)?,
        Format::Toml => {
            let text = toml::to_string_pretty(&document)
                .map_err(|why| Failure::new(Code::Write, "cannot write the state as TOML").because(why))?;
            context.output.contents(text.as_bytes())?;
        }
    }
    Ok(Exit::Success)
}

/// The state in the shape of the language: a table a kind, in it a table a resource.
fn document(state: &HostState, contents: Option<&Contents>) -> Result<Value, Failure> {
    let mut document = Map::new();
    document.insert("host".to_owned(), json!(state.host));
    for (id, resource) in &state.resources {
        let kind = document.entry(id.kind.as_str()).or_insert_with(|| json!({}));
        if let Value::Object(kind) = kind {
            kind.insert(id.name.clone(), table(resource, contents)?);
        }
    }
    Ok(Value::Object(document))
}

/// One resource's table.
fn table(resource: &Resource, contents: Option<&Contents>) -> Result<Value, Failure> {
    let fail = |why| Failure::new(Code::Write, "cannot write a resource as a table").because(why);
    let spec = serde_json::to_value(&resource.spec).map_err(fail)?;
    let fields = spec.as_object().and_then(|kinds| kinds.values().next()).and_then(Value::as_object);
    let sensitive = fields.is_some_and(|fields| fields.get("sensitive") == Some(&json!(true)));
    let mut table = Map::new();
    for (name, value) in fields.into_iter().flatten() {
        match (name.as_str(), value) {
            // The key says them already.
            ("path" | "name", _) | (_, Value::Null) => {}
            ("access", Value::Object(access)) => table.extend(access.clone()),
            // Not even a digest of a secret, which may be guessed from it.
            ("content", _) if sensitive => {
                table.insert(name.clone(), json!("(sensitive)"));
            }
            _ => {
                table.insert(name.clone(), shown(value, contents)?);
            }
        }
    }
    if !resource.needs.is_empty() {
        table.insert("needs".to_owned(), json!(resource.needs));
    }
    if !resource.tags.is_empty() {
        table.insert("tags".to_owned(), json!(resource.tags));
    }
    if resource.confirm {
        table.insert("confirm".to_owned(), json!(true));
    }
    match resource.mode {
        Mode::Enforce => {}
        Mode::Audit => drop(table.insert("audit".to_owned(), json!(true))),
        Mode::Adopt => drop(table.insert("adopt".to_owned(), json!(true))),
    }
    table.insert("declared".to_owned(), json!(resource.declared));
    Ok(Value::Object(table))
}

/// A value with its contents in place of their digests, if they are asked for.
fn shown(value: &Value, contents: Option<&Contents>) -> Result<Value, Failure> {
    let Some(contents) = contents else { return Ok(value.clone()) };
    if let Ok(content) = serde_json::from_value::<Content>(value.clone()) {
        return text(content, contents);
    }
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| Ok((name.clone(), shown(value, Some(contents))?)))
            .collect::<Result<Map<_, _>, _>>()
            .map(Value::Object),
        _ => Ok(value.clone()),
    }
}

/// Contents as text, or how long they are if they are none.
fn text(content: Content, contents: &Contents) -> Result<Value, Failure> {
    let bytes = contents.content(&content.sha256).map_err(|why| {
        Failure::new(Code::Read, format!("cannot read the content {}", content.sha256)).because(why)
    })?;
    Ok(match str::from_utf8(&bytes) {
        Ok(text) => json!(text),
        Err(_not_text) => json!(format!("({} bytes that are not text)", bytes.len())),
    })
}

#[cfg(test)]
mod tests;
