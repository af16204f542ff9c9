//! What the engine makes a container from, see `POST /containers/create` in its API.

use std::{collections::BTreeSet, time::Duration};

use holdfast_schema::{
    ImageReference, ResourceId,
    spec::{
        ContainerConfig, ContainerSpec, Healthcheck, Limits, Mount, MountSource, Port, Propagation, Restart,
    },
};
use serde_json::{Map, Value, json};

use crate::{kinds::docker, plan::docker::NewContainer};

/// The container that is wanted, from an image that may be named more closely than it is declared.
pub(super) fn new(id: &ResourceId, want: &ContainerSpec, image: Option<&ImageReference>) -> NewContainer {
    let config = &want.config;
    let mut body = Map::new();
    set(&mut body, "Image", image.map(ToString::to_string));
    set(&mut body, "Entrypoint", config.entrypoint.as_ref());
    set(&mut body, "Cmd", config.command.as_ref());
    let environment: Vec<_> =
        config.environment.iter().map(|(name, text)| format!("{name}={text}")).collect();
    set(&mut body, "Env", some(environment));
    let exposed: Map<_, _> = config.ports.iter().map(|port| (target(port), json!({}))).collect();
    set(&mut body, "ExposedPorts", some_map(exposed));
    set(&mut body, "User", config.user.as_ref());
    set(&mut body, "WorkingDir", config.working_dir.as_ref());
    set(&mut body, "Hostname", config.hostname.as_ref());
    set(&mut body, "Domainname", config.domainname.as_ref());
    set(&mut body, "Tty", config.tty);
    set(&mut body, "OpenStdin", config.stdin_open);
    set(&mut body, "Healthcheck", config.healthcheck.as_ref().map(healthcheck));
    set(&mut body, "StopSignal", config.stop_signal.as_ref());
    set(&mut body, "StopTimeout", config.stop_grace_period.map(|wait| wait.as_secs()));
    body.insert("Labels".to_owned(), docker::labels(id, config, &config.labels));
    body.insert("HostConfig".to_owned(), Value::Object(host(want)));
    let mut networks = want.networks.clone();
    let first = networks.pop_first();
    if let Some(first) = first.filter(|first| !is_alone(first)) {
        let endpoint =
            if config.aliases.is_empty() { json!({}) } else { json!({ "Aliases": config.aliases }) };
        body.insert("NetworkingConfig".to_owned(), json!({ "EndpointsConfig": { first: endpoint } }));
    }
    NewContainer {
        name: id.name.clone(),
        body: Value::Object(body),
        networks,
        aliases: config.aliases.clone(),
        start: want.running.then_some(want.healthy_within),
    }
}

/// Whether a network is one that no container can be put into later.
pub(super) fn is_alone(network: &str) -> bool {
    matches!(network, "host" | "none")
}

fn host(want: &ContainerSpec) -> Map<String, Value> {
    let config: &ContainerConfig = &want.config;
    let mut host = changeable(&want.limits, want.restart);
    set(&mut host, "NetworkMode", want.networks.first());
    set(&mut host, "PortBindings", some_map(bindings(&config.ports)));
    // Of the two ways to name a mount only this one makes directories that are missing.
    let (made, plain): (Vec<_>, Vec<_>) = config.mounts.iter().partition(|(_, what)| what.create);
    set(
        &mut host,
        "Binds",
        some(made.into_iter().filter_map(|(path, what)| bind(path.as_str(), what)).collect()),
    );
    set(
        &mut host,
        "Mounts",
        some(plain.into_iter().map(|(path, what)| mount(path.as_str(), what)).collect()),
    );
    set(&mut host, "CapAdd", some_set(&config.cap_add));
    set(&mut host, "CapDrop", some_set(&config.cap_drop));
    set(&mut host, "SecurityOpt", some_set(&config.security_opt));
    set(&mut host, "Privileged", config.privileged);
    set(&mut host, "ReadonlyRootfs", config.read_only);
    set(&mut host, "Init", config.init);
    set(&mut host, "GroupAdd", some_set(&config.group_add));
    set(&mut host, "PidMode", config.pid.as_ref());
    set(&mut host, "IpcMode", config.ipc.as_ref());
    set(&mut host, "UsernsMode", config.userns.as_ref());
    set(&mut host, "Runtime", config.runtime.as_ref());
    set(&mut host, "OomScoreAdj", config.oom_score_adj);
    set(&mut host, "ShmSize", config.shm_size);
    let log = config.logging.as_ref();
    set(&mut host, "LogConfig", log.map(|log| json!({ "Type": log.driver, "Config": log.options })));
    let limit = |(name, limit): (&String, &holdfast_schema::spec::Ulimit)| json!({ "Name": name, "Soft": limit.soft, "Hard": limit.hard });
    set(&mut host, "Ulimits", some(config.ulimits.iter().map(limit).collect::<Vec<_>>()));
    if !config.sysctls.is_empty() {
        host.insert("Sysctls".to_owned(), json!(config.sysctls));
    }
    let device = |device: &holdfast_schema::spec::Device| json!({ "PathOnHost": device.host, "PathInContainer": device.container, "CgroupPermissions": device.permissions });
    set(&mut host, "Devices", some(config.devices.iter().map(device).collect::<Vec<_>>()));
    set(&mut host, "Dns", some(config.dns.clone()));
    set(&mut host, "DnsSearch", some(config.dns_search.clone()));
    let hosts: Vec<_> =
        config.extra_hosts.iter().map(|(name, address)| format!("{name}:{address}")).collect();
    set(&mut host, "ExtraHosts", some(hosts));
    host
}

