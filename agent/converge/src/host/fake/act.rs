//! What each action does to a host in memory.

use std::io;

use holdfast_schema::{AbsolutePath, ContentSource, FileMode, KindName, ResourceId};
use holdfast_secrets::Secret;

use super::{Body, Inner};
use crate::{
    host::{Expected, HostError, Look, Node, PackageNow, logins},
    plan::{Action, step::Owned},
};

impl Inner {
    pub(super) fn act(
        &mut self,
        action: &Action,
        expects: &Expected,
        contents: &dyn ContentSource,
    ) -> Result<(), HostError> {
        match action {
            Action::WriteFile { path, content, access, validate, .. } => {
                self.expect(path, expects)?;
                self.parent(path)?;
                let bytes = contents.content(&content.sha256).map_err(|source| io_error(path, source))?;
                // `false` is the command that refuses whatever it is given.
                if validate
                    .as_ref()
                    .is_some_and(|command| command.first().is_some_and(|name| name == "false"))
                {
                    let (path, command) = (path.to_string(), "false".to_owned());
                    return Err(HostError::Invalid { path, command, reason: "exit status 1".to_owned() });
                }
                self.replaceable(path)?;
                self.own(path, Body::File(bytes), *access);
            }
            Action::WriteSecret { path, secret, access, .. } => {
                self.expect(path, expects)?;
                self.parent(path)?;
                let resource = ResourceId::new(KindName::File, path.as_str());
                let (_, secret) = self.secrets.disclose(secret, &resource, contents)?;
                self.replaceable(path)?;
                self.own(path, Body::File(secret.expose().into()), *access);
            }
            Action::SetLogin { server, user, password } => {
                let resource = ResourceId::new(KindName::Registry, server.as_str());
                let (_, password) = self.secrets.disclose(password, &resource, contents)?;
                self.docker.log_in(server.as_str(), user)?;
                self.logins(expects, |config| logins::with(config, server, user, &password))?;
            }
            Action::RemoveLogin { server } => {
                self.logins(expects, |config| logins::without(config, server))?;
            }
            Action::SetAccess { path, access } => {
                self.expect(path, expects)?;
                self.access(path.as_str(), access.uid, access.gid, access.mode.bits());
            }
            Action::MakeDirectory { path, access } => {
                self.expect(path, expects)?;
                self.parent(path)?;
                self.absent(path)?;
                self.own(path, Body::Directory, *access);
            }
            Action::MakeSymlink { path, target } => {
                self.expect(path, expects)?;
                self.parent(path)?;
                self.replaceable(path)?;
                self.symlink(path.as_str(), target);
            }
            Action::RemovePath { path } => {
                self.expect(path, expects)?;
                if !self.entries(path.as_str()).is_empty() {
                    return Err(io_error(path, io::ErrorKind::DirectoryNotEmpty.into()));
                }
                self.remove(path.as_str());
            }
            Action::RemoveTree { path } => {
                self.expect(path, expects)?;
                self.remove(path.as_str());
            }
            Action::TrustKey { key, .. } => {
                let now = PackageNow::Installed { version: "0".to_owned(), held: false };
                self.packages.insert(key.clone(), now);
            }
            Action::DistrustKey { key, .. } => drop(self.packages.remove(key)),
            Action::RefreshRepository { repository, .. } => self.fetch(repository.as_str())?,
            Action::Packages(transaction) => self.transact(transaction)?,
            Action::ReloadManager => self.reload_manager()?,
            Action::EnableUnit { unit, enable } => self.enable(unit, *enable)?,
            Action::MaskUnit { unit, mask } => self.mask(unit, *mask)?,
            Action::ControlUnit { unit, verb, health } => self.control(unit, *verb, health.as_ref())?,
            Action::AwaitHealth { unit, .. } => self.healthy(unit)?,
            Action::Docker(action) => self.docker.act(action, expects)?,
        }
        Ok(())
    }

    fn logins(
        &mut self,
        expects: &Expected,
        change: impl FnOnce(Option<&Secret>) -> Result<Secret, serde_json::Error>,
    ) -> Result<(), HostError> {
        let path: AbsolutePath = logins::PATH.parse().unwrap();
        self.expect(&path, expects)?;
        let config = self.content(logins::PATH).map(|bytes| Secret::new(bytes.to_vec()));
        let changed = change(config.as_ref()).unwrap();
        let access = Owned { uid: 0, gid: 0, mode: FileMode::new(0o600) };
        self.own(&path, Body::File(changed.expose().into()), access);
        Ok(())
    }

    fn expect(&self, path: &AbsolutePath, expects: &Expected) -> Result<(), HostError> {
        if expects.matches(&self.node(path, Look::Metadata)) {
            return Ok(());
        }
        Err(HostError::Changed { what: path.to_string() })
    }

    fn parent(&self, path: &AbsolutePath) -> Result<(), HostError> {
        let there = path.parent().is_none_or(|parent| {
            self.nodes.get(parent.as_str()).is_some_and(|node| node.body == Body::Directory)
        });
        if there { Ok(()) } else { Err(io_error(path, io::ErrorKind::NotFound.into())) }
    }

    fn absent(&self, path: &AbsolutePath) -> Result<(), HostError> {
        match self.node(path, Look::Metadata) {
            Node::Absent => Ok(()),
            _ => Err(io_error(path, io::ErrorKind::AlreadyExists.into())),
        }
    }

    /// A rename replaces files and symlinks, nothing else.
    fn replaceable(&self, path: &AbsolutePath) -> Result<(), HostError> {
        match self.node(path, Look::Metadata) {
            Node::Absent | Node::File { .. } | Node::Symlink { .. } => Ok(()),
            Node::Directory { .. } => {
                Err(HostError::InTheWay { path: path.to_string(), found: "a directory" })
            }
            Node::Other { what } => Err(HostError::InTheWay { path: path.to_string(), found: what }),
        }
    }

    fn own(&mut self, path: &AbsolutePath, body: Body, access: Owned) {
        self.put(path.as_str(), body, access.uid, access.gid, access.mode.bits());
    }
}

fn io_error(path: &AbsolutePath, source: io::Error) -> HostError {
    HostError::Io { tried: format!("change {path}"), source }
}
