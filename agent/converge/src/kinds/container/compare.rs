//! What differs between a container that is there and what is declared, field by field; what the engine or the image added
//! does not count. Values of environment variables are never told: they may be secrets.

use std::collections::BTreeSet;

use holdfast_schema::spec::{ContainerSpec, Mount, MountSource};
use serde_json::{Map, Value, json};

use super::body;
use crate::{
    kinds::{
        compare::{Comparison, Unit, joined, texts},
        image,
    },
    plan::found,
};

/// What only a new container can put right. `image` is the id of the wanted image, if the engine has it.
pub(super) fn compare<'a>(want: &ContainerSpec, image: Option<&str>, all: &'a Value) -> Comparison<'a> {
    let mut seen = Comparison::of(all);
    seen.image(want, image);
    let config = &want.config;
    seen.words("entrypoint", "/Config/Entrypoint", config.entrypoint.as_ref());
    seen.words("command", "/Config/Cmd", config.command.as_ref());
    seen.environment("/Config/Env", &config.environment, false);
    if !config.ports.is_empty() {
        seen.ports(&body::bindings(&config.ports));
    }
    for (path, mount) in &config.mounts {
        seen.mount(path.as_str(), mount);
    }
    if let Some(check) = &config.healthcheck {
        seen.subset("healthcheck", "/Config/Healthcheck", &body::healthcheck(check));
    }
    seen.subset("labels", "/Config/Labels", &json!(config.labels));
    seen.text("user", "/Config/User", config.user.as_deref());
    seen.text("working_dir", "/Config/WorkingDir", config.working_dir.as_deref());
    seen.text("hostname", "/Config/Hostname", config.hostname.as_deref());
    seen.text("domainname", "/Config/Domainname", config.domainname.as_deref());
    seen.flag("tty", "/Config/Tty", config.tty);
    seen.flag("stdin_open", "/Config/OpenStdin", config.stdin_open);
    seen.set("group_add", "/HostConfig/GroupAdd", &config.group_add);
    seen.text("pid", "/HostConfig/PidMode", config.pid.as_deref());
    seen.text("ipc", "/HostConfig/IpcMode", config.ipc.as_deref());
    seen.text("userns", "/HostConfig/UsernsMode", config.userns.as_deref());
    seen.text("runtime", "/HostConfig/Runtime", config.runtime.as_deref());
    if let Some(score) = config.oom_score_adj {
        let found = all.pointer("/HostConfig/OomScoreAdj").and_then(Value::as_i64).unwrap_or_default();
        if found != i64::from(score) {
            seen.differ_as(
                "oom_score_adj",
                found::Value::Number(found),
                found.to_string(),
                score.to_string(),
            );
        }
    }
    let domains = config.dns_search.iter().cloned().collect();
    seen.set("dns_search", "/HostConfig/DnsSearch", &domains);
    seen.text("stop_signal", "/Config/StopSignal", config.stop_signal.as_deref());
    seen.number(
        "stop_grace_period",
        "/Config/StopTimeout",
        config.stop_grace_period.map(|wait| wait.as_secs()),
        Unit::Seconds,
    );
    if let Some(log) = &config.logging {
        let driver = all.pointer("/HostConfig/LogConfig/Type").and_then(Value::as_str).unwrap_or_default();
        if driver != log.driver {
            seen.differ("logging.driver", driver, &log.driver);
        }
        seen.subset("logging.options", "/HostConfig/LogConfig/Config", &json!(log.options));
    }
    seen.set("cap_add", "/HostConfig/CapAdd", &config.cap_add);
    seen.set("cap_drop", "/HostConfig/CapDrop", &config.cap_drop);
    seen.set("security_opt", "/HostConfig/SecurityOpt", &config.security_opt);
    seen.flag("privileged", "/HostConfig/Privileged", config.privileged);
    seen.flag("read_only", "/HostConfig/ReadonlyRootfs", config.read_only);
    seen.flag("init", "/HostConfig/Init", config.init);
    seen.number("shm_size", "/HostConfig/ShmSize", config.shm_size, Unit::Bytes);
    for (name, limit) in &config.ulimits {
        let wanted = json!({ "Name": name, "Soft": limit.soft, "Hard": limit.hard });
        seen.member("ulimits", "/HostConfig/Ulimits", name, &wanted);
    }
    seen.subset("sysctls", "/HostConfig/Sysctls", &json!(config.sysctls));
    for device in &config.devices {
        let wanted = json!({
            "PathOnHost": device.host, "PathInContainer": device.container, "CgroupPermissions": device.permissions,
        });
        seen.member("devices", "/HostConfig/Devices", device.host.as_str(), &wanted);
    }
    let dns: BTreeSet<String> = config.dns.iter().map(ToString::to_string).collect();
    seen.set("dns", "/HostConfig/Dns", &dns);
    let found = texts(all.pointer("/HostConfig/ExtraHosts"));
    let hosts = config.extra_hosts.iter().map(|(name, address)| format!("{name}:{address}"));
    let lacking: BTreeSet<String> = hosts.filter(|host| !found.contains(host.as_str())).collect();
    if !lacking.is_empty() {
        seen.differ("extra_hosts", "not there", joined(&lacking));
    }
    for (network, endpoint) in
        all.pointer("/NetworkSettings/Networks").and_then(Value::as_object).into_iter().flatten()
    {
        if want.networks.contains(network) && !body::is_alone(network) {
            let aliases = texts(endpoint.get("Aliases"));
            if let Some(alias) = config.aliases.iter().find(|alias| !aliases.contains(alias.as_str())) {
                seen.differ("aliases", "none", format!("{alias} in {network}"));
            }
        }
    }
    seen
}

