//! What a container is made with besides its own declaration: when that changes, it is made anew.

use std::collections::BTreeMap;

use super::order::Written;
use crate::{
    HostState, KindName, ResourceId, Sha256,
    spec::{MountSource, Spec},
};

/// Records in every container the resources that it restarts on, and the files that it mounts by themselves.
pub(crate) fn record(state: &mut HostState, written: &BTreeMap<ResourceId, Written>) {
    let mut inputs: BTreeMap<ResourceId, BTreeMap<ResourceId, Sha256>> = BTreeMap::new();
    for (id, resource) in &state.resources {
        let Spec::Container(container) = &resource.spec else { continue };
        let named = written.get(id).into_iter().flat_map(|written| &written.restart_on);
        let bound = container.config.mounts.values().filter_map(|mount| match &mount.source {
            MountSource::Bind(path) => Some(ResourceId::new(KindName::File, path.as_str())),
            MountSource::Volume(_) | MountSource::Tmpfs(_) => None,
        });
        let all = named.map(|named| named.value.clone()).chain(bound);
        let known = all.filter_map(|id| {
            let digest = digest(&state.resources.get(&id)?.spec);
            Some((id, digest))
        });
        inputs.insert(id.clone(), known.collect());
    }
    for (id, inputs) in inputs {
        if let Some(Spec::Container(container)) =
            state.resources.get_mut(&id).map(|resource| &mut resource.spec)
        {
            container.config.restart_on = inputs;
        }
    }
}

/// What a resource puts on the host, as far as its declaration tells. A later version must find the same.
fn digest(spec: &Spec) -> Sha256 {
    let mut told = Vec::new();
    match spec {
        Spec::File(file) => {
            told.extend(file.content.map(|content| content.sha256.to_string()));
            told.extend(file.secret.as_ref().map(|secret| secret.sealed.sha256.to_string()));
        }
        Spec::Symlink(link) => told.push(link.target.clone()),
        Spec::Package(package) => told.extend(package.version.clone()),
        Spec::Unit(unit) => {
            let contents = unit.content.iter().chain(unit.drop_ins.values());
            told.extend(contents.map(|content| content.sha256.to_string()));
        }
        _ => {}
    }
    told.push(spec.is_absent().to_string());
    Sha256::of(told.join("\n").as_bytes())
}
