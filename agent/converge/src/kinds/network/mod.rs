//! A network of the Docker engine.

use holdfast_schema::{
    Sha256,
    spec::{Ensure, NetworkSpec, Spec},
};
use serde_json::{Value, json};

use super::{
    Fate, Kind, Refusal, Subject,
    docker::{self, Labelled},
    swarm::{self, Part},
};
use crate::{
    host::{Expected, HostError, NetworkNow, Read},
    ledger::Lesson,
    plan::{Difference, Disruption, DockerAction, Step},
};

pub(crate) struct Network;

/// What drives the networks of a Swarm.
const OF_SWARM: &str = "overlay";

/// What can be seen of a network.
#[derive(Debug, PartialEq)]
pub(crate) struct Observed {
    /// `None` if there is none of the name.
    now: Option<NetworkNow>,
    /// Whether containers or services are in one that Git no longer has.
    used: bool,
    /// Who acts instead of this host, if it is a Swarm's.
    other: Option<String>,
}

impl Kind for Network {
    type Spec = NetworkSpec;
    type Observed = Observed;

    fn spec(spec: &Spec) -> Option<&NetworkSpec> {
        if let Spec::Network(network) = spec { Some(network) } else { None }
    }

    async fn observe(subject: &Subject<'_, NetworkSpec>, host: &impl Read) -> Result<Observed, HostError> {
        let name = &subject.id.name;
        let mut now = host.network(name).await?;
        let driver =
            subject.want.and_then(|want| want.driver.as_ref()).or(now.as_ref().map(|now| &now.driver));
        let part = if driver.is_some_and(|driver| driver == OF_SWARM) {
            swarm::part(subject.want.is_some(), host).await?
        } else {
            Part::None
        };
        if subject.want.is_none() && matches!(part, Part::Works(_)) {
            // It is only there because a task is.
            now = None;
        }
        let leaving = subject.want.is_none() && now.is_some();
        let mut used = leaving && !host.network_users(name).await?.is_empty();
        if leaving && part == Part::Leads {
            used |= host.services().await?.values().any(|service| service.networks().contains(name));
        }
        Ok(Observed { now, used, other: part.other().map(str::to_owned) })
    }

    fn plan(subject: &Subject<'_, NetworkSpec>, seen: &Observed) -> Result<Vec<Step>, Refusal> {
        if let Some(by) = &seen.other
            && (subject.want.is_some() || seen.now.is_some())
        {
            return Err(Refusal::Elsewhere { by: by.clone() });
        }
        let name = || subject.id.name.clone();
        let step = |action, because, disrupts| {
            docker::step(subject.id, action, Expected::Anything, because, disrupts)
        };
        let remove = |because| step(DockerAction::RemoveNetwork { name: name() }, because, Disruption::Stop);
        let create = |want: &NetworkSpec, because| {
            let action = DockerAction::CreateNetwork { name: name(), body: body(subject, want) };
            step(action, because, Disruption::None)
        };
        Ok(match (subject.want, &seen.now) {
            (Some(NetworkSpec { ensure: Ensure::Absent, .. }) | None, None) => Vec::new(),
            (None, Some(now)) if seen.used || !docker::may_go(subject.id, subject.entry, &now.labels) => {
                Vec::new()
            }
            (None | Some(NetworkSpec { ensure: Ensure::Absent, .. }), Some(_)) => {
                vec![remove(docker::removal(subject.want.is_some(), "a network"))]
            }
            (Some(want), None) => vec![create(want, docker::difference("network", "none", driver(want)))],
            (Some(want), Some(now)) => match differs(subject, want, now) {
                None => Vec::new(),
                Some(because) => vec![remove(because.clone()), create(want, because)],
            },
        })
    }

    fn fate(subject: &Subject<'_, NetworkSpec>, seen: &Observed) -> Fate {
        if seen.used {
            return Fate::Released("containers or services of others are in it");
        }
        let labels = seen.now.as_ref().map(|now| &now.labels);
        docker::fate(labels, |labels| docker::may_go(subject.id, subject.entry, labels))
    }

    fn lessons(subject: &Subject<'_, NetworkSpec>, seen: &Observed) -> Vec<Lesson> {
        docker::lessons(subject.id, subject.entry, seen.now.as_ref().map(|now| &now.labels))
    }

    fn fingerprint(_subject: &Subject<'_, NetworkSpec>, seen: &Observed) -> Sha256 {
        Sha256::of(seen.now.as_ref().map_or("absent", |now| &now.id).as_bytes())
    }
}

fn driver(want: &NetworkSpec) -> String {
    want.driver.clone().unwrap_or_else(|| "bridge".to_owned())
}

/// What the engine makes it from.
fn body(subject: &Subject<'_, NetworkSpec>, want: &NetworkSpec) -> Value {
    let subnet = want.subnet.as_ref().map(|subnet| match want.gateway {
        Some(gateway) => json!({ "Subnet": subnet, "Gateway": gateway }),
        None => json!({ "Subnet": subnet }),
    });
    json!({
        "Name": subject.id.name,
        "CheckDuplicate": true,
        "Driver": driver(want),
        "Internal": want.internal,
        "EnableIPv6": want.ipv6,
        "Attachable": want.attachable,
        "IPAM": { "Config": subnet.into_iter().collect::<Vec<_>>() },
        "Options": want.options,
        "Labels": docker::labels(subject.id, want, &want.labels),
    })
}

/// The first thing that differs in what is declared.
fn differs(subject: &Subject<'_, NetworkSpec>, want: &NetworkSpec, now: &NetworkNow) -> Option<Difference> {
    let shown = |subnet: &str, gateway: Option<std::net::IpAddr>| match gateway {
        Some(gateway) => format!("{subnet} through {gateway}"),
        None => subnet.to_owned(),
    };
    if let Some(driver) = want.driver.as_ref().filter(|driver| **driver != now.driver) {
        return Some(docker::difference("driver", &now.driver, driver));
    }
    if let Some(subnet) = &want.subnet {
        let fits = |(found, gateway): &(String, Option<std::net::IpAddr>)| {
            found == subnet && (want.gateway.is_none() || *gateway == want.gateway)
        };
        if !now.subnets.iter().any(fits) {
            let found: Vec<_> = now.subnets.iter().map(|(subnet, gateway)| shown(subnet, *gateway)).collect();
            return Some(docker::difference("subnet", found.join(", "), shown(subnet, want.gateway)));
        }
    }
    for (field, want, now) in [
        ("internal", want.internal, now.internal),
        ("ipv6", want.ipv6, now.ipv6),
        ("attachable", want.attachable, now.attachable),
    ] {
        if want != now {
            return Some(docker::difference(field, now.to_string(), want.to_string()));
        }
    }
    if let Some((name, found, text)) = docker::lacking(&want.options, &now.options) {
        return Some(docker::difference(&format!("options.{name}"), found.unwrap_or("none"), text));
    }
    if let Some((name, found, text)) = docker::lacking(&want.labels, &now.labels) {
        return Some(docker::difference(&format!("labels.{name}"), found.unwrap_or("none"), text));
    }
    let other = docker::labelled(subject.id, want, &now.labels) == Labelled::Other;
    other.then(|| docker::difference("network", "made from another declaration", "made from this one"))
}

#[cfg(test)]
mod tests;
