//! What must change about a package: at most one step, for all of it goes into one transaction.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_schema::spec::{ConfigFiles, PackageEnsure, PackageSpec};

use crate::{
    host::{Expected, PackageNow, version},
    kinds::Subject,
    plan::{Action, Difference, Disruption, Step, step::PackageTransaction},
};

pub(super) fn plan(subject: &Subject<'_, PackageSpec>, want: &PackageSpec, now: &PackageNow) -> Option<Step> {
    let (transaction, to, disrupts) = match want.ensure {
        PackageEnsure::Present => present(want, now)?,
        PackageEnsure::Absent => match now {
            PackageNow::Absent | PackageNow::ConfigFiles => return None,
            PackageNow::Installed { .. } | PackageNow::Broken { .. } => {
                let remove = PackageTransaction { remove: only(want), ..lifted(want, now) };
                (remove, "removed".to_owned(), Disruption::Stop)
            }
        },
        PackageEnsure::Purged => match now {
            PackageNow::Absent => return None,
            PackageNow::ConfigFiles => {
                let purge = PackageTransaction { purge: only(want), ..PackageTransaction::default() };
                (purge, "purged".to_owned(), Disruption::None)
            }
            PackageNow::Installed { .. } | PackageNow::Broken { .. } => {
                let purge = PackageTransaction { purge: only(want), ..lifted(want, now) };
                (purge, "purged".to_owned(), Disruption::Stop)
            }
        },
    };
    Some(Step {
        resource: subject.id.clone(),
        action: Action::Packages(transaction),
        expects: Expected::Anything,
        because: Difference { field: "package".to_owned(), from: describe(now), to },
        disrupts,
    })
}

fn present(want: &PackageSpec, now: &PackageNow) -> Option<(PackageTransaction, String, Disruption)> {
    let install = || BTreeMap::from([(want.name.clone(), want.version.clone())]);
    let wanted = want.version.clone().unwrap_or_else(|| "installed".to_owned());
    let hold = if want.hold == Some(true) { only(want) } else { BTreeSet::new() };
    let replace_config = if want.config_files == ConfigFiles::Replace { only(want) } else { BTreeSet::new() };
    match now {
        PackageNow::Absent | PackageNow::ConfigFiles => {
            let transaction = PackageTransaction {
                install: install(),
                hold,
                replace_config,
                ..PackageTransaction::default()
            };
            Some((transaction, wanted, Disruption::None))
        }
        PackageNow::Broken { .. } => {
            let transaction = PackageTransaction {
                repair: only(want),
                install: install(),
                hold,
                replace_config,
                ..PackageTransaction::default()
            };
            Some((transaction, wanted, Disruption::Restart))
        }
        PackageNow::Installed { version, held } => {
            let fits = want.version.as_ref().is_none_or(|wanted| version::matches(wanted, version));
            if !fits {
                // A hold that is not spoken of is put back after the move.
                let hold = if *held && want.hold.is_none() { only(want) } else { hold };
                let transaction =
                    PackageTransaction { install: install(), hold, replace_config, ..lifted(want, now) };
                return Some((transaction, wanted, Disruption::Restart));
            }
            let nothing = PackageTransaction::default();
            match want.hold {
                Some(true) if !held => {
                    let transaction = PackageTransaction { hold, ..nothing };
                    Some((transaction, format!("{version}, held"), Disruption::None))
                }
                Some(false) if *held => {
                    let transaction = PackageTransaction { unhold: only(want), ..nothing };
                    Some((transaction, format!("{version}, not held"), Disruption::None))
                }
                Some(_) | None => None,
            }
        }
    }
}

/// A transaction that lifts the hold, if there is one: the package manager moves no held package.
fn lifted(want: &PackageSpec, now: &PackageNow) -> PackageTransaction {
    let held = matches!(now, PackageNow::Installed { held: true, .. });
    let unhold = if held { only(want) } else { BTreeSet::new() };
    PackageTransaction { unhold, ..PackageTransaction::default() }
}

fn only(want: &PackageSpec) -> BTreeSet<String> {
    BTreeSet::from([want.name.clone()])
}

fn describe(now: &PackageNow) -> String {
    match now {
        PackageNow::Absent => "not installed".to_owned(),
        PackageNow::ConfigFiles => "removed, configuration kept".to_owned(),
        PackageNow::Installed { version, held: false } => version.clone(),
        PackageNow::Installed { version, held: true } => format!("{version}, held"),
        PackageNow::Broken { state } => format!("broken ({state})"),
    }
}
