//! Changes to what the Swarm keeps. Each asks first whether this node leads: another may have begun to since the plan was made.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use holdfast_schema::{ContentSource, ImageReference, spec::SecretReference};
use holdfast_secrets::Secret;
use hyper::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    CONFIG_LABEL, Docker, FAILED_LABEL, HostError, SERVICE_IMAGE,
    client::{SLOWLY, encode},
    swarm::{ListedService, ServiceNow, SwarmObject, SwarmRole, refused_by_swarm},
    tasks::{Began, Task},
};
use crate::{
    host::Expected,
    plan::docker::{DockerAction, NewService},
};

/// How long the tasks of a service that was removed may take to stop.
const STOPPING: Duration = Duration::from_mins(1);

/// How often a change is tried that something of the Swarm's own came before.
const MOST_TRIES: u32 = 5;

/// How often they are looked for.
const AGAIN: Duration = Duration::from_millis(300);

/// Opens a secret of the fleet for the action that is done.
pub(in crate::host) type Open<'a> = &'a dyn Fn(&SecretReference) -> Result<Secret, HostError>;

impl Docker {
    /// Does one action in the Swarm.
    pub(super) async fn act_in_swarm(
        &self,
        action: &DockerAction,
        expects: &Expected,
        contents: &dyn ContentSource,
        open: Open<'_>,
        login: Option<&str>,
    ) -> Result<(), HostError> {
        let swarm = self.ask_swarm().await?;
        if swarm.role != SwarmRole::Leader {
            return Err(HostError::Changed { what: "the leader of the Swarm".to_owned() });
        }
        match action {
            DockerAction::PutService(new) => self.put_service(new, expects, login).await,
            DockerAction::AwaitService { name, within } => {
                self.tasks_settled(name, Began::Before, *within).await
            }
            DockerAction::RemoveService { name } => self.remove_service(name, expects).await,
            DockerAction::CreateConfig { name, content, labels } => {
                let tried = || format!("make the config {name}");
                let bytes = contents
                    .content(&content.sha256)
                    .map_err(|source| HostError::Io { tried: tried(), source })?;
                self.keep(SwarmObject::Config, name, labels, &bytes).await
            }
            DockerAction::CreateSecret { name, secret, labels, .. } => {
                let secret = open(secret)?;
                self.keep(SwarmObject::Secret, name, labels, secret.expose()).await
            }
            DockerAction::RemoveSecret { name, .. } => {
                let path = format!("/secrets/{}", encode(name));
                self.change(Method::DELETE, &path, None, None, &format!("remove the secret {name}")).await
            }
            DockerAction::RemoveConfig { name, .. } => {
                let path = format!("/configs/{}", encode(name));
                self.change(Method::DELETE, &path, None, None, &format!("remove the config {name}")).await
            }
            DockerAction::LabelConfig { name, labels } => self.label(SwarmObject::Config, name, labels).await,
            DockerAction::LabelSecret { name, labels } => self.label(SwarmObject::Secret, name, labels).await,
            DockerAction::UpdateNode { name, body } => {
                let gone = || HostError::Changed { what: format!("the node {name}") };
                let node = swarm.nodes.get(name).ok_or_else(gone)?;
                same(expects, Some(&node.version())).ok_or_else(gone)?;
                let path = format!("/nodes/{}/update?version={}", node.id, node.index);
                self.change(Method::POST, &path, Some(body), None, &format!("change the node {name}")).await
            }
            _ => Ok(()),
        }
    }

    /// Has the Swarm keep bytes for its services.
    async fn keep(
        &self,
        object: SwarmObject,
        name: &str,
        labels: &Value,
        bytes: &[u8],
    ) -> Result<(), HostError> {
        let body = json!({ "Name": name, "Labels": labels, "Data": STANDARD.encode(bytes) });
        let path = format!("{}/create", object.path());
        self.change(Method::POST, &path, Some(&body), None, &format!("make the {} {name}", object.word()))
            .await
    }

