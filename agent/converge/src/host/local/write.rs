//! The write side: each action goes to the module that does it.

use std::{collections::BTreeSet, io, sync::Arc};

use holdfast_schema::{
    AbsolutePath, ContentSource, FileMode, KindName, ResourceId, Sha256, spec::SecretReference,
};
use holdfast_secrets::{EnvelopeError, Secret};

use super::{LocalHost, logins_path, unreadable_logins, unsupported};
use crate::{
    host::{
        ConfigFile, Expected, HostError, Node, Write,
        files::{Digest, NewFile},
        logins,
        packages::Installer,
    },
    plan::{
        Action, DockerAction,
        step::{OWN_PACKAGE, Owned, UnitVerb},
    },
};

impl LocalHost {
    /// Does one action of the Docker engine; a secret is only opened for what its own envelope allows.
    async fn docker(
        &self,
        action: &DockerAction,
        expects: &Expected,
        contents: &dyn ContentSource,
    ) -> Result<(), HostError> {
        let open = |secret: &SecretReference| match action {
            DockerAction::CreateSecret { resource, .. } => {
                Ok(self.read.secrets.disclose(secret, resource, contents)?.1)
            }
            _ => Err(unsupported("opening a secret for something else")),
        };
        let login = match action.pulls() {
            Some(image) => self.read.login_for(&image)?,
            None => None,
        };
        let login = login.as_deref().map(String::as_str);
        self.read.docker()?.run(action, expects, contents, &open, login).await
    }

    /// Puts the file of logins in place, changed, for root alone.
    async fn change_logins(
        &self,
        expects: &Expected,
        change: impl FnOnce(Option<&Secret>) -> Result<Secret, serde_json::Error>,
    ) -> Result<(), HostError> {
        let path = logins_path()?;
        let config = self.read.files.secret(&path, logins::LARGEST)?.map(|(config, _)| config);
        let changed = change(config.as_ref()).map_err(|why| unreadable_logins(&why))?;
        let (uid, gid) = (0, 0);
        if let Some(directory) = path.parent()
            && self.read.files.node(&directory, Digest::None)? == Node::Absent
        {
            let access = Owned { uid, gid, mode: FileMode::new(0o700) };
            self.editor.make_directory(&directory, &access, &Expected::Nothing)?;
        }
        let access = Owned { uid, gid, mode: FileMode::new(0o600) };
        let new = NewFile { bytes: changed.expose(), access, validate: None, sensitive: true };
        self.editor.write_file(&path, &new, expects).await
    }
}

impl Write for LocalHost {
    async fn run(
        &self,
        action: &Action,
        expects: &Expected,
        contents: &dyn ContentSource,
    ) -> Result<(), HostError> {
        // Whatever it does may put another directory in the place of one that is open.
        self.read.files.forget_directories();
        match action {
            Action::WriteFile { path, content, access, validate, sensitive } => {
                let bytes = verified(path, content.sha256, contents)?;
                let validate = validate.as_deref();
                let new = NewFile { bytes: &bytes, access: *access, validate, sensitive: *sensitive };
                self.editor.write_file(path, &new, expects).await
            }
            Action::WriteSecret { path, secret, access, validate, .. } => {
                let resource = ResourceId::new(KindName::File, path.as_str());
                let (envelope, secret) = self.read.secrets.disclose(secret, &resource, contents)?;
                let allowed = envelope.greatest_mode;
                if access.mode.bits() & !allowed.bits() != 0 {
                    let source = EnvelopeError::Mode { wanted: access.mode, allowed }.into();
                    return Err(HostError::Secret { what: format!("the secret {}", envelope.name), source });
                }
                let validate = validate.as_deref();
                let new = NewFile { bytes: secret.expose(), access: *access, validate, sensitive: true };
                self.editor.write_file(path, &new, expects).await
            }
            Action::SetLogin { server, user, password } => {
                let resource = ResourceId::new(KindName::Registry, server.as_str());
                let (_, password) = self.read.secrets.disclose(password, &resource, contents)?;
                Box::pin(self.read.docker()?.log_in(server, user, &password)).await?;
                self.change_logins(expects, |config| logins::with(config, server, user, &password)).await
            }
            Action::RemoveLogin { server } => {
                self.change_logins(expects, |config| logins::without(config, server)).await
            }
            Action::TrustKey { file, .. } => self.installer()?.trust(file).await,
            Action::DistrustKey { key, .. } => self.installer()?.distrust(key).await,
            Action::RefreshRepository { repository, .. } => {
                self.installer()?.refresh_repository(repository).await
            }
            Action::SetAccess { path, access } => self.editor.set_access(path, access, expects),
            Action::MakeDirectory { path, access } => self.editor.make_directory(path, access, expects),
            Action::MakeSymlink { path, target } => self.editor.make_symlink(path, target, expects),
            Action::RemovePath { path } => self.editor.remove(path, expects),
            Action::RemoveTree { path } => self.editor.remove_tree(path, expects),
            Action::Packages(transaction) => {
                // Packages bring users and groups.
                self.read.accounts.forget();
                let installer = self.installer()?;
                if transaction.install.contains_key(OWN_PACKAGE) {
                    self.rescue.arm(&self.outside).await?;
                }
                let result = installer.run(transaction).await;
                self.read.accounts.forget();
                result
            }
            Action::ReloadManager => self.read.systemd()?.reload_manager().await,
            Action::EnableUnit { unit, enable } => self.read.systemd()?.enable(unit, *enable).await,
            Action::MaskUnit { unit, mask } => self.read.systemd()?.mask(unit, *mask).await,
            Action::ControlUnit { unit, verb, health } => {
                let systemd = self.read.systemd()?;
                systemd.control(unit, *verb).await?;
                match health {
                    Some(health) if *verb != UnitVerb::Stop => {
                        systemd.await_health(unit, health, &self.outside).await
                    }
                    _ => Ok(()),
                }
            }
            Action::AwaitHealth { unit, health } => {
                self.read.systemd()?.await_health(unit, health, &self.outside).await
            }
            // It is large, and seldom needed.
            Action::Docker(action) => Box::pin(self.docker(action, expects, contents)).await,
        }
    }

    fn config_files(&self) -> Vec<ConfigFile> {
        self.installer.as_ref().map(Installer::config_files).unwrap_or_default()
    }

    async fn sweep(&self, directories: &BTreeSet<AbsolutePath>) -> Result<(), HostError> {
        directories.iter().try_for_each(|directory| self.editor.sweep(directory))
    }
}

/// The bytes with the digest `sha256`, which is checked: a store on a failing disk must not end up in a file.
fn verified(
    path: &AbsolutePath,
    sha256: Sha256,
    contents: &dyn ContentSource,
) -> Result<Arc<[u8]>, HostError> {
    let failed = |source| HostError::Io { tried: format!("get the content of {path}"), source };
    let bytes = contents.content(&sha256).map_err(failed)?;
    if Sha256::of(&bytes) == sha256 {
        Ok(bytes)
    } else {
        Err(failed(io::Error::new(io::ErrorKind::InvalidData, "it does not have its digest")))
    }
}
