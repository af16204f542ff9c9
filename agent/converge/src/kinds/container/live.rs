//! What can be put right while a container stays: its limits, its restart policy, its networks, and whether it runs.

use std::collections::BTreeSet;

use holdfast_schema::spec::ContainerSpec;
use serde_json::Value;

use super::{body, plan::Plan};
use crate::{
    host::ContainerNow,
    kinds::docker::difference,
    plan::{
        Difference, Disruption, DockerAction,
        found::{self, Found},
    },
};

/// A limit that is there and is not declared any more: the engine cannot lift one. Of a container that others made, what is
/// not declared is theirs.
pub(super) fn lifted(want: &ContainerSpec, all: &Value) -> Option<Difference> {
    let declared = [
        ("memory", "/HostConfig/Memory", want.limits.memory),
        ("cpus", "/HostConfig/NanoCpus", want.limits.nano_cpus),
        ("pids", "/HostConfig/PidsLimit", want.limits.pids.map(u64::from)),
    ];
    declared.into_iter().find_map(|(field, pointer, declared)| {
        let found = all.pointer(pointer).and_then(Value::as_u64).filter(|found| *found > 0)?;
        declared.is_none().then(|| difference(field, found.to_string(), "no limit"))
    })
}

/// A change between the networks that stand alone and others.
pub(super) fn apart(want: &ContainerSpec, now: &ContainerNow) -> Option<Difference> {
    let alone = |networks: &BTreeSet<String>| networks.iter().any(|network| body::is_alone(network));
    let differs = !want.networks.is_empty() && want.networks != now.networks;
    (differs && (alone(&want.networks) || alone(&now.networks))).then(|| networks(want, now))
}

fn networks(want: &ContainerSpec, now: &ContainerNow) -> Difference {
    let list =
        |networks: &BTreeSet<String>| networks.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let found = if now.networks.is_empty() { "none".to_owned() } else { list(&now.networks) };
    difference("networks", found, list(&want.networks))
}

/// Adds to `found` how limits, restart policy, networks and running would be declared as they are.
pub(super) fn found(
    want: &ContainerSpec,
    now: &ContainerNow,
    all: &Value,
    mut found: Found,
) -> Option<Found> {
    let number = |pointer: &str| all.pointer(pointer).and_then(Value::as_u64).filter(|number| *number > 0);
    let limits = &want.limits;
    if limits.memory.is_some() && number("/HostConfig/Memory") != limits.memory {
        found = found.with("memory", found::Value::size(number("/HostConfig/Memory")?));
    }
    if limits.nano_cpus.is_some() && number("/HostConfig/NanoCpus") != limits.nano_cpus {
        found = found.with("cpus", found::Value::Billionths(number("/HostConfig/NanoCpus")?));
    }
    let pids = limits.pids.map(u64::from);
    if pids.is_some() && number("/HostConfig/PidsLimit") != pids {
        let pids = i64::try_from(number("/HostConfig/PidsLimit")?).ok()?;
        found = found.with("pids", found::Value::Number(pids));
    }
    let restart = restart(all);
    if restart != body::restart_name(want.restart) {
        found = found.with("restart", found::Value::Text(restart.to_owned()));
    }
    if !want.networks.is_empty() && want.networks != now.networks {
        found = found.with("networks", found::Value::List(now.networks.iter().cloned().collect()));
    }
    let running = matches!(now.state.as_str(), "running" | "restarting");
    Some(if running == want.running { found } else { found.with("running", found::Value::Flag(running)) })
}

fn restart(all: &Value) -> &str {
    let found = all.pointer("/HostConfig/RestartPolicy/Name").and_then(Value::as_str).unwrap_or_default();
    if found.is_empty() { "no" } else { found }
}

impl Plan<'_> {
    /// The steps that put right what can be, in order.
    pub(super) fn live(&mut self, now: &ContainerNow, all: Option<&Value>) {
        let want = self.want;
        let name = self.name();
        if let Some(because) = all.and_then(|all| self.limits(all)) {
            let body = Value::Object(body::changeable(&want.limits, want.restart));
            self.add(
                now,
                DockerAction::UpdateContainer { name: name.clone(), body },
                because,
                Disruption::None,
            );
        }
        if !want.networks.is_empty() {
            for network in want.networks.difference(&now.networks) {
                let (container, network) = (name.clone(), network.clone());
                let because = difference("networks", "not in it", network.clone());
                let aliases = want.config.aliases.clone();
                let action = DockerAction::ConnectNetwork { container, network, aliases };
                self.add(now, action, because, Disruption::None);
            }
            for network in now.networks.difference(&want.networks) {
                let (container, network) = (name.clone(), network.clone());
                let because = difference("networks", network.clone(), "not in it");
                let action = DockerAction::DisconnectNetwork { container, network };
                self.add(now, action, because, Disruption::None);
            }
        }
        self.running(now);
    }

    fn limits(&self, all: &Value) -> Option<Difference> {
        let limits = &self.want.limits;
        let numbers = [
            ("memory", "/HostConfig/Memory", limits.memory),
            ("cpus", "/HostConfig/NanoCpus", limits.nano_cpus),
            ("pids", "/HostConfig/PidsLimit", limits.pids.map(u64::from)),
        ];
        for (field, pointer, want) in numbers {
            let found = all.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
            if let Some(want) = want.filter(|want| *want != found) {
                let found = if found == 0 { "no limit".to_owned() } else { found.to_string() };
                return Some(difference(field, found, want.to_string()));
            }
        }
        let found = restart(all);
        let want = body::restart_name(self.want.restart);
        (want != found).then(|| difference("restart", found, want))
    }

    fn running(&mut self, now: &ContainerNow) {
        let (name, within) = (self.name(), self.want.healthy_within);
        let healthy = !now.status.contains("(unhealthy)") && !now.status.contains("(health: starting)");
        match (self.want.running, now.state.as_str()) {
            (true, "running") if healthy => {}
            (true, "running" | "restarting") => {
                let because = difference("running", &now.status, "healthy");
                self.add(now, DockerAction::AwaitContainer { name, within }, because, Disruption::None);
            }
            (true, state) => {
                let because = difference("running", state, "running");
                self.add(now, DockerAction::StartContainer { name, within }, because, Disruption::None);
            }
            (false, state @ ("running" | "restarting" | "paused")) => {
                let because = difference("running", state, "stopped");
                self.add(now, DockerAction::StopContainer { name }, because, Disruption::Stop);
            }
            (false, _) => {}
        }
    }
}
