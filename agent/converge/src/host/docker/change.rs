//! Changes to what the engine keeps.

use std::{collections::BTreeSet, time::Duration};

use holdfast_schema::{ContentSource, ImageReference, id::RegistryName};
use holdfast_secrets::Secret;
use hyper::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    CONFIG_LABEL, Docker, HostError, NetworkNow,
    client::{Refused, SOON, encode},
    former::{self, id_of},
    service::Open,
};
use crate::{
    host::{Expected, error::PullTrouble, logins},
    plan::docker::{DockerAction, NewContainer},
};

/// How long a registry may be silent in the middle of a pull.
const PULL_PATIENCE: Duration = Duration::from_mins(2);

/// How long the engine may take to make or remove something: images and layers are copied.
const LONG: Duration = Duration::from_mins(5);

/// How long a Swarm may take to give a network what it needs. Without, looking again tells.
const ALLOCATED: Duration = Duration::from_secs(20);

/// How often it is asked.
const AGAIN: Duration = Duration::from_millis(100);

impl Docker {
    /// Does one action. `login` is what a registry is told, see [`logins::for_image`].
    pub(in crate::host) async fn run(
        &self,
        action: &DockerAction,
        expects: &Expected,
        contents: &dyn ContentSource,
        open: Open<'_>,
        login: Option<&str>,
    ) -> Result<(), HostError> {
        // Side by side many of these may wait: what they hold should be small.
        let result = if action.is_of_swarm() {
            Box::pin(self.act_in_swarm(action, expects, contents, open, login)).await
        } else {
            self.act(action, expects, login).await
        };
        self.forget();
        // What the list tells of it may be the same while more has changed.
        self.close.borrow_mut().clear();
        result
    }

    async fn act(
        &self,
        action: &DockerAction,
        expects: &Expected,
        login: Option<&str>,
    ) -> Result<(), HostError> {
        match action {
            DockerAction::PullImage { image } => self.pull(image, login).await,
            DockerAction::RemoveImage { image } => {
                let path = format!("/images/{}", encode(image.as_str()));
                self.delete(&path, &format!("remove the image {image}")).await
            }
            DockerAction::CreateNetwork { name, body } => {
                self.post("/networks/create", Some(body), &format!("make the network {name}")).await?;
                self.allocated(name).await
            }
            DockerAction::RemoveNetwork { name } => {
                self.delete(&format!("/networks/{}", encode(name)), &format!("remove the network {name}"))
                    .await
            }
            DockerAction::CreateVolume { name, body } => {
                self.post("/volumes/create", Some(body), &format!("make the volume {name}")).await
            }
            DockerAction::RemoveVolume { name } => {
                self.delete(&format!("/volumes/{}", encode(name)), &format!("remove the volume {name}")).await
            }
            DockerAction::PutContainer(new) => self.put(new, expects).await,
            DockerAction::UpdateContainer { name, body } => {
                self.expect(name, expects).await?;
                let path = format!("/containers/{}/update", encode(name));
                self.post(&path, Some(body), &format!("change the limits of the container {name}")).await
            }
            DockerAction::ConnectNetwork { container, network, aliases } => {
                self.expect(container, expects).await?;
                self.connect(container, network, aliases).await
            }
            DockerAction::DisconnectNetwork { container, network } => {
                self.expect(container, expects).await?;
                let path = format!("/networks/{}/disconnect", encode(network));
                let body = json!({ "Container": container, "Force": true });
                let tried = format!("take the container {container} out of the network {network}");
                self.post(&path, Some(&body), &tried).await
            }
            DockerAction::StartContainer { name, within } => {
                let all = self.expect(name, expects).await?;
                self.start(name, all.as_ref(), *within).await
            }
            DockerAction::AwaitContainer { name, within } => {
                let all = self.expect(name, expects).await?;
                self.settled(name, all.as_ref(), *within).await
            }
            DockerAction::StopContainer { name } => match self.expect(name, expects).await? {
                Some(all) => self.stop(name, &all).await,
                None => Ok(()),
            },
            DockerAction::RemoveContainer { name } => match self.expect(name, expects).await? {
                Some(all) => self.remove(name, &all).await,
                None => Ok(()),
            },
            DockerAction::PutService(_)
            | DockerAction::AwaitService { .. }
            | DockerAction::RemoveService { .. }
            | DockerAction::CreateConfig { .. }
            | DockerAction::RemoveConfig { .. }
            | DockerAction::CreateSecret { .. }
            | DockerAction::RemoveSecret { .. }
            | DockerAction::LabelConfig { .. }
            | DockerAction::LabelSecret { .. }
            | DockerAction::UpdateNode { .. } => Ok(()),
        }
    }

