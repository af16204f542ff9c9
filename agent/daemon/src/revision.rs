//! From a stream of objects to what this host should be: verify, then resolve. Nothing here changes the host.

use std::{fs::File, io, sync::Arc};

use holdfast_schema::{
    Facts, HostName,
    fleet::{Fleet, Resolved},
    repository::{Blob, Entry, Repository},
    status::StatusProblem,
};
use holdfast_trust::{
    Beat, Halt, IndexedObjects, Limits, Object, ObjectId, Objects as _, Reason, Refusal, Request, Verified,
    check_state, commit::Commit, trailer, tree::Mode, verify, walk,
};

use crate::document;

/// The trailer that lets a pass remove more than the guard does.
const ALLOW_REMOVALS: &str = "Allow-Removals";

/// Objects in the stream file that came from the fetcher.
pub type StreamObjects = Arc<IndexedObjects<File>>;

/// What a tip turned out to be.
#[derive(Debug)]
pub struct Judgement {
    /// The newest commit on the tip's chain that is verified, if any is newer than the ratchet or as new.
    pub verified: Option<Verified>,
    /// Why the tip itself is not.
    pub problems: Vec<StatusProblem>,
    /// The tags that stop the rollout; `None` if it did not come to that.
    pub halts: Option<Vec<Object>>,
    /// The newest beat.
    pub beat: Option<Beat>,
}

/// Judges a tip by its signatures. Pure but for reading the stream file.
pub fn judge(objects: &StreamObjects, request: &Request<'_>) -> Judgement {
    let verification = verify(&**objects, request);
    let tags = |halts: Vec<Halt>| halts.into_iter().map(|halt| halt.object).collect();
    Judgement {
        halts: verification.halts.map(tags),
        beat: verification.beat,
        verified: verification.verified,
        problems: verification.refused.iter().map(refusal).collect(),
    }
}

/// What is wrong with a branch whose `tip` does not descend from `base`, the last verified commit. The fetcher says so,
/// and there is no chain to check it by; if it lies, it withholds a revision, which it can do anyway.
pub fn diverged(tip: ObjectId, base: ObjectId) -> StatusProblem {
    refusal(&Refusal { commit: tip, reason: Reason::NotFastForward { base } })
}

fn refusal(refusal: &Refusal) -> StatusProblem {
    StatusProblem {
        code: refusal.code().to_owned(),
        message: format!("commit {} is refused: {}", refusal.commit.short(), one_line(&refusal.reason)),
        remedy: Some(refusal.remedy().to_owned()),
        commit: Some(refusal.commit.to_string()),
        at: None,
    }
}

/// Resolves what a verified revision says of this host. Pure but for reading the stream file.
///
/// # Errors
/// Everything that is wrong with what this host uses.
pub fn resolve(
    objects: &StreamObjects,
    verified: &Verified,
    host: &HostName,
    facts: &Facts,
) -> Result<Resolved, Vec<StatusProblem>> {
    let commit = verified.commit().to_string();
    check_state(&**objects, verified, &Limits::default()).map_err(|why| {
        let message = format!("commit {} is refused: {}", verified.commit().short(), one_line(&why));
        let code = why.code();
        let remedy = Some(holdfast_trust::remedy(code).to_owned());
        vec![StatusProblem { code: code.to_owned(), message, remedy, commit: Some(commit.clone()), at: None }]
    })?;
    let repository = repository(objects, verified).map_err(|problem| vec![problem])?;
    let mut resolved = Fleet::new(&repository).resolve(host, facts).map_err(|problems| -> Vec<_> {
        problems.iter().map(|problem| document::problem(problem, &commit)).collect()
    })?;
    resolved.state.guard.allowed = allowed_removals(objects, verified);
    Ok(resolved)
}

/// How many removals the author of a verified revision allowed, by the trailer `Allow-Removals` of its own commit.
fn allowed_removals(objects: &StreamObjects, verified: &Verified) -> u32 {
    let commit = objects.get(&verified.commit()).ok().flatten();
    let Some(commit) = commit else { return 0 };
    let Ok(commit) = Commit::parse(&commit.data) else { return 0 };
    let allowed = trailer::values(commit.message, ALLOW_REMOVALS);
    allowed.iter().filter_map(|count| count.parse().ok()).max().unwrap_or(0)
}

/// The files of a verified revision; their bytes are read, and hashed again, when they are asked for.
fn repository(objects: &StreamObjects, verified: &Verified) -> Result<Repository, StatusProblem> {
    let files = walk(&**objects, verified.tree(), &Limits::default()).map_err(|why| StatusProblem {
        code: why.code().to_owned(),
        message: one_line(&why),
        remedy: None,
        commit: Some(verified.commit().to_string()),
        at: None,
    })?;
    let mut repository = Repository::new();
    for file in files {
        let entry = match file.mode {
            Mode::Symlink => Entry::Symlink,
            Mode::Submodule => Entry::Submodule,
            mode => Entry::File {
                blob: Arc::new(StoredBlob { objects: Arc::clone(objects), id: file.id }),
                executable: mode == Mode::Executable,
            },
        };
        repository.insert(file.path, entry);
    }
    Ok(repository)
}

/// A blob in the stream file.
struct StoredBlob {
    objects: StreamObjects,
    id: ObjectId,
}

impl Blob for StoredBlob {
    fn size(&self) -> u64 {
        self.objects.size(&self.id).unwrap_or_default()
    }

    fn read(&self) -> io::Result<Arc<[u8]>> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("blob {} was not fetched", self.id));
        let found = self.objects.get(&self.id).map_err(io::Error::other)?;
        Ok(found.ok_or_else(missing)?.data.into())
    }
}

/// An error with its causes, in one line.
pub fn one_line(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(why) = cause {
        line.push_str(": ");
        line.push_str(&why.to_string());
        cause = why.source();
    }
    line
}
