//! What differs between a service that is there and what is declared, field by field. What the engine fills in does not count.
//! Values of environment variables and words of commands are never told: they may be secrets.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_schema::{
    ImageReference,
    spec::{ServiceMode, ServiceSpec, UpdatePolicy},
};
use serde_json::{Value, json};

use crate::{
    kinds::{
        compare::{Comparison, Unit, joined},
        image,
    },
    plan::found,
};

const CONTAINER: &str = "/TaskTemplate/ContainerSpec";

/// How they compare. `body` is what would be sent; `ours` says that Holdfast made what is there, so that what was added to a
/// list differs too.
pub(super) fn compare<'a>(want: &ServiceSpec, body: &Value, spec: &'a Value, ours: bool) -> Comparison<'a> {
    let config = &want.config;
    let mut seen = Comparison::of(spec);
    let at = |field: &str| format!("{CONTAINER}/{field}");
    seen.service_image(config.image.as_ref());
    seen.mode(config.mode);
    seen.words("entrypoint", &at("Command"), config.entrypoint.as_ref());
    seen.words("command", &at("Args"), config.command.as_ref());
    seen.environment(&at("Env"), &config.environment, ours);
    let lists: [(&str, &str, Item); 8] = [
        ("ports", "/EndpointSpec/Ports", port),
        ("mounts", "/TaskTemplate/ContainerSpec/Mounts", mounted),
        ("networks", "/TaskTemplate/Networks", network),
        ("configs", "/TaskTemplate/ContainerSpec/Configs", file),
        ("secrets", "/TaskTemplate/ContainerSpec/Secrets", file),
        ("extra_hosts", "/TaskTemplate/ContainerSpec/Hosts", text),
        ("constraints", "/TaskTemplate/Placement/Constraints", constraint),
        ("spread", "/TaskTemplate/Placement/Preferences", spread),
    ];
    for (field, pointer, item) in lists {
        seen.items(field, pointer, body, item, ours);
    }
    for (field, pointer) in [
        ("cap_add", at("CapabilityAdd")),
        ("cap_drop", at("CapabilityDrop")),
        ("ulimits", at("Ulimits")),
        ("dns", at("DNSConfig/Nameservers")),
    ] {
        seen.items(field, &pointer, body, text, ours);
    }
    for (field, pointer) in [
        ("healthcheck", at("Healthcheck")),
        ("container_labels", at("Labels")),
        ("sysctls", at("Sysctls")),
        ("limits", "/TaskTemplate/Resources/Limits".to_owned()),
        ("reservations", "/TaskTemplate/Resources/Reservations".to_owned()),
        ("restart", "/TaskTemplate/RestartPolicy".to_owned()),
        ("logging", "/TaskTemplate/LogDriver".to_owned()),
    ] {
        if let Some(want) = body.pointer(&pointer) {
            seen.subset(field, &pointer, want);
        }
    }
    seen.subset("labels", "/Labels", &json!(config.labels));
    for (field, pointer, value) in [
        ("user", at("User"), config.user.as_deref()),
        ("working_dir", at("Dir"), config.working_dir.as_deref()),
        ("hostname", at("Hostname"), config.hostname.as_deref()),
        ("stop_signal", at("StopSignal"), config.stop_signal.as_deref()),
    ] {
        seen.text(field, &pointer, value);
    }
    let mode = body.pointer("/EndpointSpec/Mode").and_then(Value::as_str);
    // `vip` is what an engine fills in, and what it means where it does not.
    if mode != Some("vip") || spec.pointer("/EndpointSpec/Mode").is_some() {
        seen.text("endpoint_mode", "/EndpointSpec/Mode", mode);
    }
    let grace = body.pointer(&at("StopGracePeriod")).and_then(Value::as_u64);
    seen.number("stop_grace_period", &at("StopGracePeriod"), grace, Unit::Nanoseconds);
    seen.flag("read_only", &at("ReadOnly"), config.read_only);
    seen.flag("init", &at("Init"), config.init);
    let most = config.max_replicas_per_node.map(u64::from);
    seen.number("max_replicas_per_node", "/TaskTemplate/Placement/MaxReplicas", most, Unit::One);
    seen.policy("update", "/UpdateConfig", body, &config.update, ours);
    seen.policy("rollback", "/RollbackConfig", body, &config.rollback, ours);
    seen
}

/// What an item of a list is known by, and all that counts of it.
type Item = fn(&Value) -> (String, Value);

