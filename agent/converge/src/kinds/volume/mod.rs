//! A volume of the Docker engine. It holds data, so that nothing but `ensure = "absent"` ever removes it.

use holdfast_schema::{
    Sha256,
    spec::{Ensure, Spec, VolumeSpec},
};
use serde_json::json;

use super::{Fate, Kind, Refusal, Subject, docker};
use crate::{
    host::{Expected, HostError, Read, VolumeNow},
    ledger::Lesson,
    plan::{Disruption, DockerAction, Step},
};

pub(crate) struct Volume;

impl Kind for Volume {
    type Spec = VolumeSpec;
    type Observed = Option<VolumeNow>;

    fn spec(spec: &Spec) -> Option<&VolumeSpec> {
        if let Spec::Volume(volume) = spec { Some(volume) } else { None }
    }

    async fn observe(
        subject: &Subject<'_, VolumeSpec>,
        host: &impl Read,
    ) -> Result<Option<VolumeNow>, HostError> {
        host.volume(&subject.id.name).await
    }

    fn plan(subject: &Subject<'_, VolumeSpec>, seen: &Option<VolumeNow>) -> Result<Vec<Step>, Refusal> {
        let Some(want) = subject.want else { return Ok(Vec::new()) };
        let name = || subject.id.name.clone();
        let step = |action, because, disrupts| {
            Ok(vec![docker::step(subject.id, action, Expected::Anything, because, disrupts)])
        };
        match (want.ensure, seen) {
            (Ensure::Absent, None) => Ok(Vec::new()),
            (Ensure::Absent, Some(_)) => {
                let because = docker::removal(true, "a volume");
                step(DockerAction::RemoveVolume { name: name() }, because, Disruption::Stop)
            }
            (Ensure::Present, None) => {
                let driver = want.driver.clone().unwrap_or_else(|| "local".to_owned());
                let body = json!({
                    "Name": name(),
                    "Driver": driver,
                    "DriverOpts": want.options,
                    "Labels": docker::labels(subject.id, want, &want.labels),
                });
                let because = docker::difference("volume", "none", driver);
                step(DockerAction::CreateVolume { name: name(), body }, because, Disruption::None)
            }
            (Ensure::Present, Some(now)) => match differs(want, now) {
                None => Ok(Vec::new()),
                Some((field, found, wanted)) => {
                    Err(Refusal::VolumeDiffers { volume: name(), field, found, wanted })
                }
            },
        }
    }

    fn fate(_subject: &Subject<'_, VolumeSpec>, seen: &Option<VolumeNow>) -> Fate {
        match seen {
            None => Fate::Gone,
            Some(_) => Fate::Released("a volume is only removed when it is declared absent"),
        }
    }

    fn lessons(_subject: &Subject<'_, VolumeSpec>, _seen: &Option<VolumeNow>) -> Vec<Lesson> {
        Vec::new()
    }

    fn fingerprint(subject: &Subject<'_, VolumeSpec>, seen: &Option<VolumeNow>) -> Sha256 {
        Sha256::of(if seen.is_some() { subject.id.name.as_bytes() } else { b"" })
    }
}

/// The first field that differs, with what is there and what should be.
fn differs(want: &VolumeSpec, now: &VolumeNow) -> Option<(String, String, String)> {
    if let Some(driver) = want.driver.as_ref().filter(|driver| **driver != now.driver) {
        return Some(("driver".to_owned(), now.driver.clone(), driver.clone()));
    }
    let told = |prefix: &str, (name, found, text): (&str, Option<&str>, &str)| {
        (format!("{prefix}.{name}"), found.unwrap_or("none").to_owned(), text.to_owned())
    };
    let option = docker::lacking(&want.options, &now.options).map(|lack| told("options", lack));
    option.or_else(|| docker::lacking(&want.labels, &now.labels).map(|lack| told("labels", lack)))
}

#[cfg(test)]
mod tests;
