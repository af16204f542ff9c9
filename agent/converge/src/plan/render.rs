//! Prints a plan for people: what would change and why, with diffs. No colours of its own, but a place to put them.

use std::fmt::{self, Write as _};

use similar::TextDiff;

use super::{
    Disruption,
    preview::{Change, Diff, Foreseen, Intent, Preview},
};

/// The largest content that is shown as a diff, in bytes.
pub const LARGEST_DIFF: u64 = 128 * 1024;

/// What a piece of the text is, for whoever colours it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// A resource's line.
    Heading,
    /// Something new.
    Added,
    /// Something that goes.
    Removed,
    /// Where in a file.
    Position,
    /// What is in the way.
    Problem,
    /// Less important.
    Faint,
}

/// Gives `text` its tone; the text has no line end.
pub type Paint = dyn Fn(Tone, &str) -> String;

/// Prints a plan; `paint` sees each line's text once.
pub fn render(preview: &Preview, paint: &Paint) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    write(preview, paint, &mut text).unwrap_or_default();
    text
}

/// No colours.
pub fn plain(_tone: Tone, text: &str) -> String {
    text.to_owned()
}

fn write(preview: &Preview, paint: &Paint, out: &mut String) -> fmt::Result {
    for foreseen in &preview.resources {
        resource(foreseen, paint, out)?;
    }
    writeln!(out, "{}", summary(preview))
}

fn resource(foreseen: &Foreseen, paint: &Paint, out: &mut String) -> fmt::Result {
    let (sign, word) = match foreseen.intent {
        Intent::Create => ('+', "create"),
        Intent::Change => ('~', "change"),
        Intent::Remove => ('-', "remove, no longer declared"),
        Intent::Release => ('.', "release, no longer declared"),
        Intent::Audit => ('?', "differs, only audited"),
        Intent::Adopt => ('?', "differs, to be declared as it is"),
        Intent::Later => ('…', "not known yet"),
        Intent::Hold => ('!', "held"),
        Intent::Fail => ('!', "would fail"),
    };
    let worst = foreseen.changes.iter().map(|change| change.disrupts).max().unwrap_or(Disruption::None);
    let noticed = match worst {
        _ if matches!(foreseen.intent, Intent::Audit | Intent::Adopt) => "",
        Disruption::None => "",
        Disruption::Reload => ", reloads",
        Disruption::Restart => ", interrupts",
        Disruption::Stop => ", takes away",
    };
    let line = format!("{sign} {} ({word}{noticed})", foreseen.id);
    writeln!(out, "{}", paint(Tone::Heading, &escape(&line)))?;
    for change in &foreseen.changes {
        let because = &change.because;
        writeln!(out, "    {}: {} → {}", escape(&because.field), escape(&because.from), escape(&because.to))?;
        diff(change, paint, out)?;
        if let Some(why) = &change.no_undo {
            writeln!(out, "    {}", paint(Tone::Faint, &format!("cannot be undone: {why}")))?;
        }
    }
    if let Some(problem) = &foreseen.problem {
        let code = problem.code.map(|code| format!(" [{code}]")).unwrap_or_default();
        writeln!(out, "    {}", paint(Tone::Problem, &format!("{}{code}", escape(&problem.message))))?;
        if let Some(remedy) = problem.remedy {
            writeln!(out, "    {}", paint(Tone::Faint, &format!("remedy: {remedy}")))?;
        }
    }
    Ok(())
}

fn diff(change: &Change, paint: &Paint, out: &mut String) -> fmt::Result {
    match &change.diff {
        None => Ok(()),
        Some(Diff::Hidden(why)) => writeln!(out, "    {}", paint(Tone::Faint, why)),
        Some(Diff::Text(text)) => text.lines().try_for_each(|line| {
            let tone = match line.chars().next() {
                Some('+') => Some(Tone::Added),
                Some('-') => Some(Tone::Removed),
                Some('@') => Some(Tone::Position),
                Some('\\') => Some(Tone::Faint),
                _ => None,
            };
            let line = escape(line);
            writeln!(out, "    {}", tone.map_or_else(|| line.clone(), |tone| paint(tone, &line)))
        }),
    }
}

fn summary(preview: &Preview) -> String {
    let count = |intents: &[Intent]| {
        preview.resources.iter().filter(|foreseen| intents.contains(&foreseen.intent)).count()
    };
    let parts = [
        (count(&[Intent::Create]), "to create"),
        (count(&[Intent::Change]), "to change"),
        (count(&[Intent::Remove]), "to remove"),
        (count(&[Intent::Release]), "to release"),
        (count(&[Intent::Audit]), "only audited"),
        (count(&[Intent::Adopt]), "to be declared as they are"),
        (count(&[Intent::Later]), "not known yet"),
        (count(&[Intent::Hold]), "held"),
        (count(&[Intent::Fail]), "would fail"),
    ];
    let told: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if told.is_empty() {
        return format!("Nothing to do: {} in order.", preview.same);
    }
    format!("{}; {} in order.", told.join(", "), preview.same)
}

/// What would change in a file's content: `old` is `None` where no file is.
pub(crate) fn compare(path: &str, old: Option<&[u8]>, new: &[u8]) -> Diff {
    let too_large = |bytes: &[u8]| bytes.len() as u64 > LARGEST_DIFF;
    if old.is_some_and(too_large) || too_large(new) {
        return Diff::Hidden(format!("too large for a diff: {}", sizes(old, new)));
    }
    let text = |bytes| str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    let (Some(before), Some(after)) = (text(old.unwrap_or_default()), text(new)) else {
        return Diff::Hidden(format!("not a text: {}", sizes(old, new)));
    };
    let from = if old.is_some() { path } else { "/dev/null" };
    let diff = TextDiff::from_lines(before, after);
    Diff::Text(diff.unified_diff().context_radius(3).header(from, path).to_string())
}

fn sizes(old: Option<&[u8]>, new: &[u8]) -> String {
    let limited = |bytes: &[u8]| {
        let more = bytes.len() as u64 > LARGEST_DIFF;
        if more { format!("more than {LARGEST_DIFF} bytes") } else { format!("{} bytes", bytes.len()) }
    };
    match old {
        Some(old) => format!("{} → {}", limited(old), limited(new)),
        None => limited(new),
    }
}

/// A line without control characters but the tab: a terminal obeys them, and contents come from anywhere.
fn escape(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    for character in line.chars() {
        match character {
            '\t' => escaped.push(character),
            character if character.is_control() => escaped.extend(character.escape_default()),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
