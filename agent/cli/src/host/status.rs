//! `holdfast status`
#![expect(clippy::disallowed_methods, reason = "reads what the agent saved last")]

use std::{fs, io};

use holdfast_agent::settings::Paths;
use holdfast_protocol::control::{Local, Request};
use holdfast_schema::status::PassResult;
use serde::Serialize;

use crate::{
    Context,
    arguments::host::Status,
    exit::Exit,
    failure::{Code, Failure},
    host::{
        agent::{self, Agent, Report},
        report, settings,
    },
    output::Style,
};

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    /// Whether the agent runs; if not, the rest is what it said last.
    running: bool,
    status: &'a holdfast_schema::status::Status,
    local: &'a Local,
}

/// Shows how this host is.
pub(crate) fn run(arguments: &Status, context: &Context) -> Result<Exit, Failure> {
    let gone = match Agent::of(&arguments.root).ask(&Request::Status, &mut |_| Ok(())) {
        Ok(report) => return show(&report, arguments.json, context),
        Err(failure) if failure.code() == Code::AgentGone.as_str() => failure,
        Err(failure) => return Err(failure),
    };
    let paths = settings::paths(&arguments.root);
    let Some(report) = saved(&paths)? else {
        // That it is not enrolled says more than that it does not run.
        settings::load(&paths)?;
        return Err(gone);
    };
    if arguments.json {
        let Report { status, local } = &report;
        context.output.json(&Document { running: false, status, local })?;
    } else {
        context
            .output
            .note(format!("{} this is what it told last", Style::Bad.of("the agent does not run;")))?;
        tell(&report::lines(&report, context.now), context)?;
    }
    Ok(Exit::Problem)
}

/// What the agent told last, from its own files; `None` if it never told anything.
fn saved(paths: &Paths) -> Result<Option<Report>, Failure> {
    let path = paths.state.join("status.toml");
    let document = match fs::read_to_string(&path) {
        Ok(document) => document,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) if why.kind() == io::ErrorKind::PermissionDenied => {
            return Err(Failure::new(Code::NotRoot, "only root may read what the agent told last"));
        }
        Err(why) => return Err(Failure::read(&path, why)),
    };
    let status = agent::parse_status(&document)?;
    let memory = settings::memory(paths)?;
    let local = memory.map_or_else(Local::default, |memory| Local {
        pushed: memory.published.tip.map(|tip| tip.to_string()),
        paused: memory.pause.clone(),
        ..Local::default()
    });
    Ok(Some(Report { status, local }))
}

/// Prints what a running agent told, and says whether the host is converged.
pub(crate) fn show(report: &Report, json: bool, context: &Context) -> Result<Exit, Failure> {
    let Report { status, local } = report;
    if json {
        context.output.json(&Document { running: true, status, local })?;
    } else {
        tell(&report::lines(report, context.now), context)?;
    }
    Ok(converged(report))
}

/// Prints how a pass ended, after its steps were told one by one.
pub(crate) fn conclude(report: &Report, json: bool, context: &Context) -> Result<Exit, Failure> {
    if json {
        return show(report, json, context);
    }
    tell(&report::ending(report, context.now), context)?;
    Ok(converged(report))
}

fn tell(lines: &[String], context: &Context) -> Result<(), Failure> {
    Ok(lines.iter().try_for_each(|line| context.output.line(line))?)
}

fn converged(report: &Report) -> Exit {
    if report.status.result == PassResult::Converged { Exit::Success } else { Exit::Problem }
}
