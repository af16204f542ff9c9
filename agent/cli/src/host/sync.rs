//! `holdfast sync` and `holdfast resume`: the agent works and is watched.

use holdfast_protocol::control::Request;

use crate::{
    Context,
    arguments::host::{Resume, Sync},
    exit::Exit,
    failure::Failure,
    host::{agent::Agent, status},
};

/// Fetches and converges now.
pub(crate) fn run(arguments: &Sync, context: &Context) -> Result<Exit, Failure> {
    let report = Agent::of(&arguments.root).ask(&Request::Sync, &mut |line| context.output.note(line))?;
    status::conclude(&report, arguments.json, context)
}

/// Ends a pause.
pub(crate) fn resume(arguments: &Resume, context: &Context) -> Result<Exit, Failure> {
    let report = Agent::of(&arguments.root).ask(&Request::Resume, &mut |line| context.output.note(line))?;
    status::conclude(&report, false, context)
}
