//! `.trust/allowed_signers`: whose keys count. OpenSSH's own format, of which only the unambiguous part is accepted.
//!
//! ```text
//! alice namespaces="git",valid-before="20271231Z" ssh-ed25519 AAAA… a comment
//! ```
//! One plain name a line; `namespaces="git"` is mandatory; times are in UTC with `Z`. Anything else refuses the whole
//! file: a line that OpenSSH reads otherwise than we do, or that only one of us skips, would split what people see from
//! what hosts do. See ssh-keygen(1), ALLOWED SIGNERS.

use std::{collections::BTreeSet, fmt};

use crate::{
    UnixTime,
    key::{self, KeyError, PublicKey, shown},
    place,
};

#[cfg(test)]
mod tests;

/// Who may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signers(Vec<Signer>);

/// One line: a person and one of their keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The person, whom other lines may name too.
    pub principal: String,
    /// The key.
    pub key: PublicKey,
    /// The first moment at which the key counts.
    pub valid_after: Option<UnixTime>,
    /// The last moment at which the key counts.
    pub valid_before: Option<UnixTime>,
}

/// Why an `allowed_signers` file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {problem}")]
pub struct SignersError {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, in bytes counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: SignersProblem,
}

/// What is wrong with a line of an `allowed_signers` file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignersProblem {
    /// No line names a key.
    #[error("the file lists no key, so nobody could change anything")]
    Empty,
    /// It is not text.
    #[error("this is not UTF-8")]
    NotText,
    /// A control character, such as a carriage return or a NUL.
    #[error("the control character {0:?} is not allowed here; lines end with a single line feed")]
    Control(char),
    /// A line begins with white space.
    #[error("a line begins with the signer's name, without white space before it")]
    Indented,
    /// A line ends too early.
    #[error("a line is written `NAME namespaces=\"git\" ssh-ed25519 KEY`: {0} is missing")]
    Missing(&'static str),
    /// A name that is a pattern, a list or quoted.
    #[error(
        "{0:?} is not a plain name: use letters, digits, '.', '_', '+', '-' and '@', no pattern and no list"
    )]
    Principal(String),
    /// An option that is not known.
    #[error("the option {0:?} is not accepted: only namespaces=\"git\", valid-after= and valid-before= are")]
    Option(String),
    /// An option comes twice.
    #[error("the option {0:?} comes twice")]
    OptionTwice(&'static str),
    /// Not this namespace.
    #[error("the namespace must be exactly \"git\", in double quotes")]
    Namespace,
    /// Not a moment.
    #[error("{0} must be a time in UTC, in double quotes, such as \"20271231Z\" or \"202712312359Z\"")]
    Time(&'static str),
    /// It ends before it begins.
    #[error("valid-before must be later than valid-after")]
    Window,
    /// The options lack the namespace.
    #[error(
        "namespaces=\"git\" is missing, without which the key would count for anything that OpenSSH signs"
    )]
    NoNamespace,
    /// The key is not accepted.
    #[error("{0}")]
    Key(KeyError),
    /// The key is there already.
    #[error("this key is listed on line {0} already, and a key is one line")]
    KeyTwice(usize),
}

impl Signers {
    /// Reads a file, from first byte to last.
    pub fn parse(text: &[u8]) -> Result<Self, SignersError> {
        let mut signers: Vec<(usize, Signer)> = Vec::new();
        let text = str::from_utf8(text).map_err(|why| {
            let (line, column) = place::of(text, why.valid_up_to());
            SignersError { line, column, problem: SignersProblem::NotText }
        })?;
        for (number, line) in text.split('\n').enumerate() {
            let number = number + 1;
            let at = |(rest, problem): Fault<'_>| SignersError {
                line: number,
                column: line.len().saturating_sub(rest.len()) + 1,
                problem,
            };
            let Some((signer, key)) = parse_line(line).map_err(at)? else { continue };
            if let Some((first, _)) = signers.iter().find(|(_, other)| other.key.has_secret_of(&signer.key)) {
                return Err(at((key, SignersProblem::KeyTwice(*first))));
            }
            signers.push((number, signer));
        }
        if signers.is_empty() {
            return Err(SignersError { line: 1, column: 1, problem: SignersProblem::Empty });
        }
        Ok(Self(signers.into_iter().map(|(_, signer)| signer).collect()))
    }

    /// The line of a key.
    pub fn find(&self, key: &PublicKey) -> Option<&Signer> {
        self.0.iter().find(|signer| signer.key == *key)
    }

    /// Every line.
    pub fn iter(&self) -> impl Iterator<Item = &Signer> {
        self.0.iter()
    }

    /// Every person, each once, sorted.
    pub fn people(&self) -> BTreeSet<&str> {
        self.0.iter().map(|signer| signer.principal.as_str()).collect()
    }
}

