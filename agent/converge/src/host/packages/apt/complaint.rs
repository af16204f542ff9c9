//! What apt and dpkg complain about, in the C locale.

use std::collections::BTreeSet;

use crate::host::{
    ConfigFile,
    packages::complaint::{Complaint, squeeze},
};

/// Errors of apt that only sum up what other lines say.
const SUMMARIES: [&str; 6] = [
    "Sub-process ",
    "Unable to fetch some archives",
    "Unable to correct problems",
    "Packages need to be removed but remove is disabled",
    "Held packages were changed",
    "Some index files failed to download",
];

/// Every complaint in what apt and dpkg said, in their order.
pub(super) fn complaints(said: &str) -> Vec<Complaint> {
    let lines: Vec<&str> = said.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let next = lines.get(at + 1).copied().unwrap_or_default();
        let before = at.checked_sub(1).and_then(|at| lines.get(at)).copied().unwrap_or_default();
        let below = || lines.iter().skip(at + 1).copied().take_while(|line| line.starts_with(' '));
        let names = || below().flat_map(str::split_whitespace).map(plain).collect();
        if line.contains("No space left on device") || line.contains("You don't have enough free space") {
            found.push(Complaint::NoSpace);
        } else if let Some(error) = line.strip_prefix("E: ") {
            found.extend(of_apt(error));
        } else if let Some(error) = line.strip_prefix("dpkg: error processing ") {
            found.extend(of_dpkg(error, next, before));
        } else if line.starts_with("dpkg: error: ") && line.contains(" was locked by another process") {
            let pid = line.rsplit_once("pid ").and_then(|(_, pid)| pid.trim().parse().ok());
            found.push(Complaint::Locked(pid.map(|pid| (String::new(), pid))));
        } else if let Some(error) = line.strip_prefix("dpkg: error: ") {
            found.push(Complaint::Other(error.to_owned()));
        } else if *line == "The following packages have unmet dependencies:" {
            found.extend(below().filter_map(unmet));
        } else if *line == "The following packages will be REMOVED:" {
            found.push(Complaint::WouldRemove(names()));
        } else if *line == "The following held packages will be changed:" {
            found.push(Complaint::WouldMoveHeld(names()));
        } else if let Some(warning) = line.strip_prefix("W: Failed to fetch ") {
            found.push(Complaint::NotRefreshed(squeeze(warning)));
        }
    }
    found
}

fn of_apt(error: &str) -> Option<Complaint> {
    let quoted = || error.split('\'').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    if let Some(name) = error.strip_prefix("Unable to locate package ") {
        return Some(Complaint::NotFound(name.trim().to_owned()));
    }
    if error.starts_with("Couldn't find any package by ") {
        // The line before has said so.
        return None;
    }
    if error.starts_with("Version '") && error.ends_with("was not found") {
        return match quoted().as_slice() {
            [version, name, ..] => Some(Complaint::NotFound(format!("{name}={version}"))),
            _ => None,
        };
    }
    if error.starts_with("Package '") && error.ends_with("has no installation candidate") {
        return quoted().into_iter().next().map(Complaint::NotFound);
    }
    if error.starts_with("dpkg was interrupted") {
        return Some(Complaint::Interrupted);
    }
    if error.starts_with("Could not get lock")
        || error.starts_with("Unable to acquire the dpkg frontend lock")
    {
        return Some(Complaint::Locked(holder(error)));
    }
    if let Some((name, _)) = error.split_once(" needs to be reinstalled, but I can't find an archive") {
        let name = name.trim_start_matches("The package ").trim();
        return Some(Complaint::NoArchive(plain(name)));
    }
    if let Some(fetch) = error.strip_prefix("Failed to fetch ") {
        let (url, why) = fetch.split_once(char::is_whitespace).unwrap_or((fetch, ""));
        let name = archive_name(url);
        return Some(match name {
            Some(name) => Complaint::NotFetched(name, squeeze(why)),
            None => Complaint::NotRefreshed(squeeze(fetch)),
        });
    }
    let summary = SUMMARIES.iter().any(|summary| error.starts_with(summary));
    (!summary).then(|| Complaint::Other(squeeze(error)))
}

