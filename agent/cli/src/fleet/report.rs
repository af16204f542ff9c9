//! What the status branches of a fleet say, and whether they may be believed. Pure: objects and branches are brought.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_schema::{
    Entry, Fleet, HostName, Repository,
    status::{PassResult, Status},
};
use holdfast_trust::{
    Limits, Object, ObjectId, ObjectKind, Objects, PublicKey, StoreError,
    commit::Commit,
    tree::{self, Mode},
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// The longest chain of `main` that is walked to tell how far behind a host is.
const LONGEST_CHAIN: usize = 10_000;

/// What is looked at.
pub(crate) struct Sources<'a> {
    /// The clone's objects.
    pub(crate) objects: &'a dyn Objects,
    /// The tip of the branch that holds what should be.
    pub(crate) main: ObjectId,
    /// The tips of the status branches.
    pub(crate) branches: BTreeMap<HostName, ObjectId>,
    /// The time.
    pub(crate) now: Timestamp,
    /// After how long without news a host counts as silent.
    pub(crate) silent_after: SignedDuration,
}

/// One host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Host {
    /// Its name.
    #[serde(rename = "host")]
    pub(crate) name: HostName,
    /// What the signature of its newest status is worth.
    pub(crate) signature: SignatureState,
    /// The host's own word, if it can be read and is the host's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<Status>,
    /// Why it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unreadable: Option<String>,
    /// Where the applied revision stands.
    pub(crate) position: Position,
    /// How old the status is, in seconds; negative if the host's clock is ahead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) age_seconds: Option<i64>,
    /// Whether the host has not been heard of for too long.
    pub(crate) silent: bool,
}

/// What the signature of a status commit is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SignatureState {
    /// Made with the host's own key.
    Good,
    /// There is none.
    Unsigned,
    /// Made with another key, for another content, or for another host.
    Forged,
    /// The repository does not say which key is the host's.
    KeyUnknown,
    /// The repository knows no such host.
    HostUnknown,
    /// There is no status.
    Absent,
}

/// Where the revision that a host applied stands on the branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Position {
    /// It is the newest.
    Newest,
    /// It is this many commits behind.
    Behind(usize),
    /// It is not on the branch, as far as this clone knows.
    Elsewhere,
    /// The host has applied none, or does not say.
    None,
}

impl Host {
    /// Whether nothing has to be looked at.
    pub(crate) fn is_in_order(&self) -> bool {
        self.signature == SignatureState::Good
            && !self.silent
            // Hosts that are not on one history were led apart.
            && self.position != Position::Elsewhere
            && self.status.as_ref().is_some_and(|status| status.result == PassResult::Converged)
    }
}

/// Looks at every host that the branch or a status branch names.
pub(crate) fn hosts(sources: &Sources<'_>) -> Result<Vec<Host>, StoreError> {
    let declared = declared(sources)?;
    let chain = chain(sources)?;
    let names: BTreeSet<&HostName> = declared.keys().chain(sources.branches.keys()).collect();
    names.into_iter().map(|name| host(name, declared.get(name), &chain, sources)).collect()
}

fn host(
    name: &HostName,
    declared: Option<&Option<PublicKey>>,
    chain: &BTreeMap<ObjectId, usize>,
    sources: &Sources<'_>,
) -> Result<Host, StoreError> {
    let mut host = Host {
        name: name.clone(),
        signature: SignatureState::Absent,
        status: None,
        unreadable: None,
        position: Position::None,
        age_seconds: None,
        silent: true,
    };
    let Some(tip) = sources.branches.get(name) else { return Ok(host) };
    let commit = sources.objects.get(tip)?.filter(|object| object.kind == ObjectKind::Commit);
    host.signature = match (declared, &commit) {
        (None, _) => SignatureState::HostUnknown,
        (Some(None), _) => SignatureState::KeyUnknown,
        (Some(Some(key)), Some(commit)) => judge(commit, key),
        (Some(Some(_)), None) => SignatureState::Forged,
    };
    // What is not the host's word is not shown as if it was.
    if matches!(host.signature, SignatureState::Forged | SignatureState::Unsigned) {
        return Ok(host);
    }
    match read(commit.as_ref(), sources.objects)? {
        Err(why) => host.unreadable = Some(why),
        Ok(status) if status.host != *name => {
            // Even with a good signature: a host may only speak for itself.
            host.signature = SignatureState::Forged;
            host.unreadable = Some(format!("it speaks of {}", status.host));
        }
        Ok(status) => {
            let applied =
                status.revision.applied.as_ref().and_then(|applied| applied.parse::<ObjectId>().ok());
            host.position = match applied.map(|applied| chain.get(&applied)) {
                None => Position::None,
                Some(Some(0)) => Position::Newest,
                Some(Some(&behind)) => Position::Behind(behind),
                Some(None) => Position::Elsewhere,
            };
            let age = status.time.parse::<Timestamp>().ok().map(|time| sources.now.duration_since(time));
            host.age_seconds = age.map(|age| age.as_secs());
            host.silent = age.is_none_or(|age| age > sources.silent_after);
            host.status = Some(status);
        }
    }
    Ok(host)
}

