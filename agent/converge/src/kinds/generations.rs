//! What a Swarm keeps for its services cannot be changed: each content of a config or secret is an object of its own, whose name
//! ends in a digest. What is old goes once no service has it and nothing leads back to it: when the state was in force before.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Fate, Refusal, Subject, docker, service,
    swarm::{self, Part},
};
use crate::{
    host::{Expected, HostError, ObjectNow, Read, SwarmObject},
    ledger::Lesson,
    plan::{Disruption, DockerAction, Step},
};

/// What can be seen of everything that was made for one resource.
#[derive(Debug, PartialEq)]
pub(crate) struct Generations {
    part: Part,
    /// What the wanted content is called in the Swarm, if anything is wanted.
    pub(super) current: Option<String>,
    /// Everything that was made for the resource, and what has the wanted name, by name.
    now: BTreeMap<String, ObjectNow>,
    /// What services use, if anything may go.
    used: BTreeSet<String>,
}

/// What this host has to do with it.
pub(super) async fn part<S>(subject: &Subject<'_, S>, host: &impl Read) -> Result<Part, HostError> {
    swarm::part(subject.want.is_some(), host).await
}

pub(super) async fn observe<S>(
    subject: &Subject<'_, S>,
    object: SwarmObject,
    part: Part,
    current: Option<String>,
    host: &impl Read,
) -> Result<Generations, HostError> {
    let (mut now, mut used) = (BTreeMap::new(), BTreeSet::new());
    if part.sees() {
        let all = host.objects(object).await?;
        let own = all.iter().filter(|(name, found)| {
            Some(*name) == current.as_ref() || docker::is_ours(subject.id, &found.labels)
        });
        now.extend(own.map(|(name, found)| (name.clone(), found.clone())));
        if subject.around.in_force && now.keys().any(|name| Some(name) != current.as_ref()) {
            used = service::used(object, host).await?;
        }
    }
    Ok(Generations { part, current, now, used })
}

/// `create` makes the wanted one by its name; `remove` takes another away, and is told whether that was replaced.
pub(super) fn plan<S>(
    subject: &Subject<'_, S>,
    seen: &Generations,
    create: impl FnOnce(String) -> Option<DockerAction>,
    remove: impl Fn(String, bool) -> DockerAction,
) -> Result<Vec<Step>, Refusal> {
    if let Some(by) = seen.part.other()
        && (subject.want.is_some() || !seen.now.is_empty())
    {
        return Err(Refusal::Elsewhere { by: by.to_owned() });
    }
    let step =
        |action, because| docker::step(subject.id, action, Expected::Anything, because, Disruption::None);
    let mut steps = Vec::new();
    if let Some(name) = seen.current.as_ref().filter(|name| !seen.now.contains_key(*name))
        && let Some(action) = create(name.clone())
    {
        steps.push(step(action, docker::difference("content", seen.found(), name)));
    }
    if subject.around.in_force {
        for name in seen.old().filter(|name| !seen.used.contains(*name)) {
            let action = remove(name.clone(), seen.current.is_some());
            steps.push(step(action, docker::removal(subject.want.is_some(), name)));
        }
    }
    Ok(steps)
}

pub(super) fn fate<S>(subject: &Subject<'_, S>, seen: &Generations) -> Fate {
    if seen.now.is_empty() {
        return Fate::Gone;
    }
    let used = seen.now.keys().any(|name| seen.used.contains(name));
    if used && subject.around.in_force { Fate::Released("services of others use it") } else { Fate::InUse }
}

pub(super) fn lessons<S>(subject: &Subject<'_, S>, seen: &Generations) -> Vec<Lesson> {
    let known = subject.entry.is_some_and(|entry| entry.made);
    let made = seen.now.values().any(|found| docker::is_ours(subject.id, &found.labels));
    if made && !known { vec![Lesson::Made(true)] } else { Vec::new() }
}

impl Generations {
    fn old(&self) -> impl Iterator<Item = &String> {
        self.now.keys().filter(|name| Some(*name) != self.current.as_ref())
    }

    /// What there is instead of the wanted content.
    fn found(&self) -> String {
        let names: Vec<&str> = self.now.keys().map(String::as_str).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }
}