impl fmt::Display for Signers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|signer| writeln!(f, "{signer}"))
    }
}

impl Signer {
    /// Whether the key counts at this moment; both ends are within.
    pub fn valid_at(&self, time: UnixTime) -> bool {
        self.valid_after.is_none_or(|from| from <= time) && self.valid_before.is_none_or(|to| time <= to)
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} namespaces=\"git\"", self.principal)?;
        for (name, time) in [("valid-after", self.valid_after), ("valid-before", self.valid_before)] {
            if let Some(time) = time {
                write!(f, ",{name}=\"{}\"", time.print_ssh())?;
            }
        }
        write!(f, " {}", self.key)
    }
}

/// A problem and what follows it on its line, which tells the column.
type Fault<'a> = (&'a str, SignersProblem);

/// The signer of a line and the text of its key; `None` for an empty line or a comment.
fn parse_line(line: &str) -> Result<Option<(Signer, &str)>, Fault<'_>> {
    if let Some((at, char)) = line.char_indices().find(|(_, char)| char.is_control() && *char != '\t') {
        return Err((line.get(at..).unwrap_or_default(), SignersProblem::Control(char)));
    }
    if line.starts_with('#') || line.is_empty() {
        return Ok(None);
    }
    if line.starts_with([' ', '\t']) {
        return Err((line, SignersProblem::Indented));
    }
    let (principal, rest) = word(line).ok_or((line, SignersProblem::Missing("the name")))?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-@".contains(&byte);
    if !principal.bytes().all(plain) || principal.len() > 100 {
        return Err((line, SignersProblem::Principal(shown(principal.as_bytes()))));
    }
    let (options, after) = word(rest).ok_or((rest, SignersProblem::Missing("namespaces=\"git\"")))?;
    let (valid_after, valid_before) = parse_options(options, rest.trim_start_matches([' ', '\t']))?;
    let (kind, base64) = word(after).ok_or((after, SignersProblem::Missing("the key's type")))?;
    let key_at = after.trim_start_matches([' ', '\t']);
    let (base64, _comment) = word(base64).ok_or((base64, SignersProblem::Missing("the key")))?;
    let key = PublicKey::from_parts(kind, base64).map_err(|why| (key_at, SignersProblem::Key(why)))?;
    Ok(Some((Signer { principal: principal.to_owned(), key, valid_after, valid_before }, key_at)))
}

/// The next word and what follows it. White space may be any run of spaces and tabs.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches([' ', '\t']);
    let end = text.find([' ', '\t']).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(word, _)| !word.is_empty())
}

/// The window of validity. `at` is the line from the options on.
fn parse_options<'a>(options: &str, at: &'a str) -> Result<(Option<UnixTime>, Option<UnixTime>), Fault<'a>> {
    let (mut namespace, mut after, mut before) = (None, None, None);
    let mut position = 0;
    for option in options.split(',') {
        let here = at.get(position..).unwrap_or_default();
        position += option.len() + 1;
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        let time = |name| value.and_then(UnixTime::parse_ssh).ok_or((here, SignersProblem::Time(name)));
        let (name, twice) = match name {
            "namespaces" if value == Some("git") => ("namespaces", namespace.replace(()).is_some()),
            "namespaces" => return Err((here, SignersProblem::Namespace)),
            "valid-after" => ("valid-after", after.replace(time("valid-after")?).is_some()),
            "valid-before" => ("valid-before", before.replace(time("valid-before")?).is_some()),
            key::ED25519 | key::SK_ED25519 => return Err((here, SignersProblem::NoNamespace)),
            _ => return Err((here, SignersProblem::Option(shown(name.as_bytes())))),
        };
        if twice {
            return Err((here, SignersProblem::OptionTwice(name)));
        }
    }
    if namespace.is_none() {
        return Err((at, SignersProblem::NoNamespace));
    }
    if let (Some(after), Some(before)) = (after, before)
        && after >= before
    {
        return Err((at, SignersProblem::Window));
    }
    Ok((after, before))
}
