//! What rpm, dnf and zypper say of themselves, in the C locale.

use std::{collections::BTreeSet, path::Path};

use crate::host::{
    ConfigFile,
    packages::{
        complaint::{Complaint, squeeze},
        plan::name_of,
    },
};

/// Errors that only sum up what other lines say.
const SUMMARIES: [&str; 11] = [
    // Of a run that was only to be looked at.
    "Operation aborted",
    "Transaction failed",
    "Unable to find a match",
    "No packages marked for",
    "Error downloading packages",
    "Some packages from local repository",
    "Subprocess failed",
    "Failing package is",
    "GPG check FAILED",
    "Could not run transaction",
    "Unable to resolve argument",
];

/// Every complaint, in their order.
pub(super) fn complaints(said: &str) -> Vec<Complaint> {
    let said = plain(said);
    let lines: Vec<&str> = said.lines().collect();
    let mut found: Vec<Complaint> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let next = lines.get(at + 1).copied().unwrap_or_default();
        let before = at.checked_sub(1).and_then(|at| lines.get(at)).copied().unwrap_or_default();
        let has_failed = |name: &str| {
            found.iter().any(|complaint| matches!(complaint, Complaint::Failed(of, _) if of == name))
        };
        if [
            "No space left on device",
            "more space on the",
            "Not enough free space",
            "Insufficient disk space",
        ]
        .iter()
        .any(|full| line.contains(full))
        {
            found.push(Complaint::NoSpace);
        } else if let Some(complaint) = locked(line) {
            found.push(complaint);
        } else if let Some((name, why)) = scriptlet(line) {
            let told = if is_progress(before) { String::new() } else { squeeze(before) };
            let said = if told.is_empty() { why } else { format!("{why}; it said: {told}") };
            found.push(Complaint::Failed(name, said));
        } else if let Some(package) =
            line.strip_prefix("error: ").and_then(|line| line.strip_suffix(": install failed"))
        {
            if !has_failed(name_of(package)) {
                found.push(Complaint::Failed(
                    name_of(package).to_owned(),
                    "rpm could not install it".to_owned(),
                ));
            }
        } else if let Some(package) = failed_in_zypper(line) {
            if !has_failed(name_of(package)) {
                found.push(Complaint::Failed(name_of(package).to_owned(), squeeze(next)));
            }
        } else if let Some(problem) = problem(line) {
            let more = lines.iter().skip(at + 1).take_while(|line| line.starts_with("  "));
            let text = [problem].into_iter().chain(more.copied()).map(squeeze).collect::<Vec<_>>().join("; ");
            found.push(of_problem(text));
        } else if let Some(complaint) = not_found(line) {
            found.push(complaint);
        } else if let Some((name, why)) = not_fetched(line) {
            found.push(Complaint::NotFetched(name, why));
        } else if let Some(repository) = not_refreshed(line) {
            found.push(Complaint::NotRefreshed(repository));
        } else if let Some(error) = line.strip_prefix("Error: ") {
            let summary = SUMMARIES.iter().any(|summary| error.starts_with(summary));
            if !summary && !error.trim().is_empty() {
                found.push(Complaint::Other(squeeze(error)));
            }
        } else if line.starts_with("No such command: versionlock") {
            found.push(Complaint::Other(
                "a hold needs the plugin versionlock of dnf, which is not installed".to_owned(),
            ));
        }
    }
    found
}

/// XML as text: its marks out, its entities as what they stand for.
fn plain(said: &str) -> String {
    if !said.contains("<?xml") {
        return said.to_owned();
    }
    let mut text = String::with_capacity(said.len());
    for piece in said.split('<') {
        text.push_str(piece.split_once('>').map_or(piece, |(_, text)| text));
    }
    [("&lt;", "<"), ("&gt;", ">"), ("&apos;", "'"), ("&quot;", "\""), ("&amp;", "&")]
        .iter()
        .fold(text, |text, (entity, stands_for)| text.replace(entity, stands_for))
}

