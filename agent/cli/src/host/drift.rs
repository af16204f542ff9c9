//! `holdfast drift`: where this host is not as it is declared, and how to declare it as it is.

use std::{collections::BTreeSet, time::Duration};

use holdfast_converge::{
    engine::{self, Scope, Task},
    host::Read as _,
    plan::{
        found::{Found, Value},
        preview::{Foreseen, Intent},
    },
};
use holdfast_schema::{AbsolutePath, HostState, Resource, ResourceId, spec::Spec, state::Mode};
use nix::unistd::{Group, User};
use serde_json::json;

use crate::{
    Context,
    arguments::host::Drift,
    exit::Exit,
    failure::{Code, Failure},
    host::{
        look::{self, Host},
        plan::{self, Wanted},
        settings,
    },
    output::Style,
};

/// A larger file is not printed, in bytes.
const LARGEST: u64 = 256 * 1024;

/// Shows where this host is not as it is declared.
pub(crate) fn run(arguments: &Drift, context: &Context) -> Result<Exit, Failure> {
    let paths = settings::paths(&arguments.root);
    let host = Host::at(&arguments.root)?;
    let remembered = plan::remembered(&paths)?;
    let wanted = plan::in_force(remembered.applied, &paths)?;
    let chosen = chosen(&arguments.resources, &wanted.state)?;
    let task = Task {
        state: &wanted.state,
        contents: &*wanted.contents,
        scope: chosen.as_ref().map_or(Scope::All, Scope::Only),
        whole_but_for: None,
        in_force: false,
        upkeep: None,
        revision: &wanted.revision,
    };
    let preview = host.ask(async |host| engine::plan(&task, host, &remembered.ledger).await);
    let differing: Vec<(&Foreseen, &Resource)> = preview
        .resources
        .iter()
        // A removal is no drift, and what comes later is not known yet.
        .filter(|foreseen| !matches!(foreseen.intent, Intent::Remove | Intent::Release | Intent::Later))
        .filter_map(|foreseen| Some((foreseen, wanted.state.resources.get(&foreseen.id)?)))
        .collect();
    let printed = if arguments.json {
        context.output.json(&document(&differing, &host)?)
    } else if arguments.toml {
        context.output.contents(declarations(&differing, &wanted, &host)?.as_bytes())
    } else {
        context.output.note(format!("{} at {}", wanted.state.host, wanted.revision))?;
        context.output.line(lines(&differing, preview.same).join("\n"))
    };
    printed?;
    Ok(if arguments.exit_code && !differing.is_empty() { Exit::Differs } else { Exit::Success })
}

/// The resources that were asked for; `None` for all.
fn chosen(resources: &[ResourceId], state: &HostState) -> Result<Option<BTreeSet<ResourceId>>, Failure> {
    if let Some(unknown) = resources.iter().find(|id| !state.resources.contains_key(id)) {
        let what = format!("nothing declares {unknown} for this host");
        return Err(Failure::new(Code::NotDeclared, what));
    }
    Ok((!resources.is_empty()).then(|| resources.iter().cloned().collect()))
}

/// What differs, for people.
fn lines(differing: &[(&Foreseen, &Resource)], same: u32) -> Vec<String> {
    let mut lines = Vec::new();
    for (foreseen, resource) in differing {
        let mode = match resource.mode {
            Mode::Enforce => "",
            Mode::Audit => " (only audited)",
            Mode::Adopt => " (to be declared as it is)",
        };
        lines.push(format!("{}{mode}", Style::Strong.of(foreseen.id.to_string())));
        lines.push(format!("    {} {}", Style::Faint.of("declared at"), Style::Place.of(&resource.declared)));
        for change in &foreseen.changes {
            let because = &change.because;
            lines.push(format!("    {} is {}, declared {}", because.field, because.from, because.to));
        }
        if let Some(problem) = &foreseen.problem {
            lines.push(format!("    {}", Style::Warning.of(&problem.message)));
        }
    }
    lines.push(match differing.len() {
        0 => format!("nothing differs: {same} in order"),
        count => format!("{count} differ, {same} in order; --toml prints how to declare them as they are"),
    });
    lines
}

/// The same for programs.
fn document(differing: &[(&Foreseen, &Resource)], host: &Host) -> Result<serde_json::Value, Failure> {
    let mut all = Vec::new();
    for (foreseen, resource) in differing {
        let differences: Vec<_> = foreseen
            .changes
            .iter()
            .map(|change| {
                let because = &change.because;
                json!({"field": because.field, "found": because.from, "declared": because.to})
            })
            .collect();
        let fields = match &foreseen.found {
            Some(found) => json!(Fields::of(found, resource, host)?.table),
            None => json!(null),
        };
        all.push(json!({
            "id": foreseen.id,
            "mode": resource.mode,
            "declared": resource.declared,
            "differences": differences,
            "problem": foreseen.problem,
            "fields": fields,
        }));
    }
    Ok(json!(all))
}

