//! What containers and networks were, as far as they can be made again. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::NetworkNow;

/// What a container was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerWas {
    /// Its id.
    pub id: String,
    /// What its image was called.
    pub image: String,
    /// What it was made from, by the image's id and without its networks.
    pub body: Value,
    /// Its networks, each with its other names in it.
    pub networks: BTreeMap<String, BTreeSet<String>>,
    /// Whether it ran.
    pub running: bool,
}

/// What a network was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkWas {
    /// Its id.
    pub id: String,
    /// What it was made from.
    pub body: Value,
}

/// The id of a container of which the engine says `all`.
pub(super) fn id_of(all: &Value) -> &str {
    all.get("Id").and_then(Value::as_str).unwrap_or_default()
}

impl ContainerWas {
    /// From all that the engine says of a container.
    pub fn of(all: &Value) -> Self {
        let id = id_of(all).to_owned();
        let short: String = id.chars().take(12).collect();
        let mut body = all.get("Config").and_then(Value::as_object).cloned().unwrap_or_default();
        // A name that the engine made up.
        if body.get("Hostname").and_then(Value::as_str) == Some(&short) {
            body.remove("Hostname");
        }
        // The name may mean another image by then.
        let named = body.insert("Image".to_owned(), all.get("Image").cloned().unwrap_or_default());
        let image = named.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        body.insert("HostConfig".to_owned(), all.get("HostConfig").cloned().unwrap_or_default());
        let mut body = Value::Object(body);
        carry_volumes(all, &mut body);
        let endpoints = all.pointer("/NetworkSettings/Networks").and_then(Value::as_object);
        let networks = endpoints.into_iter().flatten().map(|(name, endpoint)| {
            let aliases = endpoint.get("Aliases").and_then(Value::as_array).into_iter().flatten();
            let aliases = aliases.filter_map(Value::as_str).filter(|alias| *alias != short);
            (name.clone(), aliases.map(str::to_owned).collect())
        });
        let running = all.pointer("/State/Running").and_then(Value::as_bool) == Some(true);
        Self { id, image, networks: networks.collect(), running, body }
    }

    /// What it was made from but for what can be changed of a container that is there.
    pub(crate) fn fixed(&self) -> Value {
        let mut body = self.body.clone();
        if let Some(host) = body.get_mut("HostConfig").and_then(Value::as_object_mut) {
            for field in CHANGEABLE {
                host.remove(field);
            }
        }
        body
    }

    /// Whether it had no limit where there is one now: the engine cannot lift one.
    pub(crate) fn had_no_limit(&self, now: &Self) -> bool {
        let limit = |was: &Self, field: &str| {
            was.body
                .get("HostConfig")
                .and_then(|host| host.get(field))
                .and_then(Value::as_i64)
                .unwrap_or_default()
                != 0
        };
        LIMITS.iter().any(|field| !limit(self, field) && limit(now, field))
    }

    /// What can be changed of a container that is there.
    pub(crate) fn changeable(&self) -> Value {
        let host = self.body.get("HostConfig");
        let field = |name: &&str| Some(((*name).to_owned(), host?.get(*name)?.clone()));
        Value::Object(CHANGEABLE.iter().filter_map(field).collect::<Map<_, _>>())
    }
}

/// The fields of `HostConfig` that the engine changes while a container is there, as far as Holdfast asks it to.
const CHANGEABLE: [&str; 5] = ["Memory", "MemorySwap", "NanoCpus", "PidsLimit", "RestartPolicy"];

/// Those of them that are numbers.
const LIMITS: [&str; 4] = ["Memory", "MemorySwap", "NanoCpus", "PidsLimit"];

impl NetworkWas {
    /// From what the engine lists.
    pub fn of(name: &str, now: &NetworkNow) -> Self {
        let subnet = |(subnet, gateway): &(String, Option<std::net::IpAddr>)| match gateway {
            Some(gateway) => json!({ "Subnet": subnet, "Gateway": gateway }),
            None => json!({ "Subnet": subnet }),
        };
        let body = json!({
            "Name": name,
            "CheckDuplicate": true,
            "Driver": now.driver,
            "Internal": now.internal,
            "EnableIPv6": now.ipv6,
            "Attachable": now.attachable,
            "IPAM": { "Config": now.subnets.iter().map(subnet).collect::<Vec<_>>() },
            "Options": now.options,
            "Labels": now.labels,
        });
        Self { id: now.id.clone(), body }
    }
}

/// Gives a new container the volumes without a name of the old one, wherever it mounts nothing else: they hold its data.
pub(super) fn carry_volumes(old: &Value, body: &mut Value) {
    let target = |mount: &Value| mount.get("Target").and_then(Value::as_str).map(str::to_owned);
    let bound = |bind: &Value| bind.as_str().and_then(|bind| bind.split(':').nth(1)).map(str::to_owned);
    let list = |body: &Value, field: &str| -> Vec<Value> {
        let list = body.get("HostConfig").and_then(|host| host.get(field)).and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let mut mounts = list(body, "Mounts");
    let tmpfs = body.pointer("/HostConfig/Tmpfs").and_then(Value::as_object);
    let taken: BTreeSet<String> = mounts
        .iter()
        .filter_map(target)
        .chain(list(body, "Binds").iter().filter_map(bound))
        .chain(tmpfs.into_iter().flat_map(|tmpfs| tmpfs.keys().cloned()))
        .collect();
    let before = mounts.len();
    for mount in old.get("Mounts").and_then(Value::as_array).into_iter().flatten() {
        let text = |field: &str| mount.get(field).and_then(Value::as_str).unwrap_or_default();
        let name = text("Name");
        let anonymous = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if text("Type") == "volume" && anonymous && !taken.contains(text("Destination")) {
            mounts.push(json!({ "Type": "volume", "Source": name, "Target": text("Destination") }));
        }
    }
    if mounts.len() > before
        && let Some(body) = body.as_object_mut()
    {
        let host = body.entry("HostConfig").or_insert_with(|| json!({}));
        if let Some(host) = host.as_object_mut() {
            host.insert("Mounts".to_owned(), Value::Array(mounts));
        }
    }
}
