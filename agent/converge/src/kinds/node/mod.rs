//! A node of the Swarm: its labels and its availability.

use holdfast_schema::{
    Sha256,
    spec::{NodeSpec, Spec},
};
use serde_json::{Value, json};

use super::{
    Fate, Kind, Refusal, Subject, docker,
    swarm::{self, Part},
};
use crate::{
    host::{Expected, HostError, NodeNow, Read},
    ledger::Lesson,
    plan::{Difference, Disruption, DockerAction, Step},
};

pub(crate) struct Node;

/// What can be seen of a node.
#[derive(Debug, PartialEq)]
pub(crate) struct Observed {
    part: Part,
    now: Option<NodeNow>,
}

impl Kind for Node {
    type Spec = NodeSpec;
    type Observed = Observed;

    fn spec(spec: &Spec) -> Option<&NodeSpec> {
        if let Spec::Node(node) = spec { Some(node) } else { None }
    }

    async fn observe(subject: &Subject<'_, NodeSpec>, host: &impl Read) -> Result<Observed, HostError> {
        let part = swarm::part(subject.want.is_some(), host).await?;
        let now = if part.sees() { host.swarm().await?.nodes.get(&subject.id.name).cloned() } else { None };
        Ok(Observed { part, now })
    }

    fn plan(subject: &Subject<'_, NodeSpec>, seen: &Observed) -> Result<Vec<Step>, Refusal> {
        let Some(want) = subject.want else { return Ok(Vec::new()) };
        if let Some(by) = seen.part.other() {
            return Err(Refusal::Elsewhere { by: by.to_owned() });
        }
        let name = || subject.id.name.clone();
        let now = seen.now.as_ref().ok_or_else(|| Refusal::NodeMissing { node: name() })?;
        if let Some(namesake) = &now.namesake {
            return Err(Refusal::NodeAmbiguous { node: name(), ids: [now.id.clone(), namesake.clone()] });
        }
        let mut body = now.spec.clone();
        let differences = bring(want, &mut body);
        if differences.is_empty() {
            return Ok(Vec::new());
        }
        let drained = differences.iter().any(|difference| difference.field == "availability");
        let disrupts = if drained { Disruption::Restart } else { Disruption::None };
        let action = DockerAction::UpdateNode { name: name(), body };
        let expects = Expected::Object(now.version());
        Ok(vec![docker::step(subject.id, action, expects, docker::together(differences), disrupts)])
    }

    fn fate(_subject: &Subject<'_, NodeSpec>, seen: &Observed) -> Fate {
        match seen.now {
            Some(_) => Fate::Released("a node stays as it is"),
            None => Fate::Gone,
        }
    }

    fn lessons(_subject: &Subject<'_, NodeSpec>, _seen: &Observed) -> Vec<Lesson> {
        Vec::new()
    }

    fn fingerprint(_subject: &Subject<'_, NodeSpec>, seen: &Observed) -> Sha256 {
        Sha256::of(seen.now.as_ref().map(|now| now.spec.to_string()).unwrap_or_default().as_bytes())
    }
}

/// Makes what is said of a node what is declared, and tells what differed.
fn bring(want: &NodeSpec, body: &mut Value) -> Vec<Difference> {
    let mut differences = Vec::new();
    let Some(body) = body.as_object_mut() else { return differences };
    let labels = body.entry("Labels").or_insert_with(|| json!({}));
    if labels.is_null() {
        *labels = json!({});
    }
    for (name, text) in &want.labels {
        let found = labels.get(name).and_then(Value::as_str).map(str::to_owned);
        if found.as_ref() != Some(text) {
            let from = found.unwrap_or_else(|| "none".to_owned());
            differences.push(docker::difference(&format!("labels.{name}"), from, text));
            if let Some(labels) = labels.as_object_mut() {
                labels.insert(name.clone(), json!(text));
            }
        }
    }
    if let Some(wanted) = want.availability {
        let found = body.get("Availability").and_then(Value::as_str).unwrap_or_default().to_owned();
        if found != wanted.as_str() {
            differences.push(docker::difference("availability", found, wanted.as_str()));
            body.insert("Availability".to_owned(), json!(wanted.as_str()));
        }
    }
    differences
}

#[cfg(test)]
mod tests;
