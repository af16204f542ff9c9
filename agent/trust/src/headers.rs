//! The header lines that commits and tags begin with.

use std::str::FromStr as _;

use crate::{ObjectId, key::shown};

/// What is wrong with which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeaderError {
    /// The line, counted from 1.
    pub(crate) line: u32,
    pub(crate) problem: HeaderProblem,
}

/// What is wrong with a line; reads on after `line 3 of the commit`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderProblem {
    #[error("should be the header {wanted:?} but is {found:?}")]
    Wanted { wanted: &'static str, found: String },
    #[error("holds the header {0:?}, which has no place there")]
    Unexpected(String),
    #[error("has a malformed value in the header {0:?}")]
    Value(&'static str),
    /// Many programs stop reading there, and people see only what stands before.
    #[error("holds a NUL byte")]
    Nul,
    #[error("is missing: the headers end too early")]
    Short,
}

/// Takes header lines off the front of some bytes.
pub(crate) struct Headers<'a> {
    rest: &'a [u8],
    line: u32,
}

impl<'a> Headers<'a> {
    /// Begins with bytes that must hold no NUL.
    pub(crate) fn new(data: &'a [u8]) -> Result<Self, HeaderError> {
        if let Some(nul) = data.iter().position(|&byte| byte == 0) {
            let line = data
                .split_at_checked(nul)
                .map_or(0, |(before, _)| before.split(|&byte| byte == b'\n').count());
            return Err(HeaderError {
                line: u32::try_from(line).unwrap_or(u32::MAX),
                problem: HeaderProblem::Nul,
            });
        }
        Ok(Self::unchecked(data))
    }

    /// Begins with any bytes.
    pub(crate) const fn unchecked(data: &'a [u8]) -> Self {
        Self { rest: data, line: 1 }
    }

    /// What has not been taken.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes the line if it begins with `prefix`, and gives what follows that.
    pub(crate) fn take(&mut self, prefix: &str) -> Result<Option<&'a [u8]>, HeaderError> {
        let Some(value) = self.rest.strip_prefix(prefix.as_bytes()) else { return Ok(None) };
        let end = value.iter().position(|&byte| byte == b'\n');
        let (value, rest) = end
            .and_then(|end| value.split_at_checked(end))
            .ok_or_else(|| self.error(HeaderProblem::Short))?;
        self.rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        self.line = self.line.saturating_add(1);
        Ok(Some(value))
    }

    /// Takes a header that may be missing.
    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&'a [u8]) -> Option<T>,
    ) -> Result<Option<T>, HeaderError> {
        let bad = self.error(HeaderProblem::Value(name));
        let Some(value) = self.take(&format!("{name} "))? else { return Ok(None) };
        parse(value).map(Some).ok_or(bad)
    }

    /// Takes a header that must come now.
    pub(crate) fn required<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&'a [u8]) -> Option<T>,
    ) -> Result<T, HeaderError> {
        self.optional(name, parse)?.ok_or_else(|| {
            self.error(match self.word() {
                Some(found) => HeaderProblem::Wanted { wanted: name, found },
                None => HeaderProblem::Short,
            })
        })
    }

    /// Takes the empty line after the headers and gives what follows it.
    pub(crate) fn end(self) -> Result<&'a [u8], HeaderError> {
        let problem = || self.word().map_or(HeaderProblem::Short, HeaderProblem::Unexpected);
        self.rest.strip_prefix(b"\n").ok_or_else(|| self.error(problem()))
    }

    fn error(&self, problem: HeaderProblem) -> HeaderError {
        HeaderError { line: self.line, problem }
    }

    /// The word that begins the line, for a message.
    fn word(&self) -> Option<String> {
        let word = self.rest.split(|byte| b" \n".contains(byte)).next()?;
        (!self.rest.is_empty()).then(|| shown(word))
    }
}

/// Reads an object id.
pub(crate) fn id(value: &[u8]) -> Option<ObjectId> {
    ObjectId::from_str(str::from_utf8(value).ok()?).ok()
}
