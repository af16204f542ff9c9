//! The canonical grammar of commits, read from raw bytes.
//!
//! ```text
//! tree ID LF (parent ID LF)* author IDENTITY LF committer IDENTITY LF [encoding NAME LF] [gpgsig SIGNATURE LF] LF message
//! ```
//! Nothing else is a commit here, not even what Git itself takes: every header that Git skips in silence is a place for
//! text that a signature does not cover, or that people do not see.

use crate::{
    ObjectId, PublicKey,
    headers::{self, HeaderError, Headers},
    identity::Identity,
    payload::Payload,
    sshsig::Signature,
};

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
#[error("line {} of the commit {}", .0.line, .0.problem)]
pub struct CommitError(HeaderError);

fn encoding(value: &[u8]) -> Option<&str> {
    let text = str::from_utf8(value).ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:+".contains(&byte);
    (!text.is_empty() && text.len() <= 40 && text.bytes().all(plain)).then_some(text)
}

impl<'a> Commit<'a> {
    /// Whether this key signed it. For a commit of known authorship, such as a host's status: who may change a fleet is
    /// [`fn@crate::verify`]'s question.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        let signature = self.signature.as_deref().and_then(|text| Signature::parse(text).ok());
        signature.is_some_and(|signature| signature.key == *key && signature.verify(&self.payload).is_ok())
    }

    /// Reads a commit's raw bytes, which are without Git's `commit size\0` prefix.
    pub fn parse(data: &'a [u8]) -> Result<Self, CommitError> {
        Self::parse_headers(data).map_err(CommitError)
    }

    fn parse_headers(data: &'a [u8]) -> Result<Self, HeaderError> {
        let mut headers = Headers::new(data)?;
        let tree = headers.required("tree", headers::id)?;
        let mut parents = Vec::new();
        while let Some(parent) = headers.optional("parent", headers::id)? {
            parents.push(parent);
        }
        let author = headers.required("author", Identity::parse)?;
        let committer = headers.required("committer", Identity::parse)?;
        let encoding = headers.optional("encoding", encoding)?;
        let before = data.len().saturating_sub(headers.rest().len());
        let mut signature = None;
        if let Some(first) = headers.take("gpgsig ")? {
            let mut text = first.to_vec();
            text.push(b'\n');
            while let Some(more) = headers.take(" ")? {
                text.extend_from_slice(more);
                text.push(b'\n');
            }
            signature = Some(text);
        }
        let after = headers.rest();
        let message = headers.end()?;
        let payload = Payload::new(data.get(..before).unwrap_or_default(), after);
        Ok(Self { tree, parents, author, committer, encoding, signature, message, payload })
    }
}

/// A commit's parents as Git sees them, whatever else is wrong with it; empty when even they cannot be told.
///
/// Only for finding one's way back along a branch: nothing is believed of such a commit.
pub fn parents(data: &[u8]) -> Vec<ObjectId> {
    let mut headers = Headers::unchecked(data);
    let mut parents = Vec::new();
    if let Ok(Some(_)) = headers.take("tree ") {
        while let Ok(Some(parent)) = headers.optional("parent", headers::id) {
            parents.push(parent);
        }
    }
    parents
}
