//! Which paths a rule of the policy is about.
//!
//! ```text
//! hosts/db-*          hosts/db-1.toml, and all below hosts/db-1/ if that is a directory
//! roles/postgres/     all below the directory roles/postgres
//! */secrets/          all below a directory secrets that is one level down
//! ```
//! `*` stands for any characters within one part of a path. A pattern begins at the root of the repository, and what
//! matches a directory matches all that is in it.

use std::fmt;

#[cfg(test)]
mod tests;

/// A pattern for paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Reads a pattern; `None` when it is empty, absolute, or has parts that are empty, `.` or `..`, or more in them than
    /// letters, digits, `*` and the usual signs.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let plain = |char: char| char.is_alphanumeric() || "*._+-@=, ".contains(char);
        let part = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains("**");
        let good = path.split('/').all(|text| part(text) && text.chars().all(plain));
        (good && text.len() <= 250).then(|| Self(text.to_owned()))
    }

    /// Whether the pattern is about this path of something that is not a directory.
    pub(crate) fn matches(&self, path: &[u8]) -> bool {
        let (pattern, inside) = match self.0.strip_suffix('/') {
            Some(pattern) => (pattern, true),
            None => (self.0.as_str(), false),
        };
        let mut parts = path.split(|&byte| byte == b'/');
        let all = pattern
            .split('/')
            .all(|pattern| parts.next().is_some_and(|part| part_matches(pattern.as_bytes(), part)));
        all && (!inside || parts.next().is_some())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether one part of a path is as one part of a pattern says. Takes the product of their lengths at most.
fn part_matches(pattern: &[u8], part: &[u8]) -> bool {
    let (mut pattern, mut part) = (pattern, part);
    // Where to go on when what follows the last star does not fit: the star takes one more byte.
    let mut again: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), part.split_first()) {
            (Some((b'*', after)), _) => {
                again = Some((after, part));
                pattern = after;
            }
            (Some((wanted, after)), Some((byte, rest))) if wanted == byte => (pattern, part) = (after, rest),
            (None, None) => return true,
            _ => {
                let Some((after, [_, rest @ ..])) = again else { return false };
                again = Some((after, rest));
                (pattern, part) = (after, rest);
            }
        }
    }
}
