//! Versions: whether one is what was asked for, and which of two is newer.

use std::cmp::Ordering;

/// Whether `version` is `wanted`, in which `*` stands for any text.
pub(crate) fn matches(wanted: &str, version: &str) -> bool {
    let mut parts = wanted.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = version.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Which of two versions of rpm is newer: epoch, version and release, see rpm-version(7).
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let parts = |text| {
        let (epoch, rest) = str::split_once(text, ':').unwrap_or(("0", text));
        let (version, release) = rest.rsplit_once('-').unwrap_or((rest, ""));
        (epoch, version, release)
    };
    let (one, other) = (parts(one), parts(other));
    segments(one.0, other.0).then_with(|| segments(one.1, other.1)).then_with(|| segments(one.2, other.2))
}

/// Runs of digits are numbers and newer than runs of letters; `~` is older than the end, `^` newer than it and older than
/// anything else; what is neither letter nor digit only separates.
fn segments(one: &str, other: &str) -> Ordering {
    let separates = |c: char| !c.is_ascii_alphanumeric() && c != '~' && c != '^';
    let (mut one, mut other) = (one, other);
    loop {
        one = one.trim_start_matches(separates);
        other = other.trim_start_matches(separates);
        for mark in ['~', '^'] {
            match (one.strip_prefix(mark), other.strip_prefix(mark)) {
                (Some(after_one), Some(after_other)) => {
                    return segments(after_one, after_other);
                }
                (None, None) => {}
                (marked, _) => {
                    let end = if marked.is_some() { other } else { one };
                    let is_older = mark == '~' || !end.is_empty();
                    return if marked.is_some() == is_older { Ordering::Less } else { Ordering::Greater };
                }
            }
        }
        let (Some(first), Some(second)) = (one.chars().next(), other.chars().next()) else {
            // Whatever has more left is newer.
            return one.len().cmp(&other.len());
        };
        let digits = first.is_ascii_digit();
        if digits != second.is_ascii_digit() {
            return if digits { Ordering::Greater } else { Ordering::Less };
        }
        let kind = |c: char| c.is_ascii_alphanumeric() && c.is_ascii_digit() == digits;
        let run = |text: &str| text.find(|c| !kind(c)).unwrap_or(text.len());
        let (a, rest_one) = one.split_at_checked(run(one)).unwrap_or((one, ""));
        let (b, rest_other) = other.split_at_checked(run(other)).unwrap_or((other, ""));
        let order = if digits {
            let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
            a.len().cmp(&b.len()).then_with(|| a.cmp(b))
        } else {
            a.cmp(b)
        };
        if order.is_ne() {
            return order;
        }
        (one, other) = (rest_one, rest_other);
    }
}

#[cfg(test)]
mod tests;
