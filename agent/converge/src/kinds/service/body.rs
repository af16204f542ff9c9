//! What the Swarm makes a service from, see `POST /services/create` in the engine's API.

use std::{collections::BTreeMap, time::Duration};

use holdfast_schema::{
    ObjectName, ResourceId,
    spec::{
        Attached, EndpointMode, FailureAction, Limits, Port, ServiceConfig, ServiceMode, ServiceSpec,
        TaskRestart, UpdateOrder, UpdatePolicy,
    },
};
use serde_json::{Map, Value, json};

use super::Kept;
use crate::kinds::{
    container::body::{healthcheck, mount, set, some, some_set},
    docker,
};

/// The service that is wanted, without its labels.
pub(super) fn unlabelled(want: &ServiceSpec, kept: &Kept) -> Value {
    let config = &want.config;
    let mut template = Map::new();
    template.insert("ContainerSpec".to_owned(), Value::Object(container(config, kept)));
    let resources = [("Limits", &config.limits), ("Reservations", &config.reservations)];
    let resources: Map<_, _> = resources
        .into_iter()
        .filter(|(_, limits)| !limits.is_empty())
        .map(|(field, limits)| (field.to_owned(), Value::Object(limited(limits))))
        .collect();
    set(&mut template, "Resources", Some(resources).filter(|all| !all.is_empty()));
    set(&mut template, "RestartPolicy", config.restart.as_ref().map(restart));
    set(&mut template, "Placement", placement(config));
    let network = |network: &String| {
        let mut body = Map::new();
        body.insert("Target".to_owned(), json!(network));
        // The nodes' own networks know no names.
        if !["host", "bridge", "none"].contains(&network.as_str()) {
            set(&mut body, "Aliases", some_set(&config.aliases));
        }
        Value::Object(body)
    };
    set(&mut template, "Networks", some(config.networks.iter().map(network).collect::<Vec<_>>()));
    let log = config.logging.as_ref();
    set(&mut template, "LogDriver", log.map(|log| json!({ "Name": log.driver, "Options": log.options })));
    let mode = match config.mode {
        ServiceMode::Replicated(replicas) => json!({ "Replicated": { "Replicas": replicas } }),
        ServiceMode::Global => json!({ "Global": {} }),
    };
    let mut body = Map::new();
    body.insert("Name".to_owned(), json!(want.name));
    body.insert("TaskTemplate".to_owned(), Value::Object(template));
    body.insert("Mode".to_owned(), mode);
    body.insert("UpdateConfig".to_owned(), policy(&config.update, FailureAction::Rollback));
    body.insert("RollbackConfig".to_owned(), policy(&config.rollback, FailureAction::Pause));
    set(&mut body, "EndpointSpec", endpoint(config));
    Value::Object(body)
}

/// The same with its labels.
pub(super) fn labelled(id: &ResourceId, want: &ServiceSpec, unlabelled: &Value) -> Value {
    let mut body = unlabelled.clone();
    if let Some(body) = body.as_object_mut() {
        body.insert("Labels".to_owned(), docker::labels(id, unlabelled, &want.config.labels));
    }
    body
}

fn container(config: &ServiceConfig, kept: &Kept) -> Map<String, Value> {
    let mut body = Map::new();
    set(&mut body, "Image", config.image.as_ref().map(ToString::to_string));
    set(&mut body, "Command", config.entrypoint.as_ref());
    set(&mut body, "Args", config.command.as_ref());
    set(&mut body, "Hostname", config.hostname.as_ref());
    let environment = config.environment.iter().map(|(name, text)| format!("{name}={text}"));
    set(&mut body, "Env", some(environment.collect::<Vec<_>>()));
    set(&mut body, "Dir", config.working_dir.as_ref());
    set(&mut body, "User", config.user.as_ref());
    set(&mut body, "Init", config.init);
    set(&mut body, "StopSignal", config.stop_signal.as_ref());
    set(&mut body, "StopGracePeriod", config.stop_grace_period.map(nanoseconds));
    set(&mut body, "ReadOnly", config.read_only.filter(|read_only| *read_only));
    let mounts = config.mounts.iter().map(|(path, what)| mount(path.as_str(), what));
    set(&mut body, "Mounts", some(mounts.collect::<Vec<_>>()));
    set(&mut body, "Healthcheck", config.healthcheck.as_ref().map(healthcheck));
    let hosts = config.extra_hosts.iter().map(|(name, address)| format!("{address} {name}"));
    set(&mut body, "Hosts", some(hosts.collect::<Vec<_>>()));
    let dns = some(config.dns.clone());
    set(&mut body, "DNSConfig", dns.map(|dns| json!({ "Nameservers": dns })));
    set(&mut body, "Configs", attached(&config.configs, "ConfigName", &kept.configs));
    set(&mut body, "Secrets", attached(&config.secrets, "SecretName", &kept.secrets));
    set(&mut body, "Labels", Some(&config.container_labels).filter(|labels| !labels.is_empty()));
    set(&mut body, "Sysctls", Some(&config.sysctls).filter(|all| !all.is_empty()));
    set(&mut body, "CapabilityAdd", capabilities(&config.cap_add));
    set(&mut body, "CapabilityDrop", capabilities(&config.cap_drop));
    let limit = |(name, limit): (&String, &holdfast_schema::spec::Ulimit)| json!({ "Name": name, "Soft": limit.soft, "Hard": limit.hard });
    set(&mut body, "Ulimits", some(config.ulimits.iter().map(limit).collect::<Vec<_>>()));
    body
}

