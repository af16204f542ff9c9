//! Resources that have another name on the host than in the documents: whatever names them follows.

use std::collections::{BTreeMap, BTreeSet};

use super::order::Written;
use crate::{HostState, ResourceId, spec::Spec};

/// By their ids in the documents, those that they have on the host.
pub(crate) type Renamed = BTreeMap<ResourceId, ResourceId>;

/// Rewrites every reference to a renamed resource.
pub(crate) fn follow(renamed: &Renamed, state: &mut HostState, written: &mut BTreeMap<ResourceId, Written>) {
    if renamed.is_empty() {
        return;
    }
    for written in written.values_mut() {
        for reference in
            [&mut written.needs, &mut written.restart_on, &mut written.reload_on].into_iter().flatten()
        {
            if let Some(id) = renamed.get(&reference.value) {
                reference.value = id.clone();
            }
        }
    }
    let rewrite = |references: &mut BTreeSet<ResourceId>| {
        *references = references.iter().map(|id| renamed.get(id).unwrap_or(id).clone()).collect();
    };
    for resource in state.resources.values_mut() {
        if let Spec::Unit(unit) = &mut resource.spec {
            rewrite(&mut unit.restart_on);
            rewrite(&mut unit.reload_on);
        }
    }
}
