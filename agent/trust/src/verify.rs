//! The judgement: which commit of a branch may be believed.
//!
//! The branch's first-parent chain is walked from the last verified commit (or the introduced one) to the tip, oldest
//! first, and every commit is judged by the rules of its verified predecessor: never by its own, never by a side
//! branch's. What fails stops the walk. This is the only place that makes a [`Verified`].

use std::{collections::HashSet, sync::Arc};

use crate::{
    FleetId, Limits, Object, ObjectId, ObjectKind, Objects, PayloadDigest, UnixTime,
    commit::{self, Commit},
    introduction::Introduction,
    limits::Exceeded,
    ratchet::Ratchet,
    refusal::{Reason, Refusal},
    rules::{self, Rules},
    signers::Signer,
    sshsig::Signature,
};

#[cfg(test)]
mod tests;

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
    /// The tree of `.trust/`.
    folder: ObjectId,
    rules: Arc<Rules>,
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

    /// Who signed it, as the list of keys calls them.
    pub fn people(&self) -> &[String] {
        &self.0.people
    }

    /// Which fleet it belongs to.
    pub fn fleet(&self) -> FleetId {
        self.0.rules.policy.fleet
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
        }
    }
}

/// Verifies the branch. See the module.
pub fn verify(objects: &dyn Objects, request: &Request<'_>) -> Verification {
    let judge = Judge { objects, request };
    let mut refused = None;
    let (mut link, chain) = match judge.start() {
        Ok(start) => start,
        Err(refusal) => return Verification { verified: None, refused: Some(refusal) },
    };
    for commit in chain.into_iter().rev() {
        match judge.next(&link, commit) {
            Ok(next) => link = next,
            Err(reason) => {
                refused = Some(Refusal { commit, reason });
                break;
            }
        }
    }
    // What was verified when this host followed another branch stays in force, but is not what is asked for.
    if refused.is_none() {
        refused = judge.reference(&link.rules).err().map(|reason| Refusal { commit: link.commit, reason });
    }
    Verification { verified: Some(Verified(link)), refused }
}

/// Judges an introduced commit by itself, for who makes an introduction: the introduction that names it.
///
/// # Errors
/// When a host would not accept that introduction.
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
    let request =
        Request { tip: commit, reference, introduction: &introduction, ratchet: None, clock: None, limits };
    Judge { objects, request: &request }.introduced(commit, &object).map_err(refuse)?;
    Ok(introduction)
}

struct Judge<'a> {
    objects: &'a dyn Objects,
    request: &'a Request<'a>,
}

/// Side parents of one commit that are looked at for a foxtrot merge; people merge one branch at a time.
const SIDES: usize = 16;

