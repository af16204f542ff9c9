//! How the engine's API lists what the Swarm keeps.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use holdfast_schema::Sha256;
use serde::Deserialize;
use serde_json::Value;

use super::{NodeNow, ObjectNow, ServiceNow, SwarmObject};
use crate::host::docker::{RESOURCE_LABEL, now::or_default};

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Version {
    pub(super) index: u64,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListedNode {
    #[serde(rename = "ID")]
    pub(super) id: String,
    version: Version,
    created_at: String,
    spec: Value,
    description: Value,
    status: Value,
    pub(super) manager_status: Option<Value>,
}

impl ListedNode {
    pub(super) fn host_name(&self) -> &str {
        self.description.get("Hostname").and_then(Value::as_str).unwrap_or_default()
    }

    fn is_ready(&self) -> bool {
        self.status.get("State").and_then(Value::as_str) == Some("ready")
    }
}

/// The nodes by host name. A host that joined anew leaves its former self behind: one that is ready comes before others, and the
/// newest before its former selves.
pub(super) fn nodes_by_name(mut listed: Vec<ListedNode>) -> BTreeMap<String, NodeNow> {
    listed.sort_by(|one, other| {
        let rank = |node: &ListedNode| (node.is_ready(), node.created_at.clone());
        rank(other).cmp(&rank(one))
    });
    let mut nodes: BTreeMap<String, NodeNow> = BTreeMap::new();
    for node in listed {
        let (name, is_ready) = (node.host_name().to_owned(), node.is_ready());
        match nodes.entry(name) {
            Entry::Vacant(place) => {
                place.insert(NodeNow {
                    id: node.id,
                    index: node.version.index,
                    spec: node.spec,
                    namesake: None,
                });
            }
            Entry::Occupied(mut known) if is_ready => known.get_mut().namesake = Some(node.id),
            Entry::Occupied(_) => {}
        }
    }
    nodes
}

/// What the engine says of a service.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(in crate::host::docker) struct ListedService {
    #[serde(rename = "ID")]
    id: String,
    version: Version,
    spec: Value,
    #[serde(deserialize_with = "or_default")]
    previous_spec: Value,
    #[serde(deserialize_with = "or_default")]
    update_status: UpdateStatus,
    #[serde(deserialize_with = "or_default")]
    service_status: ServiceStatus,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct UpdateStatus {
    state: String,
    message: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ServiceStatus {
    running_tasks: u64,
    desired_tasks: u64,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListedObject {
    #[serde(rename = "ID")]
    id: String,
    spec: ObjectSpec,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ObjectSpec {
    name: String,
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
    /// In base64; of a secret it is never told.
    #[serde(deserialize_with = "or_default")]
    data: String,
}

impl ListedObject {
    /// What it is, and its name.
    pub(super) fn read(self) -> (String, ObjectNow) {
        let ObjectSpec { name, labels, data } = self.spec;
        let theirs = !data.is_empty() && !labels.contains_key(RESOURCE_LABEL);
        let content = theirs.then(|| STANDARD.decode(data).ok()).flatten();
        (name, ObjectNow { id: self.id, labels, content: content.map(|bytes| Sha256::of(&bytes)) })
    }
}

impl ListedService {
    /// What it is, and its name; `networks` are names by ids.
    pub(in crate::host::docker) fn read(self, networks: &BTreeMap<String, String>) -> (String, ServiceNow) {
        let mut before = BTreeSet::new();
        let previous = ServiceNow { spec: self.previous_spec, ..ServiceNow::default() };
        for object in SwarmObject::ALL {
            before.extend(previous.uses(object));
        }
        let mut spec = self.spec;
        name_networks(&mut spec, networks);
        for object in SwarmObject::ALL {
            let list =
                spec.pointer_mut("/TaskTemplate/ContainerSpec").and_then(|all| all.get_mut(object.list()));
            for one in list.and_then(Value::as_array_mut).into_iter().flatten() {
                one.as_object_mut().map(|one| one.remove(object.id()));
            }
        }
        let name = spec.get("Name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let labels = spec.get("Labels").cloned().unwrap_or_default();
        let now = ServiceNow {
            id: self.id,
            index: self.version.index,
            labels: serde_json::from_value(labels).unwrap_or_default(),
            spec,
            before,
            update: self.update_status.state,
            running: self.service_status.running_tasks,
            desired: self.service_status.desired_tasks,
        };
        (name, now)
    }

    pub(in crate::host::docker) fn is_in_a_network(&self) -> bool {
        let networks = self.spec.pointer("/TaskTemplate/Networks").and_then(Value::as_array);
        networks.is_some_and(|networks| !networks.is_empty())
    }

    /// What the Swarm says of its last change.
    pub(in crate::host::docker) fn message(&self) -> &str {
        &self.update_status.message
    }
}

fn name_networks(spec: &mut Value, networks: &BTreeMap<String, String>) {
    let list = spec.pointer_mut("/TaskTemplate/Networks").and_then(Value::as_array_mut);
    for network in list.into_iter().flatten() {
        let name = network.get("Target").and_then(Value::as_str).and_then(|id| networks.get(id));
        if let (Some(name), Some(network)) = (name.cloned(), network.as_object_mut()) {
            network.insert("Target".to_owned(), Value::String(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_former_self_gives_way_and_a_namesake_is_told() {
        let node = |id: &str, name: &str, year: u32, state: &str| {
            serde_json::from_value(json!({
                "ID": id, "Version": { "Index": 7 }, "CreatedAt": format!("{year}-01-01T00:00:00Z"),
                "Description": { "Hostname": name }, "Status": { "State": state }, "Spec": {},
            }))
            .unwrap()
        };
        let nodes = nodes_by_name(vec![
            node("a1", "rejoined", 2024, "down"),
            node("a2", "rejoined", 2025, "ready"),
            node("a3", "rejoined", 2026, "down"),
            node("b1", "down", 2024, "down"),
            node("b2", "down", 2025, "down"),
            node("c1", "twice", 2025, "ready"),
            node("c2", "twice", 2024, "ready"),
        ]);
        let told: Vec<_> = nodes
            .iter()
            .map(|(name, node)| (name.as_str(), node.id.as_str(), node.namesake.as_deref()))
            .collect();
        assert_eq!(told, [("down", "b2", None), ("rejoined", "a2", None), ("twice", "c1", Some("c2"))]);
    }
}