impl Comparison<'_> {
    fn image(&mut self, want: &ContainerSpec, wanted: Option<&str>) {
        let Some(reference) = &want.config.image else { return };
        let named = self.all.pointer("/Config/Image").and_then(Value::as_str).unwrap_or_default();
        let id = self.all.get("Image").and_then(Value::as_str).unwrap_or_default();
        let same = wanted.map_or(reference.is_pinned() && named == reference.as_str(), |wanted| wanted == id);
        if !same {
            let shown = named.parse().map_or_else(|_| named.to_owned(), |named| image::short(&named));
            self.differ_as("image", found::Value::Text(named.to_owned()), shown, image::short(reference));
        }
    }

    fn ports(&mut self, want: &Map<String, Value>) {
        let found = self.all.pointer("/HostConfig/PortBindings").and_then(Value::as_object);
        let flat = |bindings: &Map<String, Value>| -> BTreeSet<String> {
            let text = |binding: &Value, field: &str| {
                binding.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            let all = bindings.iter().flat_map(|(target, list)| {
                list.as_array().into_iter().flatten().map(move |binding| (target, binding))
            });
            all.map(|(target, binding)| {
                let address = text(binding, "HostIp").replace("0.0.0.0", "");
                let address = if address.is_empty() { address } else { format!("{address}:") };
                format!("{address}{}:{}", text(binding, "HostPort"), target.trim_end_matches("/tcp"))
            })
            .collect()
        };
        let (found, want) = (found.map(flat).unwrap_or_default(), flat(want));
        if found != want {
            self.differ("ports", joined(&found), joined(&want));
        }
    }

    fn mount(&mut self, path: &str, want: &Mount) {
        let field = format!("mounts.{path}");
        let at = |field: &str, mount: &Value| mount.get(field).and_then(Value::as_str) == Some(path);
        let mounted = self.all.get("Mounts").and_then(Value::as_array).into_iter().flatten();
        let found = mounted.into_iter().find(|mount| at("Destination", mount));
        let wanted = match &want.source {
            MountSource::Volume(name) => format!("volume {name}"),
            MountSource::Bind(path) => format!("bind {path}"),
            MountSource::Tmpfs(0) => "tmpfs".to_owned(),
            MountSource::Tmpfs(size) => format!("tmpfs of {size} bytes"),
        };
        let text = |mount: &Value, field: &str| {
            mount.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let described = found.map(|mount| match text(mount, "Type").as_str() {
            "volume" => format!("volume {}", text(mount, "Name")),
            "tmpfs" => {
                let declared =
                    self.all.pointer("/HostConfig/Mounts").and_then(Value::as_array).into_iter().flatten();
                let own = declared.into_iter().find(|mount| at("Target", mount));
                let size = own.and_then(|own| own.pointer("/TmpfsOptions/SizeBytes")).and_then(Value::as_u64);
                size.map_or_else(|| "tmpfs".to_owned(), |size| format!("tmpfs of {size} bytes"))
            }
            kind => format!("{kind} {}", text(mount, "Source")),
        });
        let writable = found.and_then(|mount| mount.get("RW")).and_then(Value::as_bool);
        let is_tmpfs = matches!(want.source, MountSource::Tmpfs(_));
        if described.as_ref() != Some(&wanted) {
            self.differ(&field, described.unwrap_or_else(|| "none".to_owned()), wanted);
        } else if !is_tmpfs && writable == Some(want.read_only) {
            let word = |read_only: bool| if read_only { "read-only" } else { "writable" };
            self.differ(&field, word(!want.read_only), word(want.read_only));
        } else if let Some(propagation) = want.propagation {
            let there = found.map(|mount| text(mount, "Propagation")).unwrap_or_default();
            if there != propagation.as_str() {
                self.differ(&format!("{field}.propagation"), there, propagation.as_str());
            }
        }
    }
}
