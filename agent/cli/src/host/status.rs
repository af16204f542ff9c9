//! `holdfast status`

use holdfast_protocol::control::Request;
use holdfast_schema::status::PassResult;
use serde::Serialize;

use crate::{
    Context,
    arguments::host::Status,
    exit::Exit,
    failure::Failure,
    host::{
        agent::{Agent, Report},
        report,
    },
};

/// Shows how this host is.
pub(crate) fn run(arguments: &Status, context: &Context) -> Result<Exit, Failure> {
    let report = Agent::of(&arguments.root).ask(&Request::Status, &mut |_| Ok(()))?;
    show(&report, arguments.json, context)
}

/// Prints a report and says whether the host is converged.
pub(crate) fn show(report: &Report, json: bool, context: &Context) -> Result<Exit, Failure> {
    if json {
        #[derive(Serialize)]
        struct Document<'a> {
            status: &'a holdfast_schema::status::Status,
            local: &'a holdfast_protocol::control::Local,
        }
        context.output.json(&Document { status: &report.status, local: &report.local })?;
    } else {
        report::lines(report, context.now).iter().try_for_each(|line| context.output.line(line))?;
    }
    Ok(match report.status.result {
        PassResult::Converged => Exit::Success,
        _ => Exit::Problem,
    })
}