fn locked(line: &str) -> Option<Complaint> {
    if let Some((_, pid)) = line.split_once(" already locked by ") {
        return Some(Complaint::Locked(pid.trim().parse().ok().map(|pid| (String::new(), pid))));
    }
    if let Some((_, rest)) = line.split_once("System management is locked by the application with pid ") {
        let (pid, name) = rest.split_once(" (")?;
        let name = name.split(')').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        return Some(Complaint::Locked(pid.parse().ok().map(|pid| (name.to_owned(), pid))));
    }
    let waits = line.contains("can't create transaction lock on")
        || line.contains("Failed to obtain the transaction lock");
    waits.then_some(Complaint::Locked(None))
}

/// `warning: %post(nginx-1.0-1.noarch) scriptlet failed, exit status 3`
fn scriptlet(line: &str) -> Option<(String, String)> {
    let line = line.trim().trim_start_matches("error: ").trim_start_matches("warning: ");
    let (script, rest) = line.strip_prefix('%')?.split_once('(')?;
    let (package, how) = rest.rsplit_once(") scriptlet failed, ")?;
    Some((name_of(package).to_owned(), format!("its %{script} scriptlet failed: {how}")))
}

/// `Installation of nginx-1.0-1.noarch failed:`
fn failed_in_zypper(line: &str) -> Option<&str> {
    let package = line.strip_prefix("Installation of ").or_else(|| line.strip_prefix("Removal of "))?;
    package.trim().strip_suffix(" failed:")
}

/// `Problem: …`, `Problem 2: …`; zypper numbers from 1 in words of its own.
fn problem(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("Problem")?;
    let rest = rest.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit());
    rest.strip_prefix(": ").or_else(|| rest.strip_prefix(':'))
}

fn of_problem(text: String) -> Complaint {
    match text.split_once("removing the following protected packages: ") {
        Some((_, names)) => {
            let names = names.split(';').next().unwrap_or_default();
            Complaint::WouldRemove(names.split(',').map(|name| name.trim().to_owned()).collect())
        }
        None => Complaint::Problem(text),
    }
}

fn not_found(line: &str) -> Option<Complaint> {
    if let Some(what) = line.strip_prefix("No match for argument: ") {
        return Some(Complaint::NotFound(name_of(what.trim()).to_owned()));
    }
    if let Some(what) = line.strip_prefix("All matches were filtered out by exclude filtering for argument: ")
    {
        let why = "every version that would do is excluded or locked on this host".to_owned();
        return Some(Complaint::Unmet(name_of(what.trim()).to_owned(), why));
    }
    let quoted = || line.split('\'').nth(1).map(|what| what.split(' ').next().unwrap_or(what).to_owned());
    let missing = line.starts_with("Package '") && line.ends_with("' not found.")
        || line.starts_with("No provider of '") && line.ends_with("' found.");
    if missing { quoted().map(Complaint::NotFound) } else { None }
}

/// The package of an archive that could not be had, and why.
fn not_fetched(line: &str) -> Option<(String, String)> {
    let of =
        |file: &str| name_of(file.rsplit('/').next().unwrap_or(file).trim_end_matches(".rpm")).to_owned();
    if let Some((file, why)) = line.strip_prefix("[FAILED] ").and_then(|line| line.split_once(": ")) {
        return Some((of(file), squeeze(why)));
    }
    if let Some((file, why)) = line.strip_prefix("Error opening ").and_then(|line| line.split_once(": ")) {
        return is_archive(file).then(|| (of(file), squeeze(why)));
    }
    if let Some(rest) = line.strip_prefix("Package \"")
        && rest.ends_with("has incorrect checksum")
    {
        return Some((of(rest.split('"').next()?), "its checksum is not what its source says".to_owned()));
    }
    if let Some((file, why)) =
        line.strip_prefix("Public key for ").and_then(|line| line.split_once(".rpm is not installed"))
    {
        return Some((of(file), format!("the key that it is signed with is not installed{why}")));
    }
    if let Some(package) = badly_signed(line) {
        let why = "it is not signed with a key of its source".to_owned();
        return Some((name_of(package).to_owned(), why));
    }
    let (file, medium) = line.strip_prefix("File '")?.split_once("' not found on medium ")?;
    is_archive(file).then(|| (of(file), format!("not found on {}", medium.trim())))
}

