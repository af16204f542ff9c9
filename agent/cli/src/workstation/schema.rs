//! `holdfast schema`
#![expect(clippy::disallowed_methods, reason = "writes an editor's settings where the user asks for them")]

use std::{fs, path::Path};

use holdfast_schema::json_schema;
use serde_json::Value;

use crate::{
    Context,
    arguments::workstation::{Document, Schema},
    exit::Exit,
    failure::Failure,
};

/// A document: its name, which files are of its kind, its schema.
type Kind = (Document, &'static str, &'static str, fn() -> Value);

/// Every kind of document.
const DOCUMENTS: [Kind; 5] = [
    (Document::Fleet, "fleet", "fleet.toml", json_schema::fleet),
    (Document::Host, "host", "hosts/*.toml", json_schema::host),
    (Document::Group, "group", "groups/*.toml", json_schema::group),
    (Document::Secrets, "secrets", "secrets/index.toml", json_schema::secrets),
    (Document::Role, "role", "roles/*/role.toml", json_schema::role),
];

/// Prints a schema, or writes them all.
pub(crate) fn run(arguments: &Schema, context: &Context) -> Result<Exit, Failure> {
    if let Some(directory) = &arguments.write {
        write(directory)?;
        context.output.line(format!(
            "wrote {} and the schemas that it points at",
            directory.join(".taplo.toml").display()
        ))?;
    }
    for (document, _, _, schema) in DOCUMENTS {
        if arguments.document == Some(document) {
            context.output.json(&schema())?;
        }
    }
    Ok(Exit::Success)
}

/// Writes `.schema/*.json` and a `.taplo.toml` that points at them.
pub(crate) fn write(directory: &Path) -> Result<(), Failure> {
    let folder = directory.join(".schema");
    fs::create_dir_all(&folder).map_err(|why| Failure::write(&folder, why))?;
    let mut rules =
        vec!["# Written by `holdfast schema --write`. Taplo and Even Better TOML read it.\n".to_owned()];
    for (_, name, files, schema) in DOCUMENTS {
        let path = folder.join(format!("{name}.json"));
        fs::write(&path, format!("{:#}\n", schema())).map_err(|why| Failure::write(&path, why))?;
        rules.push(format!(
            "\n[[rule]]\ninclude = [\"{files}\"]\n[rule.schema]\npath = \".schema/{name}.json\"\n"
        ));
    }
    let path = directory.join(".taplo.toml");
    fs::write(&path, rules.concat()).map_err(|why| Failure::write(&path, why))
}
