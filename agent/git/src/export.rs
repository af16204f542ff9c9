//! What the root service needs of a repository, as one object stream.
//!
//! Of every commit on the first-parent chain: itself, its root tree, its `.trust` tree and what is in it, and the
//! directories that it changed, as they were and as they are, for the policy may have rules about them. Of one of them
//! everything. And the tags on them. It is all looked up before the first byte is written, so that a limit or a missing object is told as such.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::Write,
};

use gix_object::{CommitRefIter, TreeRefIter, tree::EntryKind};
use holdfast_trust::{
    Limits, Object, ObjectId, ObjectKind,
    stream::{StreamError, Writer},
};

use crate::{error::Fault, fetch::Brought, ids, objects::Objects};

const SHA1: gix_hash::Kind = gix_hash::Kind::Sha1;

/// How a tip and an older commit are related.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chain {
    /// The commits from the older one to the tip, by first parents.
    Whole(Vec<ObjectId>),
    /// The tip's first ancestor was reached without meeting the older one.
    Apart,
    /// A commit is not here.
    Cut,
}

/// Where a chain may begin.
#[derive(Debug, Clone)]
pub(crate) struct Begins {
    /// The commit that the host stands at.
    pub(crate) base: ObjectId,
    /// Commits that resets lead to: where no way leads to the base, the one that is farthest from the tip.
    pub(crate) resets: HashSet<ObjectId>,
}

/// Follows first parents from `tip` to where the chain may begin. Unless it is the `last` try, a commit that is not here
/// may still be fetched.
pub(crate) fn chain(objects: &Objects, begins: &Begins, tip: ObjectId, last: bool) -> Result<Chain, Fault> {
    let limit = Limits::default().chain_commits;
    let mut commits = Vec::new();
    let mut reset = None;
    let mut next = Some(tip);
    let end = loop {
        let Some(at) = next else { break Chain::Apart };
        if commits.len() >= limit as usize {
            if reset.is_some() {
                break Chain::Apart;
            }
            return Err(Fault::Limit(format!(
                "there are more than {limit} commits between {} and {tip}",
                begins.base
            )));
        }
        let Some(commit) = objects.find(at)? else { break Chain::Cut };
        if commit.kind != ObjectKind::Commit {
            return Err(Fault::Protocol(format!("{at} should be a commit and is a {}", commit.kind)));
        }
        commits.push(at);
        if at == begins.base {
            commits.reverse();
            return Ok(Chain::Whole(commits));
        }
        if begins.resets.contains(&at) {
            reset = Some(commits.len());
        }
        next = CommitRefIter::from_bytes(&commit.data, SHA1).parent_ids().next().map(|id| ids::from_git(&id));
    };
    match (reset, end) {
        (None, end) => Ok(end),
        (Some(_), Chain::Cut) if !last => Ok(Chain::Cut),
        (Some(length), _) => {
            commits.truncate(length);
            commits.reverse();
            Ok(Chain::Whole(commits))
        }
    }
}

/// Objects that are ready to be written.
pub struct Export {
    objects: Objects,
    ids: Vec<(ObjectId, ObjectKind)>,
}

impl Export {
    /// Looks up all that is needed of a chain and its tags, and the whole tree of `at`, one of its commits.
    pub(crate) fn of_chain(objects: Objects, brought: &Brought, at: ObjectId) -> Result<Self, Fault> {
        let mut walk = Walk::new(&objects);
        let mut before = None;
        for &id in &brought.commits {
            let root = walk.commit(id)?;
            if let Some(before) = before.replace(root) {
                walk.changes(before, root)?;
            }
            let tree = walk.object(root, ObjectKind::Tree)?;
            for entry in TreeRefIter::from_bytes(&tree.data, SHA1) {
                let entry = entry.map_err(|_why| malformed(root))?;
                if entry.filename == ".trust" && entry.mode.is_tree() {
                    walk.everything(ids::from_git(entry.oid), ".trust", id)?;
                }
            }
            if id == at {
                walk.everything(root, "", id)?;
            }
        }
        for &tag in &brought.tags {
            walk.tag(tag)?;
        }
        let ids = walk.ids;
        Ok(Self { objects, ids })
    }

    /// Only the commit `id`, without its tree.
    pub(crate) fn of_commit(objects: Objects, id: ObjectId) -> Result<Self, Fault> {
        let mut walk = Walk::new(&objects);
        walk.commit(id)?;
        let ids = walk.ids;
        Ok(Self { objects, ids })
    }

    /// Writes the stream.
    ///
    /// # Errors
    /// Whatever `to` says; `InvalidData` if an object was damaged since it was looked up.
    pub fn write(&self, to: impl Write) -> std::io::Result<()> {
        let io = |why: StreamError| match why {
            StreamError::Write(why) => why,
            other => std::io::Error::new(std::io::ErrorKind::InvalidData, other),
        };
        let mut writer = Writer::new(to, &Limits::default()).map_err(io)?;
        for &(id, kind) in &self.ids {
            let object = self.objects.get(id, kind);
            let object = object.map_err(|why| std::io::Error::new(std::io::ErrorKind::InvalidData, why))?;
            writer.write(kind, &object.data).map_err(io)?;
        }
        writer.finish().map(drop).map_err(io)
    }
}

/// Collects objects, each once, within the limits.
struct Walk<'a> {
    objects: &'a Objects,
    limits: Limits,
    seen: HashMap<ObjectId, ObjectKind>,
    /// Trees whose whole content is taken.
    walked: HashSet<ObjectId>,
    ids: Vec<(ObjectId, ObjectKind)>,
    bytes: u64,
}

impl<'a> Walk<'a> {
    fn new(objects: &'a Objects) -> Self {
        Self {
            objects,
            limits: Limits::default(),
            seen: HashMap::new(),
            walked: HashSet::new(),
            ids: Vec::new(),
            bytes: 0,
        }
    }

