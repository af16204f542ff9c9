//! A config of the Swarm.

use holdfast_schema::{
    ResourceId, Sha256,
    spec::{ConfigSpec, Ensure, Spec},
};

use super::{
    Fate, Kind, Refusal, Subject, docker,
    generations::{self, Acts, Generations},
    swarm,
};
use crate::{
    host::{HostError, Read, SwarmObject},
    ledger::Lesson,
    plan::{DockerAction, Step},
};

pub(crate) struct Config;

impl Kind for Config {
    type Spec = ConfigSpec;
    type Observed = Generations;

    fn spec(spec: &Spec) -> Option<&ConfigSpec> {
        if let Spec::Config(config) = spec { Some(config) } else { None }
    }

    async fn observe(subject: &Subject<'_, ConfigSpec>, host: &impl Read) -> Result<Generations, HostError> {
        let part = generations::part(subject, host).await?;
        let want = subject.want.filter(|want| want.ensure == Ensure::Present);
        let current = match want.and_then(|want| want.content) {
            Some(content) if part.sees() => Some(called(subject.id, &content.sha256, host).await?),
            Some(content) => Some(swarm::generation(subject.id, &content.sha256)),
            None => None,
        };
        generations::observe(subject, SwarmObject::Config, part, current, host).await
    }

    fn plan(subject: &Subject<'_, ConfigSpec>, seen: &Generations) -> Result<Vec<Step>, Refusal> {
        let labels = |want: &ConfigSpec| docker::labels(subject.id, want, &want.labels);
        let create = |name| {
            let want = subject.want?;
            Some(DockerAction::CreateConfig { name, content: want.content?, labels: labels(want) })
        };
        let acts = Acts {
            create,
            label: |name, labels| DockerAction::LabelConfig { name, labels },
            remove: |name, old| DockerAction::RemoveConfig { name, old },
        };
        generations::plan(subject, seen, subject.want.map(|want| (&want.labels, labels(want))), acts)
    }

    fn fate(subject: &Subject<'_, ConfigSpec>, seen: &Generations) -> Fate {
        generations::fate(subject, seen)
    }

    fn lessons(subject: &Subject<'_, ConfigSpec>, seen: &Generations) -> Vec<Lesson> {
        generations::lessons(subject, seen)
    }

    fn fingerprint(_subject: &Subject<'_, ConfigSpec>, seen: &Generations) -> Sha256 {
        Sha256::of(seen.current.as_deref().unwrap_or_default().as_bytes())
    }
}

/// What a config with just this content is called in the Swarm. One of just the resource's name that others made, such as
/// `docker stack deploy`, is taken as it is while it holds the same.
pub(super) async fn called(id: &ResourceId, content: &Sha256, host: &impl Read) -> Result<String, HostError> {
    let own = swarm::generation(id, content);
    let all = host.objects(SwarmObject::Config).await?;
    let theirs = all.get(&id.name).is_some_and(|found| found.content.as_ref() == Some(content));
    Ok(if theirs && !all.contains_key(&own) { id.name.clone() } else { own })
}

#[cfg(test)]
mod tests;
