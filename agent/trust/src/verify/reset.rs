//! Resets: a rewritten history is gone on with, because as many people say so as may change `.trust/`.

use std::sync::Arc;

use super::{
    Agreed, Link,
    approvals::reset_epoch,
    judge::{Judge, Word, agreed, succeeds},
    quorums,
};
use crate::{
    Object, ObjectId, Ratchet, Reason,
    commit::Commit,
    rules::{self, Rules},
    sshsig::Signature,
    tag::Tag,
    trailer::{self, FLEET, FROM},
};

impl Judge<'_> {
    /// Goes on from `ratchet` at this commit, if tags on it want that. `None` if they do not, or are not about this host:
    /// for each of them says for which fleet it is, from which commits it leads on, and by its name how often the rules
    /// will have changed then. So the same reset never holds twice.
    pub(super) fn reset(
        &self,
        id: ObjectId,
        object: &Object,
        ratchet: &Ratchet,
    ) -> Option<Result<Link, Reason>> {
        let tags: Vec<Object> =
            self.approvals.resets_to(id).iter().filter_map(|id| self.object(id)).collect();
        let old = Rules::recall(ratchet.rules.as_ref()?).ok()?;
        let words: Vec<Word<'_>> = tags.iter().filter_map(|tag| self.wish(tag, &old, ratchet)).collect();
        let agreed = agreed(&words, &old, ratchet.commit);
        if agreed.people.is_empty() {
            return None;
        }
        Some(self.resumed_at(id, object, ratchet, &old, &words, agreed))
    }

    fn object(&self, id: &ObjectId) -> Option<Object> {
        self.objects.get(id).ok().flatten()
    }

    /// What a tag says, if it is about a reset of this host.
    fn wish<'a>(&self, tag: &'a Object, old: &Rules, ratchet: &Ratchet) -> Option<Word<'a>> {
        let tag = Tag::parse(&tag.data).ok()?;
        let (time, tolerance) = (tag.tagger.time, old.policy.time_tolerance);
        let next = reset_epoch(tag.name)? == old.policy.epoch.unwrap_or(0).saturating_add(1);
        let early = time.plus(tolerance) < ratchet.newest;
        let late = self.request.clock.is_some_and(|now| now.plus(tolerance) < time);
        let names =
            |trailer, wanted: String| trailer::values(tag.message, trailer).contains(&wanted.as_str());
        let ours = names(FLEET, ratchet.fleet.to_string()) && names(FROM, ratchet.commit.to_string());
        if !next || early || late || !ours {
            return None;
        }
        let signature = Signature::parse(tag.signature?).ok()?;
        Some(Word { signature, payload: tag.payload, time, message: tag.message })
    }

    /// The commit to go on from. Nobody need have signed it: who wants the reset vouches for all that is in it.
    fn resumed_at(
        &self,
        id: ObjectId,
        object: &Object,
        ratchet: &Ratchet,
        old: &Rules,
        words: &[Word<'_>],
        people: Agreed,
    ) -> Result<Link, Reason> {
        let root = quorums::root(old);
        quorums::Needed { what: format!("{} for a reset", root.what), ..root }.check(&people.people)?;
        let commit = Commit::parse(&object.data)?;
        let folder = rules::folder(self.objects, commit.tree)?;
        let new: Arc<Rules> = self.rules(folder)?;
        let wanted = old.policy.epoch.unwrap_or(0).saturating_add(1);
        if new.policy.epoch != Some(wanted) {
            return Err(Reason::Epoch { found: new.policy.epoch, wanted });
        }
        succeeds(old, &new, commit.committer.time, &agreed(words, &new, id))?;
        self.reference(&new)?;
        let newest = ratchet.newest.max(commit.committer.time);
        Ok(Link { newest, ..Link::new(id, &commit, people, folder, new) })
    }
}
