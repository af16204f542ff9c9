//! The judgement: which commit of a branch may be believed.
//!
//! The branch's first-parent chain is walked from the last verified commit (or the introduced one) to the tip, oldest
//! first, and every commit is judged by the rules of the last verified commit before it: never by its own, never by a
//! side branch's. A commit counts when enough people have signed it, or tags on it that are called
//! `ok/<branch>/<anything>`.
//!
//! A commit that fails leaves a gap, which what follows does not close by being signed: nobody may have looked at what
//! came in with the gap. Only who signs the trailer `Vouch: <last verified commit>` says that they looked at everything
//! since then.
//!
//! Where a history had to be rewritten, tags that are called `reset/<epoch>/<anything>` lead from the last verified commit to
//! another one, if as many people sign them as may change `.trust/`.
//!
//! Tags that are called `stop/<branch>/<anything>` hold all of it, until `go/` tags let it go on.
//!
//! Of every commit on the chain the objects must hold the commit, its root tree and all of `.trust/`; every directory
//! where the policy has rules about paths; and the tags. A file's content is not looked at.
//!
//! This is the only place that makes a [`Verified`].

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    FleetId, Limits, Object, ObjectId, ObjectKind, Objects, PayloadDigest, UnixTime,
    commit::Commit,
    introduction::Introduction,
    ratchet::Ratchet,
    refusal::{Reason, Refusal},
    rules::{self, Rules},
    sshsig::Signature,
};

mod approvals;
mod beat;
mod chain;
mod halt;
mod judge;
mod quorums;
mod reset;
#[cfg(test)]
mod tests;

use approvals::Approvals;
pub use beat::Beat;
pub use halt::Halt;
use judge::{Judge, Walk};

/// What is asked: may the branch `reference`, of which the server says that it is at `tip`, be believed?
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The commit that the branch is at.
    pub tip: ObjectId,
    /// The full name of the branch that this host is to follow, such as `refs/heads/main`.
    pub reference: &'a str,
    /// Where trust began.
    pub introduction: &'a Introduction,
    /// The last verified revision; `None` on the first run.
    pub ratchet: Option<&'a Ratchet>,
    /// A commit that this host is known to have verified, though it kept nothing of it: what does not lead over it is
    /// refused.
    pub floor: Option<ObjectId>,
    /// The tags of the stops that this host was shown before and that nobody had lifted.
    pub halts: &'a [Object],
    /// The time, if the clock is known to be right.
    pub clock: Option<UnixTime>,
    /// How much is taken.
    pub limits: &'a Limits,
}

/// The answer: the newest commit that may be believed, and why what comes after it may not.
#[derive(Debug)]
#[must_use]
pub struct Verification {
    /// The newest commit of the branch that may be believed; `None` if not even the first one.
    pub verified: Option<Verified>,
    /// Why the tip is not it. `None` means that the tip is verified.
    pub refused: Option<Refusal>,
    /// The stops that nobody has lifted, as far as it came to them: whoever goes on from here later hands their tags to the
    /// next request.
    pub halts: Option<Vec<Halt>>,
    /// The newest beat for what the server shows.
    pub beat: Option<Beat>,
}

/// A revision that may be applied. Nothing but [`verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified(Link);

/// A commit that was found good, and what is needed to judge the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Link {
    commit: ObjectId,
    payload: PayloadDigest,
    tree: ObjectId,
    time: UnixTime,
    /// The latest committer time on the chain so far.
    newest: UnixTime,
    people: Vec<String>,
    /// What they said that the files are.
    states: BTreeSet<String>,
    /// The tree of `.trust/`.
    folder: ObjectId,
    rules: Arc<Rules>,
}

/// The people whose word counted, and what they said that the files are.
#[derive(Debug, Default)]
struct Agreed {
    people: BTreeSet<String>,
    states: BTreeSet<String>,
}

impl Link {
    fn new(
        id: ObjectId,
        commit: &Commit<'_>,
        Agreed { people, states }: Agreed,
        folder: ObjectId,
        rules: Arc<Rules>,
    ) -> Self {
        let time = commit.committer.time;
        let payload = commit.payload.digest();
        Self {
            commit: id,
            payload,
            tree: commit.tree,
            time,
            newest: time,
            people: people.into_iter().collect(),
            states,
            folder,
            rules,
        }
    }
}

impl Verified {
    /// The commit.
    pub fn commit(&self) -> ObjectId {
        self.0.commit
    }

    /// The commit's root tree.
    pub fn tree(&self) -> ObjectId {
        self.0.tree
    }

    /// What names the revision whatever signature it carries.
    pub fn payload(&self) -> PayloadDigest {
        self.0.payload
    }

    /// When it was committed.
    pub fn time(&self) -> UnixTime {
        self.0.time
    }

    /// Who signed or approved it, as the list of keys calls them; sorted.
    pub fn people(&self) -> &[String] {
        &self.0.people
    }

    /// What they said, by `State-SHA256`, that its files are; see [`crate::check_state`].
    pub fn states(&self) -> &BTreeSet<String> {
        &self.0.states
    }