    /// Takes a commit and gives its root tree.
    fn commit(&mut self, id: ObjectId) -> Result<ObjectId, Fault> {
        let commit = self.object(id, ObjectKind::Commit)?;
        let tree = CommitRefIter::from_bytes(&commit.data, SHA1).tree_id().map_err(|_why| malformed(id))?;
        Ok(ids::from_git(&tree))
    }

    /// Takes a tag. One that is no tag or is too large counts for nothing, so it is left out.
    fn tag(&mut self, id: ObjectId) -> Result<(), Fault> {
        match self.objects.header(id)? {
            Some((ObjectKind::Tag, size)) if size <= self.limits.tag_bytes.into() => {
                self.take(id, ObjectKind::Tag, size, &|| id.to_string())
            }
            _ => Ok(()),
        }
    }

    /// Takes every directory that differs between two root trees, on both sides.
    fn changes(&mut self, old: ObjectId, new: ObjectId) -> Result<(), Fault> {
        let mut pending = vec![(Some(old), Some(new), 0)];
        while let Some((old, new, depth)) = pending.pop() {
            // Who verifies goes no deeper either.
            if old == new || depth > self.limits.tree_depth {
                continue;
            }
            let mut pairs: BTreeMap<Vec<u8>, [Option<ObjectId>; 2]> = BTreeMap::new();
            for (side, id) in [(0, old), (1, new)] {
                let Some(id) = id else { continue };
                let tree = self.object(id, ObjectKind::Tree)?;
                for entry in TreeRefIter::from_bytes(&tree.data, SHA1) {
                    let entry = entry.map_err(|_why| malformed(id))?;
                    if entry.mode.is_tree()
                        && let Some(slot) = pairs.entry(entry.filename.to_vec()).or_default().get_mut(side)
                    {
                        *slot = Some(ids::from_git(entry.oid));
                    }
                }
            }
            pending.extend(pairs.into_values().map(|[old, new]| (old, new, depth.saturating_add(1))));
        }
        Ok(())
    }

    /// Takes a commit or a tree, and gives it.
    fn object(&mut self, id: ObjectId, kind: ObjectKind) -> Result<Object, Fault> {
        let object = self.objects.get(id, kind)?;
        self.take(id, kind, object.data.len() as u64, &|| id.to_string())?;
        Ok(object)
    }

    fn take(
        &mut self,
        id: ObjectId,
        kind: ObjectKind,
        size: u64,
        place: &dyn Fn() -> String,
    ) -> Result<(), Fault> {
        if self.seen.insert(id, kind).is_some() {
            return Ok(());
        }
        self.ids.push((id, kind));
        self.bytes = self.bytes.saturating_add(size);
        let limit = self.limits.object_bytes(kind);
        let over =
            |what: &str, limit: &str| Err(Fault::Limit(format!("{what}, more than the limit of {limit}")));
        if size > limit.into() {
            let what = format!("{} has {size} bytes", place());
            return over(
                &what,
                &format!("{limit} for a {}", if kind == ObjectKind::Blob { "file" } else { kind.as_str() }),
            );
        }
        if self.ids.len() > self.limits.objects as usize {
            return over(
                &format!("the commits and files have {} objects", self.ids.len()),
                &self.limits.objects.to_string(),
            );
        }
        if self.bytes > self.limits.total_bytes {
            return over(
                &format!("the commits and files have {} bytes, counted up to {}", self.bytes, place()),
                &format!("{} for all of them", self.limits.total_bytes),
            );
        }
        Ok(())
    }

    /// Takes all that is below the tree `root`, which is the directory `name` of `commit`.
    fn everything(&mut self, root: ObjectId, name: &str, commit: ObjectId) -> Result<(), Fault> {
        if !self.walked.insert(root) {
            return Ok(());
        }
        let mut entries: u32 = 0;
        let depth = |path: &str| path.split('/').filter(|part| !part.is_empty()).count();
        let mut directories = vec![(root, name.to_owned())];
        while let Some((id, directory)) = directories.pop() {
            let at = |name: &str| {
                if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
            };
            if depth(&directory) > self.limits.tree_depth as usize {
                return Err(Fault::Limit(format!(
                    "the directory {directory} of commit {commit} is nested deeper than {}",
                    self.limits.tree_depth
                )));
            }
            let tree = self.object(id, ObjectKind::Tree)?;
            for entry in TreeRefIter::from_bytes(&tree.data, SHA1) {
                let entry = entry.map_err(|_why| malformed(id))?;
                let id = ids::from_git(entry.oid);
                let path = || at(&entry.filename.to_string());
                entries = entries.saturating_add(1);
                if entries > self.limits.tree_entries {
                    return Err(Fault::Limit(format!(
                        "commit {commit} has more than {} files and directories",
                        self.limits.tree_entries
                    )));
                }
                match entry.mode.kind() {
                    EntryKind::Tree => directories.push((id, path())),
                    // Another repository's commit is not in this one.
                    EntryKind::Commit => {}
                    EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Link => {
                        let (kind, size) = match self.seen.get(&id) {
                            Some(kind) => (*kind, 0),
                            None => self.objects.header(id)?.ok_or_else(|| Fault::Damaged(id.to_string()))?,
                        };
                        if kind != ObjectKind::Blob {
                            return Err(Fault::Protocol(format!(
                                "{} of commit {commit} should be a file and is a {kind}",
                                path()
                            )));
                        }
                        self.take(id, kind, size, &|| format!("the file {} of commit {commit}", path()))?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn malformed(id: ObjectId) -> Fault {
    Fault::Protocol(format!("object {id} is malformed"))
}

#[cfg(test)]
mod tests;