/// `package NAME (--configure):` or `archive PATH (--unpack):`, and the reason in the next line.
fn of_dpkg(error: &str, reason: &str, before: &str) -> Option<Complaint> {
    let (what, _) = error.rsplit_once(" (--")?;
    let name = match what.split_once(' ')? {
        ("package", name) => plain(name),
        ("archive", path) => archive_name(path)?,
        _ => return None,
    };
    let mut reason = squeeze(reason);
    // The script's own last word, unless that line is one of dpkg's.
    let script = reason.contains("script subprocess") || reason.contains("subprocess returned");
    let dpkgs = ["Setting up ", "Preparing to ", "Unpacking ", "Removing ", "Selecting ", "dpkg", "(Reading"];
    if script && !before.trim().is_empty() && !dpkgs.iter().any(|start| before.starts_with(start)) {
        reason = format!("{reason}; it said: {}", squeeze(before));
    }
    Some(Complaint::Failed(name, reason))
}

/// ` pver : Depends: plib (>= 9) but 1.0 is to be installed`
fn unmet(line: &str) -> Option<Complaint> {
    let (name, why) = line.split_once(" : ")?;
    let name = name.trim();
    (!name.is_empty()).then(|| Complaint::Unmet(plain(name), squeeze(why)))
}

/// `… It is held by process 569 (apt-get)`
pub(in crate::host::packages) fn holder(text: &str) -> Option<(String, i32)> {
    let (_, rest) = text.rsplit_once("held by process ")?;
    let (pid, rest) = rest.split_once(" (")?;
    let (name, _) = rest.split_once(')')?;
    Some((name.to_owned(), pid.parse().ok()?))
}

/// The package that an archive's file name tells: `…/3-libfoo_1.2_amd64.deb` is libfoo's. apt numbers the archives that it
/// hands to dpkg in a directory of its own.
pub(super) fn archive_name(path: &str) -> Option<String> {
    let (directory, file) = path.rsplit_once('/').unwrap_or(("", path));
    let name = file.strip_suffix(".deb")?.split('_').next()?;
    let numbered = directory.contains("/apt-dpkg-install-");
    let name = match name.split_once('-') {
        Some((number, name)) if numbered && number.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => name,
    };
    Some(name.to_owned())
}

/// A package's name without architecture and without the mark that apt gives to what it purges.
fn plain(name: &str) -> String {
    let name = name.trim_end_matches('*');
    name.split(':').next().unwrap_or_default().to_owned()
}

/// The packages that a simulated run would remove: its lines `Remv NAME [VERSION]` and `Purg …`.
pub(super) fn removals(simulated: &str) -> BTreeSet<String> {
    words_after(simulated, &["Remv ", "Purg "])
}

/// The packages that a simulated run would install: its lines `Inst NAME …`.
pub(super) fn installations(simulated: &str) -> BTreeSet<String> {
    words_after(simulated, &["Inst "])
}

fn words_after(text: &str, marks: &[&str]) -> BTreeSet<String> {
    let marked = text.lines().filter_map(|line| marks.iter().find_map(|mark| line.strip_prefix(mark)));
    marked.filter_map(|line| line.split_whitespace().next()).map(plain).collect()
}

/// The configuration files that were changed on the host and of which a package brought another version.
pub(super) fn config_files(said: &str) -> Vec<ConfigFile> {
    let mut package = "";
    let mut path = None;
    let mut found = Vec::new();
    for line in said.lines() {
        if let Some(rest) = line.strip_prefix("Setting up ") {
            package = rest.split_whitespace().next().unwrap_or_default();
        } else if let Some(rest) = line.strip_prefix("Configuration file '") {
            path = rest.strip_suffix('\'');
        } else if let Some(what) = line.strip_prefix(" ==> ") {
            let kept =
                what.starts_with("Keeping old config file") || what.starts_with("Using current old file");
            let replaced = what.starts_with("Using new ");
            if (kept || replaced)
                && let Some(path) = path.take()
            {
                let ending = if kept { "dpkg-dist" } else { "dpkg-old" };
                let beside = format!("{path}.{ending}");
                found.push(ConfigFile { package: plain(package), path: path.to_owned(), kept, beside });
            }
        }
    }
    found
}
