//! The canonical grammar of commits, read from raw bytes.
//!
//! ```text
//! tree ID LF (parent ID LF)* author IDENTITY LF committer IDENTITY LF [encoding NAME LF] [gpgsig SIGNATURE LF] LF message
//! ```
//! Nothing else is a commit here, not even what Git itself takes: every header that Git skips in silence is a place for
//! text that a signature does not cover, or that people do not see.

use std::str::FromStr as _;

use crate::{ObjectId, PublicKey, identity::Identity, key::shown, payload::Payload, sshsig::Signature};

#[cfg(test)]
mod tests;

/// A commit's parts, borrowed from its raw bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit<'a> {
    /// The root tree.
    pub tree: ObjectId,
    /// The parents; the first one is what the branch was at before.
    pub parents: Vec<ObjectId>,
    /// Who wrote it.
    pub author: Identity<'a>,
    /// Who made this commit of it.
    pub committer: Identity<'a>,
    /// The message's encoding, where it is not UTF-8.
    pub encoding: Option<&'a str>,
    /// The text of the `gpgsig` header, unfolded and with its last line feed; unchecked.
    pub signature: Option<Vec<u8>>,
    /// The message, unchecked but for NUL.
    pub message: &'a [u8],
    /// What a signature covers: the raw bytes without the `gpgsig` header.
    pub payload: Payload<'a>,
}

/// Why bytes are not a canonical commit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the commit {problem}")]
pub struct CommitError {
    /// The line, counted from 1.
    pub line: u32,
    /// What is wrong there.
    pub problem: CommitProblem,
}

/// What is wrong with a line of a commit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitProblem {
    /// Another header must stand here.
    #[error("should be the header {wanted:?} but is {found:?}")]
    Header {
        /// The header that must come now.
        wanted: &'static str,
        /// What is there.
        found: String,
    },
    /// A header that is not known, comes twice or is out of order.
    #[error("holds the header {0:?}, which has no place there")]
    Unexpected(String),
    /// A header's value is not written as it must be.
    #[error("has a malformed value in the header {0:?}")]
    Value(&'static str),
    /// A NUL byte, at which many programs stop reading.
    #[error("holds a NUL byte")]
    Nul,
    /// The bytes end before the headers do.
    #[error("is missing: the commit ends within its headers")]
    Short,
}

/// Takes header lines off the front of some bytes.
struct Lines<'a> {
    rest: &'a [u8],
    line: u32,
}

impl<'a> Lines<'a> {
    fn error(&self, problem: CommitProblem) -> CommitError {
        CommitError { line: self.line, problem }
    }

    /// Takes the line if it begins with `prefix`, and gives what follows that.
    fn take(&mut self, prefix: &str) -> Result<Option<&'a [u8]>, CommitError> {
        let Some(value) = self.rest.strip_prefix(prefix.as_bytes()) else { return Ok(None) };
        let end = value.iter().position(|&byte| byte == b'\n');
        let (value, rest) = end
            .and_then(|end| value.split_at_checked(end))
            .ok_or_else(|| self.error(CommitProblem::Short))?;
        self.rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        self.line = self.line.saturating_add(1);
        Ok(Some(value))
    }

    fn header<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&'a [u8]) -> Option<T>,
    ) -> Result<Option<T>, CommitError> {
        let bad = self.error(CommitProblem::Value(name));
        let Some(value) = self.take(&format!("{name} "))? else { return Ok(None) };
        parse(value).map(Some).ok_or(bad)
    }

    fn required<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&'a [u8]) -> Option<T>,
    ) -> Result<T, CommitError> {
        self.header(name, parse)?.ok_or_else(|| {
            self.error(match self.word() {
                Some(found) => CommitProblem::Header { wanted: name, found },
                None => CommitProblem::Short,
            })
        })
    }

    /// The word that begins the line, for a message.
    fn word(&self) -> Option<String> {
        let word = self.rest.split(|byte| b" \n".contains(byte)).next()?;
        (!self.rest.is_empty()).then(|| shown(word))
    }
}

fn id(value: &[u8]) -> Option<ObjectId> {
    ObjectId::from_str(str::from_utf8(value).ok()?).ok()
}

fn encoding(value: &[u8]) -> Option<&str> {
    let text = str::from_utf8(value).ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:+".contains(&byte);
    (!text.is_empty() && text.len() <= 40 && text.bytes().all(plain)).then_some(text)
}

impl<'a> Commit<'a> {
    /// Whether this key signed it. For a commit of known authorship, such as a host's status: who may change a fleet is
    /// [`crate::verify`]'s question.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        let signature = self.signature.as_deref().and_then(|text| Signature::parse(text).ok());
        signature.is_some_and(|signature| signature.key == *key && signature.verify(&self.payload).is_ok())
    }

    /// Reads a commit's raw bytes, which are without Git's `commit size\0` prefix.
    pub fn parse(data: &'a [u8]) -> Result<Self, CommitError> {
        if let Some(nul) = data.iter().position(|&byte| byte == 0) {
            let line = data.iter().take(nul).filter(|&&byte| byte == b'\n').count();
            let line = u32::try_from(line).unwrap_or(u32::MAX).saturating_add(1);
            return Err(CommitError { line, problem: CommitProblem::Nul });
        }
        let mut lines = Lines { rest: data, line: 1 };
        let tree = lines.required("tree", id)?;
        let mut parents = Vec::new();
        while let Some(parent) = lines.header("parent", id)? {
            parents.push(parent);
        }
        let author = lines.required("author", Identity::parse)?;
        let committer = lines.required("committer", Identity::parse)?;
        let encoding = lines.header("encoding", encoding)?;
        let before = data.len().saturating_sub(lines.rest.len());
        let mut signature = None;
        if let Some(first) = lines.take("gpgsig ")? {
            let mut text = first.to_vec();
            text.push(b'\n');
            while let Some(more) = lines.take(" ")? {
                text.extend_from_slice(more);
                text.push(b'\n');
            }
            signature = Some(text);
        }
        let after = lines.rest;
        let Some(message) = after.strip_prefix(b"\n") else {
            return Err(lines.error(lines.word().map_or(CommitProblem::Short, CommitProblem::Unexpected)));
        };
        let payload = Payload::new(data.get(..before).unwrap_or_default(), after);
        Ok(Self { tree, parents, author, committer, encoding, signature, message, payload })
    }
}

/// A commit's parents as Git sees them, whatever else is wrong with it; empty when even they cannot be told.
///
/// Only for finding one's way back along a branch: nothing is believed of such a commit.
pub(crate) fn parents(data: &[u8]) -> Vec<ObjectId> {
    let mut lines = Lines { rest: data, line: 1 };
    let mut parents = Vec::new();
    if let Ok(Some(_)) = lines.take("tree ") {
        while let Ok(Some(parent)) = lines.header("parent", id) {
            parents.push(parent);
        }
    }
    parents
}
