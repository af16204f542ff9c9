//! `[registry."HOST[:PORT]"]`: a login at a registry of images.

use super::value;
use crate::{
    KindName, Problem,
    document::{source::Span, table::table},
    id::{RegistryName, SecretName},
    language::{
        common::{Common, Declared},
        values::docker::Word,
    },
    resolve::build::Build,
    spec::{Ensure, RegistrySpec, Spec},
};

table! {
    /// A login at a registry of images, by the registry as it stands in front of their names; Docker's own is `docker.io`. It
    /// lies in root's `~/.docker/config.json`, beside those of others, which are left alone, and images are pulled with it.
    pub(crate) struct RegistryTable {
        /// Whether the host is logged in. A login that is no longer declared is removed, if Holdfast made it.
        ensure: Ensure = "\"present\"",
        /// The user.
        user: Word,
        /// The name of the secret that is the user's password or token: see SECRETS. It must be allowed to go to
        /// `registry:HOST`. A line end behind it is no part of it.
        password: SecretName,
        after common: Common,
    }
}

impl Declared for RegistryTable {
    const KIND: KindName = KindName::Registry;
    type Name = RegistryName;

    fn common(&self) -> &Common {
        &self.common
    }

    fn spec(&self, server: &RegistryName, at: Span, build: &mut Build<'_, '_>) -> Option<Spec> {
        let server = server.clone();
        let ensure = value(self.ensure.as_ref()).unwrap_or_default();
        if ensure == Ensure::Absent {
            return Some(Spec::Registry(RegistrySpec {
                server,
                ensure,
                user: String::new(),
                password: None,
            }));
        }
        let (Some(user), Some(password)) = (&self.user, &self.password) else {
            let problem = Problem::new("E_MISSING_KEY", format!("nothing says how to log in at {server}"));
            build.report(at, problem.remedy("set `user` and `password`, or ensure = \"absent\""));
            return None;
        };
        let user = user.value.as_str().to_owned();
        let password = Some(build.secret(password)?);
        Some(Spec::Registry(RegistrySpec { server, ensure, user, password }))
    }
}
