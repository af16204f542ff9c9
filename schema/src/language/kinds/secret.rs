//! `[secret.NAME]`: a secret that a Swarm keeps for its services.

use super::{config::check_length, container::labels, value};
use crate::{
    KindName, ObjectName, Problem,
    document::{
        field::Map,
        source::{Located, Span},
        table::table,
    },
    id::SecretName,
    language::{
        common::{Common, Declared},
        values::docker::LabelName,
    },
    resolve::build::Build,
    spec::{Ensure, SecretReference, SecretSpec, Spec},
};

table! {
    /// A secret of the Swarm, by the name that services use for it. The Swarm cannot change one: each content is a secret of its
    /// own, named `NAME-DIGEST` with a digest that tells nobody what it holds, and services move to the new one. The one before
    /// stays until they have.
    pub(crate) struct SecretObjectTable {
        /// Whether it exists. What Holdfast made of it goes when it is no longer declared.
        ensure: Ensure = "\"present\"",
        /// The secret of the fleet that it holds: `secrets/NAME.age` of the repository, see SECRETS. By default the one of its own
        /// name.
        secret: SecretName,
        /// Labels, by their names.
        labels: Map<LabelName, String>,
        after common: Common,
    }
}

impl Declared for SecretObjectTable {
    const KIND: KindName = KindName::Secret;
    type Name = ObjectName;

    fn common(&self) -> &Common {
        &self.common
    }

    fn spec(&self, name: &ObjectName, at: Span, build: &mut Build<'_, '_>) -> Option<Spec> {
        check_length(name, at, build);
        let ensure = value(self.ensure.as_ref()).unwrap_or_default();
        let secret = match ensure {
            Ensure::Absent => None,
            Ensure::Present => Some(self.reference(name, at, build)?),
        };
        let labels = labels(self.labels.as_ref(), build);
        Some(Spec::Secret(SecretSpec { name: name.clone(), ensure, secret, labels }))
    }
}

impl SecretObjectTable {
    fn reference(&self, name: &ObjectName, at: Span, build: &mut Build<'_, '_>) -> Option<SecretReference> {
        if let Some(secret) = &self.secret {
            return build.secret(secret);
        }
        match name.as_str().parse::<SecretName>() {
            Ok(value) => build.secret(&Located { value, at }),
            Err(invalid) => {
                let problem = Problem::new("E_MISSING_KEY", invalid.to_string());
                build.report(at, problem.remedy("say with `secret` which secret of the fleet it holds"));
                None
            }
        }
    }
}
