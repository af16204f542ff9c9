//! What the kinds of the Docker engine share: whose work something is, and what follows from it.

use std::collections::BTreeMap;

use holdfast_schema::{ResourceId, Sha256};
use serde_json::{Value, json};

use super::Fate;
use crate::{
    host::{CONFIG_LABEL, Expected, RESOURCE_LABEL},
    ledger::{Entry, Lesson},
    plan::{Action, Difference, Disruption, DockerAction, Step},
};

/// What stands before the digest in [`CONFIG_LABEL`]: a later version may take digests of something else, and must not make
/// every container anew for that.
const FORM: &str = "1:";

/// How many hex digits of the digest are kept.
const DIGITS: usize = 32;

/// The value of [`CONFIG_LABEL`] for a resource made from `config`.
pub(crate) fn digest(id: &ResourceId, config: &impl serde::Serialize) -> String {
    let text = serde_json::to_string(config).unwrap_or_default();
    let digest = Sha256::of(format!("{id}\n{text}").as_bytes()).to_string();
    format!("{FORM}{}", digest.chars().take(DIGITS).collect::<String>())
}

/// The author's labels with Holdfast's own.
pub(crate) fn labels(
    id: &ResourceId,
    config: &impl serde::Serialize,
    own: &BTreeMap<String, String>,
) -> Value {
    let mut labels = own.clone();
    labels.insert(RESOURCE_LABEL.to_owned(), id.to_string());
    labels.insert(CONFIG_LABEL.to_owned(), digest(id, config));
    json!(labels)
}

/// How what is there compares with what would be made, by the labels alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Labelled {
    /// It was made from just this.
    Same,
    /// Holdfast made it from something else.
    Other,
    /// That must be seen field by field: others made it, or another version of Holdfast.
    Unknown,
}

pub(crate) fn labelled(
    id: &ResourceId,
    config: &impl serde::Serialize,
    labels: &BTreeMap<String, String>,
) -> Labelled {
    match labels.get(CONFIG_LABEL) {
        Some(found) if is_ours(id, labels) && found.starts_with(FORM) => {
            if *found == digest(id, config) {
                Labelled::Same
            } else {
                Labelled::Other
            }
        }
        Some(_) | None => Labelled::Unknown,
    }
}

/// Whether Holdfast made it for this resource.
pub(crate) fn is_ours(id: &ResourceId, labels: &BTreeMap<String, String>) -> bool {
    labels.get(RESOURCE_LABEL).is_some_and(|resource| *resource == id.to_string())
}

/// Whether what Git no longer has may be removed: Holdfast made it, by its label and by what is remembered.
pub(crate) fn may_go(id: &ResourceId, entry: Option<&Entry>, labels: &BTreeMap<String, String>) -> bool {
    entry.is_some_and(|entry| entry.made) && is_ours(id, labels)
}

/// What becomes of something that Git no longer has; `labels` are those of what is there, and `may_go` says whether Holdfast
/// may remove what has such.
pub(crate) fn fate(
    labels: Option<&BTreeMap<String, String>>,
    may_go: impl FnOnce(&BTreeMap<String, String>) -> bool,
) -> Fate {
    match labels {
        None => Fate::Gone,
        Some(labels) if may_go(labels) => Fate::InUse,
        Some(_) => Fate::Released("Holdfast did not make it"),
    }
}

/// What the labels of what is there teach.
pub(crate) fn lessons(
    id: &ResourceId,
    entry: Option<&Entry>,
    labels: Option<&BTreeMap<String, String>>,
) -> Vec<Lesson> {
    let made = labels.is_some_and(|labels| is_ours(id, labels));
    let known = entry.is_some_and(|entry| entry.made);
    // What is not there may be about to be made again.
    if labels.is_some() && made != known { vec![Lesson::Made(made)] } else { Vec::new() }
}

/// A step of the engine.
pub(crate) fn step(
    resource: &ResourceId,
    action: DockerAction,
    expects: Expected,
    because: Difference,
    disrupts: Disruption,
) -> Step {
    Step { resource: resource.clone(), action: Action::Docker(action), expects, because, disrupts }
}

/// A difference in a field.
pub(crate) fn difference(field: &str, from: impl Into<String>, to: impl Into<String>) -> Difference {
    Difference { field: field.to_owned(), from: from.into(), to: to.into() }
}

/// Why something goes.
pub(crate) fn removal(declared: bool, what: &str) -> Difference {
    let why = if declared { "declared absent" } else { super::marks::NO_LONGER_DECLARED };
    difference("ensure", what, format!("absent, {why}"))
}

/// The first entry of `want` that `seen` does not have so: its name, and what is there.
pub(crate) fn lacking<'a>(
    want: &'a BTreeMap<String, String>,
    seen: &'a BTreeMap<String, String>,
) -> Option<(&'a str, Option<&'a str>, &'a str)> {
    want.iter().find_map(|(name, text)| {
        let found = seen.get(name).map(String::as_str);
        (found != Some(text)).then_some((name.as_str(), found, text.as_str()))
    })
}

/// Several differences that one step removes.
pub(crate) fn together(mut because: Vec<Difference>) -> Difference {
    if because.len() == 1
        && let Some(only) = because.pop()
    {
        return only;
    }
    let join = |part: fn(&Difference) -> &str| because.iter().map(part).collect::<Vec<_>>().join(", ");
    difference(
        &join(|difference| &difference.field),
        join(|difference| &difference.from),
        join(|difference| &difference.to),
    )
}

/// The digest in what the engine would make something from.
pub(crate) fn config_label(body: &Value) -> Option<&str> {
    body.get("Labels")?.get(CONFIG_LABEL)?.as_str()
}
