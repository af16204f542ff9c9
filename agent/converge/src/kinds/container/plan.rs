//! What must change about a container.

use holdfast_schema::spec::{ContainerSpec, Ensure};
use serde_json::Value;

use super::{Observed, WantedImage, body, compare, inputs, live, observe::wanted_image};
use crate::{
    host::{ContainerNow, Expected},
    kinds::{
        Refusal, Subject,
        docker::{self, Labelled},
        image,
    },
    plan::{Difference, Disruption, DockerAction, Step, found::Found},
};

/// A plan under construction.
pub(super) struct Plan<'a> {
    pub(super) subject: &'a Subject<'a, ContainerSpec>,
    pub(super) want: &'a ContainerSpec,
    pub(super) steps: Vec<Step>,
}

pub(super) fn plan(subject: &Subject<'_, ContainerSpec>, seen: &Observed) -> Result<Vec<Step>, Refusal> {
    let want = subject.want.filter(|want| want.ensure == Ensure::Present);
    let Some(want) = want else { return Ok(removal(subject, seen).into_iter().collect()) };
    let mut plan = Plan { subject, want, steps: Vec::new() };
    match &seen.now {
        None => {
            let image = want.config.image.as_ref().map(image::short).unwrap_or_default();
            plan.put(seen, Expected::Nothing, vec![docker::difference("container", "none", image)])?;
        }
        Some(now) => {
            let because = replaced(subject, want, seen, now);
            if because.is_empty() {
                plan.live(now, seen.all.as_deref());
            } else {
                plan.put(seen, Expected::Object(now.id.clone()), because)?;
            }
        }
    }
    Ok(plan.steps)
}

/// How the container would be declared as it is, if that can be said.
pub(super) fn found(subject: &Subject<'_, ContainerSpec>, seen: &Observed) -> Option<Found> {
    let want = subject.want.filter(|want| want.ensure == Ensure::Present)?;
    let Some(now) = &seen.now else { return Some(Found::absent()) };
    let all = seen.all.as_deref()?;
    let mut found = match docker::labelled(subject.id, &want.config, &now.labels) {
        Labelled::Same => Found::default(),
        Labelled::Other | Labelled::Unknown => compare::compare(want, seen.image.id(), all).declared?,
    };
    found = live::found(want, now, all, found)?;
    found.some()
}

fn removal(subject: &Subject<'_, ContainerSpec>, seen: &Observed) -> Option<Step> {
    let now = seen.now.as_ref()?;
    if subject.want.is_none() && !docker::may_go(subject.id, subject.entry, &now.labels) {
        return None;
    }
    let action = DockerAction::RemoveContainer { name: subject.id.name.clone() };
    let because = docker::removal(subject.want.is_some(), "a container");
    let expects = Expected::Object(now.id.clone());
    Some(docker::step(subject.id, action, expects, because, Disruption::Stop))
}

/// Why a new container is needed; nothing if none is.
fn replaced(
    subject: &Subject<'_, ContainerSpec>,
    want: &ContainerSpec,
    seen: &Observed,
    now: &ContainerNow,
) -> Vec<Difference> {
    let labelled = docker::labelled(subject.id, &want.config, &now.labels);
    let nothing = Value::Null;
    let all = seen.all.as_deref().unwrap_or(&nothing);
    let mut because = Vec::new();
    if labelled != Labelled::Same {
        because = compare::compare(want, seen.image.id(), all).found;
        if labelled == Labelled::Unknown {
            because.extend(inputs::changed(subject, want));
        }
        // Something that was declared is no longer, or is written in another way.
        if because.is_empty() && labelled == Labelled::Other {
            because.push(docker::difference(
                "container",
                "made from another declaration",
                "made from this one",
            ));
        }
    }
    if labelled != Labelled::Unknown {
        because.extend(live::lifted(want, all));
    }
    because.extend(live::apart(want, now));
    because
}

impl Plan<'_> {
    pub(super) fn name(&self) -> String {
        self.subject.id.name.clone()
    }

    /// Adds a step about the container that is there.
    pub(super) fn add(
        &mut self,
        now: &ContainerNow,
        action: DockerAction,
        because: Difference,
        disrupts: Disruption,
    ) {
        let expects = Expected::Object(now.id.clone());
        self.steps.push(docker::step(self.subject.id, action, expects, because, disrupts));
    }

    /// Brings the image if need be, and puts a new container in place.
    fn put(&mut self, seen: &Observed, expects: Expected, because: Vec<Difference>) -> Result<(), Refusal> {
        let (subject, want) = (self.subject, self.want);
        let reference = wanted_image(subject);
        if let (Some(reference), WantedImage::Missing) = (&reference, &seen.image) {
            let missing = docker::difference("image", "not on this host", image::short(reference));
            self.steps.push(image::bring(subject, reference, want.pull, missing)?);
        }
        let disrupts = if expects == Expected::Nothing { Disruption::None } else { Disruption::Restart };
        let action = DockerAction::PutContainer(Box::new(body::new(subject.id, want, reference.as_ref())));
        let because = docker::together(because);
        self.steps.push(docker::step(subject.id, action, expects, because, disrupts));
        Ok(())
    }
}
