//! `holdfast fleet status`

use std::{collections::BTreeMap, path::Path};

use holdfast_git::{Fault, LocalRepository};
use holdfast_schema::HostName;
use holdfast_trust::ObjectId;
use jiff::SignedDuration;
use serde::Serialize;

use crate::{
    Context,
    arguments::fleet::Status,
    clone,
    exit::Exit,
    failure::{Code, Failure},
    fleet::report::{self, Host, Position, SignatureState, Sources},
    host::report::{result, short},
    output::{Style, table},
    stock_git::StockGit,
    time::span,
};

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    branch: &'a str,
    newest: ObjectId,
    hosts: &'a [Host],
}

/// Shows how every host is.
pub(crate) fn run(arguments: &Status, context: &Context) -> Result<Exit, Failure> {
    // Fetched with the git of whoever asks: it has their credentials.
    let fetched = arguments.url.as_deref().map(|url| fetch(url, context)).transpose()?;
    let directory = match (&fetched, &arguments.dir) {
        (Some(fetched), _) => fetched.path(),
        (None, Some(directory)) => directory,
        (None, None) => &context.directory,
    };
    let repository = clone::open(directory)?;
    let (main, branches) = branches(&repository, &arguments.branch, directory)?;
    let sources = Sources {
        objects: &repository,
        main,
        branches,
        now: context.now,
        silent_after: SignedDuration::try_from(arguments.silent_after).unwrap_or(SignedDuration::MAX),
    };
    let hosts =
        report::hosts(&sources).map_err(|why| clone::unreadable(directory, why.code()).because(why))?;
    if arguments.json {
        context.output.json(&Document { branch: &arguments.branch, newest: main, hosts: &hosts })?;
    } else {
        for line in lines(&hosts, &arguments.branch, main) {
            context.output.line(line)?;
        }
    }
    Ok(if hosts.iter().all(Host::is_in_order) { Exit::Success } else { Exit::Problem })
}

fn fetch(url: &str, context: &Context) -> Result<tempfile::TempDir, Failure> {
    let directory = tempfile::tempdir()
        .map_err(|why| Failure::new(Code::Write, "cannot make a directory to fetch into").because(why))?;
    let path = directory.path().to_string_lossy();
    StockGit::at(&context.directory).run(&["clone", "--quiet", "--bare", "--", url, &path])?;
    Ok(directory)
}

/// The tip of the branch that holds what should be, and those of the status branches.
fn branches(
    repository: &LocalRepository,
    branch: &str,
    directory: &Path,
) -> Result<(ObjectId, BTreeMap<HostName, ObjectId>), Failure> {
    let all = newest(repository).map_err(|fault| clone::fault(directory, fault))?;
    let main = all.get(branch).copied().ok_or_else(|| {
        let message = format!("there is no branch {branch} in {}", directory.display());
        Failure::new(Code::NoRevision, message).remedy_is("Name the branch with --branch, or fetch it first.")
    })?;
    Ok((main, status_branches(&all)))
}

/// The tips of the branches by their short names: as the remote has them if this is a clone, as they are here otherwise.
pub(crate) fn newest(repository: &LocalRepository) -> Result<BTreeMap<String, ObjectId>, Fault> {
    let mut newest = BTreeMap::new();
    let all = repository.branches()?;
    let here = all.iter().filter_map(|(name, tip)| Some((name.strip_prefix("refs/heads/")?, tip)));
    let remote = all.iter().filter_map(|(name, tip)| {
        let (_remote, short) = name.strip_prefix("refs/remotes/")?.split_once('/')?;
        Some((short, tip))
    });
    for (short, tip) in here.chain(remote) {
        newest.insert(short.to_owned(), *tip);
    }
    Ok(newest)
}

/// Those of them that are hosts' status.
pub(crate) fn status_branches(all: &BTreeMap<String, ObjectId>) -> BTreeMap<HostName, ObjectId> {
    all.iter().filter_map(|(short, tip)| Some((short.strip_prefix("status/")?.parse().ok()?, *tip))).collect()
}

fn lines(hosts: &[Host], branch: &str, main: ObjectId) -> Vec<String> {
    let heading = ["HOST", "RESULT", "APPLIED", "POSITION", "TOLD", "TO LOOK AT"];
    let mut rows: Vec<Vec<String>> = vec![heading.iter().map(|title| Style::Faint.of(title)).collect()];
    rows.extend(hosts.iter().map(row));
    let mut lines = table(&rows);
    let in_order = hosts.iter().filter(|host| host.is_in_order()).count();
    lines.push(String::new());
    let plural = if hosts.len() == 1 { "" } else { "s" };
    let all = format!("{} host{plural}", hosts.len());
    lines.push(format!("{in_order} of {all} in order; {branch} is at {}", main.short()));
    lines
}

fn row(host: &Host) -> Vec<String> {
    let status = host.status.as_ref();
    let applied = status.and_then(|status| status.revision.applied.as_deref());
    let position = match host.position {
        Position::Newest => Style::Good.of("newest"),
        Position::Behind(count) => Style::Warning.of(format!("{count} behind")),
        Position::Elsewhere => Style::Bad.of("not on the branch"),
        Position::None => "-".to_owned(),
    };
    vec![
        Style::Strong.of(&host.name),
        status.map_or_else(|| "-".to_owned(), |status| result(status.result)),
        applied.map_or_else(|| "-".to_owned(), short),
        position,
        host.age_seconds.map_or_else(|| "-".to_owned(), age),
        remarks(host).join("; "),
    ]
}

fn age(seconds: i64) -> String {
    if seconds < 0 {
        return Style::Warning.of(format!("{} ahead", span(SignedDuration::from_secs(-seconds))));
    }
    format!("{} ago", span(SignedDuration::from_secs(seconds)))
}

/// What is to be looked at, the gravest first.
fn remarks(host: &Host) -> Vec<String> {
    let mut remarks = Vec::new();
    match host.signature {
        SignatureState::Good => {}
        SignatureState::Forged => remarks.push(Style::Bad.of("FORGED: not signed with this host's key")),
        SignatureState::Unsigned => remarks.push(Style::Bad.of("UNSIGNED: anybody may have written this")),
        SignatureState::KeyUnknown => {
            remarks.push(Style::Warning.of(format!("unchecked: hosts/{}.toml has no status_key", host.name)));
        }
        SignatureState::HostUnknown => {
            remarks.push(Style::Warning.of(format!("there is no hosts/{}.toml", host.name)));
        }
        SignatureState::Absent => remarks.push(Style::Warning.of("has not told anything yet")),
    }
    remarks.extend(host.unreadable.iter().cloned());
    if host.silent && host.status.is_some() {
        remarks.push(Style::Warning.of("silent"));
    }
    let status = host.status.iter();
    let problems = status.clone().flat_map(|status| &status.problem).map(|problem| problem.code.clone());
    let failed = status
        .flat_map(|status| &status.resource)
        .filter_map(|resource| resource.code.as_ref().map(|code| format!("{} {code}", resource.id)));
    let mut more: Vec<String> = problems.chain(failed).collect();
    if more.len() > 3 {
        let left = more.len() - 2;
        more.truncate(2);
        more.push(format!("{left} more"));
    }
    remarks.extend(more);
    remarks
}

#[cfg(test)]
mod tests;
