//! `holdfast sync`, `resume`, `retry` and `rollback`: the agent works and is watched.

use std::path::Path;

use holdfast_protocol::control::Request;

use crate::{
    Context,
    arguments::host::{Resume, Retry, Rollback, Sync},
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
    watch(&arguments.root, &Request::Resume, context)
}

/// Tries again what failed.
pub(crate) fn retry(arguments: &Retry, context: &Context) -> Result<Exit, Failure> {
    watch(&arguments.root, &Request::Retry, context)
}

/// Takes back the revision that is on trial or held.
pub(crate) fn rollback(arguments: &Rollback, context: &Context) -> Result<Exit, Failure> {
    watch(&arguments.root, &Request::Rollback, context)
}

fn watch(root: &Path, request: &Request, context: &Context) -> Result<Exit, Failure> {
    let report = Agent::of(root).ask(request, &mut |line| context.output.note(line))?;
    status::conclude(&report, false, context)
}