    /// Gives a config or secret other labels, which are all that can be changed of it.
    async fn label(&self, object: SwarmObject, name: &str, labels: &Value) -> Result<(), HostError> {
        let path = format!("{}/{}", object.path(), encode(name));
        let now: Value = self.managed(&path).await?;
        let (Some(id), Some(index)) =
            (now.get("ID").and_then(Value::as_str), now.pointer("/Version/Index").and_then(Value::as_u64))
        else {
            return Err(HostError::Changed { what: format!("the {} {name}", object.word()) });
        };
        let path = format!("{}/{id}/update?version={index}", object.path());
        let body = json!({ "Name": name, "Labels": labels });
        self.change(Method::POST, &path, Some(&body), None, &format!("label the {} {name}", object.word()))
            .await
    }

    async fn put_service(
        &self,
        new: &NewService,
        expects: &Expected,
        login: Option<&str>,
    ) -> Result<(), HostError> {
        let NewService { name, body, within } = new;
        let mut body = body.clone();
        self.pin(&mut body, login).await;
        let mut times = 0;
        let body = loop {
            let now = self.service(name).await?.map(|(now, _)| now);
            let changed = || HostError::Changed { what: format!("the service {name}") };
            same(expects, now.as_ref().map(ServiceNow::version).as_ref()).ok_or_else(changed)?;
            let mut body = body.clone();
            self.identify(&mut body).await?;
            let (path, tried) = match &now {
                None => ("/services/create".to_owned(), format!("make the service {name}")),
                Some(now) => {
                    carry_force(now, &mut body);
                    let path = format!("/services/{}/update?version={}", now.id, now.index);
                    (path, format!("change the service {name}"))
                }
            };
            times += 1;
            match self.change(Method::POST, &path, Some(&body), login, &tried).await {
                // The Swarm itself noted something of it meanwhile.
                Err(HostError::Changed { .. }) if times < MOST_TRIES => {}
                Err(error) => return Err(error),
                Ok(()) => break body,
            }
        };
        let settled = self.tasks_settled(name, Began::Now, *within).await;
        if settled.is_err() {
            self.mark_failed(name, &body).await;
        }
        settled
    }

    /// Writes the digest of a tag into a service, as Docker's own command does, so that every node runs the same. Of one that
    /// no registry tells of, such as an image that the nodes were given by hand, the tag has to do.
    async fn pin(&self, body: &mut Value, login: Option<&str>) {
        let Some(named) = body.pointer_mut(SERVICE_IMAGE) else { return };
        let reference = named.as_str().and_then(|text| text.parse::<ImageReference>().ok());
        let Some(image) = reference.filter(|image| !image.is_pinned()) else { return };
        let path = format!("/distribution/{image}/json");
        let told = match self.client.call_patiently(Method::GET, &path, None, login, SLOWLY).await {
            Ok(Ok(bytes)) => serde_json::from_slice::<Value>(&bytes).ok(),
            Ok(Err(_)) | Err(_) => None,
        };
        match told.as_ref().and_then(|told| told.pointer("/Descriptor/digest")).and_then(Value::as_str) {
            Some(digest) => *named = format!("{image}@{digest}").into(),
            None => {
                tracing::warn!(
                    "no registry tells which digest {image} has: the nodes may come to run others"
                );
            }
        }
    }

    /// Has a service that the Swarm took back remember what it was taken back from, for every manager to see.
    async fn mark_failed(&self, name: &str, body: &Value) {
        let Ok(Some((now, _))) = self.service(name).await else { return };
        let digest = body.get("Labels").and_then(|labels| labels.get(CONFIG_LABEL));
        // What the Swarm has stopped in the middle of, any change would set going again.
        let Some(digest) = digest.filter(|_| now.update == "rollback_completed") else { return };
        if now.labels.get(CONFIG_LABEL).map(String::as_str) == digest.as_str() {
            return;
        }
        let mut spec = now.spec;
        if let Some(spec) = spec.as_object_mut() {
            let labels = spec.entry("Labels").or_insert_with(|| json!({}));
            if let Some(labels) = labels.as_object_mut() {
                labels.insert(FAILED_LABEL.to_owned(), digest.clone());
            }
        }
        let marking = async {
            self.identify(&mut spec).await?;
            let path = format!("/services/{}/update?version={}", now.id, now.index);
            self.change(Method::POST, &path, Some(&spec), None, &format!("mark the service {name}")).await
        };
        if let Err(error) = marking.await {
            tracing::warn!(code = error.code(), "what failed is not remembered in the Swarm: {error}");
        }
    }