    /// Which fleet it belongs to.
    pub fn fleet(&self) -> FleetId {
        self.0.rules.policy.fleet
    }

    /// Whether somebody has to say again and again that the branch is the newest.
    pub fn expects_beat(&self) -> bool {
        self.0.rules.policy.roles.as_ref().is_some_and(|roles| roles.beat.is_some())
    }

    /// Who may change what from here on.
    pub fn rules(&self) -> &Rules {
        &self.0.rules
    }

    /// What to keep, so that this host never goes back behind this revision.
    pub fn ratchet(&self) -> Ratchet {
        Ratchet {
            fleet: self.fleet(),
            commit: self.0.commit,
            payload: self.0.payload,
            time: self.0.time,
            newest: self.0.newest,
            people: self.0.people.clone(),
            states: self.0.states.iter().cloned().collect(),
            rules: Some(self.0.rules.texts().clone()),
        }
    }
}

/// Verifies the branch. See the module.
pub fn verify(objects: &dyn Objects, request: &Request<'_>) -> Verification {
    let refuse = |refusal| Verification { verified: None, refused: Some(refusal), halts: None, beat: None };
    let approvals = match Approvals::gather(objects, request) {
        Ok(approvals) => approvals,
        Err(refusal) => return refuse(refusal),
    };
    let judge = Judge { objects, request, approvals };
    let (link, mut chain) = match judge.start() {
        Ok(start) => start,
        Err(refusal) => return refuse(refusal),
    };
    let halts = match judge.halts(&link) {
        Ok(halts) => halts,
        Err(reason) => return refuse(Refusal { commit: request.tip, reason }),
    };
    let beat = match judge.beat(&link, &chain) {
        Ok(beat) => beat,
        Err(reason) => return refuse(Refusal { commit: request.tip, reason }),
    };
    let is_floor = |commit| request.floor.is_none_or(|floor| floor == commit);
    // Whether the walk has come to the floor, and whether what is verified has.
    let mut met = is_floor(link.commit);
    let mut above = met;
    let mut walk = Walk::new(link);
    let mut refused = None;
    if let Some(halt) = halts.first().filter(|_| !chain.is_empty()) {
        chain.clear();
        refused = Some(Refusal { commit: request.tip, reason: halt.into() });
    }
    for commit in chain.into_iter().rev() {
        met |= is_floor(commit);
        match judge.next(&walk, commit) {
            Ok(link) => {
                walk.advance(link);
                above = met;
                refused = None;
            }
            // What follows a gap fails because of it; the first reason is the one to mend.
            Err(reason) => refused = refused.or(Some(Refusal { commit, reason })),
        }
    }
    let link = walk.link;
    if let Some(base) = request.floor.filter(|_| !above) {
        let behind = Refusal { commit: request.tip, reason: Reason::NotFastForward { base } };
        return Verification { halts: Some(halts), ..refuse(refused.unwrap_or(behind)) };
    }
    // What was verified when this host followed another branch stays in force, but is not what is asked for.
    if refused.is_none() {
        refused = judge.reference(&link.rules).err().map(|reason| Refusal { commit: link.commit, reason });
    }
    Verification { verified: Some(Verified(link)), refused, halts: Some(halts), beat }
}

/// Makes the introduction that names a commit.
///
/// # Errors
/// When no host would accept that introduction.
pub fn introduce(
    objects: &dyn Objects,
    commit: ObjectId,
    reference: &str,
    limits: &Limits,
) -> Result<Introduction, Refusal> {
    let refuse = |reason| Refusal { commit, reason };
    let object = load(objects, commit).map_err(refuse)?;
    let parsed = Commit::parse(&object.data).map_err(|why| refuse(why.into()))?;
    let signature = signature(&parsed).map_err(refuse)?;
    let folder = rules::folder(objects, parsed.tree).map_err(|why| refuse(why.into()))?;
    let rules = Rules::read(objects, folder, limits).map_err(|why| refuse(why.into()))?;
    let introduction = Introduction { fleet: rules.policy.fleet, commit, key: signature.key.fingerprint() };
    let request = Request {
        tip: commit,
        reference,
        introduction: &introduction,
        ratchet: None,
        floor: None,
        halts: &[],
        clock: None,
        limits,
    };
    let judge = Judge { objects, request: &request, approvals: Approvals::default() };
    judge.introduced(commit, &object).map_err(refuse)?;
    Ok(introduction)
}

fn load(objects: &dyn Objects, id: ObjectId) -> Result<Object, Reason> {
    match objects.get(&id)? {
        Some(object) if object.kind == ObjectKind::Commit => Ok(object),
        Some(object) => Err(Reason::NotACommit { kind: object.kind }),
        None => Err(Reason::Missing),
    }
}

fn signature(commit: &Commit<'_>) -> Result<Signature, Reason> {
    Ok(Signature::parse(commit.signature.as_deref().ok_or(Reason::Unsigned)?)?)
}
