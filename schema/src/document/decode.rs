//! From TOML text to a spanned tree, and what every decoder of it needs.

use std::ops::Range;

use toml::{Spanned, de::DeTable, de::DeValue};

use super::source::{Source, Span};
use crate::{Location, Problem};

/// A TOML value with its place.
pub(crate) type Toml<'t> = Spanned<DeValue<'t>>;

/// The most problems that one document's syntax is told of: the rest are mostly echoes of the first.
const SYNTAX_PROBLEMS: usize = 20;

/// Collects what is wrong with one document.
pub(crate) struct Decoder<'s> {
    source: &'s Source,
    problems: Vec<Problem>,
    /// The lines on which the TOML itself is broken: what is decoded from them is not what the author wrote.
    broken: Vec<u32>,
    /// The line from which on nothing is, because something that was opened there is not closed.
    lost: Option<u32>,
}

impl<'s> Decoder<'s> {
    /// Parses `source`. A broken document still gives the tree of what could be read.
    pub(crate) fn parse(source: &'s Source) -> (Spanned<DeTable<'s>>, Self) {
        let (table, errors) = DeTable::parse_recoverable(source.text());
        let mut decoder = Self { source, problems: Vec::new(), broken: Vec::new(), lost: None };
        for error in errors.iter().take(SYNTAX_PROBLEMS) {
            let end = source.text().len();
            let location = source.location(source.span(error.span().unwrap_or(end..end)));
            // One slip often makes several errors on its line; the first says it best.
            if decoder.is_lost(location.line) {
                continue;
            }
            let mut problem = Problem::new("E_TOML", format!("this is not TOML: {}", error.message()));
            if ["array", "inline table", "multi-line"].iter().any(|open| error.message().contains(open)) {
                decoder.lost = Some(location.line);
                problem =
                    problem.remedy("look for a bracket, a brace or a quote that is opened and not closed");
            }
            decoder.broken.push(location.line);
            decoder.problems.push(problem.at(location));
        }
        (table, decoder)
    }

    /// Decodes what was made from `source` in another way than by parsing it as TOML.
    pub(crate) fn of(source: &'s Source) -> Self {
        Self { source, problems: Vec::new(), broken: Vec::new(), lost: None }
    }

    /// What is wrong, once all is decoded.
    pub(crate) fn finish(self) -> Vec<Problem> {
        self.problems
    }

    /// Whether what stands on a line was not read as it was meant.
    fn is_lost(&self, line: u32) -> bool {
        self.broken.contains(&line) || self.lost.is_some_and(|lost| line >= lost)
    }

    pub(crate) fn span(&self, range: Range<usize>) -> Span {
        self.source.span(range)
    }

    pub(crate) fn location(&self, range: Range<usize>) -> Location {
        self.source.location(self.span(range))
    }

    /// Whether the TOML itself is broken, so that a missing key may only be one that could not be read.
    pub(crate) fn is_broken(&self) -> bool {
        !self.broken.is_empty()
    }

    /// Tells of a problem at `range`.
    pub(crate) fn report(&mut self, range: Range<usize>, problem: Problem) {
        let location = self.location(range);
        if !self.is_lost(location.line) {
            self.problems.push(problem.at(location));
        }
    }

    /// Tells of a problem of a whole table, or of the whole document.
    pub(crate) fn report_table(&mut self, range: Option<Range<usize>>, problem: Problem) {
        match range {
            Some(range) => self.report(range, problem),
            None => self.problems.push(problem.at(Location::file(self.source.path()))),
        }
    }

    /// Tells of a problem at a place that was kept.
    pub(crate) fn report_at(&mut self, at: Span, problem: Problem) {
        let location = self.source.location(at);
        if !self.is_lost(location.line) {
            self.problems.push(problem.at(location));
        }
    }

    /// Where a place that was kept is.
    pub(crate) fn locate(&self, at: Span) -> Location {
        self.source.location(at)
    }

    /// Tells of a value of the wrong type.
    pub(crate) fn mismatch(&mut self, value: &Toml<'_>, expected: &str) {
        let found = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a number with a point",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        let problem = Problem::new("E_TYPE", format!("expected {expected}, found {found}"));
        let problem = match value.get_ref() {
            DeValue::Table(_) | DeValue::Array(_) => problem,
            _ if expected.starts_with("a list") => problem.remedy("put it in [ ]"),
            DeValue::String(text) if expected == "true or false" && matches!(&**text, "true" | "false") => {
                problem.remedy("write it without quotes")
            }
            DeValue::String(text) if expected.contains("integer") && text.parse::<i64>().is_ok() => {
                problem.remedy("write it without quotes")
            }
            DeValue::String(_) => problem,
            _ if !expected.contains("integer") && expected != "true or false" && expected != "a table" => {
                problem.remedy("put it in quotes")
            }
            _ => problem,
        };
        self.report(value.span(), problem);
    }
}
