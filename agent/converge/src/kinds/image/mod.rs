//! An image of the Docker engine: there, or not.

use holdfast_schema::{
    ImageReference, Sha256,
    spec::{Ensure, ImageSpec, Pull, Spec},
};

use super::{Fate, Kind, Refusal, Subject, docker};
use crate::{
    host::{Expected, HostError, Read},
    ledger::Lesson,
    plan::{Disruption, DockerAction, Step},
};

pub(crate) struct Image;

impl Kind for Image {
    type Spec = ImageSpec;
    /// Its id.
    type Observed = Option<String>;

    fn spec(spec: &Spec) -> Option<&ImageSpec> {
        if let Spec::Image(image) = spec { Some(image) } else { None }
    }

    async fn observe(
        subject: &Subject<'_, ImageSpec>,
        host: &impl Read,
    ) -> Result<Option<String>, HostError> {
        match subject.want {
            Some(want) => Ok(host.image(&want.reference).await?.map(|image| image.id)),
            None => Ok(None),
        }
    }

    fn plan(subject: &Subject<'_, ImageSpec>, seen: &Option<String>) -> Result<Vec<Step>, Refusal> {
        let Some(want) = subject.want else { return Ok(Vec::new()) };
        match (want.ensure, seen) {
            (Ensure::Present, Some(_)) | (Ensure::Absent, None) => Ok(Vec::new()),
            (Ensure::Present, None) => {
                let because = docker::difference("image", "none", short(&want.reference));
                Ok(vec![bring(subject, &want.reference, want.pull, because)?])
            }
            (Ensure::Absent, Some(_)) => {
                let action = DockerAction::RemoveImage { image: want.reference.clone() };
                let because = docker::removal(true, "an image");
                Ok(vec![docker::step(subject.id, action, Expected::Anything, because, Disruption::None)])
            }
        }
    }

    fn fate(_subject: &Subject<'_, ImageSpec>, _seen: &Option<String>) -> Fate {
        Fate::Released("an image is only removed when it is declared absent")
    }

    fn lessons(_subject: &Subject<'_, ImageSpec>, _seen: &Option<String>) -> Vec<Lesson> {
        Vec::new()
    }

    fn fingerprint(_subject: &Subject<'_, ImageSpec>, seen: &Option<String>) -> Sha256 {
        Sha256::of(seen.as_deref().unwrap_or("absent").as_bytes())
    }
}

/// The step that brings an image that is not there.
pub(crate) fn bring<S>(
    subject: &Subject<'_, S>,
    image: &ImageReference,
    pull: Pull,
    because: crate::plan::Difference,
) -> Result<Step, Refusal> {
    if pull == Pull::Never || image.id().is_some() {
        return Err(Refusal::ImageMissing { image: image.to_string() });
    }
    let action = DockerAction::PullImage { image: image.clone() };
    Ok(docker::step(subject.id, action, Expected::Anything, because, Disruption::None))
}

/// An image for people: the name, and the beginning of its digest.
pub(crate) fn short(image: &ImageReference) -> String {
    const DIGITS: usize = 12;
    let cut = |digest: &str| digest.chars().take("sha256:".len() + DIGITS).collect::<String>();
    match (image.repository(), image.tag(), image.digest()) {
        (Some(repository), Some(tag), Some(digest)) => format!("{repository}:{tag}@{}", cut(digest)),
        (Some(repository), Some(tag), None) => format!("{repository}:{tag}"),
        _ => cut(image.as_str()),
    }
}

#[cfg(test)]
mod tests;
