//! The pass itself: every resource goes on by itself until it is done or needs what all share; see [`super::barrier`].

use std::collections::{BTreeMap, BTreeSet};

use holdfast_schema::{KindName, ResourceId, spec::Spec, state::Mode};

use super::{
    Failure, Outcome, Prints, Report, Stop, Task,
    barrier::Barrier,
    keeper::Keeper,
    scan, watched_by_units,
    work::{Place, Trouble, Work},
};
use crate::{
    host::{Expected, HostError, Write},
    kinds::{self, Around, Refusal, Verdict},
    ledger::Lesson,
    plan::{Action, Step, order::Item},
};

mod ends;

/// How often a resource is planned again because something changed under Holdfast's hands.
const MOST_CONFLICTS: u8 = 2;

/// A pass under way.
pub(super) struct Run<'a, 'j, H> {
    pub(super) task: &'a Task<'a>,
    pub(super) host: &'a H,
    pub(super) keeper: Keeper<'a, 'j>,
    /// Whether what the pass will do was written down ahead.
    pub(super) looked_ahead: bool,
    pub(super) items: &'a [Item<'a>],
    pub(super) places: Vec<Place>,
    /// What happened to a resource so far; only of those to which something did.
    pub(super) work: BTreeMap<usize, Work>,
    pub(super) prints: Prints,
    pub(super) watched: BTreeSet<&'a ResourceId>,
    /// Why nothing is removed that Git no longer has.
    pub(super) held: Option<Failure>,
    pub(super) stop: &'a Stop,
    /// Whether something failed that the rest must not go on without.
    gave_up: bool,
    report: Report,
}

