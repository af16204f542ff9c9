//! A compose file in a Swarm. What it declares are resources of their own; here is what it does not: what the stack still has
//! of services, networks, configs and secrets that are gone.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_schema::{
    KindName, ResourceId, Sha256,
    spec::{Spec, StackSpec},
};

use super::{
    Around, Fate, Kind, Refusal, Subject, config, docker, service,
    swarm::{self, Part},
};
use crate::{
    host::{Expected, HostError, ObjectNow, RESOURCE_LABEL, Read, ServiceNow, SwarmObject},
    ledger::Lesson,
    plan::{Disruption, DockerAction, Step},
};

/// What `docker stack deploy` calls everything of a stack by.
const STACK: &str = "com.docker.stack.namespace";

pub(crate) struct Stack;

/// What the stack has that the file does not.
#[derive(Debug, PartialEq)]
pub(crate) struct Observed {
    part: Part,
    /// Services, by their names, and which version of them it is.
    services: BTreeMap<String, String>,
    /// Networks that nothing is in.
    networks: BTreeSet<String>,
    /// Configs and secrets that no service has.
    objects: BTreeSet<(SwarmObject, String)>,
}

impl Kind for Stack {
    type Spec = StackSpec;
    type Observed = Observed;

    fn spec(spec: &Spec) -> Option<&StackSpec> {
        if let Spec::Stack(stack) = spec { Some(stack) } else { None }
    }

    async fn observe(subject: &Subject<'_, StackSpec>, host: &impl Read) -> Result<Observed, HostError> {
        let part = match subject.want {
            Some(_) => swarm::part(true, host).await?,
            None => Part::None,
        };
        let mut seen =
            Observed { part, services: BTreeMap::new(), networks: BTreeSet::new(), objects: BTreeSet::new() };
        let Some(want) = subject.want.filter(|_| seen.part == Part::Leads) else { return Ok(seen) };
        let around = subject.around;
        let all = host.services().await?;
        let (gone, kept): (Vec<_>, Vec<_>) =
            all.iter().partition(|(name, service)| is_orphan(want, name, service, around));
        for (name, service) in gone {
            seen.services.insert(name.clone(), service.version());
        }
        let used: BTreeSet<String> = kept.iter().flat_map(|(_, service)| service.networks()).collect();
        for (name, network) in host.labelled_networks(STACK, want.name.as_str()).await? {
            let id = ResourceId::new(KindName::Network, name.as_str());
            let known = around.state.resources.contains_key(&id) || leaves(&id, &network.labels, around);
            if !known && !used.contains(&name) && host.network_users(&name).await?.is_empty() {
                seen.networks.insert(name);
            }
        }
        // What they hold could be needed on the way back.
        if around.in_force {
            for object in SwarmObject::ALL {
                let used = service::used(object, host).await?;
                for (name, found) in host.objects(object).await?.iter() {
                    let of_stack = found.labels.get(STACK).is_some_and(|stack| stack == want.name.as_str());
                    if of_stack
                        && !used.contains(name)
                        && !is_wanted(object, name, found, around, host).await?
                    {
                        seen.objects.insert((object, name.clone()));
                    }
                }
            }
        }
        Ok(seen)
    }

    fn plan(subject: &Subject<'_, StackSpec>, seen: &Observed) -> Result<Vec<Step>, Refusal> {
        if let (Some(by), Some(_)) = (seen.part.other(), subject.want) {
            return Err(Refusal::Elsewhere { by: by.to_owned() });
        }
        let step = |field: &str, name: &str, action, expects, disrupts| {
            let because = docker::difference(field, name, "none, the compose file does not have it");
            docker::step(subject.id, action, expects, because, disrupts)
        };
        let services = seen.services.iter().map(|(name, version)| {
            let action = DockerAction::RemoveService { name: name.clone() };
            step("services", name, action, Expected::Object(version.clone()), Disruption::Stop)
        });
        let networks = seen.networks.iter().map(|name| {
            let action = DockerAction::RemoveNetwork { name: name.clone() };
            step("networks", name, action, Expected::Anything, Disruption::None)
        });
        let objects = seen.objects.iter().map(|(object, name)| {
            let name = name.clone();
            let (field, action) = match object {
                SwarmObject::Config => {
                    ("configs", DockerAction::RemoveConfig { name: name.clone(), old: false })
                }
                SwarmObject::Secret => {
                    ("secrets", DockerAction::RemoveSecret { name: name.clone(), old: false })
                }
            };
            step(field, &name, action, Expected::Anything, Disruption::None)
        });
        Ok(services.chain(networks).chain(objects).collect())
    }

    fn fate(_subject: &Subject<'_, StackSpec>, _seen: &Observed) -> Fate {
        Fate::Gone
    }

    fn lessons(_subject: &Subject<'_, StackSpec>, _seen: &Observed) -> Vec<Lesson> {
        Vec::new()
    }

    fn fingerprint(_subject: &Subject<'_, StackSpec>, seen: &Observed) -> Sha256 {
        Sha256::of(format!("{:?}", seen.services).as_bytes())
    }
}

/// Whether a service is the stack's and of nothing that is declared, and nobody else will remove it.
fn is_orphan(want: &StackSpec, name: &str, service: &ServiceNow, around: &Around<'_>) -> bool {
    let stack = want.name.as_str();
    let id = ResourceId::new(KindName::Service, name);
    let is_of_stack = service.labels.get(STACK).is_some_and(|found| found == stack);
    let own = name.strip_prefix(stack).and_then(|rest| rest.strip_prefix('_')).unwrap_or(name);
    is_of_stack
        && !around.state.resources.contains_key(&id)
        && !want.asleep.contains(own)
        && !leaves(&id, &service.labels, around)
}

/// Whether what Git no longer has goes by itself.
fn leaves(id: &ResourceId, labels: &BTreeMap<String, String>, around: &Around<'_>) -> bool {
    swarm::may_go(id, around.ledger.entry(id), labels)
}

/// Whether a config or secret is that of a resource, or goes with one.
async fn is_wanted(
    object: SwarmObject,
    name: &str,
    found: &ObjectNow,
    around: &Around<'_>,
    host: &impl Read,
) -> Result<bool, HostError> {
    if let Some(id) = found.labels.get(RESOURCE_LABEL).and_then(|id| id.parse::<ResourceId>().ok()) {
        return Ok(around.state.resources.contains_key(&id) || leaves(&id, &found.labels, around));
    }
    // Others made it. A config that holds what is declared is taken as it is; what a secret holds nobody can tell.
    let id = ResourceId::new(KindName::Config, name);
    let Some(Spec::Config(want)) = around.state.resources.get(&id).map(|resource| &resource.spec) else {
        return Ok(false);
    };
    let Some(content) = want.content.filter(|_| object == SwarmObject::Config) else { return Ok(false) };
    Ok(config::called(&id, &content.sha256, host).await? == name)
}

#[cfg(test)]
mod tests;
