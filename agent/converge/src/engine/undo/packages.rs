//! Puts packages back to the versions that they had.

use std::collections::BTreeMap;

use super::Undo;
use crate::{
    engine::{Failure, record::difference},
    host::{HostError, PackageNow, Write},
    journal::{Before, Target},
    plan::{
        Action,
        step::{OWN_PACKAGE, PackageTransaction},
    },
};

/// How often the transaction is tried again without those packages that are in its way.
const MOST_TRIES: usize = 16;

impl<H: Write> Undo<'_, H> {
    /// One transaction for all packages that Holdfast's own changed. Whether there was anything to do.
    pub(super) async fn put_packages_back(&mut self) -> bool {
        let was = self.recorded.befores.iter().find_map(|before| match before {
            Before::Packages { was } => Some(was),
            _ => None,
        });
        let Some(was) = was else { return false };
        let now = match self.host.packages().await {
            Ok(now) => now,
            Err(error) => {
                self.fail("the packages", &error);
                return false;
            }
        };
        let mut wanted = difference(was, &now);
        if self.transactions_ended() {
            // What others changed meanwhile is theirs.
            wanted.retain(|name, _| self.recorded.packages.contains_key(name));
        }
        // This very program would be stopped in the middle.
        self.undone.own = wanted.remove(OWN_PACKAGE).is_some();
        if wanted.is_empty() {
            return false;
        }
        for _ in 0..MOST_TRIES {
            let transaction = back(&wanted);
            if transaction == PackageTransaction::default() {
                break;
            }
            let action = Action::Packages(transaction);
            match self.run(&action, &crate::host::Expected::Anything).await {
                Ok(()) => break,
                Err(error) => {
                    let culprits = culprits(&error, &wanted);
                    if culprits.is_empty() {
                        self.fail("the packages", &error);
                        break;
                    }
                    for name in culprits {
                        wanted.remove(&name);
                        let own = Failure::from(error.for_package(&name));
                        self.leave(&format!("package {name}"), own);
                    }
                }
            }
        }
        true
    }

    /// Whether every transaction that was to be run ended and what it changed was written down.
    fn transactions_ended(&self) -> bool {
        let is_package = |step: &&crate::plan::Step| Target::of(&step.action) == Some(Target::Packages);
        !self.recorded.packages.is_empty() && self.recorded.unfinished().find(is_package).is_none()
    }
}

/// The transaction that makes packages what they were.
fn back(changes: &BTreeMap<String, (PackageNow, PackageNow)>) -> PackageTransaction {
    let mut transaction = PackageTransaction::default();
    for (name, (was, now)) in changes {
        let name = || name.clone();
        let held_now = matches!(now, PackageNow::Installed { held: true, .. });
        match (was, now) {
            (PackageNow::Installed { version, held }, _) => {
                let same = matches!(now, PackageNow::Installed { version: found, .. } if found == version);
                if !same {
                    transaction.install.insert(name(), Some(version.clone()));
                }
                if *held && (!held_now || !same) {
                    transaction.hold.insert(name());
                }
                if held_now && (!*held || !same) {
                    transaction.unhold.insert(name());
                }
            }
            (PackageNow::ConfigFiles, PackageNow::Installed { .. } | PackageNow::Broken { .. }) => {
                transaction.remove.insert(name());
            }
            (PackageNow::Absent, _) => drop(transaction.purge.insert(name())),
            (PackageNow::ConfigFiles | PackageNow::Broken { .. }, _) => {}
        }
    }
    transaction
}

/// The packages of a transaction that an error is about.
fn culprits(error: &HostError, wanted: &BTreeMap<String, (PackageNow, PackageNow)>) -> Vec<String> {
    error.packages().into_iter().filter(|name| wanted.contains_key(*name)).map(str::to_owned).collect()
}
