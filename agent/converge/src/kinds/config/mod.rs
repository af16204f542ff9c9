//! A config of the Swarm. It cannot be changed: each content is a config of its own, whose name ends in a digest. What is old
//! goes once no service has it and nothing leads back to it: when the state was in force before.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_schema::{
    Sha256,
    spec::{ConfigSpec, Ensure, Spec},
};

use super::{
    Fate, Kind, Refusal, Subject, docker, service,
    swarm::{self, Part},
};
use crate::{
    host::{Expected, HostError, ObjectNow, Read, SwarmObject},
    ledger::Lesson,
    plan::{Disruption, DockerAction, Step},
};

pub(crate) struct Config;

/// What can be seen of a config.
#[derive(Debug, PartialEq)]
pub(crate) struct Observed {
    part: Part,
    /// Every config that was made for the resource, and one of the wanted name, by name.
    now: BTreeMap<String, ObjectNow>,
    /// Those that services use, if anything may go.
    used: BTreeSet<String>,
}

impl Kind for Config {
    type Spec = ConfigSpec;
    type Observed = Observed;

    fn spec(spec: &Spec) -> Option<&ConfigSpec> {
        if let Spec::Config(config) = spec { Some(config) } else { None }
    }

    async fn observe(subject: &Subject<'_, ConfigSpec>, host: &impl Read) -> Result<Observed, HostError> {
        let part = swarm::part(subject.want.is_some(), host).await?;
        let (mut now, mut used) = (BTreeMap::new(), BTreeSet::new());
        if part.sees() {
            let current = current(subject);
            let all = host.objects(SwarmObject::Config).await?;
            let own = all.iter().filter(|(name, object)| {
                Some(*name) == current.as_ref() || docker::is_ours(subject.id, &object.labels)
            });
            now.extend(own.map(|(name, object)| (name.clone(), object.clone())));
            if subject.around.in_force && now.keys().any(|name| Some(name) != current.as_ref()) {
                used = service::used(SwarmObject::Config, host).await?;
            }
        }
        Ok(Observed { part, now, used })
    }

    fn plan(subject: &Subject<'_, ConfigSpec>, seen: &Observed) -> Result<Vec<Step>, Refusal> {
        if let Some(by) = seen.part.other()
            && (subject.want.is_some() || !seen.now.is_empty())
        {
            return Err(Refusal::Elsewhere { by: by.to_owned() });
        }
        let current = current(subject);
        let mut steps = Vec::new();
        if let (Some(name), Some(want)) = (&current, subject.want)
            && let Some(content) = want.content.filter(|_| !seen.now.contains_key(name))
        {
            let labels = docker::labels(subject.id, want, &want.labels);
            let action = DockerAction::CreateConfig { name: name.clone(), content, labels };
            let because = docker::difference("content", found(seen), name);
            steps.push(docker::step(subject.id, action, Expected::Anything, because, Disruption::None));
        }
        if subject.around.in_force {
            for name in seen.now.keys().filter(|name| Some(*name) != current.as_ref()) {
                if seen.used.contains(name) {
                    continue;
                }
                let action = DockerAction::RemoveConfig { name: name.clone(), old: current.is_some() };
                let because = docker::removal(subject.want.is_some(), name);
                steps.push(docker::step(subject.id, action, Expected::Anything, because, Disruption::None));
            }
        }
        Ok(steps)
    }

    fn fate(subject: &Subject<'_, ConfigSpec>, seen: &Observed) -> Fate {
        if seen.now.is_empty() {
            return Fate::Gone;
        }
        let used = seen.now.keys().any(|name| seen.used.contains(name));
        if used && subject.around.in_force {
            Fate::Released("services of others use it")
        } else {
            Fate::InUse
        }
    }

    fn lessons(subject: &Subject<'_, ConfigSpec>, seen: &Observed) -> Vec<Lesson> {
        let known = subject.entry.is_some_and(|entry| entry.made);
        let made = seen.now.values().any(|object| docker::is_ours(subject.id, &object.labels));
        if made && !known { vec![Lesson::Made(true)] } else { Vec::new() }
    }

    fn fingerprint(subject: &Subject<'_, ConfigSpec>, _seen: &Observed) -> Sha256 {
        Sha256::of(current(subject).unwrap_or_default().as_bytes())
    }
}

/// What the wanted content is called in the Swarm.
fn current(subject: &Subject<'_, ConfigSpec>) -> Option<String> {
    let want = subject.want.filter(|want| want.ensure == Ensure::Present)?;
    Some(swarm::generation(subject.id, &want.content?.sha256))
}

/// What there is instead of the wanted content.
fn found(seen: &Observed) -> String {
    let names: Vec<&str> = seen.now.keys().map(String::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests;