/// How to declare everything as it is.
fn declarations(
    differing: &[(&Foreseen, &Resource)],
    wanted: &Wanted,
    host: &Host,
) -> Result<String, Failure> {
    let (name, revision) = (&wanted.state.host, &wanted.revision);
    let mut lines = if differing.is_empty() {
        vec![format!("# {name} is as {revision} declares it.")]
    } else {
        vec![
            format!(
                "# Where {name} is not as {revision} declares it, as it is there. What is to stay so goes into"
            ),
            format!("# hosts/{name}.toml, or to the place that declares it."),
        ]
    };
    for (foreseen, resource) in differing {
        let id = &foreseen.id;
        lines.push(format!("\n# {id}, declared at {}", resource.declared));
        let Some(found) = &foreseen.found else {
            let problem = foreseen.problem.as_ref().map(|problem| problem.message.clone());
            let because = || foreseen.changes.first().map(|change| change.because.from.clone());
            let why = problem.or_else(because).unwrap_or_default();
            lines.push(format!("# cannot be declared as it is: {}", one_line(&why)));
            continue;
        };
        let Fields { table, left_out } = Fields::of(found, resource, host)?;
        lines.extend(left_out.iter().map(|why| format!("# {}", one_line(why))));
        let kind = toml::Table::from_iter([(id.name.clone(), toml::Value::Table(table))]);
        let document = toml::Table::from_iter([(id.kind.as_str().to_owned(), toml::Value::Table(kind))]);
        let printed = toml::to_string_pretty(&document)
            .map_err(|why| Failure::new(Code::Write, format!("cannot write {id} as TOML")).because(why))?;
        lines.push(printed.trim_end().to_owned());
    }
    Ok(lines.join("\n") + "\n")
}

/// The fields of a resource as the language has them, and why some are not there.
#[derive(Default)]
struct Fields {
    table: toml::Table,
    left_out: Vec<String>,
}

impl Fields {
    fn of(found: &Found, resource: &Resource, host: &Host) -> Result<Self, Failure> {
        let mut fields = Self::default();
        for (field, value) in &found.fields {
            let value = match value {
                Value::Text(text) => Some(toml::Value::String(account(field, text))),
                Value::Flag(flag) => Some(toml::Value::Boolean(*flag)),
                Value::Number(number) => Some(toml::Value::Integer(*number)),
                Value::Billionths(number) => Some(Duration::from_nanos(*number).as_secs_f64().into()),
                Value::List(texts) => {
                    Some(toml::Value::Array(texts.iter().map(|text| text.as_str().into()).collect()))
                }
                Value::Table(texts) => Some(toml::Value::Table(
                    texts.iter().map(|(name, text)| (name.clone(), text.as_str().into())).collect(),
                )),
                Value::ContentOf(path) => fields.content(field, path, resource, host)?,
                Value::Files(files) => {
                    let mut all = toml::Table::new();
                    for (name, path) in files {
                        if let Some(content) = fields.content(name, path, resource, host)? {
                            let file = toml::Table::from_iter([("content".to_owned(), content)]);
                            all.insert(name.clone(), toml::Value::Table(file));
                        }
                    }
                    Some(toml::Value::Table(all))
                }
            };
            fields.table.extend(value.map(|value| ((*field).to_owned(), value)));
        }
        Ok(fields)
    }

    /// What a file holds, if it can be printed.
    fn content(
        &mut self,
        field: &str,
        path: &AbsolutePath,
        resource: &Resource,
        host: &Host,
    ) -> Result<Option<toml::Value>, Failure> {
        if matches!(&resource.spec, Spec::File(file) if file.sensitive) {
            self.left_out.push(format!("{field} is left out, for it is marked sensitive"));
            return Ok(None);
        }
        let bytes = host.ask(async |host| host.bytes(path, LARGEST + 1).await);
        let bytes = bytes.map_err(|why| look::failed(&why))?.unwrap_or_default();
        let what = if bytes.len() as u64 > LARGEST {
            "large"
        } else if let Ok(text) = str::from_utf8(&bytes) {
            return Ok(Some(toml::Value::String(text.to_owned())));
        } else {
            "not text"
        };
        self.left_out.push(format!(
            "{field} is left out, for it is {what}: copy {path} into the repository, and name it with `source`"
        ));
        Ok(None)
    }
}

/// An account by its name, where it has one.
fn account(field: &str, text: &str) -> String {
    let number: Option<u32> = text.parse().ok();
    let name = match (field, number) {
        ("owner", Some(uid)) => User::from_uid(uid.into()).ok().flatten().map(|user| user.name),
        ("group", Some(gid)) => Group::from_gid(gid.into()).ok().flatten().map(|group| group.name),
        _ => None,
    };
    name.unwrap_or_else(|| text.to_owned())
}

/// What fits behind a `#`.
fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
