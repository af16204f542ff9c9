//! The package manager of a host in memory.

use super::Inner;
use crate::{
    host::{HostError, PackageNow, RepositoryTrouble},
    plan::step::PackageTransaction,
};

/// A package as the sources offer it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Supply {
    /// The versions, best first.
    pub(crate) versions: Vec<&'static str>,
    /// Files that it installs where nothing is yet: path and content.
    pub(crate) files: Vec<(&'static str, &'static str)>,
    /// A user that it makes.
    pub(crate) user: Option<(&'static str, u32)>,
    /// A unit that it brings and starts.
    pub(crate) unit: Option<&'static str>,
    /// Its postinst fails.
    pub(crate) breaks: bool,
    /// The source that has it, if its lists are not there from the beginning.
    pub(crate) of: Option<&'static str>,
}

impl Inner {
    /// Like apt-get: nothing at all happens if a name or version cannot be had; a failing postinst leaves the others installed.
    pub(super) fn transact(&mut self, transaction: &PackageTransaction) -> Result<(), HostError> {
        if self.packages_busy {
            return Err(HostError::Busy { what: "the dpkg lock, held by apt-get (pid 812)".to_owned() });
        }
        for (name, wanted) in &transaction.install {
            if self.candidate(name, wanted.as_deref()).is_none() {
                let version = wanted.as_ref().map(|version| format!("={version}")).unwrap_or_default();
                return Err(HostError::PackageNotFound { package: format!("{name}{version}") });
            }
        }
        self.hold(&transaction.unhold, false);
        for name in &transaction.remove {
            self.packages.insert(name.clone(), PackageNow::ConfigFiles);
        }
        for name in &transaction.purge {
            self.packages.remove(name);
        }
        let mut failed = None;
        for (name, wanted) in &transaction.install {
            let Some(version) = self.candidate(name, wanted.as_deref()) else { continue };
            let supply = self.supplies.get(name).cloned().unwrap_or_default();
            for (path, content) in &supply.files {
                if !self.nodes.contains_key(*path) {
                    self.file(path, content.as_bytes());
                }
            }
            if let Some((user, id)) = supply.user {
                self.users.insert(user.to_owned(), id);
                self.groups.insert(user.to_owned(), id);
            }
            if supply.breaks {
                self.packages
                    .insert(name.clone(), PackageNow::Broken { state: "half-configured".to_owned() });
                let reason = "its postinst failed with secret words".to_owned();
                failed = Some(HostError::Package { package: name.clone(), reason });
                continue;
            }
            let held = matches!(self.packages.get(name), Some(PackageNow::Installed { held: true, .. }));
            self.packages.insert(name.clone(), PackageNow::Installed { version, held });
            if let Some(unit) = supply.unit {
                self.bring_unit(unit);
            }
        }
        self.hold(&transaction.hold, true);
        failed.map_or(Ok(()), Err)
    }

    /// The version that would be installed: the one that is, if it fits.
    fn candidate(&self, name: &str, wanted: Option<&str>) -> Option<String> {
        let supply = self.supplies.get(name)?;
        if supply.of.is_some_and(|source| !self.fetched.contains(source)) {
            return None;
        }
        let fits = |version: &str| match wanted.map(|wanted| wanted.split_once('*')) {
            None => true,
            Some(None) => wanted == Some(version),
            Some(Some((before, after))) => version.starts_with(before) && version.ends_with(after),
        };
        let version = supply.versions.iter().copied().find(|version| fits(version))?;
        Some(version.to_owned())
    }

    /// Fetches the lists of a source.
    pub(super) fn fetch(&mut self, repository: &str) -> Result<(), HostError> {
        if self.packages_busy {
            return Err(HostError::Busy { what: "the dpkg lock, held by apt-get (pid 812)".to_owned() });
        }
        if self.forged.contains(repository) {
            self.fetched.remove(repository);
            return Err(HostError::Repository {
                repository: repository.to_owned(),
                why: RepositoryTrouble::Signature,
                reason: "NO_PUBKEY 0123456789ABCDEF".to_owned(),
            });
        }
        self.fetched.insert(repository.to_owned());
        Ok(())
    }

    fn hold(&mut self, names: &std::collections::BTreeSet<String>, hold: bool) {
        for name in names {
            if let Some(PackageNow::Installed { held, .. }) = self.packages.get_mut(name) {
                *held = hold;
            }
        }
    }
}
