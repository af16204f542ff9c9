//! A distribution's package: installed at a version, held, or its absence.

use holdfast_schema::{
    Sha256,
    spec::{PackageEnsure, PackageSpec, Spec},
};

use super::{Fate, Kind, Refusal, Subject};
use crate::{
    host::{HostError, PackageNow, Read, version},
    ledger::Lesson,
    plan::{
        Step,
        found::{Found, Value},
    },
};

mod observe;
mod plan;

pub(crate) struct Package;

impl Kind for Package {
    type Spec = PackageSpec;
    type Observed = PackageNow;

    fn spec(spec: &Spec) -> Option<&PackageSpec> {
        if let Spec::Package(package) = spec { Some(package) } else { None }
    }

    async fn observe(subject: &Subject<'_, PackageSpec>, host: &impl Read) -> Result<PackageNow, HostError> {
        observe::observe(subject, host).await
    }

    fn plan(subject: &Subject<'_, PackageSpec>, seen: &PackageNow) -> Result<Vec<Step>, Refusal> {
        Ok(subject.want.and_then(|want| plan::plan(subject, want, seen)).into_iter().collect())
    }

    fn fate(_subject: &Subject<'_, PackageSpec>, seen: &PackageNow) -> Fate {
        match seen {
            PackageNow::Absent | PackageNow::ConfigFiles => Fate::Gone,
            PackageNow::Installed { .. } | PackageNow::Broken { .. } => {
                Fate::Released("a package is only removed when it is declared absent")
            }
        }
    }

    fn lessons(_subject: &Subject<'_, PackageSpec>, _seen: &PackageNow) -> Vec<Lesson> {
        Vec::new()
    }

    fn found(subject: &Subject<'_, PackageSpec>, seen: &PackageNow) -> Option<Found> {
        let want = subject.want?;
        let (version, held) = match seen {
            PackageNow::Absent | PackageNow::ConfigFiles => return Some(Found::absent()),
            PackageNow::Installed { version, held } => (version, *held),
            PackageNow::Broken { .. } => return None,
        };
        let mut found = Found::default();
        if want.ensure != PackageEnsure::Present {
            found = found.with("ensure", Value::Text("present".to_owned()));
        }
        if want.version.as_ref().is_some_and(|wanted| !version::matches(wanted, version)) {
            found = found.with("version", Value::Text(version.clone()));
        }
        if want.hold.is_some_and(|hold| hold != held) {
            found = found.with("hold", Value::Flag(held));
        }
        found.some()
    }

    fn fingerprint(_subject: &Subject<'_, PackageSpec>, seen: &PackageNow) -> Sha256 {
        let text = match seen {
            PackageNow::Absent | PackageNow::ConfigFiles => "absent",
            // A hold changes nothing that a unit could read.
            PackageNow::Installed { version, .. } => version,
            PackageNow::Broken { state } => state,
        };
        Sha256::of(text.as_bytes())
    }
}

#[cfg(test)]
mod tests;
