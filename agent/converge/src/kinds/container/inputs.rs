//! What a container of others was made with besides its declaration. One that Holdfast made has it in its label; of one that was
//! taken over the ledger keeps what was there then.

use holdfast_schema::spec::ContainerSpec;

use crate::{
    host::ContainerNow,
    kinds::{
        Subject,
        docker::{self, Labelled, difference},
    },
    ledger::{Inputs, Lesson, Started},
    plan::Difference,
};

fn wanted(want: &ContainerSpec) -> Inputs {
    want.config.restart_on.iter().map(|(id, digest)| (id.to_string(), *digest)).collect()
}

/// The first input that is not what it was when the container was taken over.
pub(super) fn changed(subject: &Subject<'_, ContainerSpec>, want: &ContainerSpec) -> Option<Difference> {
    let was = &subject.entry?.started.as_deref()?.restart;
    let now = wanted(want);
    let (name, _) = now.iter().find(|(name, digest)| was.get(*name).is_some_and(|was| was != *digest))?;
    Some(difference("restart_on", format!("made before {name} changed"), "made after it"))
}

/// What to remember of a container that is there.
pub(super) fn lesson(subject: &Subject<'_, ContainerSpec>, now: Option<&ContainerNow>) -> Option<Lesson> {
    let (want, now) = (subject.want?, now?);
    let known = subject.entry?.started.as_deref();
    let inputs = wanted(want);
    let is_theirs = docker::labelled(subject.id, &want.config, &now.labels) == Labelled::Unknown;
    match known {
        Some(_) if !is_theirs || inputs.is_empty() => Some(Lesson::Stopped),
        None if is_theirs && !inputs.is_empty() => {
            Some(Lesson::Started(Box::new(Started { restart: inputs, ..Started::default() })))
        }
        Some(_) | None => None,
    }
}
