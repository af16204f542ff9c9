//! Problems of documents as people see them: the line, and a caret under what is wrong.

use holdfast_schema::{Location, Problem, Problems};

use crate::output::Style;

/// All problems, one block each.
pub(crate) fn lines(problems: &Problems) -> Vec<String> {
    problems.iter().flat_map(block).collect()
}

/// Such as `3 problems in 2 files`.
pub(crate) fn count(problems: &Problems) -> String {
    let files: std::collections::BTreeSet<&str> =
        problems.iter().filter_map(|problem| problem.at.as_ref()).map(|at| at.path.as_str()).collect();
    let number = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let more = if problems.len() == holdfast_schema::problem::MAX_PROBLEMS { " or more" } else { "" };
    match files.len() {
        0 => format!("{}{more}", number(problems.len(), "problem")),
        files => format!("{}{more} in {}", number(problems.len(), "problem"), number(files, "file")),
    }
}

fn block(problem: &Problem) -> Vec<String> {
    let Problem { code, message, remedy, at, related, hosts } = problem;
    let mut lines = vec![format!("{} {} [{code}]", Style::Bad.of("error:"), Style::Strong.of(message))];
    let places = at.as_deref().into_iter().chain(related.iter().map(|it| &it.at));
    let width = places.map(|at| at.line.to_string().len()).max();
    let width = width.unwrap_or_default();
    lines.extend(at.iter().flat_map(|at| place(at, width, Style::Bad)));
    for other in related {
        lines.push(format!("{:width$} {} {}", "", Style::Faint.of("also:"), other.message));
        lines.extend(place(&other.at, width, Style::Warning));
    }
    if !hosts.is_empty() {
        let mut names: Vec<&str> = hosts.iter().take(5).map(holdfast_schema::HostName::as_str).collect();
        let more = format!("{} more", hosts.len().saturating_sub(5));
        if hosts.len() > 5 {
            names.push(&more);
        }
        lines.push(format!("{:width$} {} {}", "", Style::Faint.of("on:"), names.join(", ")));
    }
    if let Some(remedy) = remedy {
        lines.push(format!("{:width$} {} {remedy}", "", Style::Good.of("remedy:")));
    }
    lines.push(String::new());
    lines
}

/// The place, the line there and a caret under what is meant.
fn place(at: &Location, width: usize, style: Style) -> Vec<String> {
    let mut lines = vec![format!("{:width$} {} {}", "", Style::Faint.of("-->"), Style::Place.of(at))];
    if at.line > 0 && !at.excerpt.is_empty() {
        let before = usize::try_from(at.column.saturating_sub(1)).unwrap_or_default();
        let length = usize::try_from(at.length.max(1)).unwrap_or(1);
        // A tab before the caret must stay one, or the caret would stand somewhere else.
        let indent: String =
            at.excerpt.chars().take(before).map(|char| if char == '\t' { '\t' } else { ' ' }).collect();
        let rest = at.excerpt.chars().skip(before).count().max(1);
        let bar = Style::Faint.of("|");
        lines.push(format!("{} {bar} {}", Style::Faint.of(format!("{:width$}", at.line)), at.excerpt));
        lines.push(format!("{:width$} {bar} {indent}{}", "", style.of("^".repeat(length.min(rest)))));
    }
    lines
}

#[cfg(test)]
mod tests;
