//! Variables in a compose file, and the files that give them values.
//!
//! See <https://docs.docker.com/reference/compose-file/interpolation/>.

use std::collections::BTreeMap;

/// Values of variables by their names.
pub(crate) type Variables = BTreeMap<String, String>;

/// How deep defaults can hold defaults.
const DEPTH: usize = 20;

/// Why variables could not be filled in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// What stands after a `$` names no variable.
    Grammar,
    /// Nothing gives this variable a value.
    Unset(String),
    /// The file itself says why it must have one.
    Required(String, String),
}

/// Fills variables in: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:?why}`, `${NAME?why}`,
/// `${NAME:+other}`, `${NAME+other}`; `$$` stands for `$`.
pub(crate) fn interpolate(text: &str, variables: &Variables) -> Result<String, Refusal> {
    fill(text, variables, DEPTH)
}

fn fill(text: &str, variables: &Variables, depth: usize) -> Result<String, Refusal> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            filled.push('$');
            rest = after;
        } else if let Some(after) = after.strip_prefix('{') {
            let (inside, after) = braced(after).ok_or(Refusal::Grammar)?;
            filled.push_str(&expression(inside, variables, depth.checked_sub(1).ok_or(Refusal::Grammar)?)?);
            rest = after;
        } else {
            let (name, after) = name(after).ok_or(Refusal::Grammar)?;
            filled.push_str(variables.get(name).ok_or_else(|| Refusal::Unset(name.to_owned()))?);
            rest = after;
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

/// A variable's name at the beginning of a text, and what follows it.
fn name(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    begins.then_some((name, rest))
}

/// What stands before the brace that closes, and what follows it.
fn braced(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let mut before = '\0';
    for (index, character) in text.char_indices() {
        match character {
            '{' if before == '$' => depth += 1,
            '}' if depth == 0 => return Some((text.get(..index)?, text.get(index + 1..)?)),
            '}' => depth -= 1,
            _ => {}
        }
        before = character;
    }
    None
}

/// What stands in braces.
fn expression(inside: &str, variables: &Variables, depth: usize) -> Result<String, Refusal> {
    let (name, rest) = name(inside).ok_or(Refusal::Grammar)?;
    let value = variables.get(name);
    if rest.is_empty() {
        return value.cloned().ok_or_else(|| Refusal::Unset(name.to_owned()));
    }
    // With a colon, an empty value counts as none.
    let (value, rest) = match rest.strip_prefix(':') {
        Some(rest) => (value.filter(|value| !value.is_empty()), rest),
        None => (value, rest),
    };
    let mut characters = rest.chars();
    let (operator, word) = (characters.next(), characters.as_str());
    match (operator, value) {
        (Some('-' | '?'), Some(value)) => Ok(value.clone()),
        (Some('?'), None) => Err(Refusal::Required(name.to_owned(), fill(word, variables, depth)?)),
        (Some('-'), None) | (Some('+'), Some(_)) => fill(word, variables, depth),
        (Some('+'), None) => Ok(String::new()),
        _ => Err(Refusal::Grammar),
    }
}

/// Reads a file of `NAME=VALUE` lines as Compose does: with comments, quotes, `export`, and variables but in single quotes. Gives
/// the number of the first line that is none.
pub(crate) fn environment_file(text: &str, known: &Variables) -> Result<Variables, usize> {
    let mut all = known.clone();
    let mut found = Variables::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        let Some((key, value)) = line.split_once('=') else { return Err(number) };
        let key = key.trim_end();
        if !matches!(name(key), Some((_, ""))) {
            return Err(number);
        }
        let value = setting(value.trim(), &all).ok_or(number)?;
        all.insert(key.to_owned(), value.clone());
        found.insert(key.to_owned(), value);
    }
    Ok(found)
}

/// The value of one line.
fn setting(written: &str, variables: &Variables) -> Option<String> {
    if let Some(rest) = written.strip_prefix('\'') {
        let (inside, after) = rest.split_once('\'')?;
        return is_comment(after).then(|| inside.to_owned());
    }
    if let Some(rest) = written.strip_prefix('"') {
        let mut inside = String::new();
        let mut characters = rest.chars();
        loop {
            match characters.next()? {
                '"' => break,
                '\\' => match characters.next()? {
                    'n' => inside.push('\n'),
                    'r' => inside.push('\r'),
                    't' => inside.push('\t'),
                    // A dollar that is no variable.
                    '$' => inside.push_str("$$"),
                    other => inside.push(other),
                },
                other => inside.push(other),
            }
        }
        return is_comment(characters.as_str()).then(|| lenient(&inside, variables)).flatten();
    }
    let value = written.split_once(" #").map_or(written, |(value, _)| value).trim_end();
    lenient(value, variables)
}

fn is_comment(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.is_empty() || rest.starts_with('#')
}

/// In such files a variable without a value is empty, and a `$` that names none stays.
fn lenient(text: &str, variables: &Variables) -> Option<String> {
    let mut all = variables.clone();
    for _ in 0..text.len() {
        match interpolate(text, &all) {
            Ok(filled) => return Some(filled),
            Err(Refusal::Unset(name)) => drop(all.insert(name, String::new())),
            Err(Refusal::Grammar) => return Some(text.to_owned()),
            Err(Refusal::Required(..)) => return None,
        }
    }
    Some(text.to_owned())
}
