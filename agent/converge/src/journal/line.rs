//! The journal as text: one record a line, each behind the beginning of its digest.
//!
//! A crash in the middle of a write leaves a torn tail: the last lines are short or do not have their digests. They are
//! dropped, for whoever wrote them was still waiting and had changed nothing yet. A line that is damaged *before* good ones
//! was not torn: something else spoilt the file, and what follows is still read.

use holdfast_schema::Sha256;

use super::Record;

/// Hex digits of the digest before each record.
const DIGITS: usize = 16;

/// What was wrong with a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Damage {
    /// How many bytes at the end were dropped.
    pub torn: usize,
    /// How many lines before a good one could not be read.
    pub spoilt: usize,
}

/// The text of records.
///
/// # Errors
/// If a record cannot be written as JSON, which does not happen.
pub fn encode(records: &[Record]) -> serde_json::Result<String> {
    let mut text = String::new();
    for record in records {
        let body = serde_json::to_string(record)?;
        text.push_str(&digest(&body));
        text.push(' ');
        text.push_str(&body);
        text.push('\n');
    }
    Ok(text)
}

/// The records of a text, and what is wrong with it.
pub fn parse(bytes: &[u8]) -> (Vec<Record>, Damage) {
    let (mut records, mut damage) = (Vec::new(), Damage::default());
    let mut bad = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if let Some(record) = record(line) {
            damage.spoilt += bad;
            (bad, damage.torn) = (0, 0);
            records.push(record);
        } else {
            bad += 1;
            damage.torn += line.len();
        }
    }
    (records, damage)
}

fn record(line: &[u8]) -> Option<Record> {
    let line = str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (found, body) = line.split_once(' ')?;
    if found == digest(body) { serde_json::from_str(body).ok() } else { None }
}

fn digest(body: &str) -> String {
    Sha256::of(body.as_bytes()).to_string().chars().take(DIGITS).collect()
}
