//! Text from a server that goes into a message: one line, printable, short.

/// `text` on one line of at most `limit` characters, without control characters. Line breaks become ` / `.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let text = without_escapes(text);
    let lines = text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty());
    let joined = lines.collect::<Vec<_>>().join(" / ");
    let shown = joined.chars().map(|c| if c == '\t' { ' ' } else { c }).filter(|&c| is_shown(c));
    let mut line: String = shown.take(limit.saturating_add(1)).collect();
    if line.chars().count() > limit {
        line = line.chars().take(limit.saturating_sub(1)).collect();
        line.push('…');
    }
    line
}

/// The same of bytes that may not be UTF-8.
pub(crate) fn said(bytes: &[u8]) -> String {
    one_line(&String::from_utf8_lossy(bytes), 400)
}

/// What colours text or moves a terminal's cursor would look like rubbish without its first, invisible character.
fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut pieces = text.split("\u{1b}[");
    plain.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        // ECMA-48: parameters and intermediates, then one final byte.
        let mut rest = piece.trim_start_matches(|c| ('\u{20}'..='\u{3f}').contains(&c)).chars();
        rest.next();
        plain.push_str(rest.as_str());
    }
    plain
}

/// Terminals act on control characters, and readers are misled by characters that turn the direction of text.
fn is_shown(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Every error of a chain on one line; what an inner error repeats of its outer one is left out.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !line.ends_with(&next) {
            line.push_str(": ");
            line.push_str(&next);
        }
        cause = error.source();
    }
    one_line(&line, 400)
}

#[cfg(test)]
mod tests;