    /// Waits until a network is whole: one of a Swarm has neither driver nor addresses before the Swarm gave it some.
    async fn allocated(&self, name: &str) -> Result<(), HostError> {
        let began = Instant::now();
        loop {
            let path = format!("/networks/{}", encode(name));
            let network: Option<NetworkNow> = self.client.find(&path).await?;
            if network.is_some_and(|network| !network.driver.is_empty()) || began.elapsed() >= ALLOCATED {
                return Ok(());
            }
            sleep(AGAIN).await;
        }
    }

    /// What the engine says of a container, which must be the one that was seen.
    async fn expect(&self, name: &str, expects: &Expected) -> Result<Option<Value>, HostError> {
        let all: Option<Value> = self.client.find(&format!("/containers/{}/json", encode(name))).await?;
        let id = all.as_ref().map(|all| id_of(all).to_owned());
        let same = match expects {
            Expected::Anything => true,
            Expected::Nothing => id.is_none(),
            Expected::Object(expected) => id.as_ref() == Some(expected),
            Expected::Node(_) => false,
        };
        if same { Ok(all) } else { Err(HostError::Changed { what: format!("the container {name}") }) }
    }

    /// Makes the new container beside the old one, and lets it take the old one's place.
    async fn put(&self, new: &NewContainer, expects: &Expected) -> Result<(), HostError> {
        let NewContainer { name, body, networks, aliases, start } = new;
        let old = self.expect(name, expects).await?;
        let mut body = body.clone();
        if let Some(old) = &old {
            former::carry_volumes(old, &mut body);
        }
        let staged = format!("{name}.holdfast-new");
        if !self.is_staged(&staged, &body, old.is_none()).await? {
            let path = format!("/containers/create?name={}", encode(&staged));
            let tried = format!("make the container {name}");
            let answer = self.client.call(Method::POST, &path, Some(&body), LONG).await?;
            answer.map_err(|refused| refused.into_error(tried))?;
            for network in networks {
                self.connect(&staged, network, aliases).await?;
            }
        }
        if let Some(old) = &old {
            self.remove(name, old).await?;
        }
        let path = format!("/containers/{}/rename?name={}", encode(&staged), encode(name));
        self.post(&path, None, &format!("put the new container {name} in place")).await?;
        match start {
            Some(within) => self.start(name, None, *within).await,
            None => Ok(()),
        }
    }

    /// Whether a run that was killed left the new container ready and the old one is gone. Anything else is removed.
    async fn is_staged(&self, staged: &str, body: &Value, alone: bool) -> Result<bool, HostError> {
        let found: Option<Value> = self.client.find(&format!("/containers/{}/json", encode(staged))).await?;
        let Some(found) = found else { return Ok(false) };
        let label = |labels: Option<&Value>| labels.and_then(|labels| labels.get(CONFIG_LABEL)).cloned();
        let (own, wanted) = (label(found.pointer("/Config/Labels")), label(body.get("Labels")));
        if alone && own.is_some() && own == wanted {
            return Ok(true);
        }
        self.remove(staged, &found).await?;
        Ok(false)
    }

    async fn connect(
        &self,
        container: &str,
        network: &str,
        aliases: &BTreeSet<String>,
    ) -> Result<(), HostError> {
        let path = format!("/networks/{}/connect", encode(network));
        let mut body = json!({ "Container": container });
        if !aliases.is_empty()
            && let Some(body) = body.as_object_mut()
        {
            body.insert("EndpointConfig".to_owned(), json!({ "Aliases": aliases }));
        }
        let tried = format!("put the container {container} into the network {network}");
        self.post(&path, Some(&body), &tried).await
    }

