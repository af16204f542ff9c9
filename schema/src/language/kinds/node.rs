//! `[node.NAME]`: a node of the Swarm.

use super::{texts, value};
use crate::{
    KindName, ObjectName,
    document::{field::Map, source::Span, table::table},
    language::{
        common::{Common, Declared},
        values::docker::LabelName,
    },
    resolve::build::Build,
    spec::{Availability, NodeSpec, Spec},
};

table! {
    /// A node of the Swarm, by its host name. What is not set is left as it is found; when it is no longer declared, it stays as
    /// it is. Holdfast adds and removes no nodes.
    pub(crate) struct NodeTable {
        /// Labels, by their names, for the `constraints` and the `spread` of services. Others stay as they are.
        labels: Map<LabelName, String>,
        /// Whether tasks run on it.
        availability: Availability,
        after common: Common,
    }
}

impl Declared for NodeTable {
    const KIND: KindName = KindName::Node;
    type Name = ObjectName;

    fn common(&self) -> &Common {
        &self.common
    }

    fn spec(&self, name: &ObjectName, _at: Span, _build: &mut Build<'_, '_>) -> Option<Spec> {
        Some(Spec::Node(NodeSpec {
            name: name.clone(),
            labels: texts(self.labels.as_ref()),
            availability: value(self.availability.as_ref()),
        }))
    }
}
