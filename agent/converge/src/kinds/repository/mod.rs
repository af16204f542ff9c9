//! A source of packages: its file where this host's package manager looks for it, its key, and that its lists are fetched.
//!
//! Whether they are is a level: the ledger keeps what the files said when the lists were last fetched.

use std::collections::BTreeMap;

use holdfast_schema::{
    AbsolutePath, Sha256,
    spec::{Content, Ensure, RepositoryPlace, RepositorySpec, Spec},
};

use super::{
    Fate, Kind, Refusal, Subject,
    marks::{self, Maker},
};
use crate::{
    host::{HostError, Look, Node, PackageNow, Read},
    ledger::{Entry, Fetched, Lesson},
    plan::{Step, found::Found},
};

mod plan;
#[cfg(test)]
mod tests;

pub(crate) struct Repository;

/// What can be seen of a source of packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    /// Where this host looks for sources.
    pub(crate) place: RepositoryPlace,
    /// Directories that its files are to lie in and that are not there, those above others first.
    pub(crate) missing: Vec<AbsolutePath>,
    pub(crate) source: OwnFile,
    pub(crate) key: OwnFile,
    /// Whether rpm trusts the keys that are declared or that it trusts because of this source, by rpm's names for them.
    pub(crate) trusted: BTreeMap<String, bool>,
}

/// A file of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnFile {
    pub(crate) path: AbsolutePath,
    pub(crate) node: Node,
    /// What should be in it; `None` if it should not be there.
    pub(crate) want: Option<Content>,
}

impl Kind for Repository {
    type Spec = RepositorySpec;
    type Observed = Observed;

    fn spec(spec: &Spec) -> Option<&RepositorySpec> {
        if let Spec::Repository(repository) = spec { Some(repository) } else { None }
    }

    async fn observe(subject: &Subject<'_, RepositorySpec>, host: &impl Read) -> Result<Observed, HostError> {
        let place = host.repository_place().await?;
        let unnamed = |_never| HostError::Unsupported { what: format!("a file for {}", subject.id) };
        let name = subject.id.name.parse().map_err(unnamed)?;
        let wanted = subject.want.filter(|want| want.ensure == Ensure::Present);
        let content = wanted.and_then(|want| place.content(want.source.as_ref()?));
        let key = wanted.and_then(|want| want.key.as_ref());
        let mut missing = Vec::new();
        let mut files = Vec::new();
        for (path, want) in [(place.file(&name), content), (place.key(&name), key.map(|key| key.content))] {
            let path: AbsolutePath = path.parse().map_err(unnamed)?;
            let node = host.node(&path, Look::Content).await?;
            if node == Node::Absent && want.is_some() {
                let mut above = Vec::new();
                let mut directory = path.parent();
                while let Some(path) = directory.take() {
                    if host.node(&path, Look::Metadata).await? == Node::Absent {
                        directory = path.parent();
                        above.push(path);
                    }
                }
                above.retain(|path| !missing.contains(path));
                missing.extend(above.into_iter().rev());
            }
            files.push(OwnFile { path, node, want });
        }
        let mut trusted = BTreeMap::new();
        if place != RepositoryPlace::Apt {
            let declared = key.into_iter().flat_map(|key| &key.names);
            let ours = fetched(subject.entry).into_iter().flat_map(|fetched| &fetched.keys);
            for key in declared.chain(ours) {
                let now = host.package(key).await?;
                trusted.insert(key.clone(), matches!(now, PackageNow::Installed { .. }));
            }
        }
        let [source, key] = files
            .try_into()
            .map_err(|_never| HostError::Unsupported { what: "a source of packages".to_owned() })?;
        Ok(Observed { place, missing, source, key, trusted })
    }

    fn plan(subject: &Subject<'_, RepositorySpec>, seen: &Observed) -> Result<Vec<Step>, Refusal> {
        plan::plan(subject, seen)
    }

    fn fate(subject: &Subject<'_, RepositorySpec>, seen: &Observed) -> Fate {
        let mut fate = Fate::Gone;
        for file in [&seen.source, &seen.key] {
            match (&file.node, marks::maker(subject.entry, &file.path, &file.node)) {
                (Node::Absent, _) => {}
                (_, Maker::Holdfast) => return Fate::InUse,
                (_, Maker::Changed) => {
                    fate = Fate::Released("its files were changed since Holdfast wrote them");
                }
                (_, Maker::Others) => {
                    fate = Fate::Released("its files were there before Holdfast managed it");
                }
            }
        }
        fate
    }

    fn lessons(subject: &Subject<'_, RepositorySpec>, seen: &Observed) -> Vec<Lesson> {
        let mut lessons = Vec::new();
        for file in [&seen.source, &seen.key] {
            let marked = subject.entry.is_some_and(|entry| entry.mark(&file.path).is_some());
            if file.node == Node::Absent && file.want.is_none() && marked {
                lessons.push(Lesson::Gone { path: file.path.clone() });
            } else {
                let want = file.want.map(|content| content.sha256);
                marks::lessons(subject.entry, &file.path, &file.node, want, &mut lessons);
            }
        }
        // What Holdfast made rpm trust for another source goes with the last of them.
        let ours = |key: &&String| fetched(subject.entry).is_some_and(|fetched| fetched.keys.contains(*key));
        let shared = seen.trusted.iter().filter(|(key, trusted)| **trusted && !ours(key));
        for (key, _) in shared.filter(|(key, _)| subject.around.ledger.brought(key)) {
            lessons.push(Lesson::Trusted { key: key.clone(), trusted: true });
        }
        // What is found as it should be is as good as fetched.
        if let (Some(inputs), None) = (plan::inputs(subject, seen), fetched(subject.entry))
            && plan::files(subject, seen).is_ok_and(|steps| steps.is_empty())
        {
            lessons.push(Lesson::Fetched(Some(inputs)));
        }
        lessons
    }

    fn found(subject: &Subject<'_, RepositorySpec>, seen: &Observed) -> Option<Found> {
        let want = subject.want.filter(|want| want.ensure == Ensure::Present);
        want.filter(|_| seen.source.node == Node::Absent).map(|_| Found::absent())
    }

    fn fingerprint(_subject: &Subject<'_, RepositorySpec>, seen: &Observed) -> Sha256 {
        let prints = [&seen.source, &seen.key].map(|file| marks::fingerprint(&file.node, true).to_string());
        Sha256::of(prints.join("\n").as_bytes())
    }
}

/// What is remembered of its lists and keys.
fn fetched(entry: Option<&Entry>) -> Option<&Fetched> {
    entry?.fetched.as_deref()
}
