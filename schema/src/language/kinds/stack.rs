//! `[stack.NAME]`: a compose file as it is, in a Swarm.

use std::collections::BTreeMap;

use super::compose::{Expanded, ProjectTable};
use crate::{
    KindName, ObjectName, ResourceId,
    compose::{Table, Target},
    document::{duration::Wait, field::Field as _, source::Span, table::table},
    language::common::{Common, Declared},
    resolve::build::Build,
    spec::{Spec, StackSpec},
};

table! {
    /// A compose file of the repository as it is, as a stack of the Swarm, by the stack's name. Its services, networks, configs
    /// and secrets become resources with the names and labels that `docker stack deploy` gives them, as if they were declared one
    /// by one: see STACK FILES. A stack of that name that is there is taken over: what does not differ stays as it is, and what
    /// belongs to the stack and is not in the file is removed.
    pub(crate) struct StackTable {
        before project: ProjectTable,
        /// How long a change of a service may take until all its tasks run and are healthy.
        healthy_within: Wait<1, 86_400> = "\"5m\"",
        after common: Common,
    }
}

impl Declared for StackTable {
    const KIND: KindName = KindName::Stack;
    type Name = ObjectName;

    fn common(&self) -> &Common {
        &self.common
    }

    fn spec(&self, name: &ObjectName, at: Span, build: &mut Build<'_, '_>) -> Option<Spec> {
        let expanded = Expanded { of: ResourceId::new(Self::KIND, name.as_str()), common: &self.common };
        let complete = |resources: &mut Table| self.complete(resources);
        let asleep = self.project.expand(name, at, Target::Swarm, expanded, build, complete)?;
        Some(Spec::Stack(StackSpec { name: name.clone(), asleep }))
    }
}

impl StackTable {
    /// Adds to every service what the resource says of all.
    fn complete(&self, resources: &mut Table) {
        let services = resources.tables.get_mut("service").map(|(_, all)| &mut all.tables);
        for (at, service) in services.into_iter().flat_map(BTreeMap::values_mut) {
            if let Some(within) = &self.healthy_within {
                let shown = within.value.show();
                service.set("healthy_within", shown.trim_matches('"'), at);
            }
        }
    }
}
