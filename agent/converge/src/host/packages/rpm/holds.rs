//! Which packages are held: what dnf's versionlock and zypper's locks have written down.

#![expect(clippy::disallowed_methods, reason = "part of the room that owns rpm's database")]

use std::fs;

/// The versions that dnf 4 locks, those that dnf 5 locks, and what zypper locks.
pub(super) const FILES: [&str; 3] =
    ["/etc/dnf/plugins/versionlock.list", "/etc/dnf/versionlock.toml", "/etc/zypp/locks"];

/// Patterns of what is held.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Holds {
    /// Of any form that dnf 4 takes, such as `nginx-1:1.22.1-9.*`.
    packages: Vec<String>,
    /// Of names alone.
    names: Vec<String>,
}

impl Holds {
    /// What dnf holds.
    pub(super) fn of_dnf() -> Self {
        let [list, toml, _] = FILES;
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self { packages: dnf4(&read(list)), names: dnf5(&read(toml)) }
    }

    /// What zypper holds.
    pub(super) fn of_zypper() -> Self {
        let [_, _, locks] = FILES;
        Self { packages: Vec::new(), names: zypper(&fs::read_to_string(locks).unwrap_or_default()) }
    }

    /// Whether a package is held.
    pub(super) fn hold(&self, name: &str, version: &str, architecture: &str) -> bool {
        if self.names.iter().any(|pattern| matches(pattern, name)) {
            return true;
        }
        if self.packages.is_empty() {
            return false;
        }
        let (epoch, plain) = version.split_once(':').unwrap_or(("0", version));
        let bare = plain.rsplit_once('-').map_or(plain, |(version, _release)| version);
        let forms = [
            name.to_owned(),
            format!("{name}.{architecture}"),
            format!("{name}-{bare}"),
            format!("{name}-{plain}"),
            format!("{name}-{plain}.{architecture}"),
            format!("{name}-{epoch}:{bare}"),
            format!("{name}-{epoch}:{plain}"),
            format!("{name}-{epoch}:{plain}.{architecture}"),
        ];
        self.packages.iter().any(|pattern| forms.iter().any(|form| matches(pattern, form)))
    }
}

/// A pattern each line; those after `!` are versions that are shunned.
fn dnf4(list: &str) -> Vec<String> {
    let lines = list.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with(['#', '!'])).map(str::to_owned).collect()
}

/// See dnf5-versionlock(8). An entry whose condition is `!=` shuns a version. Written after its manual and not run.
fn dnf5(toml: &str) -> Vec<String> {
    let entries = toml.split("[[packages]]").skip(1);
    let held = entries.filter(|entry| !entry.lines().any(|line| assigned(line, "comparator") == Some("!=")));
    held.filter_map(|entry| entry.lines().find_map(|line| assigned(line, "name")))
        .map(str::to_owned)
        .collect()
}

/// What a line such as `name = "bash"` assigns.
fn assigned<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let value = line.trim().strip_prefix(name)?.trim_start().strip_prefix('=')?;
    value.trim_start().strip_prefix('"')?.split('"').next()
}

/// Paragraphs of fields; those of other things than packages, and of packages of one source, are left out.
fn zypper(locks: &str) -> Vec<String> {
    let mut names = Vec::new();
    for paragraph in locks.split("\n\n") {
        let field = |name: &str| {
            let fields = paragraph.lines().filter_map(|line| line.split_once(':'));
            fields.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value.trim())
        };
        if field("type").is_none_or(|kind| kind == "package") && field("repo").is_none() {
            names.extend(field("solvable_name").map(str::to_owned));
        }
    }
    names
}

/// Whether a text fits a pattern with `*` and `?`.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // The lengths of the text's beginnings that fit the pattern so far.
    let mut fit = vec![0];
    for wanted in pattern {
        fit = match wanted {
            '*' => fit.first().map_or_else(Vec::new, |first| (*first..=text.len()).collect()),
            wanted => {
                let goes_on =
                    |length: &usize| text.get(*length).is_some_and(|found| wanted == '?' || wanted == *found);
                fit.into_iter().filter(goes_on).map(|length| length + 1).collect()
            }
        };
    }
    fit.last() == Some(&text.len())
}

#[cfg(test)]
mod tests;
