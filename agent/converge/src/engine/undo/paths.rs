//! Puts files, links and directories back.

use std::io;

use holdfast_schema::{AbsolutePath, spec::Content};

use super::Undo;
use crate::{
    engine::Failure,
    host::{HostError, Look, Node, Stat, Write},
    journal::{Before, Was},
    kinds::marks,
    plan::{Action, step::Owned},
};

/// How often a path is looked at again because somebody changed it under Holdfast's hands.
const MOST_LOOKS: usize = 8;

impl<H: Write> Undo<'_, H> {
    /// Removes what was not there, the deepest first, and then puts the rest back, directories before what is in them.
    pub(super) async fn put_paths_back(&mut self) {
        let recorded = self.recorded;
        let mut paths: Vec<(&AbsolutePath, &Was)> = recorded
            .befores
            .iter()
            .filter_map(|before| match before {
                Before::Path { path, was, .. } => Some((path, was)),
                _ => None,
            })
            .collect();
        paths.sort_by_key(|(path, _)| *path);
        let (new, old): (Vec<_>, Vec<_>) = paths.into_iter().partition(|(_, was)| **was == Was::Absent);
        for (path, was) in new.into_iter().rev().chain(old) {
            self.undone.left.remove(path.as_str());
            if let Err(failure) = self.put_path_back(path, was).await {
                self.leave(path.as_str(), failure);
            }
        }
    }

    async fn put_path_back(&mut self, path: &AbsolutePath, was: &Was) -> Result<(), Failure> {
        for _ in 0..MOST_LOOKS {
            let look = if let Was::Secret { .. } = was { Look::Keyed } else { Look::Content };
            let now = self.host.node(path, look).await.map_err(|error| Failure::from(&error))?;
            let Some(action) = next(path, was, &now)? else { return Ok(()) };
            match self.run(&action, &marks::expected(&now)).await {
                Ok(()) | Err(HostError::Changed { .. }) => {}
                Err(HostError::Io { source, .. }) if source.kind() == io::ErrorKind::DirectoryNotEmpty => {
                    return Err(Failure::not_empty());
                }
                Err(error) => return Err(Failure::from(&error)),
            }
        }
        Err(Failure::from(&HostError::Changed { what: path.to_string() }))
    }
}

/// The next thing to do so that a path becomes what it was; nothing if it is.
fn next(path: &AbsolutePath, was: &Was, now: &Node) -> Result<Option<Action>, Failure> {
    let remove = || Some(Action::RemovePath { path: path.clone() });
    let path = || path.clone();
    Ok(match (was, now) {
        (Was::NotKept { what }, _) => return Err(Failure::not_kept(what)),
        (Was::Absent, Node::Absent) => None,
        (Was::Absent, Node::File { .. } | Node::Symlink { .. } | Node::Directory { .. })
        | (Was::File { .. } | Was::Secret { .. } | Was::Symlink { .. }, Node::Directory { .. })
        | (Was::Directory { .. }, Node::File { .. } | Node::Symlink { .. }) => remove(),
        (Was::File { sha256, access, .. }, Node::File { stat, sha256: Some(found) }) if sha256 == found => {
            (!is_owned(stat, *access)).then(|| Action::SetAccess { path: path(), access: *access })
        }
        (Was::File { sha256, size, access }, Node::File { .. } | Node::Symlink { .. } | Node::Absent) => {
            Some(Action::WriteFile {
                path: path(),
                content: Content { sha256: *sha256, size: *size },
                access: *access,
                validate: None,
                sensitive: true,
            })
        }
        (Was::Secret { digest, access, .. }, Node::File { stat, sha256: Some(found) }) if digest == found => {
            (!is_owned(stat, *access)).then(|| Action::SetAccess { path: path(), access: *access })
        }
        (Was::Secret { kept, digest, access }, Node::File { .. } | Node::Symlink { .. } | Node::Absent) => {
            Some(Action::WriteSecret {
                path: path(),
                secret: kept.clone(),
                digest: *digest,
                access: *access,
                validate: None,
            })
        }
        (Was::Directory { access }, Node::Directory { stat }) => {
            (!is_owned(stat, *access)).then(|| Action::SetAccess { path: path(), access: *access })
        }
        (Was::Directory { access }, Node::Absent) => {
            Some(Action::MakeDirectory { path: path(), access: *access })
        }
        (Was::Symlink { target }, Node::Symlink { target: found, .. }) if target == found => None,
        (Was::Symlink { target }, Node::File { .. } | Node::Symlink { .. } | Node::Absent) => {
            Some(Action::MakeSymlink { path: path(), target: target.clone() })
        }
        (_, Node::Other { what }) => return Err(Failure::not_kept(what)),
    })
}

fn is_owned(stat: &Stat, access: Owned) -> bool {
    (stat.uid, stat.gid, stat.mode) == (access.uid, access.gid, access.mode)
}