impl Comparison<'_> {
    fn service_image(&mut self, want: Option<&ImageReference>) {
        let Some(want) = want else { return };
        let named = self.all.pointer("/TaskTemplate/ContainerSpec/Image").and_then(Value::as_str);
        let named = named.unwrap_or_default();
        let found: Option<ImageReference> = named.parse().ok();
        let same = |found: &ImageReference| {
            let name = |image: &ImageReference| {
                (image.repository().map(str::to_owned), image.tag().map(str::to_owned))
            };
            found == want
                || (want.id().is_none()
                    && name(found) == name(want)
                    // Docker's own command adds the digest.
                    && (want.digest().is_none() || want.digest() == found.digest()))
        };
        if !found.as_ref().is_some_and(same) {
            let from = found.map_or_else(|| named.to_owned(), |found| image::short(&found));
            self.differ_as("image", found::Value::Text(named.to_owned()), from, image::short(want));
        }
    }

    fn mode(&mut self, want: ServiceMode) {
        let replicas = self.all.pointer("/Mode/Replicated/Replicas").and_then(Value::as_u64);
        match (want, replicas) {
            (ServiceMode::Replicated(wanted), Some(found)) if found != u64::from(wanted) => {
                let value = found::Value::Number(i64::try_from(found).unwrap_or(i64::MAX));
                self.differ_as("replicas", value, found.to_string(), wanted.to_string());
            }
            (ServiceMode::Replicated(wanted), None) => self.differ("replicas", "other", wanted.to_string()),
            (ServiceMode::Global, _) if self.all.pointer("/Mode/Global").is_none() => {
                self.differ("mode", "replicated", "global");
            }
            (ServiceMode::Replicated(_) | ServiceMode::Global, _) => {}
        }
    }

    /// The items of a list: those that are declared are there, and in Holdfast's own no others.
    fn items(&mut self, field: &str, pointer: &str, body: &Value, item: Item, ours: bool) {
        let items = |all: &Value| -> BTreeMap<String, Value> {
            let list = all.pointer(pointer).and_then(Value::as_array);
            list.into_iter().flatten().map(item).collect()
        };
        let (want, found) = (items(body), items(self.all));
        let lacking: BTreeSet<String> = want
            .iter()
            .filter(|(name, what)| found.get(*name) != Some(what))
            .map(|(name, _)| name.clone())
            .collect();
        let excess: BTreeSet<String> =
            found.keys().filter(|name| ours && !want.contains_key(*name)).cloned().collect();
        if !lacking.is_empty() {
            self.differ(field, "other", format!("as declared: {}", joined(&lacking)));
        } else if !excess.is_empty() {
            self.differ(field, joined(&excess), "not there");
        }
    }

    fn policy(&mut self, field: &str, pointer: &str, body: &Value, want: &UpdatePolicy, ours: bool) {
        let Some(full) = body.pointer(pointer).and_then(Value::as_object) else { return };
        let said = [
            ("Parallelism", want.parallelism.is_some()),
            ("Delay", want.delay.is_some()),
            ("FailureAction", want.failure_action.is_some()),
            ("Monitor", want.monitor.is_some()),
            ("MaxFailureRatio", want.max_failure_ratio.is_some()),
            ("Order", want.order.is_some()),
        ];
        let wanted: serde_json::Map<String, Value> = full
            .iter()
            .filter(|(name, _)| ours || said.contains(&(name.as_str(), true)))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        self.subset(field, pointer, &Value::Object(wanted));
    }
}

fn of(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn text(item: &Value) -> (String, Value) {
    (item.as_str().map_or_else(|| of(item, "Name"), str::to_owned), item.clone())
}

fn constraint(item: &Value) -> (String, Value) {
    let text: String = item.as_str().unwrap_or_default().split_whitespace().collect();
    (text.clone(), json!(text))
}

fn spread(item: &Value) -> (String, Value) {
    let over = item.pointer("/Spread/SpreadDescriptor").and_then(Value::as_str).unwrap_or_default();
    (over.to_owned(), Value::Null)
}

fn network(item: &Value) -> (String, Value) {
    let aliases = item.get("Aliases").and_then(Value::as_array).into_iter().flatten();
    let aliases: BTreeSet<&str> = aliases.filter_map(Value::as_str).collect();
    (of(item, "Target"), json!(aliases))
}

fn port(item: &Value) -> (String, Value) {
    let number = |name: &str| item.get(name).and_then(Value::as_u64).unwrap_or_default();
    let or = |text: String, default: &str| if text.is_empty() { default.to_owned() } else { text };
    let mode = or(of(item, "PublishMode"), "ingress");
    let protocol = or(of(item, "Protocol"), "tcp");
    let name = format!("{}:{}/{protocol} ({mode})", number("PublishedPort"), number("TargetPort"));
    (name, Value::Null)
}

fn mounted(item: &Value) -> (String, Value) {
    let read_only = item.get("ReadOnly").and_then(Value::as_bool).unwrap_or_default();
    let size = item.pointer("/TmpfsOptions/SizeBytes").cloned().unwrap_or_default();
    let propagation = item.pointer("/BindOptions/Propagation").cloned().unwrap_or_default();
    let driver = item.pointer("/VolumeOptions/DriverConfig").map(|driver| {
        let name = of(driver, "Name");
        let options = driver.get("Options").filter(|options| !options.is_null()).cloned();
        let name = if name.is_empty() { "local".to_owned() } else { name };
        let options = options.unwrap_or_else(|| json!({}));
        // Which is what there is where nothing is said.
        (name != "local" || options != json!({})).then(|| json!([name, options]))
    });
    let what = json!([of(item, "Type"), of(item, "Source"), read_only, size, propagation, driver]);
    (of(item, "Target"), what)
}

fn file(item: &Value) -> (String, Value) {
    let name = item.get("ConfigName").or_else(|| item.get("SecretName")).cloned().unwrap_or_default();
    let target = item.pointer("/File/Name").and_then(Value::as_str).unwrap_or_default();
    let mut file = item.get("File").cloned().unwrap_or_default();
    // A config without a directory lies in the root.
    let target = match item.get("ConfigName") {
        Some(_) if !target.starts_with('/') => format!("/{target}"),
        _ => target.to_owned(),
    };
    if let Some(file) = file.as_object_mut() {
        file.insert("Name".to_owned(), json!(target));
    }
    (target, json!([name, file]))
}
