//! `holdfast`: the command. Reads the arguments and the environment; all else is in the library.

use std::process::ExitCode;

use clap::FromArgMatches as _;
use holdfast_cli::{
    Context,
    arguments::{Arguments, command},
    output::Output,
};

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn main() -> ExitCode {
    let matches = command().get_matches();
    let arguments = match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let program = std::env::args_os().next().map(|program| program.to_string_lossy().into_owned());
    let context = Context {
        program: program.unwrap_or_else(|| "holdfast".to_owned()),
        output: Output::new(arguments.color, no_color),
        directory: std::env::current_dir().unwrap_or_else(|_gone| ".".into()),
        home: std::env::var_os("HOME").map(Into::into),
        editor: ["VISUAL", "EDITOR"]
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty())),
        now: jiff::Timestamp::now(),
    };
    holdfast_cli::run(&arguments, &context).code().into()
}
