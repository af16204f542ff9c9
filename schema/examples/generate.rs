//! Writes what is made from the tables: `cargo run -p holdfast-schema --example generate`.
//!
//! The JSON Schemas of `examples/.schema/`, and the marked parts of `packaging/man/*.5`. A test fails while they are old.
#![expect(clippy::disallowed_methods, reason = "it writes files of the source tree")]
#![expect(clippy::print_stdout, reason = "it says what it wrote")]

use std::{fs, io, path::Path};

use holdfast_schema::{json_schema, reference};

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let schemas = root.join("examples/.schema");
    fs::create_dir_all(&schemas)?;
    for (name, schema) in [
        ("fleet", json_schema::fleet()),
        ("group", json_schema::group()),
        ("host", json_schema::host()),
        ("role", json_schema::role()),
        ("secrets", json_schema::secrets()),
    ] {
        write(&schemas.join(format!("{name}.json")), &format!("{schema:#}\n"))?;
    }
    for page in ["holdfast-fleet.5", "holdfast-agent.toml.5"] {
        let path = root.join("packaging/man").join(page);
        write(&path, &reference::fill(&fs::read_to_string(&path)?))?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    println!("{}", path.display());
    fs::write(path, text)
}
