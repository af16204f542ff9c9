//! The closed list of every way in which Holdfast can change a machine.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use holdfast_schema::{
    AbsolutePath, FileMode, ResourceId, Sha256, UnitName,
    id::{RegistryName, RepositoryName},
    spec::{Content, Health, SecretReference},
};
use serde::{Deserialize, Serialize};

use super::DockerAction;
use crate::host::Expected;

/// One change to the host. Only `host/` interprets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Puts a whole new file in place: staged in the same directory, validated, then renamed over the file or symlink
    /// that is expected there.
    WriteFile {
        /// Where it goes.
        path: AbsolutePath,
        /// What it will hold.
        content: Content,
        /// Who owns it and who may use it.
        access: Owned,
        /// What must succeed on the staged file first; `{path}` stands for it.
        validate: Option<Vec<String>>,
        /// Whether what `validate` says must not be repeated, for it may quote the content.
        #[serde(default)]
        sensitive: bool,
    },
    /// The same with a secret, which is decrypted for the moment of writing.
    WriteSecret {
        /// Where it goes.
        path: AbsolutePath,
        /// Which secret.
        secret: SecretReference,
        /// Its digest under the host's own key.
        digest: Sha256,
        /// Who owns the file and who may use it.
        access: Owned,
        /// What must succeed on the staged file first; `{path}` stands for it.
        validate: Option<Vec<String>>,
    },
    /// Puts a login at a registry of images among root's, if the registry does not refuse it.
    SetLogin {
        /// Which registry.
        server: RegistryName,
        /// Whose.
        user: String,
        /// The secret that is the password.
        password: SecretReference,
    },
    /// Takes a login out of root's.
    RemoveLogin {
        /// At which registry.
        server: RegistryName,
    },
    /// Makes rpm trust the keys in a file: packages that are signed with one of them are installed.
    TrustKey {
        /// The name under which rpm keeps the one that it is about.
        key: String,
        /// The file.
        file: AbsolutePath,
    },
    /// Makes rpm trust a key no longer.
    DistrustKey {
        /// The name under which rpm keeps it.
        key: String,
        /// The file that it was in.
        file: AbsolutePath,
    },
    /// Fetches the lists of a package source anew, and checks whom they are from.
    RefreshRepository {
        /// Which source.
        repository: RepositoryName,
        /// What its files say now.
        inputs: Sha256,
    },
    /// Changes owner, group or mode of what is there, never through a symlink.
    SetAccess {
        /// Of what.
        path: AbsolutePath,
        /// To what.
        access: Owned,
    },
    /// Makes one directory; its parent is there.
    MakeDirectory {
        /// Where.
        path: AbsolutePath,
        /// Who owns it and who may use it.
        access: Owned,
    },
    /// Puts a symbolic link in place, over the file or symlink that is expected there.
    MakeSymlink {
        /// Where.
        path: AbsolutePath,
        /// What it points at.
        target: String,
    },
    /// Removes a file, a symlink or an empty directory.
    RemovePath {
        /// Which.
        path: AbsolutePath,
    },
    /// Removes a directory with all that is in it; only for a declared removal with `purge`.
    RemoveTree {
        /// Which.
        path: AbsolutePath,
    },
    /// Changes packages in one transaction. Shared: the engine merges those of all resources that are ready.
    Packages(PackageTransaction),
    /// Makes the service manager read unit files again. Shared: done once for all units that wait for it.
    ReloadManager,
    /// Enables or disables a unit file for the next boot.
    EnableUnit {
        /// Which unit.
        unit: UnitName,
        /// `true` enables, `false` disables.
        enable: bool,
    },
    /// Masks or unmasks a unit.
    MaskUnit {
        /// Which unit.
        unit: UnitName,
        /// `true` masks, `false` unmasks.
        mask: bool,
    },
    /// Starts, stops, restarts or reloads a unit, and waits until its job is done, it has settled and is healthy.
    ControlUnit {
        /// Which unit.
        unit: UnitName,
        /// What is done to it.
        verb: UnitVerb,
        /// How to know that it works; not asked after [`UnitVerb::Stop`].
        health: Option<Health>,
    },
    /// Changes nothing: waits until a unit that was started before is healthy.
    AwaitHealth {
        /// Which unit.
        unit: UnitName,
        /// How to know.
        health: Health,
    },
    /// Changes what the Docker engine keeps.
    Docker(DockerAction),
}