impl Judge<'_> {
    /// The commit to begin at, and the commits after it, newest first.
    fn start(&self) -> Result<(Link, Vec<ObjectId>), Refusal> {
        let Request { tip, introduction, ratchet, limits, .. } = *self.request;
        let base = ratchet.map_or(introduction.commit, |ratchet| ratchet.commit);
        if let Some(ratchet) = ratchet
            && ratchet.fleet != introduction.fleet
        {
            let reason = Reason::Fleet { found: ratchet.fleet, wanted: introduction.fleet };
            return Err(Refusal { commit: base, reason });
        }
        let mut chain = Vec::new();
        let mut sides = Vec::new();
        let mut id = tip;
        loop {
            let refuse = |reason| Refusal { commit: id, reason };
            let object = load(self.objects, id).map_err(refuse)?;
            if let Some(link) = self.begin(id, &object) {
                return Ok((link.map_err(refuse)?, chain));
            }
            chain.push(id);
            Exceeded::check("commits to verify", chain.len() as u64, limits.chain_commits.into())
                .map_err(|why| Refusal { commit: tip, reason: Reason::Limit(why) })?;
            let mut parents = commit::parents(&object.data).into_iter();
            let Some(first) = parents.next() else {
                // The first commit of all, or one that is so malformed that its parents cannot be told.
                Commit::parse(&object.data).map_err(|why| refuse(why.into()))?;
                break;
            };
            sides.extend(parents.take(SIDES));
            id = first;
        }
        let foxtrot = self.is_behind(sides, base);
        let reason = if foxtrot { Reason::Foxtrot { base } } else { Reason::NotFastForward { base } };
        Err(Refusal { commit: tip, reason })
    }

    /// `Some` if the chain begins at this commit.
    fn begin(&self, id: ObjectId, object: &Object) -> Option<Result<Link, Reason>> {
        let Some(ratchet) = self.request.ratchet else {
            return (id == self.request.introduction.commit).then(|| self.introduced(id, object));
        };
        // A twin with another signature is the same revision: everything that matters is in the payload.
        match Commit::parse(&object.data) {
            Ok(commit) if commit.payload.digest() == ratchet.payload => {
                Some(self.resumed(id, &commit, ratchet))
            }
            _ => (id == ratchet.commit).then_some(Err(Reason::Ratchet)),
        }
    }

    /// The last verified revision, to go on from.
    fn resumed(&self, id: ObjectId, commit: &Commit<'_>, ratchet: &Ratchet) -> Result<Link, Reason> {
        let folder = rules::folder(self.objects, commit.tree)?;
        let rules = self.rules(folder)?;
        Ok(Link {
            commit: id,
            payload: ratchet.payload,
            tree: commit.tree,
            time: commit.committer.time,
            newest: ratchet.newest.max(commit.committer.time),
            people: ratchet.people.clone(),
            folder,
            rules,
        })
    }

    /// The introduced commit, which its own rules must allow: nothing stands before it but the introduction.
    fn introduced(&self, id: ObjectId, object: &Object) -> Result<Link, Reason> {
        let commit = Commit::parse(&object.data)?;
        let signature = signature(&commit)?;
        let (found, wanted) = (signature.key.fingerprint(), self.request.introduction.key);
        if found != wanted {
            return Err(Reason::IntroducedKey { found, wanted });
        }
        let folder = rules::folder(self.objects, commit.tree)?;
        let rules = self.rules(folder)?;
        self.reference(&rules)?;
        let signer = signer(&commit, &signature, &rules, id)?.principal.clone();
        let time = commit.committer.time;
        Ok(Link {
            commit: id,
            payload: commit.payload.digest(),
            tree: commit.tree,
            time,
            newest: time,
            people: vec![signer],
            folder,
            rules,
        })
    }

    /// Judges the commit after `base` by the rules of `base`.
    fn next(&self, base: &Link, id: ObjectId) -> Result<Link, Reason> {
        let object = load(self.objects, id)?;
        let commit = Commit::parse(&object.data)?;
        if commit.parents.first() != Some(&base.commit) {
            return Err(Reason::NotFastForward { base: base.commit });
        }
        let signature = signature(&commit)?;
        let signer = signer(&commit, &signature, &base.rules, base.commit)?.principal.clone();
        let time = commit.committer.time;
        let tolerance = base.rules.policy.time_tolerance;
        // Against the newest so far, not the one before: else many small steps would lead far back, to when a key that
        // has expired since was valid.
        if time.plus(tolerance) < base.newest {
            return Err(Reason::Earlier { time, newest: base.newest });
        }
        if let Some(now) = self.request.clock
            && now.plus(tolerance) < time
        {
            return Err(Reason::Future { time, now });
        }
        let folder = rules::folder(self.objects, commit.tree)?;
        let rules = if folder == base.folder { Arc::clone(&base.rules) } else { self.rules(folder)? };
        self.reference(&rules)?;
        Ok(Link {
            commit: id,
            payload: commit.payload.digest(),
            tree: commit.tree,
            time,
            newest: base.newest.max(time),
            people: vec![signer],
            folder,
            rules,
        })
    }

    /// Reads the rules of one revision, which must be this fleet's.
    fn rules(&self, folder: ObjectId) -> Result<Arc<Rules>, Reason> {
        let rules = Rules::read(self.objects, folder, self.request.limits)?;
        let (found, wanted) = (rules.policy.fleet, self.request.introduction.fleet);
        if found != wanted {
            return Err(Reason::Fleet { found, wanted });
        }
        Ok(Arc::new(rules))
    }

    /// A revision may only be deployed from the branch that it names itself, for whoever holds the Git server can point
    /// any branch at any commit.
    fn reference(&self, rules: &Rules) -> Result<(), Reason> {
        let (found, wanted) = (&rules.policy.reference, self.request.reference);
        if found != wanted {
            return Err(Reason::Reference { found: found.clone(), wanted: wanted.to_owned() });
        }
        Ok(())
    }

    /// Whether one can get from any of these commits back to `base`, as far as the objects at hand tell. It only decides
    /// which refusal explains best.
    fn is_behind(&self, mut pending: Vec<ObjectId>, base: ObjectId) -> bool {
        let mut seen = HashSet::new();
        while let Some(id) = pending.pop() {
            if id == base {
                return true;
            }
            if seen.len() >= self.request.limits.chain_commits as usize || !seen.insert(id) {
                continue;
            }
            if let Ok(object) = load(self.objects, id) {
                pending.extend(commit::parents(&object.data).into_iter().take(SIDES));
            }
        }
        false
    }
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

/// The signer, whom `rules` (of commit `by`) must list, with a key that was valid when the commit was made.
fn signer<'a>(
    commit: &Commit<'_>,
    signature: &Signature,
    rules: &'a Rules,
    by: ObjectId,
) -> Result<&'a Signer, Reason> {
    let key = signature.key.fingerprint();
    let signer = rules.signers.find(&signature.key).ok_or(Reason::KeyUnknown { key, by })?;
    signature.verify(&commit.payload)?;
    let time = commit.committer.time;
    if !signer.valid_at(time) {
        return Err(Reason::KeyTime { principal: signer.principal.clone(), key, time });
    }
    Ok(signer)
}
