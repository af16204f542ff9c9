//! The emergency brake: one person who may deploy stops a rollout, and as many as a change needs let it go on.
//!
//! A stop is a signed tag that is called `stop/<branch>/<anything>`, on whatever commit. It holds until enough people have
//! signed tags that are called `go/<branch>/<anything>` with the trailer `Lifts: <id of the stop's tag>`. Whoever abuses
//! it delays, and is named.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Link,
    approvals::{STOP, is_named},
    judge::{Judge, Word},
    quorums,
};
use crate::{
    Object, ObjectId, ObjectKind, Reason, UnixTime, policy,
    sshsig::Signature,
    tag::Tag,
    trailer::{self, LIFTS},
};

/// The most stops that are heeded at once: each is as good as another.
const MOST: usize = 16;
/// How much of what a stop says is told, in characters.
const LONGEST: usize = 200;

/// A stop that nobody has lifted. Whoever keeps it hands it to the next judgement, so that no server can make it forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    /// The tag.
    pub object: Object,
    /// The tag's id, which has to be named to lift it.
    pub tag: ObjectId,
    /// Its name, such as `stop/main/certificate`.
    pub name: String,
    /// Who signed it.
    pub person: String,
    /// When.
    pub time: UnixTime,
    /// The first line of what they said, without control characters.
    pub said: String,
}

impl Judge<'_> {
    /// The stops that hold, by the rules of the last verified commit.
    pub(super) fn halts(&self, base: &Link) -> Result<Vec<Halt>, Reason> {
        let mut found = self.request.halts.to_vec();
        for id in self.approvals.stops() {
            found.extend(self.objects.get(id)?);
        }
        let deploy = quorums::deploy(&base.rules).quorum;
        let halts: BTreeMap<ObjectId, Halt> =
            found.into_iter().filter_map(|object| self.halt(object, base, &deploy.people)).collect();
        if halts.is_empty() {
            return Ok(Vec::new());
        }
        let goes = self.approvals.goes().iter().map(|id| self.objects.get(id));
        let goes: Vec<Object> = goes.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        let holds = |halt: &Halt| {
            let lifting = goes.iter().filter_map(|object| self.lifting(object, base, halt)).collect();
            !deploy.is_met(&lifting)
        };
        Ok(halts.into_values().filter(holds).take(MOST).collect())
    }

    /// A stop, if somebody signed it who may deploy. It need not be new: to delay is all that an old one can do.
    fn halt(&self, object: Object, base: &Link, people: &BTreeSet<String>) -> Option<(ObjectId, Halt)> {
        let id = object.id().ok()?;
        let tag = Tag::parse(&object.data).ok().filter(|_| object.kind == ObjectKind::Tag)?;
        if !is_named(tag.name, STOP, policy::branch(self.request.reference)) {
            return None;
        }
        let time = tag.tagger.time;
        let person = word(&tag)?.signer(&base.rules, base.commit).ok()?.principal.clone();
        if !people.contains(&person) {
            return None;
        }
        let first = tag.message.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let said =
            String::from_utf8_lossy(first).chars().filter(|char| !char.is_control()).take(LONGEST).collect();
        let name = tag.name.to_owned();
        Some((id, Halt { object, tag: id, name, person, time, said }))
    }

    /// Who says by this tag that a stop shall end. Like an approval it is of now, so that no key that has expired since
    /// can say it.
    fn lifting(&self, object: &Object, base: &Link, halt: &Halt) -> Option<String> {
        let tag = Tag::parse(&object.data).ok()?;
        let (time, tolerance) = (tag.tagger.time, base.rules.policy.time_tolerance);
        let early = time.plus(tolerance) < base.newest.max(halt.time);
        let late = self.request.clock.is_some_and(|now| now.plus(tolerance) < time);
        let named = trailer::values(tag.message, LIFTS).contains(&halt.tag.to_string().as_str());
        if early || late || !named {
            return None;
        }
        Some(word(&tag)?.signer(&base.rules, base.commit).ok()?.principal.clone())
    }
}

pub(super) fn word<'a>(tag: &Tag<'a>) -> Option<Word<'a>> {
    let signature = Signature::parse(tag.signature?).ok()?;
    Some(Word { signature, payload: tag.payload, time: tag.tagger.time, message: tag.message })
}
