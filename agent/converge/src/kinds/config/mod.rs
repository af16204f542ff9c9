//! A config of the Swarm.

use holdfast_schema::{
    Sha256,
    spec::{ConfigSpec, Ensure, Spec},
};

use super::{
    Fate, Kind, Refusal, Subject, docker,
    generations::{self, Generations},
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
        let content = want.and_then(|want| want.content);
        let current = content.map(|content| swarm::generation(subject.id, &content.sha256));
        generations::observe(subject, SwarmObject::Config, part, current, host).await
    }

    fn plan(subject: &Subject<'_, ConfigSpec>, seen: &Generations) -> Result<Vec<Step>, Refusal> {
        let create = |name| {
            let want = subject.want?;
            let labels = docker::labels(subject.id, want, &want.labels);
            Some(DockerAction::CreateConfig { name, content: want.content?, labels })
        };
        generations::plan(subject, seen, create, |name, old| DockerAction::RemoveConfig { name, old })
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

#[cfg(test)]
mod tests;
