//! The way back from the tip to where the host stands.

use std::collections::HashSet;

use super::{Link, Request, judge::Judge, load};
use crate::{
    Object, ObjectId, Reason, Refusal,
    commit::{self, Commit},
    limits::Exceeded,
};

/// Side parents of one commit that are looked at for a foxtrot merge; people merge one branch at a time.
const SIDES: usize = 16;

impl Judge<'_> {
    /// The commit to begin at, and the commits after it, newest first.
    pub(super) fn start(&self) -> Result<(Link, Vec<ObjectId>), Refusal> {
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
        // Why a reset that somebody wants does not hold.
        let mut objection = None;
        loop {
            let refuse = |reason| Refusal { commit: id, reason };
            let object = match load(self.objects, id) {
                // Where no way leads to the last verified commit, only what follows a reset was fetched.
                Err(Reason::Missing) if objection.is_some() => break,
                object => object.map_err(refuse)?,
            };
            if let Some(link) = self.begin(id, &object) {
                return Ok((link.map_err(refuse)?, chain));
            }
            match ratchet.and_then(|ratchet| self.reset(id, &object, ratchet)) {
                Some(Ok(link)) => return Ok((link, chain)),
                Some(Err(reason)) => objection = Some(refuse(reason)),
                None => {}
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
        if let Some(refusal) = objection {
            return Err(refusal);
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
