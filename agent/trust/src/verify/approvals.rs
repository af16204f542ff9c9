//! Tags that approve commits: `ok/<branch>/<anything>`.

use std::collections::HashMap;

use super::Request;
use crate::{ObjectId, ObjectKind, Objects, Reason, Refusal, limits::Exceeded, policy, tag::Tag};

/// The tags that approve a commit for the branch that is asked about, by commit. Nobody has looked at their signatures.
#[derive(Debug, Default)]
pub(super) struct Approvals(HashMap<ObjectId, Vec<ObjectId>>);

impl Approvals {
    /// Finds them. A tag that is not canonical, or is called otherwise, is none.
    pub(super) fn gather(objects: &dyn Objects, request: &Request<'_>) -> Result<Self, Refusal> {
        let refuse = |reason| Refusal { commit: request.tip, reason };
        let tags = objects.tags();
        Exceeded::check("tags", tags.len() as u64, request.limits.tags.into())
            .map_err(|why| refuse(Reason::Limit(why)))?;
        let mut approvals: HashMap<_, Vec<_>> = HashMap::new();
        for id in tags {
            let Some(object) = objects.get(&id).map_err(|why| refuse(why.into()))? else { continue };
            let Ok(tag) = Tag::parse(&object.data) else { continue };
            if tag.kind == ObjectKind::Commit && is_approval(tag.name, policy::branch(request.reference)) {
                approvals.entry(tag.target).or_default().push(id);
            }
        }
        Ok(Self(approvals))
    }

    /// The tags on a commit.
    pub(super) fn of(&self, commit: ObjectId) -> &[ObjectId] {
        self.0.get(&commit).map_or(&[], Vec::as_slice)
    }
}

/// Whether a tag's name is `ok/<branch>/` and one more part, which is anything.
fn is_approval(name: &str, branch: &str) -> bool {
    let rest = name.strip_prefix("ok/").and_then(|rest| rest.strip_prefix(branch)?.strip_prefix('/'));
    rest.is_some_and(|rest| !rest.contains('/'))
}
