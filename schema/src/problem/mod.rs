//! What is wrong with a document: where, why and how to mend it. Problems are collected, never thrown one by one.

mod render;

#[cfg(test)]
mod tests;

use std::{error, fmt};

use serde::Serialize;

use crate::{HostName, text};

/// The most problems that are kept; a broken generator can make millions.
pub const MAX_PROBLEMS: usize = 1000;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The stable code, one of [`crate::CODES`].
    pub code: &'static str,
    /// What is wrong, in one line, lower case.
    pub message: String,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Box<Location>>,
    /// Other places that have to do with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related>,
    /// The hosts for which it is a problem; empty when it is one whatever the host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostName>,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Location {
    /// The file's path in the repository.
    pub path: String,
    /// The line, from 1; 0 when the whole file is meant.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// How many characters of the line are meant; at least 1.
    pub length: u32,
    /// The line's text, for people.
    #[serde(skip)]
    pub excerpt: String,
}

/// Another place that has to do with a problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Related {
    /// What is there.
    pub message: String,
    /// Where.
    pub at: Location,
}

impl Location {
    /// The file as a whole.
    pub fn file(path: impl AsRef<str>) -> Self {
        Self {
            path: text::escape(path.as_ref()).into_owned(),
            line: 0,
            column: 0,
            length: 0,
            excerpt: String::new(),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return f.write_str(&self.path);
        }
        write!(f, "{}:{}:{}", self.path, self.line, self.column)
    }
}

impl Problem {
    /// Whether two tell the same, whatever the hosts.
    fn is_same(&self, other: &Self) -> bool {
        self.code == other.code && self.at == other.at && self.message == other.message
    }

    /// A problem without a place. What could deceive a reader is escaped: messages quote what strangers wrote.
    pub fn new(code: &'static str, message: impl AsRef<str>) -> Self {
        let message = text::escape(message.as_ref()).into_owned();
        Self { code, message, remedy: None, at: None, related: Vec::new(), hosts: Vec::new() }
    }

    /// The same with what mends it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl AsRef<str>) -> Self {
        self.remedy = Some(text::escape(remedy.as_ref()).into_owned());
        self
    }

    /// The same with its place.
    #[must_use]
    pub fn at(mut self, at: Location) -> Self {
        self.at = Some(Box::new(at));
        self
    }

    /// The same with one more place that has to do with it.
    #[must_use]
    pub fn related(mut self, message: impl AsRef<str>, at: Location) -> Self {
        self.related.push(Related { message: text::escape(message.as_ref()).into_owned(), at });
        self
    }
}

/// Everything that was found to be wrong, in the order of the files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many things are wrong.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// One problem after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// Adds what was found by other means, in its place.
    pub fn extend(&mut self, problems: impl IntoIterator<Item = Problem>) {
        problems.into_iter().for_each(|problem| self.push(problem));
        self.sort();
    }

    /// Adds one, if there is room and it is not known yet.
    pub(crate) fn push(&mut self, problem: Problem) {
        if self.0.len() < MAX_PROBLEMS && !self.0.iter().any(|known| known.is_same(&problem)) {
            self.0.push(problem);
        }
    }

    /// Adds one that was found while `host` was looked at. If it is known already, whatever the host, nothing changes; if
    /// it is known of other hosts, this one joins them.
    pub(crate) fn push_for(&mut self, host: &HostName, mut problem: Problem) {
        if let Some(known) = self.0.iter_mut().find(|known| known.is_same(&problem)) {
            if !known.hosts.is_empty() {
                known.hosts.push(host.clone());
            }
        } else {
            // A problem in the host's own file says whose it is.
            if problem.at.as_ref().is_none_or(|at| at.path != format!("hosts/{host}.toml")) {
                problem.hosts.push(host.clone());
            }
            self.push(problem);
        }
    }

    /// Puts them in the order of files and lines.
    pub(crate) fn sort(&mut self) {
        self.0.sort_by(|one, other| (&one.at, one.code).cmp(&(&other.at, other.code)));
    }
}

impl From<Vec<Problem>> for Problems {
    fn from(found: Vec<Problem>) -> Self {
        let mut problems = Self::default();
        for problem in found {
            problems.push(problem);
        }
        problems.sort();
        problems
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    /// One after the other as [`Problem`] shows itself, and how many there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| writeln!(f, "{problem}"))?;
        match self.0.len() {
            0 => Ok(()),
            1 => f.write_str("1 problem"),
            MAX_PROBLEMS => write!(f, "{MAX_PROBLEMS} problems; the rest is not shown"),
            count => write!(f, "{count} problems"),
        }
    }
}

impl error::Error for Problems {}