/// Resolved owner, group and mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owned {
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Permission bits.
    pub mode: FileMode,
}

/// What to do with packages, in one run of the package manager.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PackageTransaction {
    /// Packages that an interrupted run left half installed: configured or installed again before anything else.
    pub repair: BTreeSet<String>,
    /// Packages to install or move: name to exact version, glob, or `None` for the candidate.
    pub install: BTreeMap<String, Option<String>>,
    /// Packages to remove, their configuration kept.
    pub remove: BTreeSet<String>,
    /// Packages to remove with their configuration.
    pub purge: BTreeSet<String>,
    /// Packages to hold afterwards.
    pub hold: BTreeSet<String>,
    /// Packages whose hold is lifted beforehand.
    pub unhold: BTreeSet<String>,
    /// Packages whose new configuration files take the place of those that were changed here; others' are put beside them.
    #[serde(default)]
    pub replace_config: BTreeSet<String>,
    /// Units that no package starts: the state does, once what they need is there.
    #[serde(default)]
    pub not_yet: BTreeSet<UnitName>,
    /// How long one maintainer script may run; `None` is an hour.
    #[serde(default)]
    pub script_limit: Option<Duration>,
}

/// The package that Holdfast itself is in.
pub const OWN_PACKAGE: &str = "holdfast";

impl PackageTransaction {
    /// Whether it changes Holdfast itself.
    pub fn is_own(&self) -> bool {
        self.install.contains_key(OWN_PACKAGE)
            || self.remove.contains(OWN_PACKAGE)
            || self.purge.contains(OWN_PACKAGE)
    }

    /// Every package that it speaks of.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        let sets = [&self.repair, &self.remove, &self.purge, &self.hold, &self.unhold];
        self.install.keys().chain(sets.into_iter().flatten())
    }

    /// Adds everything of `other`. The two speak of different packages.
    pub fn merge(&mut self, other: PackageTransaction) {
        self.repair.extend(other.repair);
        self.install.extend(other.install);
        self.remove.extend(other.remove);
        self.purge.extend(other.purge);
        self.hold.extend(other.hold);
        self.unhold.extend(other.unhold);
        self.replace_config.extend(other.replace_config);
        self.not_yet.extend(other.not_yet);
        self.script_limit = self.script_limit.max(other.script_limit);
    }
}

/// What is done to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnitVerb {
    /// Started if it does not run.
    Start,
    /// Stopped.
    Stop,
    /// Stopped and started anew.
    Restart,
    /// Told to read its configuration again, or restarted if it cannot.
    Reload,
}

/// One action with why it is there and what it counts on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// For which resource.
    pub resource: ResourceId,
    /// What is done.
    pub action: Action,
    /// What must be found just before; anything else means observe again, never overwrite unseen.
    pub expects: Expected,
    /// The difference that it removes.
    pub because: Difference,
    /// What people and programs notice of it.
    pub disrupts: Disruption,
}

/// Why a step is needed, in words for people and without any content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What differs, such as `content`, `mode`, `active`.
    pub field: String,
    /// What is there, such as `0600`; for contents a short digest or `none`.
    pub from: String,
    /// What should be there.
    pub to: String,
}

/// What people and programs notice of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Disruption {
    /// Nothing.
    None,
    /// A service reads its configuration again.
    Reload,
    /// A service is away for a moment.
    Restart,
    /// Something stops or goes away.
    Stop,
}

impl Action {
    /// See [`DockerAction::tidies`].
    pub fn tidies(&self) -> bool {
        matches!(self, Self::Docker(action) if action.tidies())
    }

    /// Whether it changes files, directories or links by itself.
    pub fn is_of_files(&self) -> bool {
        match self {
            Self::WriteFile { .. }
            | Self::WriteSecret { .. }
            | Self::SetLogin { .. }
            | Self::RemoveLogin { .. }
            | Self::SetAccess { .. }
            | Self::MakeDirectory { .. }
            | Self::MakeSymlink { .. }
            | Self::RemovePath { .. }
            | Self::RemoveTree { .. } => true,
            Self::Packages(_)
            | Self::TrustKey { .. }
            | Self::DistrustKey { .. }
            | Self::RefreshRepository { .. }
            | Self::ReloadManager
            | Self::EnableUnit { .. }
            | Self::MaskUnit { .. }
            | Self::ControlUnit { .. }
            | Self::AwaitHealth { .. }
            | Self::Docker(_) => false,
        }
    }
}
