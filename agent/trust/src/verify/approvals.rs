//! Tags that say something about commits: `ok/<branch>/<anything>` and `reset/<epoch>/<anything>`; or about the branch:
//! `stop/<branch>/<anything>` and `go/<branch>/<anything>`, `beat/<branch>`.

use std::collections::HashMap;

use super::{Request, beat::is_beat};
use crate::{ObjectId, ObjectKind, Objects, Reason, Refusal, limits::Exceeded, policy, tag::Tag};

/// How the names of stops begin.
pub(super) const STOP: &str = "stop/";

/// The tags that approve a commit for the branch that is asked about, and those that lead a reset to it, by commit. Nobody
/// has looked at their signatures.
#[derive(Debug, Default)]
pub(super) struct Approvals {
    approving: HashMap<ObjectId, Vec<ObjectId>>,
    resetting: HashMap<ObjectId, Vec<ObjectId>>,
    stops: Vec<ObjectId>,
    goes: Vec<ObjectId>,
    beats: Vec<ObjectId>,
}

impl Approvals {
    /// Finds them. A tag that is not canonical, or is called otherwise, is none.
    pub(super) fn gather(objects: &dyn Objects, request: &Request<'_>) -> Result<Self, Refusal> {
        let refuse = |reason| Refusal { commit: request.tip, reason };
        let tags = objects.tags();
        Exceeded::check("tags", tags.len() as u64, request.limits.tags.into())
            .map_err(|why| refuse(Reason::Limit(why)))?;
        let mut found = Self::default();
        for id in tags {
            let Some(object) = objects.get(&id).map_err(|why| refuse(why.into()))? else { continue };
            let Ok(tag) = Tag::parse(&object.data) else { continue };
            if tag.kind != ObjectKind::Commit {
                continue;
            }
            let branch = policy::branch(request.reference);
            if is_named(tag.name, "ok/", branch) {
                found.approving.entry(tag.target).or_default().push(id);
            } else if is_named(tag.name, STOP, branch) {
                found.stops.push(id);
            } else if is_named(tag.name, "go/", branch) {
                found.goes.push(id);
            } else if is_beat(tag.name, request.reference) {
                found.beats.push(id);
            } else if reset_epoch(tag.name).is_some() {
                found.resetting.entry(tag.target).or_default().push(id);
            }
        }
        Ok(found)
    }

    /// The tags that approve a commit.
    pub(super) fn of(&self, commit: ObjectId) -> &[ObjectId] {
        self.approving.get(&commit).map_or(&[], Vec::as_slice)
    }

    /// The tags that stop the branch.
    pub(super) fn stops(&self) -> &[ObjectId] {
        &self.stops
    }

    /// The tags that let it go on.
    pub(super) fn goes(&self) -> &[ObjectId] {
        &self.goes
    }

    /// The tags that say which commit is the newest.
    pub(super) fn beats(&self) -> &[ObjectId] {
        &self.beats
    }

    /// The tags that lead to a commit.
    pub(super) fn resets_to(&self, commit: ObjectId) -> &[ObjectId] {
        self.resetting.get(&commit).map_or(&[], Vec::as_slice)
    }
}

/// Whether a tag's name is, after `what`, `<branch>/` and one more part, which is anything.
pub(super) fn is_named(name: &str, what: &str, branch: &str) -> bool {
    let rest = name.strip_prefix(what).and_then(|rest| rest.strip_prefix(branch)?.strip_prefix('/'));
    rest.is_some_and(|rest| !rest.contains('/'))
}

/// The epoch in a tag's name that is `reset/<epoch>/` and one more part, which is anything.
pub(super) fn reset_epoch(name: &str) -> Option<u64> {
    let (epoch, rest) = name.strip_prefix("reset/")?.split_once('/')?;
    let number: u64 = epoch.parse().ok()?;
    (!rest.contains('/') && number.to_string() == epoch).then_some(number)
}
