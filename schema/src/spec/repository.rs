//! Sources of packages.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Content, Ensure};
use crate::{AbsolutePath, id::RepositoryName};

/// A source of packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositorySpec {
    /// Its name.
    pub name: RepositoryName,
    /// Absent removes its file and its key.
    pub ensure: Ensure,
    /// Whether packages are taken from it.
    pub enabled: bool,
    /// What its file holds; `None` only with [`Ensure::Absent`].
    pub source: Option<RepositorySource>,
    /// What it is signed with; `None` if nobody checks.
    pub key: Option<RepositoryKey>,
}

/// What the file of a repository holds, for those who read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RepositorySource {
    /// Debian packages: deb822-style, see sources.list(5).
    Deb(Content),
    /// rpm packages.
    Rpm {
        /// See dnf.conf(5).
        dnf: Content,
        /// See zypper(8); `None` if it asks for what zypper does not have.
        zypper: Option<Content>,
    },
}

/// The keys that a repository is signed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryKey {
    /// Public keys in one block of ASCII armour.
    pub content: Content,
    /// The names under which rpm keeps them, `gpg-pubkey-ID-TIME`.
    pub names: BTreeSet<String>,
}

/// Where a repository's file lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepositoryPlace {
    /// Where apt looks.
    Apt,
    /// Where dnf looks.
    Dnf,
    /// Where zypper looks.
    Zypper,
}

impl RepositoryPlace {
    /// Every place.
    pub const ALL: [Self; 3] = [Self::Apt, Self::Dnf, Self::Zypper];

    /// The path of the file of the repository `name`.
    pub fn file(self, name: &RepositoryName) -> String {
        match self {
            Self::Apt => format!("/etc/apt/sources.list.d/{name}.sources"),
            Self::Dnf => format!("/etc/yum.repos.d/{name}.repo"),
            Self::Zypper => format!("/etc/zypp/repos.d/{name}.repo"),
        }
    }

    /// The path of its key, which is no other repository's.
    pub fn key(self, name: &RepositoryName) -> String {
        match self {
            Self::Apt => format!("/etc/apt/keyrings/{name}.asc"),
            Self::Dnf | Self::Zypper => format!("/etc/pki/rpm-gpg/RPM-GPG-KEY-{name}"),
        }
    }

    /// What is to be in its file there, if that place takes it.
    pub fn content(self, source: &RepositorySource) -> Option<Content> {
        match (self, source) {
            (Self::Apt, RepositorySource::Deb(content))
            | (Self::Dnf, RepositorySource::Rpm { dnf: content, .. }) => Some(*content),
            (Self::Zypper, RepositorySource::Rpm { zypper, .. }) => *zypper,
            _ => None,
        }
    }
}

impl RepositorySpec {
    /// Where its file and its key may lie, each with what it holds: which place it is, only the host knows.
    pub fn files(&self) -> Vec<(AbsolutePath, Option<Content>)> {
        let mut files: Vec<(String, Option<Content>)> = Vec::new();
        for place in RepositoryPlace::ALL {
            let content = match &self.source {
                None => None,
                Some(source) => match place.content(source) {
                    None => continue,
                    content => content,
                },
            };
            files.push((place.file(&self.name), content));
            let key = (place.key(&self.name), self.key.as_ref().map(|key| key.content));
            if !files.contains(&key) && (self.source.is_none() || self.key.is_some()) {
                files.push(key);
            }
        }
        files.into_iter().filter_map(|(path, content)| Some((path.parse().ok()?, content))).collect()
    }

    pub(super) fn paths(&self) -> Vec<AbsolutePath> {
        self.files().into_iter().map(|(path, _)| path).collect()
    }
}
