//! Everything that is printed goes through here: colours, escapes, JSON.
//!
//! Text from a repository, a status branch or a server may hold anything. Whatever could steer a terminal is escaped,
//! and colours are asked for by marks from a closed set, so that no text can bring its own.

use std::{
    borrow::Cow,
    io::{self, IsTerminal as _, Write as _},
};

use serde::Serialize;

use crate::{arguments::Color, failure::Failure};

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Something to find quickly.
    Strong,
    /// Something of little weight.
    Faint,
    /// In order; an added line.
    Good,
    /// Wrong; a removed line.
    Bad,
    /// To be looked at.
    Warning,
    /// A place in a file.
    Place,
}

/// Noncharacters, set aside by Unicode for a program's own use, mark styles: this one ends a style, those that follow it
/// begin one.
const END: char = '\u{FDD0}';

impl Style {
    const ALL: [(Style, char, &'static str); 6] = [
        (Self::Strong, '\u{FDD1}', "\x1b[1m"),
        (Self::Faint, '\u{FDD2}', "\x1b[2m"),
        (Self::Good, '\u{FDD3}', "\x1b[32m"),
        (Self::Bad, '\u{FDD4}', "\x1b[31m"),
        (Self::Warning, '\u{FDD5}', "\x1b[33m"),
        (Self::Place, '\u{FDD6}', "\x1b[36m"),
    ];

    /// `text` in this style, for [`Output`]'s eyes.
    pub fn of(self, text: impl std::fmt::Display) -> String {
        let mark = Self::ALL.iter().find(|(style, ..)| *style == self).map_or(END, |(_, mark, _)| *mark);
        format!("{mark}{text}{END}")
    }
}

/// Where a command prints.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    color_out: bool,
    color_error: bool,
    terminal_out: bool,
}

impl Output {
    /// Decides about colours: `no_color` says that the environment asks for none.
    pub fn new(color: Color, no_color: bool) -> Self {
        let wanted = |terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !no_color,
        };
        let terminal_out = io::stdout().is_terminal();
        Self {
            color_out: wanted(terminal_out),
            color_error: wanted(io::stderr().is_terminal()),
            terminal_out,
        }
    }

    /// Prints what was asked for, and ends the line.
    pub fn line(&self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(io::stdout().lock(), "{}", plain(text.as_ref(), self.color_out))
    }

    /// Prints a file's bytes as they are, unless a terminal would act on them.
    pub fn contents(&self, bytes: &[u8]) -> io::Result<()> {
        if self.terminal_out {
            let text = String::from_utf8_lossy(bytes);
            return write!(io::stdout().lock(), "{}", plain(&text, false));
        }
        io::stdout().lock().write_all(bytes)
    }

    /// Prints a value as JSON.
    pub fn json(&self, value: &impl Serialize) -> io::Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        serde_json::to_writer_pretty(&mut out, value)?;
        out.write_all(b"\n")?;
        out.flush()
    }

    /// Asks something, and leaves the cursor behind it.
    pub fn ask(&self, text: impl AsRef<str>) -> io::Result<()> {
        let mut out = io::stdout().lock();
        write!(out, "{}", plain(text.as_ref(), self.color_out))?;
        out.flush()
    }

    /// Tells something beside what was asked for: progress, a hint.
    pub fn note(&self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(io::stderr().lock(), "{}", plain(text.as_ref(), self.color_error))
    }

    /// Tells why a command failed, with all causes and the remedy.
    pub fn failure(&self, failure: &Failure) -> io::Result<()> {
        self.note(describe(failure))
    }
}

/// A failure in words.
fn describe(failure: &Failure) -> String {
    let first = std::error::Error::source(failure);
    let causes = std::iter::successors(first, |error| error.source());
    let causes = causes.map(|error| format!("  {} {error}", Style::Faint.of("because:")));
    let remedy = failure.remedy().map(|remedy| format!("  {} {remedy}", Style::Good.of("remedy:")));
    let lines = [format!("{} {failure} [{}]", Style::Bad.of("error:"), failure.code())];
    lines.into_iter().chain(causes).chain(remedy).collect::<Vec<_>>().join("\n")
}

/// `text` with style marks turned into colours or dropped, and with whatever steers a terminal escaped.
fn plain(text: &str, color: bool) -> Cow<'_, str> {
    if !text.chars().any(|char| is_mark(char) || is_hostile(char)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        if is_mark(char) {
            let code =
                Style::ALL.iter().find(|(_, mark, _)| *mark == char).map_or("\x1b[0m", |(.., code)| code);
            if color {
                shown.push_str(code);
            }
        } else if is_hostile(char) {
            shown.extend(char.escape_unicode());
        } else {
            shown.push(char);
        }
    }
    Cow::Owned(shown)
}

/// `text` without style marks, for where there are no colours.
pub(crate) fn without_styles(text: &str) -> String {
    text.chars().filter(|char| !is_mark(*char)).collect()
}

fn is_mark(char: char) -> bool {
    ('\u{FDD0}'..='\u{FDD6}').contains(&char)
}

/// Control characters other than newline and tab, and those that turn the direction of writing or break lines.
fn is_hostile(char: char) -> bool {
    (char.is_control() && char != '\n' && char != '\t')
        || matches!(char, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Columns that line up, for tables. The last column is as long as it is.
pub fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |text: &str| text.chars().filter(|char| !is_mark(*char)).count();
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or_default()
        })
        .collect();
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (cell, column) in row.iter().zip(&widths) {
                line += cell;
                line.extend(std::iter::repeat_n(' ', column + 2 - width(cell)));
            }
            line.trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests;
