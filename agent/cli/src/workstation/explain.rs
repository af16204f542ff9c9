//! `holdfast explain`

use holdfast_schema::{Fleet, HostName, ResourceId, explain::Explanation};
use serde::Serialize;

use crate::{
    Context,
    arguments::workstation::Explain,
    codes::{self, Entry},
    exit::Exit,
    failure::{Code, Failure},
    output::{Style, table},
    workstation::{check, facts, work_tree},
};

/// Tells where a resource's settings come from, or what a code means.
pub(crate) fn run(arguments: &Explain, context: &Context) -> Result<Exit, Failure> {
    match (&arguments.resource, arguments.subject.as_str()) {
        (Some(id), host) => {
            let host = host
                .parse()
                .map_err(|why| Failure::new(Code::Subject, "cannot explain a resource").because(why))?;
            resource(arguments, &host, id, context)
        }
        (None, "codes") => all_codes(arguments.json, context),
        (None, code) => one_code(code, arguments.json, context),
    }
}

fn resource(
    arguments: &Explain,
    host: &HostName,
    id: &ResourceId,
    context: &Context,
) -> Result<Exit, Failure> {
    let root = work_tree::find(&arguments.work_tree, &context.directory)?;
    let repository = work_tree::read(&root)?;
    let facts = facts::of(host, &root, &repository, &arguments.facts.facts)?;
    let explanation = match Fleet::new(&repository).explain(host, &facts, id) {
        Ok(explanation) => explanation,
        Err(found) => {
            check::show(&found, context)?;
            return Ok(Exit::Problem);
        }
    };
    if arguments.json {
        context.output.json(&explanation)?;
    } else {
        lines(&explanation, host).iter().try_for_each(|line| context.output.line(line))?;
    }
    Ok(Exit::Success)
}

/// One line a field, and one for each value that it overrides.
fn lines(explanation: &Explanation, host: &HostName) -> Vec<String> {
    let applies = if explanation.applies { "" } else { ", which its `when` keeps off this host" };
    let mut rows = Vec::new();
    for field in &explanation.fields {
        let place = |setting: &holdfast_schema::explain::Setting| Style::Place.of(&setting.at);
        let winner = &field.winner;
        rows.push(vec![
            Style::Strong.of(&field.field),
            first_line(&winner.value),
            winner.layer.clone(),
            place(winner),
        ]);
        for old in &field.overridden {
            rows.push(vec![
                String::new(),
                Style::Faint.of(format!("not {}", first_line(&old.value))),
                old.layer.clone(),
                place(old),
            ]);
        }
    }
    let title = format!("{} on {host}{applies}", Style::Strong.of(&explanation.id));
    std::iter::once(title).chain(table(&rows).into_iter().map(|line| format!("  {line}"))).collect()
}

/// A value on one line of bearable length.
fn first_line(value: &str) -> String {
    const LONGEST: usize = 48;
    let line = value.lines().next().unwrap_or_default();
    if line.chars().count() <= LONGEST && line.len() == value.trim_end().len() {
        return line.to_owned();
    }
    line.chars().take(LONGEST).chain("…".chars()).collect()
}

#[derive(Serialize)]
struct CodeDocument {
    code: &'static str,
    meaning: &'static str,
    remedy: &'static str,
}

impl From<Entry> for CodeDocument {
    fn from((code, meaning, remedy): Entry) -> Self {
        Self { code, meaning, remedy }
    }
}

fn one_code(code: &str, json: bool, context: &Context) -> Result<Exit, Failure> {
    let upper = code.to_uppercase();
    let entry = codes::find(&upper).ok_or_else(|| {
        let failure = Failure::new(Code::Subject, format!("{code:?} is not a code that this version knows"));
        match codes::nearest(&upper) {
            Some(near) => failure.remedy_is(format!(
                "Did you mean {near}? `holdfast explain codes` lists all; `holdfast explain HOST RESOURCE` explains a resource."
            )),
            None => failure,
        }
    })?;
    if json {
        context.output.json(&CodeDocument::from(entry))?;
    } else {
        let (code, meaning, remedy) = entry;
        context.output.line(format!("{}  {meaning}", Style::Strong.of(code)))?;
        context.output.line(format!("{} {remedy}", Style::Good.of("remedy:")))?;
    }
    Ok(Exit::Success)
}

fn all_codes(json: bool, context: &Context) -> Result<Exit, Failure> {
    let all = codes::all();
    if json {
        context.output.json(&all.into_iter().map(CodeDocument::from).collect::<Vec<_>>())?;
    } else {
        let rows: Vec<_> =
            all.iter().map(|(code, meaning, _)| vec![Style::Strong.of(code), (*meaning).into()]).collect();
        table(&rows).iter().try_for_each(|line| context.output.line(line))?;
    }
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests;