    async fn remove_service(&self, name: &str, expects: &Expected) -> Result<(), HostError> {
        let Some((now, _)) = self.service(name).await? else { return Ok(()) };
        same(expects, Some(&now.version()))
            .ok_or_else(|| HostError::Changed { what: format!("the service {name}") })?;
        let path = format!("/services/{}", now.id);
        self.change(Method::DELETE, &path, None, None, &format!("remove the service {name}")).await?;
        let began = Instant::now();
        // Their networks cannot go before them.
        while began.elapsed() < STOPPING {
            let tasks: Vec<Task> = self.managed("/tasks").await?;
            if !tasks.iter().any(|task| task.service == now.id && !task.has_ended()) {
                break;
            }
            sleep(AGAIN).await;
        }
        Ok(())
    }

    /// A service as it is now, and what the Swarm says of its last change.
    pub(super) async fn service(&self, name: &str) -> Result<Option<(ServiceNow, String)>, HostError> {
        let filters = json!({ "name": [name] }).to_string();
        let path = format!("/services?status=true&filters={}", encode(&filters));
        let listed: Vec<ListedService> = self.managed(&path).await?;
        let networks = if listed.iter().any(ListedService::is_in_a_network) {
            self.network_ids().await?
        } else {
            [].into()
        };
        // The filter also finds what only begins like it.
        Ok(listed.into_iter().find_map(|one| {
            let message = one.message().to_owned();
            let (found, now) = one.read(&networks);
            (found == name).then_some((now, message))
        }))
    }

    /// Gives configs and secrets their ids, which the engine wants beside their names.
    async fn identify(&self, body: &mut Value) -> Result<(), HostError> {
        for object in SwarmObject::ALL {
            let pointer = format!("/TaskTemplate/ContainerSpec/{}", object.list());
            let Some(list) = body.pointer_mut(&pointer).and_then(Value::as_array_mut) else { continue };
            let known = self.objects(object).await?;
            for one in list {
                let Some(one) = one.as_object_mut() else { continue };
                let name = one.get(object.name()).and_then(Value::as_str).unwrap_or_default();
                let found = known.get(name).ok_or_else(|| HostError::Docker {
                    tried: format!("find the {} {name}", object.word()),
                    reason: "the Swarm has none of that name".to_owned(),
                })?;
                one.insert(object.id().to_owned(), json!(found.id));
            }
        }
        Ok(())
    }

    async fn change(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        login: Option<&str>,
        tried: &str,
    ) -> Result<(), HostError> {
        let removes = method == Method::DELETE;
        match self.client.call_patiently(method, path, body, login, SLOWLY).await? {
            Err(refused) if removes && refused.is_missing() => Ok(()),
            answer => answer.map(drop).map_err(|refused| refused_by_swarm(refused, tried)),
        }
    }
}

/// Whether something is what was expected.
fn same(expects: &Expected, now: Option<&String>) -> Option<()> {
    let same = match expects {
        Expected::Anything => true,
        Expected::Nothing => now.is_none(),
        Expected::Object(expected) => now == Some(expected),
        Expected::Node(_) => false,
    };
    same.then_some(())
}

/// Keeps the count of forced updates: another one would start every task anew.
fn carry_force(now: &ServiceNow, body: &mut Value) {
    let forced = now.spec.pointer("/TaskTemplate/ForceUpdate").filter(|count| **count != json!(0));
    if let (Some(forced), Some(template)) =
        (forced, body.get_mut("TaskTemplate").and_then(Value::as_object_mut))
    {
        template.insert("ForceUpdate".to_owned(), forced.clone());
    }
}
