//! `holdfast restore`, and what there is to restore.

use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use holdfast_agent::{
    journal::{JournalFiles, Overwritten, original},
    settings::Paths,
    store::Store,
};
use holdfast_converge::{
    host::{Expected, LocalHost, Write as _},
    journal::Was,
    plan::Action,
};
use holdfast_schema::{
    AbsolutePath,
    spec::{Content, SecretReference},
};
use tokio::task::LocalSet;

use crate::{
    Context,
    arguments::host::Restore,
    exit::Exit,
    failure::{Code, Failure},
    host::{look, settings},
};

/// How many digits of a digest are shown.
const SHORT: usize = 8;

/// Puts back something that Holdfast overwrote.
pub(crate) fn run(arguments: &Restore, context: &Context) -> Result<Exit, Failure> {
    let paths = settings::paths(&arguments.root);
    let all = overwritten(&paths)?;
    let entry = find(&all, &arguments.what)?;
    let store = Store::open(&paths.state).map_err(|why| settings::lost(&why))?;
    if let Some(to) = &arguments.to {
        elsewhere(entry, to, &store)?;
        context.output.line(format!("{} is in {}", line(entry), to.display()))?;
        return Ok(Exit::Success);
    }
    in_place(entry, &arguments.root, &paths, &store)?;
    context.output.line(format!("{} is back", entry.path))?;
    let memory = settings::memory(&paths)?;
    let applied = memory.as_ref().and_then(|memory| memory.applied.as_ref());
    let declared =
        applied.is_some_and(|applied| applied.record.state.resources.contains_key(&entry.resource));
    if declared {
        context.output.note(format!(
            "{} is declared in Git, and the next pass overwrites this again: run `holdfast pause` first, or change it in Git",
            entry.resource
        ))?;
    }
    Ok(Exit::Success)
}

/// What was overwritten on this host, the oldest first.
pub(crate) fn overwritten(paths: &Paths) -> Result<Vec<Overwritten>, Failure> {
    match paths.state.try_exists() {
        Ok(true) => {
            let store = Store::open(&paths.state).map_err(|why| settings::lost(&why))?;
            JournalFiles::overwritten(&store).map_err(|why| settings::lost(&why))
        }
        Ok(false) => Ok(Vec::new()),
        Err(why) => Err(Failure::read(&paths.state, why)),
    }
}

/// One line about something that was overwritten.
pub(crate) fn line(entry: &Overwritten) -> String {
    match &entry.was {
        Was::File { sha256, size, access } => {
            let short: String = sha256.to_string().chars().take(SHORT).collect();
            format!(
                "overwrote {}: kept as {short} ({size} bytes, {}:{} {})",
                entry.path, access.uid, access.gid, access.mode
            )
        }
        Was::Secret { kept, access, .. } => {
            let short: String = kept.sealed.sha256.to_string().chars().take(SHORT).collect();
            format!(
                "overwrote {}: a secret, kept as {short} ({}:{} {})",
                entry.path, access.uid, access.gid, access.mode
            )
        }
        Was::Symlink { target } => format!("overwrote {}: a link to {target}", entry.path),
        Was::Directory { .. } | Was::Absent | Was::NotKept { .. } => format!("changed {}", entry.path),
    }
}

/// The newest entry of a path, or the one with a digest.
fn find<'a>(all: &'a [Overwritten], what: &str) -> Result<&'a Overwritten, Failure> {
    let is_it = |entry: &&Overwritten| match &entry.was {
        _ if what.starts_with('/') => entry.path == what,
        Was::File { sha256, .. }
        | Was::Secret { kept: SecretReference { sealed: Content { sha256, .. }, .. }, .. } => {
            what.len() >= 4 && sha256.to_string().starts_with(what)
        }
        _ => false,
    };
    all.iter().rev().find(is_it).ok_or_else(|| {
        Failure::new(Code::NotKept, format!("nothing that was overwritten is known as {what}"))
    })
}

fn elsewhere(entry: &Overwritten, to: &Path, store: &Store) -> Result<(), Failure> {
    if let Was::Secret { .. } = &entry.was {
        let failure = Failure::new(
            Code::NotKept,
            format!("{} held a secret, which goes back only where it was", entry.path),
        );
        return Err(failure);
    }
    let Was::File { sha256, .. } = &entry.was else {
        return Err(Failure::new(Code::NotKept, format!("{} was no file", entry.path)));
    };
    let bytes = original(store, sha256).map_err(|why| gone(entry).because(why))?;
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    file.and_then(|mut file| file.write_all(&bytes)).map_err(|why| Failure::write(to, why))
}

fn in_place(entry: &Overwritten, root: &Path, paths: &Paths, store: &Store) -> Result<(), Failure> {
    let path: AbsolutePath = entry.path.parse().map_err(|why| gone(entry).because(why))?;
    let action = match &entry.was {
        Was::File { sha256, size, access } => Action::WriteFile {
            path,
            content: Content { sha256: *sha256, size: *size },
            access: *access,
            validate: None,
            sensitive: true,
        },
        Was::Secret { kept, digest, access } => Action::WriteSecret {
            path,
            secret: kept.clone(),
            digest: *digest,
            access: *access,
            validate: None,
        },
        Was::Symlink { target } => Action::MakeSymlink { path, target: target.clone() },
        Was::Directory { .. } | Was::Absent | Was::NotKept { .. } => return Err(gone(entry)),
    };
    let host =
        if settings::is_installed(root) { LocalHost::new(&paths.state) } else { LocalHost::scratch(root) };
    let host = host.map_err(|why| look::failed(&why))?;
    let originals = JournalFiles::new(store);
    let put = async { host.run(&action, &Expected::Anything, &originals).await };
    LocalSet::new().block_on(&look::runtime()?, put).map_err(|why| look::failed(&why))
}

fn gone(entry: &Overwritten) -> Failure {
    Failure::new(Code::NotKept, format!("what was at {} is not kept any more", entry.path))
}

#[cfg(test)]
mod tests;
