//! The `holdfast` command: reads its arguments, asks the other rooms, prints.
//!
//! Decisions about state, trust and hosts are made elsewhere; here is what people see.

use std::path::PathBuf;

use jiff::Timestamp;

pub mod arguments;
mod author;
mod clone;
pub mod codes;
pub mod exit;
pub mod failure;
mod files;
mod fleet;
mod host;
mod in_process;
mod init;
mod keys;
pub mod output;
mod secret;
mod stock_git;
mod time;
mod trust;
mod r#try;
mod workstation;

use arguments::{Arguments, Command, fleet::Fleet, secret::Secret, trust::Trust, workstation::Import};
use exit::Exit;
use failure::Failure;
use output::Output;

/// What a command takes from its surroundings; only `main.rs` reads them.
#[derive(Debug)]
pub struct Context {
    /// The command as it was started, for messages that show how to start it again.
    pub program: String,
    /// Where to print.
    pub output: Output,
    /// The current directory.
    pub directory: PathBuf,
    /// The user's home directory.
    pub home: Option<PathBuf>,
    /// What the user edits texts with.
    pub editor: Option<String>,
    /// The time.
    pub now: Timestamp,
}

/// Runs one command and tells of its failure.
pub fn run(arguments: &Arguments, context: &Context) -> Exit {
    let failure = match dispatch(arguments, context) {
        Ok(exit) => return exit,
        Err(failure) => failure,
    };
    // `holdfast render web-1 | head` is no failure; and without standard error nobody is left to be told.
    if failure.is_broken_pipe() || context.output.failure(&failure).is_err() {
        return Exit::Success;
    }
    failure.exit()
}

fn dispatch(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Try(arguments) => r#try::run(arguments, context),
        Command::Init(arguments) => init::run(arguments, context),
        Command::Check(arguments) => workstation::check::run(arguments, context),
        Command::Render(arguments) => workstation::render::run(arguments, context),
        Command::Explain(arguments) => workstation::explain::run(arguments, context),
        Command::Schema(arguments) => workstation::schema::run(arguments, context),
        Command::Import(Import::Compose(arguments)) => workstation::import::run(arguments, context),
        Command::Trust(Trust::Init(arguments)) => trust::init::run(arguments, context),
        Command::Trust(Trust::Intro(arguments)) => trust::intro::run(arguments, context),
        Command::Trust(Trust::Ok(arguments)) => trust::ok::run(arguments, context),
        Command::Trust(Trust::Reset(arguments)) => host::reset::run(arguments, context),
        Command::Trust(Trust::Show(arguments)) => trust::show::run(arguments, context),
        Command::Secret(Secret::Recovery(arguments)) => secret::recovery::run(arguments, context),
        Command::Secret(Secret::Encrypt(arguments)) => secret::encrypt::run(arguments, context),
        Command::Secret(Secret::Edit(arguments)) => secret::edit::run(arguments, context),
        Command::Secret(Secret::Rekey(arguments)) => secret::rekey::run(arguments, context),
        Command::Fleet(Fleet::Status(arguments)) => fleet::status::run(arguments, context),
        Command::Status(arguments) => host::status::run(arguments, context),
        Command::Sync(arguments) => host::sync::run(arguments, context),
        Command::Pause(arguments) => host::pause::run(arguments, context),
        Command::Resume(arguments) => host::sync::resume(arguments, context),
        Command::Retry(arguments) => host::sync::retry(arguments, context),
        Command::Rollback(arguments) => host::sync::rollback(arguments, context),
        Command::Restore(arguments) => host::restore::run(arguments, context),
        Command::Enrol(arguments) => host::enrol::run(arguments, context),
        Command::Drift(arguments) => host::drift::run(arguments, context),
        Command::Plan(arguments) => host::plan::run(arguments, context),
        Command::History(arguments) => host::history::run(arguments, context),
        Command::Doctor(arguments) => host::doctor::run(arguments, context),
    }
}