/// `… Failing package is: nginx-1.0-1.noarch`, `nginx-1.0-1.noarch (shop): Signature verification failed [4-…]`
fn badly_signed(line: &str) -> Option<&str> {
    let dnf = line.split_once("Failing package is: ").map(|(_, package)| package.trim());
    let (package, _) = line.split_once("): Signature verification failed [").unwrap_or_default();
    dnf.or_else(|| package.split_once(" (").map(|(package, _)| package))
}

fn is_archive(file: &str) -> bool {
    Path::new(file).extension().is_some_and(|extension| extension == "rpm")
}

/// What could not be refreshed.
fn not_refreshed(line: &str) -> Option<String> {
    let dnf = line.strip_prefix("Error: ").filter(|error| error.starts_with("Failed to download metadata"));
    let zypper =
        line.starts_with("Repository '") && (line.contains("' is invalid") || line.contains("' failed"));
    dnf.map(squeeze).or_else(|| zypper.then(|| squeeze(line)))
}

/// Whether a line only tells how far things are.
fn is_progress(line: &str) -> bool {
    let line = line.trim();
    line.is_empty()
        || at_work(line).is_some()
        || line.starts_with("Additional rpm output")
        || line.starts_with("rpm: ")
}

/// The package that a line of progress is about: `  Upgrading : nginx-1.0-1.noarch 1/2`, `(1/2) Installing: nginx-… […]`.
pub(super) fn at_work(line: &str) -> Option<&str> {
    const DNF: [&str; 8] = [
        "Installing",
        "Upgrading",
        "Downgrading",
        "Reinstalling",
        "Obsoleting",
        "Erasing",
        "Cleanup",
        "Running scriptlet",
    ];
    let line = line.trim();
    if let Some((_, zypper)) = line.strip_prefix('(').and_then(|line| line.split_once(") ")) {
        let rest = zypper.strip_prefix("Installing: ").or_else(|| zypper.strip_prefix("Removing "))?;
        return rest.trim_start_matches(": ").split_whitespace().next().map(name_of);
    }
    let (what, rest) = line.split_once(':')?;
    let package = rest.split_whitespace().next()?;
    DNF.contains(&what.trim()).then(|| name_of(package))
}

/// The configuration files that differ, each with the package whose turn it was.
pub(super) fn config_files(said: &str) -> Vec<ConfigFile> {
    let mut package = "";
    let mut found = Vec::new();
    for line in said.lines() {
        if let Some(name) = at_work(line) {
            package = name;
        }
        let Some(warning) = line.trim().strip_prefix("warning: ") else { continue };
        let created = warning.split_once(" created as ").map(|paths| (paths, true));
        let saved = || warning.split_once(" saved as ").map(|paths| (paths, false));
        if let Some(((path, beside), kept)) = created.or_else(saved)
            && path.starts_with('/')
        {
            found.push(ConfigFile {
                package: package.to_owned(),
                path: path.to_owned(),
                kept,
                beside: beside.trim().to_owned(),
            });
        }
    }
    found
}

/// An attribute of a mark of XML.
pub(super) fn attribute<'a>(mark: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = mark.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}

/// The names in these parts of zypper's summary of what it would do.
pub(super) fn summary(said: &str, parts: &[&str]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for part in parts {
        let (begin, end) = (format!("<{part}>"), format!("</{part}>"));
        for inside in said.split(&begin).skip(1).filter_map(|rest| rest.split(&end).next()) {
            let packages = inside.split("<solvable ").skip(1).map(|mark| format!(" {mark}"));
            names.extend(packages.filter_map(|mark| attribute(&mark, "name").map(str::to_owned)));
        }
    }
    names
}
