//! What must change about a service.

use std::time::Duration;

use holdfast_schema::spec::{Ensure, ServiceSpec};

use super::{Observed, body, compare};
use crate::{
    host::{Expected, SERVICE_IMAGE as IMAGE, ServiceNow},
    kinds::{
        Refusal, Subject,
        docker::{self, Labelled},
        image, swarm,
    },
    plan::{Difference, Disruption, DockerAction, Step, docker::NewService, found::Found},
};

/// How long tasks that are missing are waited for where nothing is being changed: the Swarm replaces them by itself.
const REPLACING: Duration = Duration::from_secs(30);

pub(super) fn plan(subject: &Subject<'_, ServiceSpec>, seen: &Observed) -> Result<Vec<Step>, Refusal> {
    let want = subject.want.filter(|want| want.ensure == Ensure::Present);
    if let Some(by) = seen.part.other()
        && (subject.want.is_some() || seen.now.is_some())
    {
        return Err(Refusal::Elsewhere { by: by.to_owned() });
    }
    let Some(want) = want else { return Ok(removal(subject, seen).into_iter().collect()) };
    let body = body::unlabelled(want, &seen.kept);
    let mut labelled = body::labelled(subject.id, want, &body);
    // The label tells of what is declared, the body has what that stands for.
    let pinned = super::pinned(subject, seen.now.as_ref());
    let mut want = want.clone();
    if let (Some(pinned), Some(image)) = (pinned, labelled.pointer_mut(IMAGE)) {
        *image = pinned.image.as_str().into();
        want.config.image = Some(pinned.image);
    }
    let want = &want;
    let put = |expects: Expected, because: Difference, disrupts| {
        let (name, within) = (subject.id.name.clone(), want.healthy_within);
        let action = DockerAction::PutService(Box::new(NewService { name, body: labelled.clone(), within }));
        Ok(vec![docker::step(subject.id, action, expects, because, disrupts)])
    };
    let Some(now) = &seen.now else {
        let image = want.config.image.as_ref().map(image::short).unwrap_or_default();
        let because = docker::difference("service", "none", image);
        return put(Expected::Nothing, because, Disruption::None);
    };
    let made_from = docker::labelled(subject.id, &body, &now.labels);
    let ours = made_from != Labelled::Unknown;
    let mut because = compare::compare(want, &body, &now.spec, ours).found;
    if because.is_empty() && made_from == Labelled::Other {
        because.push(docker::difference("service", "made from another declaration", "made from this one"));
    }
    let failed_before = now.failed().map(String::as_str) == docker::config_label(&labelled);
    let refuse = |how| Err(Refusal::ServiceFailed { service: subject.id.name.clone(), how });
    if !because.is_empty() {
        if failed_before {
            return refuse("was taken back by the Swarm before");
        }
        let expects = Expected::Object(now.version());
        return put(expects, docker::together(because), Disruption::Restart);
    }
    if now.is_stopped() {
        return refuse("was stopped by the Swarm in the middle");
    }
    Ok(settling(subject, want, now).into_iter().collect())
}

/// How the service would be declared as it is, if that can be said.
pub(super) fn found(subject: &Subject<'_, ServiceSpec>, seen: &Observed) -> Option<Found> {
    let want = subject.want.filter(|want| want.ensure == Ensure::Present && seen.part.other().is_none())?;
    let Some(now) = &seen.now else { return Some(Found::absent()) };
    let body = body::unlabelled(want, &seen.kept);
    let ours = docker::labelled(subject.id, &body, &now.labels) != Labelled::Unknown;
    compare::compare(want, &body, &now.spec, ours).declared?.some()
}

/// Waits for tasks that are not yet what the service is.
fn settling(subject: &Subject<'_, ServiceSpec>, want: &ServiceSpec, now: &ServiceNow) -> Option<Step> {
    let (because, within) = if now.is_changing() {
        (docker::difference("update", &now.update, "completed"), want.healthy_within)
    } else if now.running < now.desired {
        let tasks = |count: u64| format!("{count} tasks");
        let because = docker::difference("running", tasks(now.running), tasks(now.desired));
        (because, want.healthy_within.min(REPLACING))
    } else {
        return None;
    };
    let action = DockerAction::AwaitService { name: subject.id.name.clone(), within };
    Some(docker::step(subject.id, action, Expected::Anything, because, Disruption::None))
}

fn removal(subject: &Subject<'_, ServiceSpec>, seen: &Observed) -> Option<Step> {
    let now = seen.now.as_ref()?;
    if subject.want.is_none() && !swarm::may_go(subject.id, subject.entry, &now.labels) {
        return None;
    }
    let action = DockerAction::RemoveService { name: subject.id.name.clone() };
    let because = docker::removal(subject.want.is_some(), "a service");
    let expects = Expected::Object(now.version());
    Some(docker::step(subject.id, action, expects, because, Disruption::Stop))
}