/// Capabilities as the engine spells them for services.
fn capabilities(names: &std::collections::BTreeSet<String>) -> Option<Vec<String>> {
    let spell = |name: &String| if name == "ALL" { name.clone() } else { format!("CAP_{name}") };
    some(names.iter().map(spell).collect())
}

/// Configs or secrets as files, by what they are called in the Swarm: one that is not declared just so.
fn attached(
    all: &BTreeMap<ObjectName, Attached>,
    field: &str,
    called: &BTreeMap<ObjectName, String>,
) -> Option<Vec<Value>> {
    let file = |(name, file): (&ObjectName, &Attached)| {
        json!({
            "File": {
                "Name": file.target, "UID": file.uid.to_string(), "GID": file.gid.to_string(), "Mode": file.mode.bits(),
            },
            field: called.get(name).map_or(name.as_str(), String::as_str),
        })
    };
    some(all.iter().map(file).collect())
}

fn limited(limits: &Limits) -> Map<String, Value> {
    let mut body = Map::new();
    set(&mut body, "NanoCPUs", limits.nano_cpus);
    set(&mut body, "MemoryBytes", limits.memory);
    set(&mut body, "Pids", limits.pids);
    body
}

fn placement(config: &ServiceConfig) -> Option<Value> {
    let mut body = Map::new();
    set(&mut body, "Constraints", some_set(&config.constraints));
    let spread = |over: &String| json!({ "Spread": { "SpreadDescriptor": over } });
    set(&mut body, "Preferences", some(config.spread.iter().map(spread).collect::<Vec<_>>()));
    set(&mut body, "MaxReplicas", config.max_replicas_per_node);
    (!body.is_empty()).then_some(Value::Object(body))
}

fn restart(restart: &TaskRestart) -> Value {
    let mut body = Map::new();
    body.insert("Condition".to_owned(), json!(restart.condition.as_str()));
    set(&mut body, "Delay", restart.delay.map(nanoseconds));
    set(&mut body, "MaxAttempts", restart.max_attempts);
    set(&mut body, "Window", restart.window.map(nanoseconds));
    Value::Object(body)
}

/// A policy as the engine has it. The API takes a parallelism that is not said for all at once, and leaves out zeros.
fn policy(policy: &UpdatePolicy, on_failure: FailureAction) -> Value {
    let mut body = Map::new();
    body.insert("Parallelism".to_owned(), json!(policy.parallelism.unwrap_or(1)));
    set(&mut body, "Delay", policy.delay.filter(|delay| !delay.is_zero()).map(nanoseconds));
    body.insert("FailureAction".to_owned(), json!(policy.failure_action.unwrap_or(on_failure).as_str()));
    set(&mut body, "Monitor", policy.monitor.map(nanoseconds));
    let ratio = policy.max_failure_ratio.filter(|ratio| *ratio > 0).map(share);
    set(&mut body, "MaxFailureRatio", ratio);
    body.insert("Order".to_owned(), json!(policy.order.unwrap_or(UpdateOrder::StopFirst).as_str()));
    Value::Object(body)
}

/// Billionths as a decimal number.
fn share(billionths: u64) -> Value {
    let (whole, rest) = (billionths / 1_000_000_000, billionths % 1_000_000_000);
    serde_json::from_str(&format!("{whole}.{rest:09}")).unwrap_or_default()
}

fn endpoint(config: &ServiceConfig) -> Option<Value> {
    let mut body = Map::new();
    let mode = |mode: EndpointMode| match mode {
        EndpointMode::Vip => "vip",
        EndpointMode::Dnsrr => "dnsrr",
    };
    set(&mut body, "Mode", config.endpoint_mode.map(mode));
    let port = |how: &'static str| {
        move |port: &Port| {
            let mut body = Map::new();
            body.insert("Protocol".to_owned(), json!(port.protocol.as_str()));
            body.insert("TargetPort".to_owned(), json!(port.target));
            set(&mut body, "PublishedPort", port.published);
            body.insert("PublishMode".to_owned(), json!(how));
            Value::Object(body)
        }
    };
    let (mesh, hosts) =
        (config.ports.iter().map(port("ingress")), config.host_ports.iter().map(port("host")));
    set(&mut body, "Ports", some(mesh.chain(hosts).collect::<Vec<_>>()));
    (!body.is_empty()).then_some(Value::Object(body))
}

fn nanoseconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX)
}
