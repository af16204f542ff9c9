//! Problems as people read them: the message, the line with what is meant underlined, the remedy.

use std::fmt;

use super::{Location, Problem};
use crate::text;

/// The most characters of a line that are shown.
const WIDTH: usize = 120;

/// The most hosts that are named.
const HOSTS: usize = 3;

impl fmt::Display for Problem {
    /// Several lines, the last one ended.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error[{}]: {}", self.code, self.message)?;
        let places = self.at.as_deref().into_iter().chain(self.related.iter().map(|related| &related.at));
        let gutter = places.map(|place| place.line.to_string().len()).max().unwrap_or(1);
        let space = " ".repeat(gutter);
        let mut related = self.related.as_slice();
        if let Some(at) = &self.at {
            writeln!(f, "{space}--> {at}")?;
            // A line is not shown twice.
            let (label, rest) = match related.split_first() {
                Some((first, rest)) if first.at == **at => (first.message.as_str(), rest),
                _ => ("", related),
            };
            excerpt(f, at, label, gutter)?;
            related = rest;
        }
        for related in related {
            writeln!(f, "{space}::: {}", related.at)?;
            excerpt(f, &related.at, &related.message, gutter)?;
        }
        if let Some(remedy) = &self.remedy {
            writeln!(f, "{space} = help: {remedy}")?;
        }
        if let Some((first, rest)) = self.hosts.split_first() {
            let named: Vec<_> =
                std::iter::once(first).chain(rest).take(HOSTS).map(ToString::to_string).collect();
            let more = self.hosts.len().saturating_sub(HOSTS);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            let what = if rest.is_empty() { "host" } else { "hosts" };
            writeln!(f, "{space} = {what}: {}{more}", named.join(", "))?;
        }
        Ok(())
    }
}

/// The line of a place, and under it marks with `label`.
fn excerpt(f: &mut fmt::Formatter<'_>, at: &Location, label: &str, gutter: usize) -> fmt::Result {
    let space = " ".repeat(gutter);
    if at.line == 0 || at.excerpt.is_empty() {
        return if label.is_empty() { Ok(()) } else { writeln!(f, "{space} = {label}") };
    }
    let column = (at.column as usize).saturating_sub(1);
    // A long line is shown around what is meant.
    let from = if column + at.length as usize > WIDTH { column.saturating_sub(WIDTH / 2) } else { 0 };
    let shown = |from: usize, count: usize| {
        let part: String =
            at.excerpt.chars().skip(from).take(count).map(|c| if c == '\t' { ' ' } else { c }).collect();
        text::escape(&part).into_owned()
    };
    let before = shown(from, column - from);
    let marked = shown(column, (at.length as usize).min(WIDTH));
    let end = column + at.length as usize;
    let after = shown(end, (from + WIDTH).saturating_sub(end));
    let cut = if from > 0 { "…" } else { "" };
    let more = if at.excerpt.chars().count() > from + WIDTH { "…" } else { "" };
    let indent = " ".repeat(cut.chars().count() + before.chars().count());
    let marks = "^".repeat(marked.chars().count().max(1));
    writeln!(f, "{space} |")?;
    writeln!(f, "{:>gutter$} | {}", at.line, format!("{cut}{before}{marked}{after}{more}").trim_end())?;
    writeln!(f, "{space} | {}", format!("{indent}{marks} {label}").trim_end())
}
