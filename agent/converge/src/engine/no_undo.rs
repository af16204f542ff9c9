//! What cannot be taken back, told before it is done.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_schema::{KindName, ResourceId};

use super::record::{LARGEST_KEPT, large_file, tree};
use crate::{
    host::{Look, Node, PackageNow, Read, secrets::LARGEST_SEALED},
    plan::{Action, DockerAction, Preview, Step},
};

/// Why a step could not be taken back, as far as that step alone tells.
pub(super) async fn of_step(step: &Step, host: &impl Read) -> Option<String> {
    match &step.action {
        Action::WriteFile { path, .. }
        | Action::WriteSecret { path, .. }
        | Action::MakeSymlink { path, .. }
        | Action::RemovePath { path } => {
            let is_secret = matches!(step.action, Action::WriteSecret { .. });
            let largest = if is_secret { LARGEST_SEALED } else { LARGEST_KEPT };
            match host.node(path, Look::Metadata).await {
                Ok(Node::File { stat, .. }) if stat.size > largest => Some(not_kept(&large_file(stat.size))),
                _ => None,
            }
        }
        Action::RemoveTree { path } => tree(path, host).await.ok()?.err().as_deref().map(not_kept),
        Action::Packages(transaction) if !transaction.purge.is_empty() => {
            Some("what it keeps in configuration files and elsewhere goes with it".to_owned())
        }
        Action::Docker(DockerAction::RemoveVolume { .. }) => {
            Some("what is in the volume goes with it".to_owned())
        }
        _ => None,
    }
}

/// Tells in the plan which of the packages that are replaced or removed could not be had again.
pub(super) async fn tell_packages(leaving: &BTreeSet<String>, preview: &mut Preview, host: &impl Read) {
    let mut versions = BTreeMap::new();
    for name in leaving {
        if let Ok(PackageNow::Installed { version, .. }) = host.package(name).await {
            versions.insert(name, version);
        }
    }
    if versions.is_empty() {
        return;
    }
    let offered = host.offered(&versions.keys().copied().cloned().collect()).await;
    for (name, version) in versions {
        let why = match &offered {
            Ok(offered) if offered.get(name).is_some_and(|versions| versions.contains(&version)) => continue,
            Ok(_) => format!("no package source has version {version} any more"),
            Err(error) => format!("whether version {version} can be had again is not known: {error}"),
        };
        let id = ResourceId::new(KindName::Package, name);
        let of_package = preview.resources.iter_mut().filter(|foreseen| foreseen.id == id);
        for change in of_package.flat_map(|foreseen| &mut foreseen.changes) {
            change.no_undo.get_or_insert_with(|| why.clone());
        }
    }
}

fn not_kept(what: &str) -> String {
    format!("it is {what}, which is not kept")
}
