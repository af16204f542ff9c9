//! What the records of a journal say together.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_schema::AbsolutePath;

use super::{Before, Record};
use crate::{host::PackageNow, plan::Step};

/// What a journal holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// What everything that was touched was before, in the order in which it was written down; each thing once.
    pub befores: Vec<Before>,
    /// What was overwritten without being part of what is taken back.
    pub overwritten: Vec<Before>,
    /// Every step that was to be run.
    pub intents: Vec<Step>,
    /// The numbers of those that are known to have been run.
    pub done: BTreeSet<u32>,
    /// What transactions of the package manager changed: from what, before the first of them, to what.
    pub packages: BTreeMap<String, (PackageNow, PackageNow)>,
}

impl Recorded {
    /// What these records say together.
    pub fn of(records: impl IntoIterator<Item = Record>) -> Self {
        let mut recorded = Self::default();
        let mut known = BTreeSet::new();
        for record in records {
            match record {
                Record::Before(before) => {
                    if known.insert(before.target()) {
                        recorded.befores.push(before);
                    }
                }
                Record::Overwritten(before) => recorded.overwritten.push(before),
                Record::Intent(step) => recorded.intents.push(*step),
                Record::Done(number) => drop(recorded.done.insert(number)),
                Record::Packages(changes) => {
                    for (name, (from, to)) in changes {
                        let first = recorded.packages.remove(&name).map(|(first, _)| first);
                        recorded.packages.insert(name, (first.unwrap_or(from), to));
                    }
                }
            }
        }
        recorded
    }

    /// Every path that was touched.
    pub fn paths(&self) -> impl Iterator<Item = &AbsolutePath> {
        self.befores.iter().filter_map(|before| match before {
            Before::Path { path, .. } => Some(path),
            Before::Unit { .. }
            | Before::Packages { .. }
            | Before::Key { .. }
            | Before::Repository { .. }
            | Before::Network { .. }
            | Before::Container { .. }
            | Before::Service { .. }
            | Before::Node { .. } => None,
        })
    }

    /// The steps that may have been begun and are not known to be done.
    pub fn unfinished(&self) -> impl Iterator<Item = &Step> {
        let numbered = (0_u32..).zip(&self.intents);
        numbered.filter(|(number, _)| !self.done.contains(number)).map(|(_, step)| step)
    }
}
