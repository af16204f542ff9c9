//! A login at a registry of images, among those of root.

use std::sync::Arc;

use holdfast_schema::{
    FileMode, Sha256,
    spec::{Ensure, RegistrySpec, Spec},
};

use super::{Fate, Kind, Refusal, Subject, docker, marks};
use crate::{
    host::{HostError, LoginNow, Node, Read, SecretNow, logins},
    ledger::Lesson,
    plan::{Action, Difference, Disruption, Step, step::Owned},
};

pub(crate) struct Registry;

/// What can be seen of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) login: LoginNow,
    /// What is known of the password that it should have.
    pub(crate) password: Option<Arc<SecretNow>>,
}

/// Nobody but root may read the file.
const PRIVATE: Owned = Owned { uid: 0, gid: 0, mode: FileMode::new(0o600) };

impl Kind for Registry {
    type Spec = RegistrySpec;
    type Observed = Observed;

    fn spec(spec: &Spec) -> Option<&RegistrySpec> {
        if let Spec::Registry(registry) = spec { Some(registry) } else { None }
    }

    async fn observe(subject: &Subject<'_, RegistrySpec>, host: &impl Read) -> Result<Observed, HostError> {
        let password = match subject.want.and_then(|want| want.password.as_ref()) {
            Some(reference) => Some(host.secret(reference, subject.around.contents).await?),
            None => None,
        };
        let login = match subject.id.name.parse() {
            Ok(server) => host.login(&server).await?,
            Err(_) => LoginNow { node: Node::Absent, known: None },
        };
        Ok(Observed { login, password })
    }

    fn plan(subject: &Subject<'_, RegistrySpec>, seen: &Observed) -> Result<Vec<Step>, Refusal> {
        match subject.want {
            None if is_ours(subject) => Ok(remove(subject, seen, false)),
            None => Ok(Vec::new()),
            Some(want) if want.ensure == Ensure::Absent => Ok(remove(subject, seen, true)),
            Some(want) => present(subject, want, seen),
        }
    }

    fn fate(subject: &Subject<'_, RegistrySpec>, seen: &Observed) -> Fate {
        match seen.login.known {
            None => Fate::Gone,
            Some(_) if is_ours(subject) => Fate::InUse,
            Some(_) => Fate::Released("it was there before Holdfast managed it"),
        }
    }

    fn lessons(subject: &Subject<'_, RegistrySpec>, seen: &Observed) -> Vec<Lesson> {
        // Where none is, whatever comes is Holdfast's.
        let comes = subject.want.is_some() && seen.login.known.is_none() && !is_ours(subject);
        if comes { vec![Lesson::Made(true)] } else { Vec::new() }
    }

    fn fingerprint(_subject: &Subject<'_, RegistrySpec>, seen: &Observed) -> Sha256 {
        let known = seen.login.known.as_ref();
        Sha256::of(known.map_or_else(String::new, |(user, digest)| format!("{user} {digest}")).as_bytes())
    }
}

fn is_ours(subject: &Subject<'_, RegistrySpec>) -> bool {
    subject.entry.is_some_and(|entry| entry.made)
}

fn remove(subject: &Subject<'_, RegistrySpec>, seen: &Observed, declared: bool) -> Vec<Step> {
    let (Some(_), Ok(server)) = (&seen.login.known, subject.id.name.parse()) else { return Vec::new() };
    vec![step(subject, seen, Action::RemoveLogin { server }, docker::removal(declared, "a login"))]
}

fn present(
    subject: &Subject<'_, RegistrySpec>,
    want: &RegistrySpec,
    seen: &Observed,
) -> Result<Vec<Step>, Refusal> {
    let (Some(reference), Some(password)) = (&want.password, &seen.password) else { return Ok(Vec::new()) };
    password
        .check_destination(subject.id)
        .map_err(|why| Refusal::Secret { name: reference.name.to_string(), why })?;
    let is_so = |(user, digest): &(String, Sha256)| *user == want.user && *digest == password.line;
    match (&seen.login.node, &seen.login.known) {
        (node @ (Node::Directory { .. } | Node::Symlink { .. } | Node::Other { .. }), _) => {
            Err(Refusal::InTheWay { path: logins::PATH.to_owned(), found: marks::name(node) })
        }
        (Node::File { stat, .. }, Some(known)) if is_so(known) => {
            let private = stat.mode.bits() & !PRIVATE.mode.bits() == 0 && stat.uid == PRIVATE.uid;
            let Some(path) = logins::PATH.parse().ok().filter(|_| !private) else { return Ok(Vec::new()) };
            let because = docker::difference("mode", stat.mode.to_string(), PRIVATE.mode.to_string());
            Ok(vec![step(subject, seen, Action::SetAccess { path, access: PRIVATE }, because)])
        }
        (_, known) => {
            let from = match known {
                None => "none".to_owned(),
                Some((user, _)) if *user == want.user => format!("{user} with another password"),
                Some((user, _)) => user.clone(),
            };
            let to = format!("{} with secret {} (gen {})", want.user, reference.name, password.generation());
            let (server, user) = (want.server.clone(), want.user.clone());
            let action = Action::SetLogin { server, user, password: reference.clone() };
            Ok(vec![step(subject, seen, action, docker::difference("login", from, to))])
        }
    }
}

fn step(subject: &Subject<'_, RegistrySpec>, seen: &Observed, action: Action, because: Difference) -> Step {
    let expects = marks::expected(&seen.login.node);
    Step { resource: subject.id.clone(), action, expects, because, disrupts: Disruption::None }
}

#[cfg(test)]
mod tests;
