//! Looks at a container: at what the list tells, and closely, for no list shows limits. The host keeps the close look.

use holdfast_schema::{
    ImageReference,
    spec::{ContainerSpec, Ensure},
};

use super::{Observed, WantedImage};
use crate::{
    host::{ContainerNow, HostError, Read},
    kinds::{
        Subject,
        docker::{self, Labelled},
    },
    ledger::Pinned,
};

pub(super) async fn observe(
    subject: &Subject<'_, ContainerSpec>,
    host: &impl Read,
) -> Result<Observed, HostError> {
    let now = host.container(&subject.id.name).await?;
    let Some(want) = subject.want.filter(|want| want.ensure == Ensure::Present) else {
        return Ok(Observed { now, all: None, image: WantedImage::NotAsked, pin: None });
    };
    let same = |now: &ContainerNow| docker::labelled(subject.id, &want.config, &now.labels) == Labelled::Same;
    let made_from_this = now.as_ref().is_some_and(same);
    let all = match &now {
        Some(now) => Some(host.inspect(now).await?),
        None => None,
    };
    let image = match wanted_image(subject) {
        Some(reference) if !made_from_this => {
            host.image(&reference).await?.map_or(WantedImage::Missing, |image| WantedImage::There(image.id))
        }
        Some(_) | None => WantedImage::NotAsked,
    };
    let pin = match &now {
        Some(now) if made_from_this => pin(subject, want, now, host).await?,
        Some(_) | None => None,
    };
    Ok(Observed { now, all, image, pin })
}

/// The image that is declared; of a tag that was looked up before, what it stood for then.
pub(super) fn wanted_image(subject: &Subject<'_, ContainerSpec>) -> Option<ImageReference> {
    let declared = subject.want?.config.image.as_ref()?;
    let pinned = subject.entry.and_then(|entry| entry.pinned.as_ref());
    let pinned = pinned.filter(|pinned| !declared.is_pinned() && pinned.declared == *declared);
    Some(pinned.map_or(declared, |pinned| &pinned.image).clone())
}

/// What the tag stands for that is declared, if that is not known yet: what the container was made from.
async fn pin(
    subject: &Subject<'_, ContainerSpec>,
    want: &ContainerSpec,
    now: &ContainerNow,
    host: &impl Read,
) -> Result<Option<Pinned>, HostError> {
    let Some(declared) = want.config.image.as_ref().filter(|image| !image.is_pinned()) else {
        return Ok(None);
    };
    let known = subject.entry.and_then(|entry| entry.pinned.as_ref());
    if known.is_some_and(|known| known.declared == *declared) {
        return Ok(None);
    }
    let Ok(id) = now.image.parse::<ImageReference>() else { return Ok(None) };
    let image = host.image(&id).await?.and_then(|image| image.pin(declared));
    Ok(image.map(|image| Pinned { declared: declared.clone(), image }))
}