    async fn start(&self, name: &str, was: Option<&Value>, within: Duration) -> Result<(), HostError> {
        let paused = was.and_then(|all| all.pointer("/State/Paused")).and_then(Value::as_bool) == Some(true);
        let verb = if paused { "unpause" } else { "start" };
        let path = format!("/containers/{}/{verb}", encode(name));
        let answer = self.client.call(Method::POST, &path, None, LONG).await?;
        answer.map_err(|refused| refused.into_error(format!("start the container {name}")))?;
        self.settled(name, None, within).await
    }

    async fn stop(&self, name: &str, all: &Value) -> Result<(), HostError> {
        let id = id_of(all);
        let grace = all.pointer("/Config/StopTimeout").and_then(Value::as_u64).unwrap_or(10);
        let limit = Duration::from_secs(grace) + SOON;
        let answer = self.client.call(Method::POST, &format!("/containers/{id}/stop"), None, limit).await?;
        gone_is_fine(answer.map(drop), &format!("stop the container {name}"))
    }

    /// Stops a container and removes it. Without `v`: its anonymous volumes may hold data.
    async fn remove(&self, name: &str, all: &Value) -> Result<(), HostError> {
        if all.pointer("/State/Running").and_then(Value::as_bool) == Some(true) {
            self.stop(name, all).await?;
        }
        let path = format!("/containers/{}?force=true", id_of(all));
        self.delete(&path, &format!("remove the container {name}")).await
    }

    async fn pull(&self, image: &ImageReference, login: Option<&str>) -> Result<(), HostError> {
        let failed = |reason: String| HostError::ImagePull {
            image: image.to_string(),
            why: PullTrouble::of(&reason),
            reason,
        };
        let (Some(repository), Some(tag)) = (image.repository(), image.tag()) else {
            return Err(failed("an image that is named by its id is in no registry".to_owned()));
        };
        let tag = image.digest().unwrap_or(tag);
        let path = format!("/images/create?fromImage={}&tag={}", encode(repository), encode(tag));
        let mut error = None;
        let note = |line: &[u8]| {
            let said: Option<Value> = serde_json::from_slice(line).ok();
            if let Some(text) = said.as_ref().and_then(|said| said.get("error")).and_then(Value::as_str) {
                error = Some(text.to_owned());
            }
        };
        let answer = self.client.stream(&path, login, PULL_PATIENCE, note).await?;
        match (answer, error) {
            (Err(refused), _) => Err(failed(refused.message)),
            (Ok(()), Some(error)) => Err(failed(error)),
            (Ok(()), None) => Ok(()),
        }
    }

    /// Has the engine try a login. Only a refusal speaks against it: a registry that cannot be reached now may be later.
    pub(in crate::host) async fn log_in(
        &self,
        server: &RegistryName,
        user: &str,
        password: &Secret,
    ) -> Result<(), HostError> {
        let body = logins::body(server, user, password);
        match self.client.call(Method::POST, "/auth", Some(&body), LONG).await? {
            Ok(_) => Ok(()),
            Err(refused) if PullTrouble::of(&refused.message) == PullTrouble::Denied => {
                Err(HostError::LoginRefused { server: server.to_string(), user: user.to_owned() })
            }
            Err(refused) => {
                tracing::warn!("the login of {user} at {server} could not be tried: {}", refused.message);
                Ok(())
            }
        }
    }

    async fn post(&self, path: &str, body: Option<&Value>, tried: &str) -> Result<(), HostError> {
        let answer = self.client.call(Method::POST, path, body, LONG).await?;
        answer.map(drop).map_err(|refused| refused.into_error(tried))
    }

    async fn delete(&self, path: &str, tried: &str) -> Result<(), HostError> {
        gone_is_fine(self.client.call(Method::DELETE, path, None, LONG).await?.map(drop), tried)
    }
}

/// What is not there any more needs no removal.
fn gone_is_fine(answer: Result<(), Refused>, tried: &str) -> Result<(), HostError> {
    match answer {
        Err(refused) if !refused.is_missing() => Err(refused.into_error(tried)),
        Ok(()) | Err(_) => Ok(()),
    }
}
