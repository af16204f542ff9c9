//! A service of the Swarm: what it is, and whether its tasks are that.

use std::collections::BTreeSet;

use holdfast_schema::{
    Sha256,
    spec::{ServiceSpec, Spec},
};

use super::{
    Fate, Kind, Refusal, Subject, docker,
    swarm::{self, Part},
};
use crate::{
    host::{HostError, Read, ServiceNow, SwarmObject},
    ledger::Lesson,
    plan::Step,
};

mod body;
mod compare;
mod plan;

pub(crate) struct Service;

/// What can be seen of a service.
#[derive(Debug, PartialEq)]
pub(crate) struct Observed {
    part: Part,
    /// `None` if there is none of the name, or only others know.
    now: Option<ServiceNow>,
}

impl Kind for Service {
    type Spec = ServiceSpec;
    type Observed = Observed;

    fn spec(spec: &Spec) -> Option<&ServiceSpec> {
        if let Spec::Service(service) = spec { Some(service) } else { None }
    }

    async fn observe(subject: &Subject<'_, ServiceSpec>, host: &impl Read) -> Result<Observed, HostError> {
        let part = swarm::part(subject.want.is_some(), host).await?;
        let now = match part.sees() {
            true => host.services().await?.get(&subject.id.name).cloned(),
            false => None,
        };
        Ok(Observed { part, now })
    }

    fn plan(subject: &Subject<'_, ServiceSpec>, seen: &Observed) -> Result<Vec<Step>, Refusal> {
        plan::plan(subject, seen)
    }

    fn fate(subject: &Subject<'_, ServiceSpec>, seen: &Observed) -> Fate {
        swarm::fate(subject.id, subject.entry, seen.now.as_ref().map(|now| &now.labels))
    }

    fn lessons(subject: &Subject<'_, ServiceSpec>, seen: &Observed) -> Vec<Lesson> {
        docker::lessons(subject.id, subject.entry, seen.now.as_ref().map(|now| &now.labels))
    }

    fn fingerprint(_subject: &Subject<'_, ServiceSpec>, seen: &Observed) -> Sha256 {
        let now = seen.now.as_ref();
        Sha256::of(now.map_or_else(|| "absent".to_owned(), |now| now.spec.to_string()).as_bytes())
    }
}

/// The names of everything of a sort that services use, or would use again if what they are changing to were taken back.
pub(super) async fn used(object: SwarmObject, host: &impl Read) -> Result<BTreeSet<String>, HostError> {
    let services = host.services().await?;
    let mut used = BTreeSet::new();
    for service in services.values() {
        used.extend(service.uses(object));
        if service.is_changing() || service.is_stopped() {
            used.extend(service.before.iter().cloned());
        }
    }
    Ok(used)
}

#[cfg(test)]
mod tests;