/// The status at the tip of a host's branch, if it is the host's own word: signed with its key, and of itself.
pub(crate) fn own_word(
    name: &HostName,
    key: &PublicKey,
    tip: &ObjectId,
    objects: &dyn Objects,
) -> Result<Option<Status>, StoreError> {
    let commit = objects.get(tip)?.filter(|object| object.kind == ObjectKind::Commit);
    if commit.as_ref().is_none_or(|commit| judge(commit, key) != SignatureState::Good) {
        return Ok(None);
    }
    Ok(read(commit.as_ref(), objects)?.ok().filter(|status| status.host == *name))
}

/// Whether `key` signed the commit.
fn judge(commit: &Object, key: &PublicKey) -> SignatureState {
    let Ok(commit) = Commit::parse(&commit.data) else { return SignatureState::Forged };
    match commit.signature {
        None => SignatureState::Unsigned,
        Some(_) if commit.is_signed_by(key) => SignatureState::Good,
        Some(_) => SignatureState::Forged,
    }
}

/// The status document of a status commit, or why there is none.
fn read(commit: Option<&Object>, objects: &dyn Objects) -> Result<Result<Status, String>, StoreError> {
    let Some(Ok(commit)) = commit.map(|commit| Commit::parse(&commit.data)) else {
        return Ok(Err("its newest commit is missing or malformed".to_owned()));
    };
    let document = match objects.get(&commit.tree)? {
        Some(tree) => {
            match tree::parse(&tree.data).map(|entries| tree::find(&entries, "status.toml", Mode::File)) {
                Ok(Some(id)) => objects.get(&id)?,
                _ => None,
            }
        }
        None => None,
    };
    let Some(document) = document else { return Ok(Err("it holds no status.toml".to_owned())) };
    let text = String::from_utf8_lossy(&document.data);
    Ok(Status::from_toml(&text).map_err(|why| why.to_string()))
}

/// The hosts that the branch declares, with their keys.
fn declared(sources: &Sources<'_>) -> Result<BTreeMap<HostName, Option<PublicKey>>, StoreError> {
    let mut repository = Repository::new();
    let commit = sources.objects.get(&sources.main)?;
    if let Some(Ok(commit)) = commit.as_ref().map(|commit| Commit::parse(&commit.data)) {
        let files =
            holdfast_trust::walk(sources.objects, commit.tree, &Limits::default()).unwrap_or_default();
        for file in files.into_iter().filter(|file| file.path.starts_with(b"hosts/")) {
            if let Some(blob) = sources.objects.get(&file.id)? {
                repository.insert(file.path, Entry::file(blob.data));
            }
        }
    }
    let keys = Fleet::new(&repository).status_keys();
    let key = |host: &HostName| keys.get(host).and_then(|key| key.parse().ok());
    Ok(repository.hosts().into_iter().map(|host| (host.clone(), key(&host))).collect())
}

/// The branch's commits by first parents, each with how many follow it.
fn chain(sources: &Sources<'_>) -> Result<BTreeMap<ObjectId, usize>, StoreError> {
    let mut chain = BTreeMap::new();
    let mut next = Some(sources.main);
    while let Some(id) = next {
        if chain.len() >= LONGEST_CHAIN {
            break;
        }
        chain.insert(id, chain.len());
        let commit = sources.objects.get(&id)?;
        let parsed = commit.as_ref().and_then(|commit| Commit::parse(&commit.data).ok());
        next = parsed.and_then(|commit| commit.parents.first().copied());
    }
    Ok(chain)
}

#[cfg(test)]
mod tests;
