//! A secret of the Swarm. The digest in its name is keyed with what is sealed in with the secret, so that every manager that can
//! read it comes to the same name, and nobody else can tell a guess from the truth.

use holdfast_schema::{
    Sha256,
    spec::{Ensure, SecretSpec, Spec},
};

use super::{
    Fate, Kind, Refusal, Subject, docker,
    generations::{self, Acts, Generations},
    swarm::{self, Part},
};
use crate::{
    host::{HostError, Read, SwarmObject},
    ledger::Lesson,
    plan::{DockerAction, Step},
};

pub(crate) struct Secret;

/// What can be seen of a secret.
#[derive(Debug, PartialEq)]
pub(crate) struct Observed {
    generations: Generations,
    /// Why it may not go there.
    refused: Option<Refusal>,
}

impl Kind for Secret {
    type Spec = SecretSpec;
    type Observed = Observed;

    fn spec(spec: &Spec) -> Option<&SecretSpec> {
        if let Spec::Secret(secret) = spec { Some(secret) } else { None }
    }

    async fn observe(subject: &Subject<'_, SecretSpec>, host: &impl Read) -> Result<Observed, HostError> {
        let part = generations::part(subject, host).await?;
        let want = subject.want.filter(|want| want.ensure == Ensure::Present && part == Part::Leads);
        let (mut current, mut refused) = (None, None);
        if let Some(reference) = want.and_then(|want| want.secret.as_ref()) {
            let secret = host.secret(reference, subject.around.contents).await?;
            let refuse = |why| Refusal::Secret { name: reference.name.to_string(), why };
            refused = secret.check_destination(subject.id).err().map(refuse);
            current = Some(swarm::generation(subject.id, &secret.shared));
        }
        let generations = generations::observe(subject, SwarmObject::Secret, part, current, host).await?;
        Ok(Observed { generations, refused })
    }

    fn plan(subject: &Subject<'_, SecretSpec>, seen: &Observed) -> Result<Vec<Step>, Refusal> {
        if let Some(refused) = &seen.refused {
            return Err(refused.clone());
        }
        let labels = |want: &SecretSpec| docker::labels(subject.id, &want.labels, &want.labels);
        let create = |name| {
            let want = subject.want?;
            let (resource, secret) = (subject.id.clone(), want.secret.clone()?);
            Some(DockerAction::CreateSecret { name, resource, secret, labels: labels(want) })
        };
        let acts = Acts {
            create,
            label: |name, labels| DockerAction::LabelSecret { name, labels },
            remove: |name, old| DockerAction::RemoveSecret { name, old },
        };
        let wanted = subject.want.map(|want| (&want.labels, labels(want)));
        generations::plan(subject, &seen.generations, wanted, acts)
    }

    fn fate(subject: &Subject<'_, SecretSpec>, seen: &Observed) -> Fate {
        generations::fate(subject, &seen.generations)
    }

    fn lessons(subject: &Subject<'_, SecretSpec>, seen: &Observed) -> Vec<Lesson> {
        generations::lessons(subject, &seen.generations)
    }

    fn fingerprint(_subject: &Subject<'_, SecretSpec>, seen: &Observed) -> Sha256 {
        Sha256::of(seen.generations.current.as_deref().unwrap_or_default().as_bytes())
    }
}

#[cfg(test)]
mod tests;
