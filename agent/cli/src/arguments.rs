//! The command line: every subcommand, option and help text. Man pages and completions are made from it.
//!
//! Definitions only: nothing here reads a file or knows what a subcommand does.
#![expect(clippy::doc_markdown, reason = "these comments are the help texts, which have no markup")]

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::exit::Exit;

pub mod fleet;
pub mod host;
pub mod secret;
pub mod trust;
pub mod workstation;

#[cfg(test)]
mod tests;

/// GitOps for servers that are not Kubernetes
///
/// A small agent on each host pulls signed TOML state from a Git repository, brings files, packages and systemd units
/// in line with it, and writes what it found and did to the host's status branch. There is no central server.
#[derive(Debug, Parser)]
#[command(name = "holdfast", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Arguments {
    /// When to use colours
    ///
    /// `auto` uses them on a terminal, unless the environment variable NO_COLOR is set.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        hide_possible_values = true
    )]
    pub color: Color,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "the arguments of each say what it does")]
pub enum Command {
    Try(workstation::Try),
    Init(workstation::Init),
    Check(workstation::Check),
    Render(workstation::Render),
    Explain(workstation::Explain),
    Schema(workstation::Schema),
    #[command(subcommand)]
    Import(workstation::Import),
    #[command(subcommand)]
    Trust(trust::Trust),
    #[command(subcommand)]
    Secret(secret::Secret),
    #[command(visible_alias = "enroll")]
    Enrol(Box<host::Enrol>),
    Status(host::Status),
    Plan(host::Plan),
    Drift(host::Drift),
    Sync(host::Sync),
    Pause(host::Pause),
    Resume(host::Resume),
    Retry(host::Retry),
    Rollback(host::Rollback),
    History(host::History),
    Restore(host::Restore),
    Doctor(host::Doctor),
    #[command(subcommand)]
    Fleet(fleet::Fleet),
}

/// How the subcommands are grouped in `--help`, in the order in which they are met.
const GROUPS: [(&str, &[&str]); 3] = [
    (
        "On a workstation or in CI",
        &["try", "init", "check", "render", "explain", "schema", "import", "trust", "secret"],
    ),
    (
        "On a host",
        &[
            "enrol", "status", "plan", "drift", "sync", "pause", "resume", "retry", "rollback", "history",
            "restore", "doctor",
        ],
    ),
    ("Over the fleet", &["fleet"]),
];

/// What follows the options in the main `--help`.
const AFTER: &str = "Start with `holdfast try`: it makes a signed fleet repository in a directory of its own, converges a scratch root \
    from it and shows what to do next. `holdfast COMMAND --help` tells more about a command and shows examples.";

/// The command line as it is defined; the long help ends with nothing but examples.
pub fn definitions() -> clap::Command {
    Arguments::command()
}

/// The command line with its help put together: groups of subcommands, examples, exit codes.
pub fn command() -> clap::Command {
    let heading = heading();
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{groups}\n\
         {heading}Options:{heading:#}\n{{options}}{{after-help}}",
        groups = groups(&definitions()),
    );
    let codes: Vec<String> =
        Exit::ALL.iter().map(|(end, meaning)| format!("  {:<2}  {meaning}", end.code())).collect();
    let exit = format!("{heading}Exit codes:{heading:#}\n{}", codes.join("\n"));
    let command = definitions().help_template(template).after_help(AFTER);
    with_exit_codes(command.after_long_help(format!("{AFTER}\n\n{exit}")), &exit)
}

/// The style that clap gives its own headings.
fn heading() -> clap::builder::styling::Style {
    *clap::builder::Styles::default().get_header()
}

/// The list of subcommands under their headings; clap itself knows only one heading for all.
fn groups(command: &clap::Command) -> String {
    let literal = *clap::builder::Styles::default().get_literal();
    let heading = heading();
    let line = |name: &&str| {
        let about = command.find_subcommand(name)?.get_about()?;
        Some(format!("  {literal}{name:<8}{literal:#}  {about}\n"))
    };
    let mut text = String::new();
    for (title, names) in GROUPS {
        text.extend([format!("\n{heading}{title}:{heading:#}\n")]);
        text.extend(names.iter().filter_map(line));
    }
    text
}

/// Ends the long help of every subcommand with the exit codes.
fn with_exit_codes(command: clap::Command, exit: &str) -> clap::Command {
    let heading = heading();
    command.mut_subcommands(|subcommand| {
        if subcommand.has_subcommands() {
            return with_exit_codes(subcommand, exit);
        }
        let examples = subcommand.get_after_long_help().map(|help| help.ansi().to_string());
        let examples = examples.map(|text| format!("{heading}Examples:{heading:#}\n{text}\n\n"));
        subcommand.after_long_help(examples.unwrap_or_default() + exit)
    })
}