impl<'a, 'j, H: Write> Run<'a, 'j, H> {
    pub(super) fn new(
        task: &'a Task<'a>,
        host: &'a H,
        keeper: Keeper<'a, 'j>,
        items: &'a [Item<'a>],
        prints: Prints,
        held: Option<Failure>,
        stop: &'a Stop,
    ) -> Self {
        let places = vec![Place::Open; items.len()];
        let watched = watched_by_units(task.state, task.scope);
        Self {
            task,
            host,
            keeper,
            looked_ahead: false,
            items,
            places,
            work: BTreeMap::new(),
            prints,
            watched,
            held,
            stop,
            gave_up: false,
            report: Report::default(),
        }
    }

    /// Runs to the end.
    pub(super) async fn all(mut self) -> Report {
        loop {
            self.sweep().await;
            if self.ends() || !self.pass_barrier().await {
                break;
            }
        }
        self.report.stopped = self.stop.requested();
        for (at, place) in self.places.clone().into_iter().enumerate() {
            match place {
                Place::Good | Place::Bad => {}
                Place::Open | Place::At(_) if self.gave_up => {
                    self.end(at, Outcome::Waiting(Failure::abandoned()));
                }
                Place::Open | Place::At(_) if self.report.stopped => {
                    self.end(at, Outcome::Waiting(Failure::stopped()));
                }
                Place::Open | Place::At(_) => self.block(at),
            }
        }
        self.report.unsaved = self.keeper.finish();
        self.report
    }

    /// Whether nothing more is to be begun.
    fn ends(&self) -> bool {
        self.gave_up || self.stop.requested()
    }

    /// Takes every resource that can go on as far as it goes.
    async fn sweep(&mut self) {
        for at in 0..self.items.len() {
            if self.ends() {
                return;
            }
            if self.places.get(at) != Some(&Place::Open) {
                continue;
            }
            let Some(item) = self.items.get(at) else { continue };
            let place = |at: &usize| self.places.get(*at).copied().unwrap_or(Place::Open);
            // What the guard keeps waits for nothing: that would pass for a failure of what it waits for.
            let is_kept = item.declared.is_none() && self.held.is_some();
            if is_kept {
                self.advance(at, item).await;
            } else if item.needs.iter().any(|need| place(need) == Place::Bad) {
                self.block(at);
            } else if item.needs.iter().all(|need| place(need) == Place::Good)
                && item.after.iter().all(|before| matches!(place(before), Place::Good | Place::Bad))
            {
                self.advance(at, item).await;
            }
        }
    }

    /// Takes one resource on: observes, plans, runs, and observes again, until it is done or at a barrier.
    async fn advance(&mut self, at: usize, item: &Item<'a>) {
        if item.declared.is_none()
            && let Some(held) = &self.held
        {
            let held = held.clone();
            return self.end(at, Outcome::Held(held));
        }
        loop {
            let verdict = match self.examine(item).await {
                Ok(verdict) => verdict,
                Err(error) => {
                    let trouble = self.take_error(at).unwrap_or_else(|| Trouble::from(&error));
                    return self.end(at, trouble.into());
                }
            };
            let Some(steps) = self.judge(at, item, verdict) else { return };
            if !self.run_steps(at, item, steps).await {
                return;
            }
        }
    }

    /// Looks at one resource and notes what that teaches.
    pub(super) async fn examine(&mut self, item: &Item<'a>) -> Result<Verdict, HostError> {
        let spec = item.declared.map(|resource| &resource.spec);
        if let Some(Spec::Unit(unit)) = spec {
            for input in unit.inputs() {
                scan::look_at(self.task, input, self.keeper.ledger(), self.host, &mut self.prints).await;
            }
        }
        let around = Around {
            state: self.task.state,
            contents: self.task.contents,
            ledger: self.keeper.ledger(),
            prints: &self.prints,
            in_force: self.task.in_force,
        };
        let print = self.watched.contains(item.id);
        let mut verdict = kinds::examine(item.id, spec, print, &around, self.host).await?;
        for lesson in verdict.lessons.drain(..) {
            self.keeper.learn(|ledger| ledger.learn(item.id, lesson));
        }
        if let Some(print) = verdict.print {
            self.prints.insert(item.id.clone(), print);
        }
        Ok(verdict)
    }

    /// Ends the resource if there is nothing to run; else gives the steps.
    pub(super) fn judge(&mut self, at: usize, item: &Item<'a>, verdict: Verdict) -> Option<Vec<Step>> {
        let steps = match verdict.plan {
            Ok(steps) => steps,
            Err(Refusal::Elsewhere { by }) => {
                self.end(at, Outcome::Elsewhere(by));
                return None;
            }
            Err(refusal) => {
                let trouble = self.take_error(at).unwrap_or_else(|| Trouble::Failed(Failure::from(&refusal)));
                self.end(at, trouble.into());
                return None;
            }
        };
        let Some(first) = steps.first() else {
            self.in_order(at, item, verdict.fate);
            return None;
        };
        if item.declared.is_some_and(|resource| resource.mode != Mode::Enforce) {
            self.end(at, Outcome::Differs(steps.into_iter().map(|step| step.because).collect()));
            return None;
        }
        if let Some(trouble) = self.take_error(at) {
            self.end(at, trouble.into());
            return None;
        }
        if let Some(pause) = self.left_alone(at, item) {
            let conflict = Failure::conflict(first, pause, self.keeper.ledger().fought_by(item.id));
            self.end(at, Outcome::Conflict(conflict));
            return None;
        }
        if let Some(work) = self.work.get(&at) {
            // What was done must have had its effect; what is shared is asked for once in a pass.
            let again = steps
                .iter()
                .find(|step| Barrier::of(&step.action).is_some_and(|barrier| work.passed.contains(&barrier)));
            if let Some(step) = again.or(work.complete.then_some(first)) {
                let failure = Failure::not_converged(step);
                self.end(at, Outcome::Failed(failure));
                return None;
            }
        }
        Some(steps)
    }

    /// For how long a resource is left alone that somebody else wants otherwise.
    fn left_alone(&self, at: usize, item: &Item<'a>) -> Option<i64> {
        let begun = self.work.contains_key(&at);
        let upkeep = self.task.upkeep.filter(|_| item.declared.is_some() && !begun)?;
        self.keeper.ledger().left_alone(item.id, upkeep.begun)
    }

    /// Runs steps up to the next barrier. Whether to look again at once.
    async fn run_steps(&mut self, at: usize, item: &Item<'a>, steps: Vec<Step>) -> bool {
        let count = steps.len();
        for (index, step) in steps.into_iter().enumerate() {
            if self.stop.requested() {
                return false;
            }
            let last = index + 1 == count;
            if let Some(barrier) = Barrier::of(&step.action) {
                let work = self.work.entry(at).or_default();
                work.complete = last;
                work.pending = Some(step);
                self.place(at, Place::At(barrier));
                return false;
            }
            if let Err(failure) = self.promise(item.id, &step) {
                self.end(at, Outcome::Failed(failure));
                return false;
            }
            if let Err(failure) = self.write_down(&[&step]).await {
                self.end(at, Outcome::Failed(failure));
                return false;
            }
            let result = self.host.run(&step.action, &step.expects, self.task.contents).await;
            let work = self.work.entry(at).or_default();
            match result {
                Ok(()) => {
                    self.keeper.journal.done(&step);
                    self.keeper.learn(|ledger| ledger.did(item.id, &step.action, &step.expects));
                    if step.action.tidies() {
                        tracing::info!(resource = %item.id, "{} goes: something newer has replaced it", step.because.from);
                    } else {
                        work.did.push(step.because);
                    }
                    work.complete = last;
                }
                Err(HostError::Changed { .. }) if work.conflicts < MOST_CONFLICTS => {
                    work.conflicts += 1;
                    work.complete = false;
                    return true;
                }
                Err(error) => {
                    work.error = Some(Trouble::from(&error));
                    work.error_lasts = step.action.is_of_files();
                    return true;
                }
            }
        }
        true
    }

    /// Notes what a step is about to make, durably, before it is made.
    fn promise(&mut self, id: &ResourceId, step: &Step) -> Result<(), Failure> {
        if let Action::TrustKey { key, .. } = &step.action {
            let (key, trusted) = (key.clone(), true);
            self.keeper.promise(|ledger| ledger.learn(id, Lesson::Trusted { key, trusted }));
        } else if id.kind == KindName::Repository && step.action.is_of_files() {
            self.keeper.promise(|ledger| ledger.learn(id, Lesson::Fetched(None)));
        }
        let absent = step.expects == Expected::Nothing;
        let made = match &step.action {
            Action::WriteFile { path, content, .. } => Some((path, Some(content.sha256))),
            Action::WriteSecret { path, digest, .. } => Some((path, Some(*digest))),
            Action::MakeSymlink { path, target } => {
                Some((path, Some(holdfast_schema::Sha256::of(target.as_bytes()))))
            }
            Action::MakeDirectory { path, .. } => Some((path, None)),
            Action::Docker(action) if action.makes() => {
                self.keeper.promise(|ledger| ledger.learn(id, Lesson::Made(true)));
                None
            }
            _ => None,
        };
        if let Some((path, digest)) = made {
            self.keeper.promise(|ledger| ledger.intend(id, path, digest, absent));
            if let Action::WriteSecret { .. } = &step.action {
                self.keeper.promise(|ledger| ledger.hold_secret(id, path));
            }
        }
        self.keeper.secure()
    }

    pub(super) fn place(&mut self, at: usize, place: Place) {
        if let Some(slot) = self.places.get_mut(at) {
            *slot = place;
        }
    }

    /// The unit's part of the state, with what is remembered of it.
    pub(super) fn with_unit<T>(
        &self,
        item: &Item<'a>,
        think: impl FnOnce(&kinds::Subject<'_, holdfast_schema::spec::UnitSpec>) -> T,
    ) -> T {
        let ledger = self.keeper.ledger();
        let around = Around {
            state: self.task.state,
            contents: self.task.contents,
            ledger,
            prints: &self.prints,
            in_force: self.task.in_force,
        };
        let want = item.declared.and_then(|resource| match &resource.spec {
            Spec::Unit(unit) if item.id.kind == KindName::Unit => Some(unit),
            _ => None,
        });
        think(&kinds::Subject { id: item.id, want, entry: ledger.entry(item.id), around: &around })
    }
}
