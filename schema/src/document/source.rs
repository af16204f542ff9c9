//! The texts of the documents, and where in them something stands.

use std::{cell::OnceCell, ops::Range};

use crate::{Location, text};

/// A place in one of the [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    file: u32,
    start: u32,
    end: u32,
}

/// A value with the place where it is written. Two are equal when their values are.
#[derive(Debug, Clone)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) at: Span,
}

impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// One document's text.
#[derive(Debug)]
pub(crate) struct Source {
    path: String,
    text: String,
    number: u32,
    lines: OnceCell<Vec<u32>>,
}

impl Source {
    pub(crate) fn new(path: String, text: String, number: u32) -> Self {
        Self { path, text, number, lines: OnceCell::new() }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn span(&self, range: Range<usize>) -> Span {
        let offset = |bytes: usize| u32::try_from(bytes.min(self.text.len())).unwrap_or(u32::MAX);
        Span { file: self.number, start: offset(range.start), end: offset(range.end) }
    }

    /// Where each line begins.
    fn lines(&self) -> &[u32] {
        self.lines.get_or_init(|| {
            let ends = self.text.bytes().zip(1..).filter(|(byte, _)| *byte == b'\n');
            std::iter::once(0).chain(ends.map(|(_, next)| next)).collect()
        })
    }

    /// The line of an offset from 1, and the offset at which it begins.
    fn line(&self, offset: u32) -> (u32, u32) {
        let number = self.lines().partition_point(|begin| *begin <= offset).max(1);
        let begin = self.lines().get(number - 1).copied().unwrap_or(0);
        (u32::try_from(number).unwrap_or(u32::MAX), begin)
    }

    /// `path:line:column`.
    pub(crate) fn position(&self, span: Span) -> (u32, u32) {
        let (line, begin) = self.line(span.start);
        let before = self.text.get(begin as usize..span.start as usize).unwrap_or("");
        (line, count(before) + 1)
    }

    pub(crate) fn location(&self, span: Span) -> Location {
        let (line, column) = self.position(span);
        let (_, begin) = self.line(span.start);
        let excerpt = self.text.get(begin as usize..).and_then(|rest| rest.lines().next()).unwrap_or("");
        let marked = self.text.get(span.start as usize..span.end as usize).unwrap_or("");
        let marked = marked.lines().next().unwrap_or("");
        Location {
            path: text::escape(&self.path).into_owned(),
            line,
            column,
            length: count(marked).max(1),
            excerpt: excerpt.to_owned(),
        }
    }
}

fn count(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX - 1)
}

/// Every document that was read.
#[derive(Debug, Default)]
pub(crate) struct Sources(Vec<std::rc::Rc<Source>>);

impl Sources {
    /// Keeps a document's text.
    pub(crate) fn add(&mut self, path: &str, text: String) -> std::rc::Rc<Source> {
        let number = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        let source = std::rc::Rc::new(Source::new(path.to_owned(), text, number));
        self.0.push(std::rc::Rc::clone(&source));
        source
    }

    /// The document in which something stands.
    pub(crate) fn of(&self, span: Span) -> Option<&Source> {
        self.0.get(span.file as usize).map(|source| &**source)
    }

    pub(crate) fn location(&self, span: Span) -> Location {
        self.of(span).map_or_else(|| Location::file(""), |source| source.location(span))
    }

    /// The path of the document in which something stands.
    pub(crate) fn path(&self, span: Span) -> &str {
        self.of(span).map_or("", Source::path)
    }
}
