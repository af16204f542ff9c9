//! `[config.NAME]`: a text that a Swarm keeps for its services.

use super::{container::labels, value};
use crate::{
    KindName, ObjectName, Problem,
    document::{field::Map, source::Span, table::table},
    language::{
        common::{Body, Common, Declared},
        values::docker::LabelName,
    },
    resolve::build::Build,
    spec::{ConfigSpec, Ensure, Spec},
};

/// The most that a Swarm keeps in one config or secret, in bytes.
const LARGEST: u64 = 500 << 10;

table! {
    /// A config of the Swarm, by the name that services use for it. The Swarm cannot change one: each content is a config of its
    /// own, named `NAME-DIGEST`, and services move to the new one. The one before stays until they have.
    pub(crate) struct ConfigTable {
        before body: Body,
        /// Whether it exists. What Holdfast made of it goes when it is no longer declared.
        ensure: Ensure = "\"present\"",
        /// Labels, by their names.
        labels: Map<LabelName, String>,
        after common: Common,
    }
}

impl Declared for ConfigTable {
    const KIND: KindName = KindName::Config;
    type Name = ObjectName;

    fn common(&self) -> &Common {
        &self.common
    }

    fn spec(&self, name: &ObjectName, at: Span, build: &mut Build<'_, '_>) -> Option<Spec> {
        check_length(name, at, build);
        let ensure = value(self.ensure.as_ref()).unwrap_or_default();
        let content = match ensure {
            Ensure::Absent => None,
            Ensure::Present if !self.body.is_set() => {
                let problem = Problem::new("E_MISSING_KEY", format!("nothing says what {name} holds"));
                build.report(
                    at,
                    problem.remedy("set `content`, `source` or `template`, or ensure = \"absent\""),
                );
                return None;
            }
            Ensure::Present => {
                let content = build.body(&self.body)?.content;
                if content.size == 0 || content.size > LARGEST {
                    let message = format!("{name} has {} bytes; a Swarm takes 1 to {LARGEST}", content.size);
                    build.report(at, Problem::new("E_LIMIT", message).remedy("use a file and mount it"));
                }
                Some(content)
            }
        };
        let labels = labels(self.labels.as_ref(), build);
        Some(Spec::Config(ConfigSpec { name: name.clone(), ensure, content, labels }))
    }
}

/// Tells of a name that leaves no room for a digest.
pub(super) fn check_length(name: &ObjectName, at: Span, build: &mut Build<'_, '_>) {
    const MOST: usize = 48;
    if name.as_str().len() > MOST {
        let problem = Problem::new("E_LIMIT", format!("the name {name} has more than {MOST} characters"));
        build.report(at, problem.remedy("take a shorter one: the Swarm's own name adds a digest to it"));
    }
}
