//! Which white space a template leaves out: a line with nothing but `{% %}` and `{# #}` on it leaves nothing behind, and all
//! other lines end as they are written. What minijinja calls `trim_blocks` would also take the end of a line that has text.

use std::ops::Range;

use minijinja::{
    machinery::{Token, tokenize},
    syntax::SyntaxConfig,
};

/// The bytes of a template that go, in their order. An expression has none.
#[derive(Default)]
pub(super) struct Gone<'s> {
    source: &'s str,
    ranges: Vec<Range<usize>>,
}

/// A line so far. Line ends within tags do not count.
#[derive(Default)]
struct Line {
    /// Its white space.
    white: Vec<Range<usize>>,
    /// Whether it has a tag or a comment.
    tag: bool,
    /// Whether it has anything that is written out.
    content: bool,
}

impl Line {
    fn end(&mut self, gone: &mut Vec<Range<usize>>) {
        let line = std::mem::take(self);
        if line.tag && !line.content {
            gone.extend(line.white);
        }
    }
}

impl<'s> Gone<'s> {
    /// Of a source that is no template there is nothing to say: the parser tells why it is none.
    pub(super) fn of(source: &'s str, syntax: SyntaxConfig) -> Self {
        let mut gone = Self { source, ranges: Vec::new() };
        let (mut line, mut end) = (Line::default(), 0);
        for (token, _) in tokenize(source, false, syntax).map_while(Result::ok) {
            match token {
                Token::VariableStart => line.content = true,
                Token::TemplateData(text) => {
                    let Some(mut start) = gone.offset(text) else { continue };
                    line.tag |= start > end;
                    end = start + text.len();
                    for piece in text.split_inclusive('\n') {
                        line.content |= !piece.trim().is_empty();
                        line.white.push(start..start + piece.len());
                        start += piece.len();
                        if piece.ends_with('\n') {
                            line.end(&mut gone.ranges);
                        }
                    }
                }
                _ => {}
            }
        }
        line.tag |= source.len() > end;
        line.end(&mut gone.ranges);
        gone
    }

    /// What is left of a text between tags.
    pub(super) fn rest(&self, text: &'s str) -> &'s str {
        let Some(start) = self.offset(text) else { return text };
        let (mut from, mut to) = (start, start + text.len());
        // What goes of a text is at its ends: between them is a whole line without a tag.
        let first = self.ranges.partition_point(|range| range.end <= from);
        for range in self.ranges.iter().skip(first) {
            if range.start > from || from == to {
                break;
            }
            from = range.end.min(to);
        }
        let after = self.ranges.partition_point(|range| range.start < to);
        for range in self.ranges.iter().take(after).rev() {
            if range.end < to || from == to {
                break;
            }
            to = range.start.max(from);
        }
        self.source.get(from..to).unwrap_or(text)
    }

    /// Where a text stands, if it is a part of the source.
    fn offset(&self, text: &str) -> Option<usize> {
        let start = text.as_ptr().addr().checked_sub(self.source.as_ptr().addr())?;
        (start + text.len() <= self.source.len()).then_some(start)
    }
}
