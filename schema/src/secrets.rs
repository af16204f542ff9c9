//! The secrets of a fleet: which there are, and to which keys each is to be encrypted.

use std::collections::{BTreeMap, BTreeSet};

use crate::{HostName, Sha256, id::SecretName};

/// Where the list of secrets lies in the repository.
pub const INDEX: &str = "secrets/index.toml";

/// Every secret that the list has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Secrets {
    /// The keys that every secret is encrypted to beside the hosts'.
    pub recovery: BTreeSet<String>,
    /// The secrets by name.
    pub secrets: BTreeMap<SecretName, Listed>,
}

/// One secret of the list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// The hosts that may read it, with the key of each that has told one.
    pub hosts: BTreeMap<HostName, Option<String>>,
    /// The digest of the keys that it was encrypted to.
    pub sealed: Option<Sha256>,
}

impl Secrets {
    /// The keys that a secret is to be encrypted to; none if there is no such secret.
    pub fn recipients(&self, name: &SecretName) -> BTreeSet<String> {
        let Some(listed) = self.secrets.get(name) else { return BTreeSet::new() };
        listed.hosts.values().flatten().chain(&self.recovery).cloned().collect()
    }
}

/// The digest of keys that [`Listed::sealed`] is compared with.
pub fn digest(recipients: &BTreeSet<String>) -> Sha256 {
    let lines: String = recipients.iter().flat_map(|recipient| [recipient.as_str(), "\n"]).collect();
    Sha256::of(lines.as_bytes())
}

/// Where a secret's encrypted file lies in the repository.
pub fn path(name: &SecretName) -> String {
    format!("secrets/{name}.age")
}
