//! The kinds of resource: each can look and think, none can act.
//!
//! [`examine`] holds the one match that dispatches. A new kind is a folder beside the others and an arm of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use holdfast_schema::{
    AbsolutePath, ContentSource, HostState, KindName, ResourceId, Sha256,
    spec::{Ensure, Spec},
};

use crate::{
    host::{HostError, Read},
    ledger::{Entry, Ledger, Lesson},
    plan::{Step, found::Found},
};

pub(crate) mod access;
mod compare;
pub(crate) mod compose;
pub(crate) mod config;
pub(crate) mod container;
pub(crate) mod directory;
pub(crate) mod docker;
pub(crate) mod file;
mod generations;
pub(crate) mod image;
pub(crate) mod marks;
pub(crate) mod network;
pub(crate) mod node;
pub(crate) mod package;
mod refusal;
pub(crate) mod registry;
pub(crate) mod repository;
pub(crate) mod secret;
pub(crate) mod service;
pub(crate) mod stack;
mod swarm;
pub(crate) mod symlink;
pub(crate) mod unit;
pub(crate) mod volume;

pub use refusal::Refusal;

/// A kind of resource: how to look at one, and what follows from what was seen.
pub(crate) trait Kind {
    /// What a resource of this kind should be.
    type Spec;
    /// What can be seen of it.
    type Observed: Debug + PartialEq;

    /// This kind's variant.
    fn spec(spec: &Spec) -> Option<&Self::Spec>;

    /// Looks. Nothing else.
    async fn observe(
        subject: &Subject<'_, Self::Spec>,
        host: &impl Read,
    ) -> Result<Self::Observed, HostError>;

