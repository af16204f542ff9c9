//! What hosts know of themselves: as they last told it, or a plausible host's.

use std::{collections::BTreeMap, path::Path};

use holdfast_git::LocalRepository;
use holdfast_schema::{Facts, Fleet, HostName, Repository};
use holdfast_trust::{ObjectId, PublicKey};

use crate::{
    failure::{Code, Failure},
    fleet::{report, status},
};

/// What hosts told of themselves on their status branches, as far as the clone around a work tree has these.
pub(crate) struct Told {
    clone: Option<LocalRepository>,
    branches: BTreeMap<HostName, ObjectId>,
    keys: BTreeMap<HostName, String>,
}

impl Told {
    /// What is known around `root`; nothing, if that is no clone.
    pub(crate) fn around(root: &Path, repository: &Repository) -> Self {
        let clone = LocalRepository::discover(root).ok();
        let branches = clone.as_ref().and_then(|clone| status::newest(clone).ok()).unwrap_or_default();
        let branches = status::status_branches(&branches);
        // Every host's document is read for its key, which would be for nothing.
        let keys = if branches.is_empty() { BTreeMap::new() } else { Fleet::new(repository).status_keys() };
        Self { clone, branches, keys }
    }

    /// What `host` told last, in its own name.
    pub(crate) fn by(&self, host: &HostName) -> Option<Facts> {
        let key: PublicKey = self.keys.get(host)?.parse().ok()?;
        let status = report::own_word(host, &key, self.branches.get(host)?, self.clone.as_ref()?).ok()??;
        let mut facts = status.facts;
        if facts.os_family.is_empty() {
            facts.os_family = Facts::family(&facts.os, "");
        }
        Some(facts)
    }
}

/// What `host` told last, or else a plausible host's facts, with those given instead.
pub(crate) fn of(
    host: &HostName,
    root: &Path,
    repository: &Repository,
    given: &[(String, String)],
) -> Result<Facts, Failure> {
    with(Told::around(root, repository).by(host).unwrap_or_else(Facts::sample), given)
}

/// Facts with those given instead.
fn with(mut facts: Facts, given: &[(String, String)]) -> Result<Facts, Failure> {
    for (name, value) in given {
        let number = || {
            value.parse::<u32>().map_err(|why| {
                Failure::new(Code::Fact, format!("cannot set the fact {name} to {value:?}")).because(why)
            })
        };
        match name.as_str() {
            "hostname" => facts.hostname.clone_from(value),
            "os" => {
                facts.os.clone_from(value);
                if given.iter().all(|(name, _)| name != "os_family") {
                    facts.os_family = Facts::family(value, "");
                }
            }
            "os_family" => facts.os_family.clone_from(value),
            "os_version" => facts.os_version.clone_from(value),
            "os_codename" => facts.os_codename.clone_from(value),
            "arch" => facts.arch.clone_from(value),
            "kernel" => facts.kernel.clone_from(value),
            "virtualization" => facts.virtualization.clone_from(value),
            "cpus" => facts.cpus = number()?,
            "memory_mib" => facts.memory_mib = number()?.into(),
            _ => return Err(Failure::new(Code::Fact, format!("there is no fact {name:?}"))),
        }
    }
    Ok(facts)
}
