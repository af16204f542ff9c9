//! `holdfast history`
#![expect(clippy::disallowed_methods, reason = "reads the agent's history")]

use std::{fs, io};

use holdfast_agent::{journal::Overwritten, memory::Event};

use crate::{
    Context,
    arguments::host::History,
    exit::Exit,
    failure::{Code, Failure},
    host::{restore, settings},
    output::Style,
    time::ago,
};

/// The history and, once that has grown, its older part.
const FILES: [&str; 2] = ["history.jsonl.old", "history.jsonl"];

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(untagged)]
enum Entry {
    Pass(Event),
    Overwritten(Overwritten),
}

impl Entry {
    fn time(&self) -> &str {
        match self {
            Self::Pass(event) => &event.time,
            Self::Overwritten(overwritten) => &overwritten.time,
        }
    }
}

/// Lists what happened on this host, newest first.
pub(crate) fn run(arguments: &History, context: &Context) -> Result<Exit, Failure> {
    let paths = settings::paths(&arguments.root);
    let mut entries = Vec::new();
    for name in FILES {
        let path = paths.state.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => entries.extend(parse(&text).into_iter().map(Entry::Pass)),
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            Err(why) if why.kind() == io::ErrorKind::PermissionDenied => {
                return Err(Failure::new(Code::NotRoot, "only root may read this host's history"));
            }
            Err(why) => return Err(Failure::read(&path, why)),
        }
    }
    entries.extend(restore::overwritten(&paths)?.into_iter().map(Entry::Overwritten));
    // Of one second, what was overwritten belongs under the pass that did it.
    entries.sort_by(|one, other| one.time().cmp(other.time()));
    entries.reverse();
    entries.truncate(arguments.count);
    if arguments.json {
        context.output.json(&entries)?;
        return Ok(Exit::Success);
    }
    if entries.is_empty() {
        context.output.note("nothing has happened here yet")?;
    }
    for entry in &entries {
        let age = Style::Faint.of(format!("({})", ago(entry.time(), context.now)));
        match entry {
            Entry::Pass(event) => {
                context.output.line(format!("{} {age}  {}", event.time, Style::Strong.of(&event.subject)))?;
                for line in &event.lines {
                    context.output.line(format!("    {line}"))?;
                }
            }
            Entry::Overwritten(entry) => {
                context.output.line(format!("{} {age}  {}", entry.time, restore::line(entry)))?;
            }
        }
    }
    Ok(Exit::Success)
}

/// The events of a file. A line that a power cut left half-written is passed over.
fn parse(text: &str) -> Vec<Event> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[cfg(test)]
mod tests;