    /// Says what must change, in order; nothing if all is in order. Refuses only when no change that it may make is left.
    fn plan(subject: &Subject<'_, Self::Spec>, seen: &Self::Observed) -> Result<Vec<Step>, Refusal>;

    /// What becomes of something that Git no longer has, once nothing is left to do about it.
    fn fate(subject: &Subject<'_, Self::Spec>, seen: &Self::Observed) -> Fate;

    /// What the ledger should know from what was seen.
    fn lessons(subject: &Subject<'_, Self::Spec>, seen: &Self::Observed) -> Vec<Lesson>;

    /// How it would have to be declared to be in order as it is; `None` if that cannot be said.
    fn found(_subject: &Subject<'_, Self::Spec>, _seen: &Self::Observed) -> Option<Found> {
        None
    }

    /// What units that depend on this compare: changes when they have to read it again.
    fn fingerprint(subject: &Subject<'_, Self::Spec>, seen: &Self::Observed) -> Sha256;
}

/// One resource as a kind sees it.
pub(crate) struct Subject<'a, S> {
    pub(crate) id: &'a ResourceId,
    /// What it should be; `None` when Git no longer has it.
    pub(crate) want: Option<&'a S>,
    /// What is remembered of it.
    pub(crate) entry: Option<&'a Entry>,
    pub(crate) around: &'a Around<'a>,
}

/// What a plan depends on beside the resource itself.
pub(crate) struct Around<'a> {
    pub(crate) state: &'a HostState,
    /// What secrets are decrypted from.
    pub(crate) contents: &'a dyn ContentSource,
    pub(crate) ledger: &'a Ledger,
    /// The fingerprints of the resources that units watch, as they are now.
    pub(crate) prints: &'a BTreeMap<ResourceId, Sha256>,
    /// Whether the state was in force before: what only a way back could need may go then.
    pub(crate) in_force: bool,
}

/// What becomes of something that Git no longer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is not there.
    Gone,
    /// It stays as it is and is Holdfast's no longer: why.
    Released(&'static str),
    /// It still serves something declared: it stays Holdfast's and is looked at again.
    InUse,
}

/// What looking at one resource and thinking about it gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) plan: Result<Vec<Step>, Refusal>,
    pub(crate) lessons: Vec<Lesson>,
    /// Only of what Git no longer has.
    pub(crate) fate: Option<Fate>,
    /// Only of what differs: see [`Kind::found`].
    pub(crate) found: Option<Found>,
    /// Only if it was asked for.
    pub(crate) print: Option<Sha256>,
}

/// Looks at one resource and thinks about it; `print` asks for its fingerprint too.
pub(crate) async fn examine(
    id: &ResourceId,
    want: Option<&Spec>,
    print: bool,
    around: &Around<'_>,
    host: &impl Read,
) -> Result<Verdict, HostError> {
    match id.kind {
        KindName::File => look::<file::File>(id, want, print, around, host).await,
        KindName::Directory => look::<directory::Directory>(id, want, print, around, host).await,
        KindName::Symlink => look::<symlink::Symlink>(id, want, print, around, host).await,
        KindName::Repository => look::<repository::Repository>(id, want, print, around, host).await,
        KindName::Package => look::<package::Package>(id, want, print, around, host).await,
        KindName::Unit => look::<unit::Unit>(id, want, print, around, host).await,
        KindName::Image => look::<image::Image>(id, want, print, around, host).await,
        KindName::Network => look::<network::Network>(id, want, print, around, host).await,
        KindName::Volume => look::<volume::Volume>(id, want, print, around, host).await,
        KindName::Container => look::<container::Container>(id, want, print, around, host).await,
        KindName::Service => look::<service::Service>(id, want, print, around, host).await,
        KindName::Config => look::<config::Config>(id, want, print, around, host).await,
        KindName::Secret => look::<secret::Secret>(id, want, print, around, host).await,
        KindName::Node => look::<node::Node>(id, want, print, around, host).await,
        KindName::Registry => look::<registry::Registry>(id, want, print, around, host).await,
        KindName::Compose => look::<compose::Compose>(id, want, print, around, host).await,
        KindName::Stack => look::<stack::Stack>(id, want, print, around, host).await,
    }
}

async fn look<K: Kind>(
    id: &ResourceId,
    want: Option<&Spec>,
    print: bool,
    around: &Around<'_>,
    host: &impl Read,
) -> Result<Verdict, HostError> {
    let subject = Subject { id, want: want.and_then(K::spec), entry: around.ledger.entry(id), around };
    let seen = K::observe(&subject, host).await?;
    let plan = K::plan(&subject, &seen);
    let differs = subject.want.is_some() && plan.as_ref().is_ok_and(|steps| !steps.is_empty());
    Ok(Verdict {
        plan,
        found: differs.then(|| K::found(&subject, &seen)).flatten(),
        lessons: if subject.entry.is_some() { K::lessons(&subject, &seen) } else { Vec::new() },
        fate: subject.want.is_none().then(|| K::fate(&subject, &seen)),
        print: print.then(|| K::fingerprint(&subject, &seen)),
    })
}

/// Tells `claim` every path that a resource puts on the host, with the digest of what it puts there (none for a directory).
pub(crate) fn claims(spec: &Spec, claim: &mut dyn FnMut(&AbsolutePath, Option<Sha256>)) {
    match spec {
        Spec::File(file) if file.ensure == Ensure::Present => {
            claim(&file.path, file.content.map(|content| content.sha256));
        }
        Spec::Directory(directory) if directory.ensure == Ensure::Present => claim(&directory.path, None),
        Spec::Symlink(link) if link.ensure == Ensure::Present => {
            claim(&link.path, Some(Sha256::of(link.target.as_bytes())));
        }
        Spec::Unit(unit) if unit.ensure == Ensure::Present => unit::claims(unit, claim),
        Spec::Repository(repository) if repository.ensure == Ensure::Present => {
            for (path, content) in repository.files() {
                claim(&path, content.map(|content| content.sha256));
            }
        }
        _ => {}
    }
}

impl Around<'_> {
    /// The names directly in `directory` that something declared or owned lies at or under.
    pub(crate) fn known_names(&self, directory: &AbsolutePath) -> BTreeSet<String> {
        let inside = format!("{}/", directory.as_str());
        let mut names = BTreeSet::new();
        let mut add = |path: &str| {
            if let Some(rest) = path.strip_prefix(&inside) {
                names.insert(rest.split('/').next().unwrap_or(rest).to_owned());
            }
        };
        for kind in [KindName::File, KindName::Directory, KindName::Symlink] {
            let first = ResourceId::new(kind, inside.clone());
            let under = |id: &&ResourceId| id.kind == kind && id.name.starts_with(&inside);
            self.state
                .resources
                .range(&first..)
                .map(|(id, _)| id)
                .take_while(under)
                .for_each(|id| add(&id.name));
            self.ledger
                .owned()
                .range(&first..)
                .map(|(id, _)| id)
                .take_while(under)
                .for_each(|id| add(&id.name));
        }
        let others = ResourceId::new(KindName::Repository, "");
        for (_, resource) in self.state.resources.range(&others..) {
            claims(&resource.spec, &mut |path, _digest| add(path.as_str()));
        }
        for (_, entry) in self.ledger.owned().range(&others..) {
            entry.marks.iter().for_each(|mark| add(mark.path.as_str()));
        }
        names
    }
}
