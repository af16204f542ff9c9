//! Freshness: somebody's robot says again and again which commit is the newest.
//!
//! A beat is a signed tag that is called `beat/<branch>` and moves along, with the trailers `Tip:` (a full id), `Seq:` (a
//! number that only grows) and `Until:` (when it is stale; RFC 3339). It counts if the commit is one that the server shows:
//! a server that holds back what is new has no beat to show for it, once the last one is stale.

use jiff::Timestamp;

use super::{Link, judge::Judge};
use crate::{
    Object, ObjectId, Reason, UnixTime, policy,
    tag::Tag,
    trailer::{self, SEQUENCE, TIP, UNTIL},
};

/// How long a beat may be good for, in seconds: 31 days.
const LONGEST: u32 = 31 * 86_400;

/// The newest beat that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// Its number.
    pub sequence: u64,
    /// When it is stale.
    pub until: UnixTime,
}

/// How a beat's tag is called.
pub(super) fn is_beat(name: &str, reference: &str) -> bool {
    name.strip_prefix("beat/") == Some(policy::branch(reference))
}

impl Judge<'_> {
    /// The newest beat for one of the commits from `base` to the tip; `None` if there is none, or the policy names nobody.
    pub(super) fn beat(&self, base: &Link, chain: &[ObjectId]) -> Result<Option<Beat>, Reason> {
        let tags = self.approvals.beats().iter().map(|id| self.objects.get(id));
        let tags: Vec<Object> = tags.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        let shown = |tip: &ObjectId| *tip == base.commit || chain.contains(tip);
        let beats = tags.iter().filter_map(|tag| self.read(tag, base, &shown));
        Ok(beats.max_by_key(|beat| beat.sequence))
    }

    fn read(&self, object: &Object, base: &Link, shown: &dyn Fn(&ObjectId) -> bool) -> Option<Beat> {
        let people = &base.rules.policy.roles.as_ref()?.beat.as_ref()?.people;
        let tag = Tag::parse(&object.data).ok()?;
        let signer = super::halt::word(&tag)?.signer(&base.rules, base.commit).ok()?;
        let value = |name| trailer::values(tag.message, name).into_iter().next();
        let tip: ObjectId = value(TIP)?.parse().ok()?;
        if !people.contains(&signer.principal) || !shown(&tip) {
            return None;
        }
        let (time, tolerance) = (tag.tagger.time, base.rules.policy.time_tolerance);
        // A key that is no longer valid could speak of the past, and one that was stolen for a year to come.
        let early = time.plus(tolerance) < base.newest;
        let late = self.request.clock.is_some_and(|now| now.plus(tolerance) < time);
        let until = value(UNTIL)?.parse::<Timestamp>().ok()?;
        let until = UnixTime::from_seconds(until.as_second());
        let sequence = value(SEQUENCE)?.parse().ok()?;
        (!early && !late && until <= time.plus(LONGEST)).then_some(Beat { sequence, until })
    }
}
