//! A container of the Docker engine: what it is made from, its networks and limits, and whether it runs.

use std::sync::Arc;

use holdfast_schema::{
    Sha256,
    spec::{ContainerSpec, Spec},
};
use serde_json::Value;

use super::{Fate, Kind, Refusal, Subject, docker};
use crate::{
    host::{ContainerNow, HostError, Read},
    ledger::{Lesson, Pinned},
    plan::{Step, found::Found},
};

pub(super) mod body;
mod compare;
mod inputs;
mod live;
mod observe;
mod plan;

pub(crate) struct Container;

/// What can be seen of a container.
#[derive(Debug, PartialEq)]
pub(crate) struct Observed {
    /// What the list tells; `None` if there is none of the name.
    now: Option<ContainerNow>,
    /// All that the engine says, where the list is not enough.
    all: Option<Arc<Value>>,
    image: WantedImage,
    /// What the tag stands for that is declared, if that was not known before.
    pin: Option<Pinned>,
}

/// Whether the engine has the image that is wanted.
#[derive(Debug, PartialEq)]
enum WantedImage {
    /// What is there was made from it, so nobody asked.
    NotAsked,
    /// It does not.
    Missing,
    /// It does: the image's id.
    There(String),
}

impl WantedImage {
    fn id(&self) -> Option<&str> {
        match self {
            Self::There(id) => Some(id),
            Self::NotAsked | Self::Missing => None,
        }
    }
}

impl Kind for Container {
    type Spec = ContainerSpec;
    type Observed = Observed;

    fn spec(spec: &Spec) -> Option<&ContainerSpec> {
        if let Spec::Container(container) = spec { Some(container) } else { None }
    }

    async fn observe(subject: &Subject<'_, ContainerSpec>, host: &impl Read) -> Result<Observed, HostError> {
        observe::observe(subject, host).await
    }

    fn plan(subject: &Subject<'_, ContainerSpec>, seen: &Observed) -> Result<Vec<Step>, Refusal> {
        plan::plan(subject, seen)
    }

    fn fate(subject: &Subject<'_, ContainerSpec>, seen: &Observed) -> Fate {
        let labels = seen.now.as_ref().map(|now| &now.labels);
        docker::fate(labels, |labels| docker::may_go(subject.id, subject.entry, labels))
    }

    fn lessons(subject: &Subject<'_, ContainerSpec>, seen: &Observed) -> Vec<Lesson> {
        let mut lessons =
            docker::lessons(subject.id, subject.entry, seen.now.as_ref().map(|now| &now.labels));
        lessons.extend(seen.pin.clone().map(|pin| Lesson::Pinned(Box::new(pin))));
        lessons.extend(inputs::lesson(subject, seen.now.as_ref()));
        lessons
    }

    fn found(subject: &Subject<'_, ContainerSpec>, seen: &Observed) -> Option<Found> {
        plan::found(subject, seen)
    }

    fn fingerprint(_subject: &Subject<'_, ContainerSpec>, seen: &Observed) -> Sha256 {
        Sha256::of(seen.now.as_ref().map_or("absent", |now| &now.id).as_bytes())
    }
}

/// What of a container differs from a declaration whose image it is known to have.
#[cfg(test)]
pub(crate) fn differences(want: &ContainerSpec, all: &Value) -> Vec<crate::plan::Difference> {
    let image = all.get("Image").and_then(Value::as_str);
    compare::compare(want, image, all).found
}

#[cfg(test)]
mod tests;
