//! Plans and actions in a few words.

use std::collections::BTreeMap;

use holdfast_schema::{ResourceId, Sha256};

use super::{Scene, block_on, id};
use crate::{
    host::Read,
    kinds::{self, Around},
    ledger::Ledger,
    plan::{Action, DockerAction, step::UnitVerb},
};

/// What a kind plans for one resource of a scene, in short; of a refusal its code.
pub(crate) fn planned(scene: &Scene, id_text: &str, host: &impl Read, ledger: &Ledger) -> String {
    planned_with(scene, id_text, host, ledger, &BTreeMap::new())
}

/// The same, with the fingerprints of what units watch.
pub(crate) fn planned_with(
    scene: &Scene,
    id_text: &str,
    host: &impl Read,
    ledger: &Ledger,
    prints: &BTreeMap<ResourceId, Sha256>,
) -> String {
    let id = id(id_text);
    let around =
        Around { state: &scene.state, contents: &scene.contents, ledger, prints, in_force: scene.in_force };
    let want = scene.state.resources.get(&id).map(|resource| &resource.spec);
    match block_on(kinds::examine(&id, want, false, &around, host)).unwrap().plan {
        Ok(steps) => steps.iter().map(|step| short(&step.action)).collect::<Vec<_>>().join("; "),
        Err(refusal) => refusal.code().to_owned(),
    }
}

/// An action in a few words.
fn short(action: &Action) -> String {
    match action {
        Action::WriteFile { path, .. } => format!("write {path}"),
        Action::SetLogin { server, user, .. } => format!("log in at {server} as {user}"),
        Action::RemoveLogin { server } => format!("log out of {server}"),
        Action::TrustKey { key, .. } => format!("trust {key}"),
        Action::DistrustKey { key, .. } => format!("distrust {key}"),
        Action::RefreshRepository { repository, .. } => format!("fetch {repository}"),
        Action::WriteSecret { path, secret, .. } => format!("write secret {} to {path}", secret.name),
        Action::SetAccess { path, access } => {
            format!("access {path} {}:{} {}", access.uid, access.gid, access.mode)
        }
        Action::MakeDirectory { path, .. } => format!("mkdir {path}"),
        Action::MakeSymlink { path, target } => format!("link {path} {target}"),
        Action::RemovePath { path } => format!("remove {path}"),
        Action::RemoveTree { path } => format!("remove tree {path}"),
        Action::Packages(transaction) => {
            let mut words = Vec::new();
            words.extend(transaction.repair.iter().map(|name| format!("repair {name}")));
            words.extend(transaction.unhold.iter().map(|name| format!("unhold {name}")));
            words.extend(transaction.install.iter().map(|(name, version)| match version {
                Some(version) => format!("install {name}={version}"),
                None => format!("install {name}"),
            }));
            words.extend(transaction.remove.iter().map(|name| format!("remove {name}")));
            words.extend(transaction.purge.iter().map(|name| format!("purge {name}")));
            words.extend(transaction.hold.iter().map(|name| format!("hold {name}")));
            format!("packages {}", words.join(", "))
        }
        Action::ReloadManager => "reload manager".to_owned(),
        Action::EnableUnit { unit, enable } => {
            format!("{} {unit}", if *enable { "enable" } else { "disable" })
        }
        Action::MaskUnit { unit, mask } => format!("{} {unit}", if *mask { "mask" } else { "unmask" }),
        Action::ControlUnit { unit, verb, .. } => {
            let verb = match verb {
                UnitVerb::Start => "start",
                UnitVerb::Stop => "stop",
                UnitVerb::Restart => "restart",
                UnitVerb::Reload => "reload",
            };
            format!("{verb} {unit}")
        }
        Action::AwaitHealth { unit, .. } => format!("await {unit}"),
        Action::Docker(action) => short_docker(action),
    }
}

fn short_docker(action: &DockerAction) -> String {
    match action {
        DockerAction::PullImage { image } => format!("pull {}", image.as_str().split('@').next().unwrap()),
        DockerAction::RemoveImage { image } => format!("remove image {image}"),
        DockerAction::CreateNetwork { name, .. } => format!("make network {name}"),
        DockerAction::RemoveNetwork { name } => format!("remove network {name}"),
        DockerAction::CreateVolume { name, .. } => format!("make volume {name}"),
        DockerAction::RemoveVolume { name } => format!("remove volume {name}"),
        DockerAction::PutContainer(new) => {
            format!("put {}{}", new.name, if new.start.is_some() { "" } else { " stopped" })
        }
        DockerAction::UpdateContainer { name, .. } => format!("update {name}"),
        DockerAction::ConnectNetwork { container, network, .. } => format!("connect {container} {network}"),
        DockerAction::DisconnectNetwork { container, network } => format!("disconnect {container} {network}"),
        DockerAction::StartContainer { name, .. } => format!("start {name}"),
        DockerAction::AwaitContainer { name, .. } => format!("await {name}"),
        DockerAction::StopContainer { name } => format!("stop {name}"),
        DockerAction::RemoveContainer { name } => format!("remove {name}"),
        DockerAction::PutService(new) => format!("put service {}", new.name),
        DockerAction::AwaitService { name, .. } => format!("await service {name}"),
        DockerAction::RemoveService { name } => format!("remove service {name}"),
        DockerAction::CreateConfig { name, .. } => format!("make config {name}"),
        DockerAction::RemoveConfig { name, old } => {
            format!("remove {}config {name}", if *old { "old " } else { "" })
        }
        DockerAction::CreateSecret { name, secret, .. } => format!("make secret {name} of {}", secret.name),
        DockerAction::RemoveSecret { name, old } => {
            format!("remove {}secret {name}", if *old { "old " } else { "" })
        }
        DockerAction::LabelConfig { name, .. } => format!("label config {name}"),
        DockerAction::LabelSecret { name, .. } => format!("label secret {name}"),
        DockerAction::UpdateNode { name, .. } => format!("update node {name}"),
    }
}

/// The changes that a host was told to make, in short.
pub(crate) fn shorts(actions: &[Action]) -> Vec<String> {
    actions.iter().map(short).collect()
}
