//! What is asked of a server's list of branches and tags, and what it says.

use holdfast_trust::ObjectId;

use crate::error::Fault;

#[cfg(test)]
mod tests;

/// The tags that could say something about a branch's commits, or about the branch.
const APPROVALS: &str = "refs/tags/ok/";
const STOPS: &str = "refs/tags/stop/";
const GOES: &str = "refs/tags/go/";
const BEATS: &str = "refs/tags/beat/";
const RESETS: &str = "refs/tags/reset/";

/// A branch, and whether its tags are asked for too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query<'a> {
    pub(crate) reference: &'a str,
    pub(crate) tags: bool,
}

impl Query<'_> {
    /// How the names begin that are to be listed.
    pub(crate) fn prefixes(&self) -> Vec<String> {
        let mut prefixes = vec![self.reference.to_owned()];
        prefixes.extend(self.tag_prefixes());
        prefixes
    }

    /// How the names of the tags begin. A reset is for the whole fleet, the others for one branch.
    pub(crate) fn tag_prefixes(&self) -> Vec<String> {
        match self.reference.strip_prefix("refs/heads/").filter(|_| self.tags) {
            Some(branch) => {
                let of_branch = [APPROVALS, STOPS, GOES].map(|prefix| format!("{prefix}{branch}/"));
                of_branch.into_iter().chain([format!("{BEATS}{branch}"), RESETS.to_owned()]).collect()
            }
            None => Vec::new(),
        }
    }
}

/// An annotated tag that a server lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) name: String,
    pub(crate) id: ObjectId,
    /// What is tagged, as the server says it; whoever gets the tag looks for themselves.
    pub(crate) target: ObjectId,
}

impl Tag {
    /// Whether it says something whatever commit it is on.
    pub(crate) fn is_of_branch(&self) -> bool {
        [STOPS, GOES, BEATS].iter().any(|prefix| self.name.starts_with(prefix))
    }
}

/// What a server listed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Where the branch is; `None`: there is no such branch.
    pub(crate) tip: Option<ObjectId>,
    pub(crate) tags: Vec<Tag>,
}

impl Listing {
    /// Takes one name that a server listed, if it was asked for: a prefix brings others too, and old servers list all.
    pub(crate) fn take(&mut self, query: &Query<'_>, name: &str, id: ObjectId, target: Option<ObjectId>) {
        if name == query.reference {
            self.tip = Some(id);
        } else if let Some(target) = target
            && query.tag_prefixes().iter().any(|prefix| name.starts_with(prefix))
        {
            self.tags.push(Tag { name: name.to_owned(), id, target });
        }
    }

    /// Where resets lead to.
    pub(crate) fn resets(&self) -> Vec<ObjectId> {
        self.tags.iter().filter(|tag| tag.name.starts_with(RESETS)).map(|tag| tag.target).collect()
    }

    /// Names these tags, in whatever order they were listed.
    pub(crate) fn tags_digest(&self) -> Result<String, Fault> {
        let mut lines: Vec<_> = self.tags.iter().map(|tag| format!("{} {}\n", tag.id, tag.name)).collect();
        lines.sort_unstable();
        let mut hasher = gix_hash::hasher(gix_hash::Kind::Sha1);
        for line in lines {
            hasher.update(line.as_bytes());
        }
        let digest = hasher.try_finalize();
        digest.map(|digest| digest.to_string()).map_err(|_why| Fault::Protocol("its tags collide".to_owned()))
    }
}
