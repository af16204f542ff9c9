//! What a Swarm keeps for its services cannot be changed: each content of a config or secret is an object of its own, whose name
//! ends in a digest. What is old goes once no service has it and nothing leads back to it: when the state was in force before.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_schema::ResourceId;
use serde_json::{Value, json};

use super::{
    Fate, Refusal, Subject, docker, service,
    swarm::{self, Part},
};
use crate::{
    host::{CONFIG_LABEL, Expected, HostError, ObjectNow, Read, SwarmObject},
    ledger::Lesson,
    plan::{Difference, Disruption, DockerAction, Step},
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

/// What can be done about one.
pub(super) struct Acts<C, L, R> {
    /// Makes the wanted one by its name.
    pub(super) create: C,
    /// Gives it other labels.
    pub(super) label: L,
    /// Takes another away; is told whether that was replaced.
    pub(super) remove: R,
}

/// `labels` are the author's own, `all` has Holdfast's with them.
pub(super) fn plan<S>(
    subject: &Subject<'_, S>,
    seen: &Generations,
    labels: Option<(&BTreeMap<String, String>, Value)>,
    acts: Acts<
        impl FnOnce(String) -> Option<DockerAction>,
        impl FnOnce(String, Value) -> DockerAction,
        impl Fn(String, bool) -> DockerAction,
    >,
) -> Result<Vec<Step>, Refusal> {
    let Acts { create, label, remove } = acts;
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
    if let Some((name, found)) = seen.current.as_ref().and_then(|name| seen.now.get_key_value(name))
        && let Some((own, all)) = labels
        && let Some((because, all)) = relabelled(subject.id, found, own, all)
    {
        steps.push(step(label(name.clone(), all), because));
    }
    if subject.around.in_force {
        for name in seen.old().filter(|name| !seen.used.contains(*name)) {
            let action = remove(name.clone(), seen.current.is_some());
            steps.push(step(action, docker::removal(subject.want.is_some(), name)));
        }
    }
    Ok(steps)
}

/// The labels that one should have instead of those that it has, and what differs.
fn relabelled(
    id: &ResourceId,
    found: &ObjectNow,
    own: &BTreeMap<String, String>,
    all: Value,
) -> Option<(Difference, Value)> {
    let ours = docker::is_ours(id, &found.labels);
    if let Some((name, from, to)) = docker::lacking(own, &found.labels) {
        let because = docker::difference(&format!("labels.{name}"), from.unwrap_or("none"), to);
        let kept = found.labels.iter().chain(own).map(|(name, text)| (name.clone(), json!(text)));
        return Some((because, if ours { all } else { Value::Object(kept.collect()) }));
    }
    let digest = all.get(CONFIG_LABEL).and_then(Value::as_str);
    let form = |digest: &str| digest.split(':').next().map(str::to_owned);
    let before = found.labels.get(CONFIG_LABEL).map(String::as_str);
    // Another version of Holdfast takes other digests, which say nothing.
    let other = ours && before != digest && before.and_then(form) == digest.and_then(form);
    other.then(|| (docker::difference("labels", "of another declaration", "of this one"), all))
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
