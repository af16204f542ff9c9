//! A compose file on one engine. What it declares are resources of their own; here is what it does not: containers that the
//! project still has of services that are gone.

use std::collections::BTreeMap;

use holdfast_schema::{
    KindName, ResourceId, Sha256,
    spec::{ComposeSpec, Spec},
};

use super::{Around, Fate, Kind, Refusal, Subject, docker};
use crate::{
    host::{ContainerNow, Expected, HostError, Read},
    ledger::Lesson,
    plan::{Disruption, DockerAction, Step},
};

/// What Compose calls a container by.
const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
const ONE_OFF: &str = "com.docker.compose.oneoff";

pub(crate) struct Compose;

impl Kind for Compose {
    type Spec = ComposeSpec;
    /// The project's containers.
    type Observed = BTreeMap<String, ContainerNow>;

    fn spec(spec: &Spec) -> Option<&ComposeSpec> {
        if let Spec::Compose(project) = spec { Some(project) } else { None }
    }

    async fn observe(
        subject: &Subject<'_, ComposeSpec>,
        host: &impl Read,
    ) -> Result<Self::Observed, HostError> {
        match subject.want {
            Some(project) => host.labelled_containers(PROJECT, project.name.as_str()).await,
            None => Ok(BTreeMap::new()),
        }
    }

    fn plan(subject: &Subject<'_, ComposeSpec>, seen: &Self::Observed) -> Result<Vec<Step>, Refusal> {
        let Some(want) = subject.want else { return Ok(Vec::new()) };
        let orphans = seen.iter().filter(|(name, now)| is_orphan(want, name, now, subject.around));
        let removal = |(name, now): (&String, &ContainerNow)| {
            let service = now.labels.get(SERVICE).map_or("none", String::as_str);
            let because = docker::difference(
                "containers",
                format!("{name} of the service {service}"),
                "none, the compose file does not have it",
            );
            let action = DockerAction::RemoveContainer { name: name.clone() };
            docker::step(subject.id, action, Expected::Object(now.id.clone()), because, Disruption::Stop)
        };
        Ok(orphans.map(removal).collect())
    }

    fn fate(_subject: &Subject<'_, ComposeSpec>, _seen: &Self::Observed) -> Fate {
        Fate::Gone
    }

    fn lessons(_subject: &Subject<'_, ComposeSpec>, _seen: &Self::Observed) -> Vec<Lesson> {
        Vec::new()
    }

    fn fingerprint(_subject: &Subject<'_, ComposeSpec>, seen: &Self::Observed) -> Sha256 {
        let ids: Vec<&str> = seen.values().map(|now| now.id.as_str()).collect();
        Sha256::of(ids.join(" ").as_bytes())
    }
}

/// Whether a container of the project is of nothing that is declared, and nobody else will remove it.
fn is_orphan(want: &ComposeSpec, name: &str, now: &ContainerNow, around: &Around<'_>) -> bool {
    let id = ResourceId::new(KindName::Container, name);
    let leaves_by_itself = || around.ledger.entry(&id).is_some_and(|entry| entry.made);
    let is_asleep = now.labels.get(SERVICE).is_some_and(|service| want.asleep.contains(service));
    // What `docker compose run` made ends by itself.
    let is_one_off = now.labels.get(ONE_OFF).is_some_and(|one_off| one_off == "True");
    !around.state.resources.contains_key(&id) && !is_asleep && !is_one_off && !leaves_by_itself()
}

#[cfg(test)]
mod tests;
