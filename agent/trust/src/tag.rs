//! The canonical grammar of annotated tags, read from raw bytes.
//!
//! ```text
//! object ID LF type KIND LF tag NAME LF tagger IDENTITY LF LF message signature
//! ```
//! The signature is the last thing in it, and nothing else in it looks like one. The name that counts is this one, which
//! is signed, and not the name under which a server shows the tag.

use crate::{
    ObjectId, ObjectKind,
    headers::{self, HeaderError, Headers},
    identity::Identity,
    payload::Payload,
};

#[cfg(test)]
mod tests;

/// How every armoured signature begins, of whatever system.
const BEGIN: &[u8] = b"-----BEGIN ";

/// A tag's parts, borrowed from its raw bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag<'a> {
    /// What is tagged.
    pub target: ObjectId,
    /// Of which kind the tagged object is.
    pub kind: ObjectKind,
    /// The tag's name, without `refs/tags/`.
    pub name: &'a str,
    /// Who tagged it and when.
    pub tagger: Identity<'a>,
    /// The message, without the signature.
    pub message: &'a [u8],
    /// The signature's text, from its BEGIN line to the tag's last byte; unchecked.
    pub signature: Option<&'a [u8]>,
    /// What a signature covers: all that stands before it.
    pub payload: Payload<'a>,
}

/// Why bytes are not a canonical tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {} of the tag {}", .0.line, .0.problem)]
pub struct TagError(HeaderError);

impl<'a> Tag<'a> {
    /// Reads a tag's raw bytes, which are without Git's `tag size\0` prefix.
    pub fn parse(data: &'a [u8]) -> Result<Self, TagError> {
        Self::parse_headers(data).map_err(TagError)
    }

    fn parse_headers(data: &'a [u8]) -> Result<Self, HeaderError> {
        let mut headers = Headers::new(data)?;
        let target = headers.required("object", headers::id)?;
        let kind = headers.required("type", kind)?;
        let name = headers.required("tag", name)?;
        let tagger = headers.required("tagger", Identity::parse)?;
        let rest = headers.end()?;
        // Were the first BEGIN line not the last one too, the signature would hold a second, which no armour does.
        let message = rest.len().saturating_sub(signature_length(rest));
        let (message, signature) = rest.split_at_checked(message).unwrap_or((rest, b""));
        let before = data.len().saturating_sub(signature.len());
        let payload = Payload::new(data.get(..before).unwrap_or_default(), b"");
        let signature = (!signature.is_empty()).then_some(signature);
        Ok(Self { target, kind, name, tagger, message, signature, payload })
    }
}

/// How many bytes there are from the first line that begins a signature to the end.
fn signature_length(text: &[u8]) -> usize {
    let mut rest = text;
    loop {
        if rest.starts_with(BEGIN) {
            return rest.len();
        }
        let Some(next) = rest.iter().position(|&byte| byte == b'\n').and_then(|end| rest.get(end + 1..))
        else {
            return 0;
        };
        rest = next;
    }
}

fn kind(value: &[u8]) -> Option<ObjectKind> {
    ObjectKind::ALL.into_iter().find(|kind| kind.as_str().as_bytes() == value)
}

/// A name by the rules of git-check-ref-format(1) that matter here: printable, no part that is empty or begins with a
/// dot, and no two dots together.
fn name(value: &[u8]) -> Option<&str> {
    let name = str::from_utf8(value).ok()?;
    let plain = name.bytes().all(|byte| byte.is_ascii_graphic());
    let parts = name.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
    (plain && parts && !name.contains("..") && name.len() <= 250).then_some(name)
}
