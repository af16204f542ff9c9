//! How a resource ends in a pass, and what is noted of that.

use std::collections::BTreeSet;

use holdfast_schema::{ResourceId, state::Mode};

use super::Run;
use crate::{
    engine::{
        Outcome, Upkeep,
        work::{Place, Trouble},
    },
    host::Write,
    kinds::Fate,
    plan::order::Item,
};

impl<'a, H: Write> Run<'a, '_, H> {
    /// Ends a resource that needs nothing more.
    pub(super) fn in_order(&mut self, at: usize, item: &Item<'a>, fate: Option<Fate>) {
        if self.work.get(&at).is_some_and(|work| work.error_lasts)
            && let Some(trouble) = self.take_error(at)
        {
            return self.end(at, trouble.into());
        }
        let work = self.work.remove(&at).unwrap_or_default();
        if let Some(Trouble::Failed(failure) | Trouble::Waiting(failure)) = &work.error {
            tracing::debug!(resource = %item.id, error = failure.detail, "in order in spite of an error");
        }
        let changed = !work.did.is_empty();
        let outcome =
            match (item.declared, fate) {
                (Some(resource), _) => {
                    if resource.mode == Mode::Enforce {
                        let (id, needs) = (item.id, &resource.needs);
                        let absent = resource.spec.is_absent();
                        self.keeper.learn(|ledger| {
                            if absent { ledger.forget(id) } else { ledger.set_needs(id, needs) }
                        });
                        self.note_repair(id, changed);
                    }
                    if changed { Outcome::Changed(work.did) } else { Outcome::Same }
                }
                (None, Some(Fate::InUse)) => Outcome::Same,
                (None, Some(Fate::Released(why))) => {
                    self.keeper.learn(|ledger| ledger.forget(item.id));
                    Outcome::Released(why)
                }
                (None, Some(Fate::Gone) | None) => {
                    self.keeper.learn(|ledger| ledger.forget(item.id));
                    if changed { Outcome::Removed } else { Outcome::Same }
                }
            };
        self.end(at, outcome);
    }

    /// Notes that a resource is in order, and whether it had to be brought there.
    fn note_repair(&mut self, id: &ResourceId, changed: bool) {
        let Some(Upkeep { begun, by }) = self.task.upkeep else {
            return self.keeper.learn(|ledger| ledger.forget_repairs(id));
        };
        if changed {
            let by = by.get(id).map(ToString::to_string);
            self.keeper.learn(|ledger| ledger.repaired(id, begun, by));
            if let Some(pause) = self.keeper.ledger().left_alone(id, begun) {
                tracing::warn!(resource = %id, "{id} is fought over, and left alone for {pause} s");
            }
        }
    }

    /// Ends a resource because of one that it needs.
    pub(super) fn block(&mut self, at: usize) {
        let Some(item) = self.items.get(at) else { return };
        let bad = |need: &&usize| self.places.get(**need) != Some(&Place::Good);
        let need = item.needs.iter().find(bad).and_then(|need| self.items.get(*need));
        let Some(need) = need else { return };
        let by = match self.report.outcomes.get(need.id) {
            Some(Outcome::Blocked { by }) => by.clone(),
            _ => need.id.clone(),
        };
        self.end(at, Outcome::Blocked { by });
    }

    /// Notes how a resource ended, and says so if it is worth a line.
    pub(in crate::engine) fn end(&mut self, at: usize, outcome: Outcome) {
        let Some(item) = self.items.get(at) else { return };
        self.work.remove(&at);
        let culprit = self.task.upkeep.and_then(|upkeep| upkeep.by.get(item.id));
        let by = culprit.filter(|_| matches!(outcome, Outcome::Changed(_) | Outcome::Differs(_)));
        let by = by.map(ToString::to_string);
        outcome.log(item.id, by.as_deref());
        self.report.by.extend(by.map(|by| (item.id.clone(), by)));
        let bears = |tolerated: &BTreeSet<ResourceId>| tolerated.contains(item.id);
        if matches!(outcome, Outcome::Failed(_)) && self.task.whole_but_for.is_some_and(|but| !bears(but)) {
            self.gave_up = true;
        }
        let good = outcome.lets_others_begin();
        self.place(at, if good { Place::Good } else { Place::Bad });
        match outcome {
            Outcome::Same if item.declared.is_some() => self.report.same += 1,
            Outcome::Same => {}
            outcome => drop(self.report.outcomes.insert(item.id.clone(), outcome)),
        }
    }

    pub(super) fn take_error(&mut self, at: usize) -> Option<Trouble> {
        self.work.get_mut(&at)?.error.take()
    }
}
