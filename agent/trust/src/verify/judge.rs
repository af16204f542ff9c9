//! What must be true of one commit.

use std::{collections::HashSet, sync::Arc};

use super::{Agreed, Link, Request, approvals::Approvals, load, quorums, signature};
use crate::{
    Object, ObjectId, Objects, Ratchet, Reason, UnixTime,
    commit::Commit,
    payload::Payload,
    rules::{self, Rules},
    signers::Signer,
    sshsig::Signature,
    tag::Tag,
    trailer::{self, DEPLOY, STATE, VOUCH},
};

/// Judges commits for one request.
pub(super) struct Judge<'a> {
    pub(super) objects: &'a dyn Objects,
    pub(super) request: &'a Request<'a>,
    pub(super) approvals: Approvals,
}

/// How far the walk along the chain has come.
pub(super) struct Walk {
    /// The last verified commit.
    pub(super) link: Link,
    /// The verified commits that had the same rules, the last one included: who vouches for everything since any of them
    /// has seen what there is to be seen.
    since: HashSet<ObjectId>,
}

impl Walk {
    pub(super) fn new(link: Link) -> Self {
        Self { since: HashSet::from([link.commit]), link }
    }

    /// Whether what is said in `message` is about everything since the last verified commit.
    fn covers(&self, commit: &Commit<'_>, message: &[u8]) -> bool {
        let verified = |value: &str| value.parse().is_ok_and(|id| self.since.contains(&id));
        commit.parents.first() == Some(&self.link.commit)
            || trailer::values(message, VOUCH).into_iter().any(verified)
    }

    /// The word of who made the commit.
    fn own<'a>(&self, commit: &Commit<'a>) -> Result<Word<'a>, Reason> {
        let policy = &self.link.rules.policy;
        if !self.covers(commit, commit.message) {
            return Err(Reason::Gap { base: self.link.commit });
        }
        let signature = signature(commit)?;
        if policy.intent && !trailer::values(commit.message, DEPLOY).contains(&policy.branch()) {
            return Err(Reason::Intent { branch: policy.branch().to_owned() });
        }
        Ok(Word { signature, payload: commit.payload, time: commit.committer.time, message: commit.message })
    }

    pub(super) fn advance(&mut self, link: Link) {
        if link.folder != self.link.folder {
            self.since.clear();
        }
        self.since.insert(link.commit);
        self.link = link;
    }
}

/// Somebody's signed word for a commit: the commit's own signature, or that of a tag on it.
pub(super) struct Word<'a> {
    pub(super) signature: Signature,
    pub(super) payload: Payload<'a>,
    pub(super) time: UnixTime,
    pub(super) message: &'a [u8],
}

impl Word<'_> {
    /// Whose word it is, by the rules of commit `by`.
    pub(super) fn signer<'a>(&self, rules: &'a Rules, by: ObjectId) -> Result<&'a Signer, Reason> {
        let key = || self.signature.key.fingerprint();
        let signer =
            rules.signers.find(&self.signature.key).ok_or_else(|| Reason::KeyUnknown { key: key(), by })?;
        self.signature.verify(&self.payload)?;
        if !signer.valid_at(self.time) {
            return Err(Reason::KeyTime { principal: signer.principal.clone(), key: key(), time: self.time });
        }
        Ok(signer)
    }
}

