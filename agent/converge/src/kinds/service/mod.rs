//! A service of the Swarm: what it is, and whether its tasks are that.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_schema::{
    ImageReference, KindName, ObjectName, ResourceId, Sha256,
    spec::{ConfigSpec, SecretSpec, ServiceSpec, Spec},
};

use super::{
    Around, Fate, Kind, Refusal, Subject, config, docker,
    swarm::{self, Part},
};
use crate::{
    host::{HostError, Read, SERVICE_IMAGE, ServiceNow, SwarmObject},
    ledger::{Lesson, Pinned},
    plan::{Step, found::Found},
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
    kept: Kept,
}

/// What the declared configs and secrets that a service has are called in the Swarm.
#[derive(Debug, Default, PartialEq)]
struct Kept {
    configs: BTreeMap<ObjectName, String>,
    secrets: BTreeMap<ObjectName, String>,
}

impl Kind for Service {
    type Spec = ServiceSpec;
    type Observed = Observed;

    fn spec(spec: &Spec) -> Option<&ServiceSpec> {
        if let Spec::Service(service) = spec { Some(service) } else { None }
    }

    async fn observe(subject: &Subject<'_, ServiceSpec>, host: &impl Read) -> Result<Observed, HostError> {
        let part = swarm::part(subject.want.is_some(), host).await?;
        let now = if part.sees() { host.services().await?.get(&subject.id.name).cloned() } else { None };
        let kept = match subject.want {
            Some(want) if part == Part::Leads => kept(want, subject.around, host).await?,
            Some(_) | None => Kept::default(),
        };
        Ok(Observed { part, now, kept })
    }

    fn plan(subject: &Subject<'_, ServiceSpec>, seen: &Observed) -> Result<Vec<Step>, Refusal> {
        plan::plan(subject, seen)
    }

    fn fate(subject: &Subject<'_, ServiceSpec>, seen: &Observed) -> Fate {
        let labels = seen.now.as_ref().map(|now| &now.labels);
        docker::fate(labels, |labels| swarm::may_go(subject.id, subject.entry, labels))
    }

    fn lessons(subject: &Subject<'_, ServiceSpec>, seen: &Observed) -> Vec<Lesson> {
        let mut lessons =
            docker::lessons(subject.id, subject.entry, seen.now.as_ref().map(|now| &now.labels));
        let known = subject.entry.and_then(|entry| entry.pinned.as_deref());
        let pinned = pinned(subject, seen.now.as_ref());
        lessons.extend(
            pinned.filter(|pinned| known != Some(pinned)).map(|pinned| Lesson::Pinned(Box::new(pinned))),
        );
        lessons
    }

    fn found(subject: &Subject<'_, ServiceSpec>, seen: &Observed) -> Option<Found> {
        plan::found(subject, seen)
    }

    fn fingerprint(_subject: &Subject<'_, ServiceSpec>, seen: &Observed) -> Sha256 {
        let now = seen.now.as_ref();
        Sha256::of(now.map_or_else(|| "absent".to_owned(), |now| now.spec.to_string()).as_bytes())
    }
}

/// What the tag stands for that is declared: what it was looked up as before, by this manager or by another, which left it on
/// the service.
fn pinned(subject: &Subject<'_, ServiceSpec>, now: Option<&ServiceNow>) -> Option<Pinned> {
    let declared = subject.want?.config.image.as_ref().filter(|image| !image.is_pinned())?;
    let known = subject.entry.and_then(|entry| entry.pinned.as_deref());
    if let Some(known) = known.filter(|known| known.declared == *declared) {
        return Some(known.clone());
    }
    let image: ImageReference = now?.spec.pointer(SERVICE_IMAGE)?.as_str()?.parse().ok()?;
    let same = image.digest().is_some()
        && image.registry() == declared.registry()
        && (image.repository(), image.tag()) == (declared.repository(), declared.tag());
    same.then(|| Pinned { declared: declared.clone(), image })
}

async fn kept(want: &ServiceSpec, around: &Around<'_>, host: &impl Read) -> Result<Kept, HostError> {
    let mut kept = Kept::default();
    for name in want.config.configs.keys() {
        let id = ResourceId::new(KindName::Config, name.as_str());
        if let Some(Spec::Config(ConfigSpec { content: Some(content), .. })) =
            around.state.resources.get(&id).map(|resource| &resource.spec)
        {
            kept.configs.insert(name.clone(), config::called(&id, &content.sha256, host).await?);
        }
    }
    for name in want.config.secrets.keys() {
        let id = ResourceId::new(KindName::Secret, name.as_str());
        if let Some(Spec::Secret(SecretSpec { secret: Some(reference), .. })) =
            around.state.resources.get(&id).map(|resource| &resource.spec)
        {
            let secret = host.secret(reference, around.contents).await?;
            kept.secrets.insert(name.clone(), swarm::generation(&id, &secret.shared));
        }
    }
    Ok(kept)
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
