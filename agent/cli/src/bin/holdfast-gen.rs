//! Writes the man pages and the shell completions. Packaging runs it; it is not installed.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::ValueEnum as _;
use clap_complete::{Generator as _, Shell};
use clap_mangen::{
    Man,
    roff::{Roff, bold, italic, roman},
};
use holdfast_cli::{
    arguments::{command, definitions},
    codes,
    exit::Exit,
};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(out), None) = (arguments.next(), arguments.next()) else {
        report("usage: holdfast-gen OUT_DIR");
        return ExitCode::from(2);
    };
    match write_all(Path::new(&out)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&format!("holdfast-gen: cannot write below {}: {error}", Path::new(&out).display()));
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "a build tool's message")]
fn report(message: &str) {
    eprintln!("{message}");
}

/// Writes `man1/`, `man7/` and one directory a shell, as they are installed below /usr/share.
#[expect(clippy::disallowed_methods, reason = "a build tool that writes files")]
fn write_all(out: &Path) -> io::Result<()> {
    let man = out.join("man/man1");
    fs::create_dir_all(&man)?;
    let mut root = definitions().disable_help_subcommand(true);
    root.build();
    write_pages(&root, "holdfast", &man)?;
    let man = out.join("man/man7");
    fs::create_dir_all(&man)?;
    fs::write(man.join("holdfast-codes.7"), codes_page()?)?;

    for shell in Shell::value_variants() {
        let folder: PathBuf = match shell {
            Shell::Bash => out.join("bash-completion/completions"),
            Shell::Zsh => out.join("zsh/vendor-completions"),
            Shell::Fish => out.join("fish/vendor_completions.d"),
            _ => continue,
        };
        fs::create_dir_all(&folder)?;
        let file =
            folder.join(if *shell == Shell::Bash { "holdfast".into() } else { shell.file_name("holdfast") });
        let mut text = Vec::new();
        clap_complete::generate(*shell, &mut command(), "holdfast", &mut text);
        fs::write(file, text)?;
    }
    Ok(())
}

/// Writes the page of `command` and of all its subcommands.
#[expect(clippy::disallowed_methods, reason = "a build tool that writes files")]
fn write_pages(command: &clap::Command, name: &str, folder: &Path) -> io::Result<()> {
    fs::write(folder.join(format!("{name}.1")), page(command, name)?)?;
    for subcommand in command.get_subcommands() {
        write_pages(subcommand, &format!("{name}-{}", subcommand.get_name()), folder)?;
    }
    Ok(())
}

/// One man page.
fn page(command: &clap::Command, name: &str) -> io::Result<Vec<u8>> {
    let examples = command.get_after_long_help().map(ToString::to_string);
    let man = Man::new(command.clone().name(name.to_owned()).after_long_help(None));
    let mut text = Vec::new();
    // Without a date, so that the same input gives the same bytes.
    let version = env!("CARGO_PKG_VERSION");
    writeln!(text, r#".TH "{}" "1" "" "Holdfast {version}" "Holdfast""#, name.to_uppercase())?;
    man.render_name_section(&mut text)?;
    heading(command).to_writer(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    man.render_options_section(&mut text)?;

    let mut rest = Roff::new();
    if let Some(examples) = examples {
        rest.control("SH", ["EXAMPLES"]).control("nf", []);
        for line in examples.lines() {
            rest.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
        }
        rest.control("fi", []);
    }
    rest.control("SH", ["EXIT STATUS"]);
    for (end, meaning) in Exit::ALL {
        rest.control("TP", []).text([bold(end.code().to_string())]).text([roman(meaning)]);
    }
    rest.control("SH", ["SEE ALSO"]).text(see_also(name));
    rest.to_writer(&mut text)?;
    Ok(text)
}

/// The page of all codes.
fn codes_page() -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let version = env!("CARGO_PKG_VERSION");
    writeln!(text, r#".TH "HOLDFAST-CODES" "7" "" "Holdfast {version}" "Holdfast""#)?;
    let mut roff = Roff::new();
    roff.control("SH", ["NAME"]).text([roman("holdfast-codes - what each code means, and what mends it")]);
    roff.control("SH", ["DESCRIPTION"]).text([roman(
        "Whatever Holdfast cannot do, it says in words of the moment and with a code that stays the same: in a host's \
         status, in the journal, and on the terminal. `holdfast explain CODE` says what stands here.",
    )]);
    roff.control("SH", ["CODES"]);
    for (code, meaning, remedy) in codes::all() {
        roff.control("TP", []).text([bold(code)]).text([roman(sentence(meaning))]);
        roff.control("br", []).text([italic("Remedy:"), roman(" "), roman(sentence(remedy))]);
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("holdfast-explain"), roman("(1), "), bold("holdfast-trust"), roman("(7)")]);
    roff.to_writer(&mut text)?;
    Ok(text)
}

/// A text with a capital letter and a full stop, unless it begins with something to be typed.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let stop = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    first.chain(letters).chain(stop.chars()).collect()
}

/// What is typed, and what it does.
fn heading(command: &clap::Command) -> Roff {
    let usage = command.clone().render_usage().to_string();
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let long = command.get_long_about().map(ToString::to_string).unwrap_or_default();
    // The first paragraph is the summary, which stands beside the name already.
    let description = long.strip_prefix(&about).unwrap_or(&long).trim();
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]).text([bold(usage.trim_start_matches("Usage: "))]);
    roff.control("SH", ["DESCRIPTION"]);
    for (number, paragraph) in description.split("\n\n").enumerate() {
        if number > 0 {
            roff.control("PP", []);
        }
        roff.text([roman(paragraph)]);
    }
    roff
}

/// The pages to go on with.
fn see_also(name: &str) -> Vec<clap_mangen::roff::Inline> {
    match name.rsplit_once('-') {
        None => vec![
            bold("holdfast-fleet"),
            roman("(5), "),
            bold("holdfast-codes"),
            roman("(7), "),
            bold("holdfast-trust"),
            roman("(7), "),
            bold("git"),
            roman("(1), "),
            bold("systemd"),
            roman("(1)"),
        ],
        Some((_, "explain")) => vec![bold("holdfast"), roman("(1), "), bold("holdfast-codes"), roman("(7)")],
        Some((parent, _)) => vec![bold(parent), roman("(1)")],
    }
}
