//! `holdfast history`
#![expect(clippy::disallowed_methods, reason = "reads the agent's history")]

use std::{fs, io};

use holdfast_agent::memory::Event;

use crate::{
    Context,
    arguments::host::History,
    exit::Exit,
    failure::{Code, Failure},
    host::settings,
    output::Style,
    time::ago,
};

/// The history and, once that has grown, its older part.
const FILES: [&str; 2] = ["history.jsonl.old", "history.jsonl"];

/// Lists what happened on this host, newest first.
pub(crate) fn run(arguments: &History, context: &Context) -> Result<Exit, Failure> {
    let paths = settings::paths(&arguments.root);
    let mut events = Vec::new();
    for name in FILES {
        let path = paths.state.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => events.extend(parse(&text)),
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            Err(why) if why.kind() == io::ErrorKind::PermissionDenied => {
                return Err(Failure::new(Code::NotRoot, "only root may read this host's history"));
            }
            Err(why) => return Err(Failure::read(&path, why)),
        }
    }
    events.reverse();
    events.truncate(arguments.count);
    if arguments.json {
        context.output.json(&events)?;
        return Ok(Exit::Success);
    }
    if events.is_empty() {
        context.output.note("nothing has happened here yet")?;
    }
    for event in &events {
        let age = Style::Faint.of(format!("({})", ago(&event.time, context.now)));
        context.output.line(format!("{} {age}  {}", event.time, Style::Strong.of(&event.subject)))?;
        for line in &event.lines {
            context.output.line(format!("    {line}"))?;
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
