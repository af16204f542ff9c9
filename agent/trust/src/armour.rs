//! The text form of signatures and private keys: base64 between a BEGIN and an END line.
//!
//! Strict where laxness would give one signature many spellings: nothing around it, canonical base64, LF only. Lines may
//! have any one width up to 76, for signing programs differ (OpenSSH wraps at 70, others at 64 or 76).

use base64::{Engine as _, engine::general_purpose::STANDARD};

#[cfg(test)]
mod tests;

const WIDEST: usize = 76;
/// What OpenSSH uses.
const WIDTH: usize = 70;

/// Why a text is not armour of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ArmourError {
    /// The first line is not the BEGIN line.
    #[error("its first line is not the BEGIN line")]
    Begin,
    /// The last line is not the END line with one line feed.
    #[error("its last line is not the END line")]
    End,
    /// A line is too long, empty, or of another width than the first.
    #[error("its lines are not of one width of at most 76 characters")]
    Width,
    /// It is no base64, or not the one right way to write those bytes.
    #[error("it is not canonical base64")]
    Base64,
}

/// Reads `-----BEGIN label-----`, base64 lines, `-----END label-----`, each with its line feed.
pub(crate) fn parse(text: &[u8], label: &str) -> Result<Vec<u8>, ArmourError> {
    let begin = format!("-----BEGIN {label}-----\n");
    let end = format!("\n-----END {label}-----\n");
    let text = text.strip_prefix(begin.as_bytes()).ok_or(ArmourError::Begin)?;
    let text = text.strip_suffix(end.as_bytes()).ok_or(ArmourError::End)?;
    let mut lines = text.split(|&byte| byte == b'\n').peekable();
    let width = lines.peek().map_or(0, |line| line.len());
    let mut joined = Vec::with_capacity(text.len());
    while let Some(line) = lines.next() {
        let last = lines.peek().is_none();
        let fits = if last { line.len() <= width } else { line.len() == width };
        if line.is_empty() || line.len() > WIDEST || !fits {
            return Err(ArmourError::Width);
        }
        joined.extend_from_slice(line);
    }
    STANDARD.decode(joined).map_err(|_bad_base64| ArmourError::Base64)
}

/// Writes bytes as OpenSSH would.
pub(crate) fn print(bytes: &[u8], label: &str) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for (index, char) in STANDARD.encode(bytes).chars().enumerate() {
        if index > 0 && index % WIDTH == 0 {
            text.push('\n');
        }
        text.push(char);
    }
    text + "\n-----END " + label + "-----\n"
}