/// What can be changed while it is there. What is not limited is left out.
pub(super) fn changeable(limits: &Limits, restart: Restart) -> Map<String, Value> {
    let mut host = Map::new();
    set(&mut host, "Memory", limits.memory);
    // What the engine takes where nothing is said, but never changes by itself.
    set(&mut host, "MemorySwap", limits.memory.map(|memory| memory.saturating_mul(2)));
    set(&mut host, "NanoCpus", limits.nano_cpus);
    set(&mut host, "PidsLimit", limits.pids);
    host.insert("RestartPolicy".to_owned(), json!({ "Name": restart_name(restart), "MaximumRetryCount": 0 }));
    host
}

/// A restart policy as the engine has it.
pub(super) fn restart_name(restart: Restart) -> &'static str {
    match restart {
        Restart::No => "no",
        Restart::Always => "always",
        Restart::UnlessStopped => "unless-stopped",
        Restart::OnFailure => "on-failure",
    }
}

/// A path of the host that is made a directory where it is missing.
fn bind(path: &str, mount: &Mount) -> Option<String> {
    let MountSource::Bind(source) = &mount.source else { return None };
    let options = [mount.read_only.then_some("ro"), mount.propagation.map(Propagation::as_str)];
    let options = options.into_iter().flatten().collect::<Vec<_>>().join(",");
    let end = if options.is_empty() { String::new() } else { format!(":{options}") };
    Some(format!("{source}:{path}{end}"))
}

pub(in crate::kinds) fn mount(path: &str, mount: &Mount) -> Value {
    let mut body = Map::new();
    body.insert("Target".to_owned(), json!(path));
    body.insert("ReadOnly".to_owned(), json!(mount.read_only));
    let (kind, source) = match &mount.source {
        MountSource::Volume(name) => ("volume", Some(name.to_string())),
        MountSource::Bind(path) => ("bind", Some(path.to_string())),
        MountSource::Tmpfs(0) => ("tmpfs", None),
        MountSource::Tmpfs(size) => {
            body.insert("TmpfsOptions".to_owned(), json!({ "SizeBytes": size }));
            ("tmpfs", None)
        }
    };
    body.insert("Type".to_owned(), json!(kind));
    set(&mut body, "Source", source);
    let propagation = mount.propagation.map(|propagation| json!({ "Propagation": propagation.as_str() }));
    set(&mut body, "BindOptions", propagation);
    if mount.driver.is_some() || !mount.options.is_empty() {
        let name = mount.driver.as_deref().unwrap_or("local");
        let driver = json!({ "Name": name, "Options": mount.options });
        body.insert("VolumeOptions".to_owned(), json!({ "DriverConfig": driver }));
    }
    Value::Object(body)
}

/// A port as the engine names it, such as `80/tcp`.
fn target(port: &Port) -> String {
    format!("{}/{}", port.target, port.protocol.as_str())
}

/// Ports as the engine has them.
pub(super) fn bindings(ports: &BTreeSet<Port>) -> Map<String, Value> {
    let mut bindings: Map<String, Value> = Map::new();
    for port in ports {
        let address = port.address.map(|address| address.to_string()).unwrap_or_default();
        let published = port.published.map(|port| port.to_string()).unwrap_or_default();
        let list = bindings.entry(target(port)).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(json!({ "HostIp": address, "HostPort": published }));
        }
    }
    bindings
}

/// A health check as the engine has it.
pub(in crate::kinds) fn healthcheck(check: &Healthcheck) -> Value {
    let mut body = Map::new();
    let nanoseconds =
        |wait: Option<Duration>| wait.map(|wait| u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX));
    body.insert("Test".to_owned(), json!(check.test));
    set(&mut body, "Interval", nanoseconds(check.interval));
    set(&mut body, "Timeout", nanoseconds(check.timeout));
    set(&mut body, "Retries", check.retries);
    set(&mut body, "StartPeriod", nanoseconds(check.start_period));
    Value::Object(body)
}

pub(in crate::kinds) fn set(
    body: &mut Map<String, Value>,
    field: &str,
    value: Option<impl serde::Serialize>,
) {
    if let Some(value) = value {
        body.insert(field.to_owned(), json!(value));
    }
}

pub(in crate::kinds) fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}

pub(in crate::kinds) fn some_set(set: &BTreeSet<String>) -> Option<&BTreeSet<String>> {
    Some(set).filter(|set| !set.is_empty())
}

fn some_map(map: Map<String, Value>) -> Option<Map<String, Value>> {
    Some(map).filter(|map| !map.is_empty())
}