impl Judge<'_> {
    /// The last verified revision, to go on from.
    pub(super) fn resumed(
        &self,
        id: ObjectId,
        commit: &Commit<'_>,
        ratchet: &Ratchet,
    ) -> Result<Link, Reason> {
        let folder = rules::folder(self.objects, commit.tree)?;
        let rules = self.rules(folder)?;
        let agreed = Agreed {
            people: ratchet.people.iter().cloned().collect(),
            states: ratchet.states.iter().cloned().collect(),
        };
        Ok(Link { newest: ratchet.newest, ..Link::new(id, commit, agreed, folder, rules) })
    }

    /// The introduced commit, which its own rules must allow: nothing stands before it but the introduction.
    pub(super) fn introduced(&self, id: ObjectId, object: &Object) -> Result<Link, Reason> {
        let commit = Commit::parse(&object.data)?;
        let time = commit.committer.time;
        let word =
            Word { signature: signature(&commit)?, payload: commit.payload, time, message: commit.message };
        let (found, wanted) = (word.signature.key.fingerprint(), self.request.introduction.key);
        if found != wanted {
            return Err(Reason::IntroducedKey { found, wanted });
        }
        let folder = rules::folder(self.objects, commit.tree)?;
        let rules = self.rules(folder)?;
        self.reference(&rules)?;
        word.signer(&rules, id)?;
        rules.check_quorums(time)?;
        Ok(Link::new(id, &commit, agreed([&word], &rules, id), folder, rules))
    }

    /// Judges the next commit of the chain by the rules of the last verified one.
    pub(super) fn next(&self, walk: &Walk, id: ObjectId) -> Result<Link, Reason> {
        let base = &walk.link;
        let object = load(self.objects, id)?;
        let commit = Commit::parse(&object.data)?;
        let time = commit.committer.time;

        let tags = self.tags(id)?;
        let approvals: Vec<Word<'_>> =
            tags.iter().filter_map(|tag| self.approval(walk, &commit, tag)).collect();
        let (own, mut objection) = match walk.own(&commit) {
            Ok(word) => (Some(word), None),
            Err(reason) => (None, Some(reason)),
        };
        if let Some(Err(reason)) = own.as_ref().map(|word| word.signer(&base.rules, base.commit)) {
            objection = Some(reason);
        }
        let agreed = agreed(approvals.iter().chain(&own), &base.rules, base.commit);
        // Before anything else of the commit is looked at.
        if agreed.people.is_empty() {
            return Err(objection.unwrap_or(Reason::Unsigned));
        }
        for needed in quorums::needed(self.objects, &base.rules, base.tree, commit.tree, self.request.limits)?
        {
            let Err(threshold) = needed.check(&agreed.people) else { continue };
            // Who signed it would perhaps be enough, had they said what for.
            return Err(objection
                .filter(|reason| matches!(reason, Reason::Intent { .. }))
                .unwrap_or(threshold));
        }
        self.in_time(base, time)?;

        let folder = rules::folder(self.objects, commit.tree)?;
        let mut rules = Arc::clone(&base.rules);
        if folder != base.folder {
            rules = self.rules(folder)?;
            succeeds(&base.rules, &rules, time, &self::agreed(approvals.iter().chain(&own), &rules, id))?;
        }
        self.reference(&rules)?;
        Ok(Link { newest: base.newest.max(time), ..Link::new(id, &commit, agreed, folder, rules) })
    }

    /// The word of who approved the commit with this tag.
    fn approval<'a>(&self, walk: &Walk, commit: &Commit<'_>, tag: &'a Object) -> Option<Word<'a>> {
        let tag = Tag::parse(&tag.data).ok()?;
        let time = tag.tagger.time;
        let tolerance = walk.link.rules.policy.time_tolerance;
        let early = time.plus(tolerance) < walk.link.newest.max(commit.committer.time);
        let late = self.request.clock.is_some_and(|now| now.plus(tolerance) < time);
        if early || late || !walk.covers(commit, tag.message) {
            return None;
        }
        let signature = Signature::parse(tag.signature?).ok()?;
        Some(Word { signature, payload: tag.payload, time, message: tag.message })
    }

    /// The tags that approve a commit.
    fn tags(&self, commit: ObjectId) -> Result<Vec<Object>, Reason> {
        let ids = self.approvals.of(commit).iter();
        Ok(ids.map(|id| self.objects.get(id)).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// Whether a commit may have been made at this time.
    fn in_time(&self, base: &Link, time: UnixTime) -> Result<(), Reason> {
        let tolerance = base.rules.policy.time_tolerance;
        // Against the newest so far, not the one before: else many small steps would lead far back, to when a key that
        // has expired since was valid.
        if time.plus(tolerance) < base.newest {
            return Err(Reason::Earlier { time, newest: base.newest });
        }
        match self.request.clock {
            Some(now) if now.plus(tolerance) < time => Err(Reason::Future { time, now }),
            _ => Ok(()),
        }
    }

    /// Reads the rules of one revision, which must be this fleet's.
    pub(super) fn rules(&self, folder: ObjectId) -> Result<Arc<Rules>, Reason> {
        let rules = Rules::read(self.objects, folder, self.request.limits)?;
        let (found, wanted) = (rules.policy.fleet, self.request.introduction.fleet);
        if found != wanted {
            return Err(Reason::Fleet { found, wanted });
        }
        Ok(Arc::new(rules))
    }

    /// A revision may only be deployed from the branch that it names itself, for whoever holds the Git server can point
    /// any branch at any commit.
    pub(super) fn reference(&self, rules: &Rules) -> Result<(), Reason> {
        let (found, wanted) = (&rules.policy.reference, self.request.reference);
        if found != wanted {
            return Err(Reason::Reference { found: found.clone(), wanted: wanted.to_owned() });
        }
        Ok(())
    }
}

/// The people whose word counts by these rules, each once, however many keys and tags they used.
pub(super) fn agreed<'a>(
    words: impl IntoIterator<Item = &'a Word<'a>>,
    rules: &Rules,
    by: ObjectId,
) -> Agreed {
    let mut agreed = Agreed::default();
    for word in words {
        let Ok(signer) = word.signer(rules, by) else { continue };
        agreed.people.insert(signer.principal.clone());
        agreed.states.extend(trailer::values(word.message, STATE).into_iter().map(str::to_owned));
    }
    agreed
}

/// Whether rules may follow others, if these people have signed with keys that the new ones list.
pub(super) fn succeeds(old: &Rules, new: &Rules, time: UnixTime, proven: &Agreed) -> Result<(), Reason> {
    if old.policy.epoch.is_some() || new.policy.epoch.is_some() {
        let wanted = old.policy.epoch.unwrap_or(0).saturating_add(1);
        if new.policy.epoch != Some(wanted) {
            return Err(Reason::Epoch { found: new.policy.epoch, wanted });
        }
    }
    new.check_quorums(time)?;
    // Whoever is to change the rules from here on must have shown that they can.
    let root = quorums::root(new);
    quorums::Needed { what: format!("{} of its own rules", root.what), ..root }.check(&proven.people)
}
