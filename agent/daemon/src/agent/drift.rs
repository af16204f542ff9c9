//! Between full passes: what drifts is repaired when somebody tells of it, not when it is time to look.

use std::{collections::BTreeMap, pin::pin, time::Duration};

use holdfast_converge::{
    engine::{self, Outcome, Scope, Stop},
    host::{
        clock,
        watch::{Touched, Unwatched, Watch, Witness},
    },
};
use holdfast_schema::{ResourceId, status::StatusProblem};
use holdfast_trust::ObjectId;

use super::Agent;
use crate::{codes::problem, revision::one_line, schedule::Schedule};

/// What was told by then is dealt with before a full pass.
const CATCH_UP: Duration = Duration::from_millis(50);

/// How closely the host is watched.
#[derive(Debug)]
pub(super) struct Vigil {
    /// Only the service watches; a single cycle looks at everything.
    watch: Option<Watch>,
    /// The revision whose resources are watched.
    watched: Option<ObjectId>,
    unwatched: Option<Unwatched>,
    /// The revision of the last full pass, and the kernel's age in seconds when it ended.
    last_full_pass: Option<(ObjectId, u64)>,
    /// Whether everything has to be looked at whatever was told.
    look_at_all: bool,
    /// Whether a person wants that.
    asked: bool,
    /// Whether something was found that was not yet published.
    news: bool,
    /// Tells a repair in the middle of something else to end.
    stop: Stop,
}

impl Default for Vigil {
    fn default() -> Self {
        Self {
            watch: None,
            watched: None,
            unwatched: None,
            last_full_pass: None,
            look_at_all: false,
            asked: false,
            news: false,
            stop: Stop::never(),
        }
    }
}

impl Vigil {
    /// Goes on listening while something is done.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        match &mut self.watch {
            Some(watch) => tokio::select! {
                done = work => done,
                never = watch.listen() => match never {},
            },
            None => work.await,
        }
    }

    /// A person's wish is fulfilled.
    pub(super) fn was_asked(&mut self) {
        self.asked = false;
    }
}

impl Agent {
    /// Listens for changes of the host from now on; a `witness` tells who makes them.
    pub fn listen(&mut self, witness: Option<Witness>) {
        match self.host.watch(witness) {
            Ok(watch) => self.vigil.watch = Some(watch),
            Err(why) => tracing::error!(code = why.code(), "drift is only seen at polls: {}", one_line(&why)),
        }
    }

    /// Waits until something that is managed may have changed; for ever if nobody listens. Dropping the future loses nothing.
    pub async fn drifted(&mut self) -> Touched {
        match &mut self.vigil.watch {
            Some(watch) => watch.next().await,
            None => std::future::pending().await,
        }
    }

    /// Looks at the resources that a change concerns, and brings them in order again.
    pub async fn mend(&mut self, touched: &Touched, stop: &Stop) {
        let Some(applied) = self.memory.applied.as_ref().filter(|_| self.may_repair()) else {
            self.vigil.look_at_all = true;
            return;
        };
        let commit = applied.record.commit;
        let concerned = engine::concerned(&applied.record.state, touched);
        if concerned.is_empty() {
            return;
        }
        tracing::debug!(resources = concerned.len(), "something changed on the host");
        let by = engine::culprits(&applied.record.state, &concerned, touched);
        let part = self.keep_up(Scope::Only(&concerned), &by, stop).await;
        self.end_journal(commit);
        self.pass.update(&concerned, part);
        // A directory that was not there may be there now.
        self.vigil.watched = None;
        self.keep_watch();
        self.conclude();
        self.vigil.news = true;
    }

    /// Has the next cycle look at everything, and repair it even if it is fought over: a person says so.
    pub fn ask_for_all(&mut self) {
        (self.vigil.look_at_all, self.vigil.asked) = (true, true);
    }

    /// Whether a person asked for this cycle.
    pub(super) fn is_asked(&self) -> bool {
        self.vigil.asked
    }

    /// Whether something was mended since this was last asked.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.vigil.news)
    }

    /// Waits for something outside, and meanwhile repairs what drifts.
    pub(super) async fn attend<T>(&mut self, waited_for: impl Future<Output = T>) -> T {
        let mut waited_for = pin!(waited_for);
        loop {
            let touched = tokio::select! {
                done = &mut waited_for => return done,
                touched = Box::pin(self.drifted()) => touched,
            };
            let stop = self.vigil.stop.clone();
            Box::pin(self.mend(&touched, &stop)).await;
        }
    }

    /// Notes how a repair in the middle of something else is told to end.
    pub(super) fn heed(&mut self, stop: &Stop) {
        self.vigil.stop = stop.clone();
    }

    /// Whether drift may be repaired now.
    fn may_repair(&self) -> bool {
        self.memory.trial.is_none() && self.memory.pause.is_none() && self.over_ceiling().is_empty()
    }

    /// Whether everything has to be looked at again.
    pub(super) fn is_full_pass_due(&self) -> bool {
        let Vigil { watch, unwatched, last_full_pass, look_at_all, .. } = &self.vigil;
        let is_old = match (last_full_pass, &self.memory.applied) {
            (Some((commit, at)), Some(applied)) => {
                let schedule = Schedule::new(self.settings.poll, &self.settings.host);
                let every = schedule.full_pass(self.settings.full_pass).as_secs();
                *commit != applied.record.commit || clock::uptime().saturating_sub(*at) >= every
            }
            _ => true,
        };
        watch.is_none() || unwatched.is_some() || *look_at_all || is_old || self.pass.is_unsettled()
    }

    /// A full pass over the revision in force, and what of it nobody had told.
    pub(super) async fn look_at_everything(&mut self, commit: ObjectId, stop: &Stop) {
        let told = self.is_watched_whole(commit);
        if told {
            self.catch_up(stop).await;
        }
        let unsettled: Vec<ResourceId> = self.pass.outcomes.keys().cloned().collect();
        let earlier = std::mem::take(&mut self.pass);
        self.pass = self.keep_up(Scope::All, &BTreeMap::new(), stop).await;
        self.pass.remember(earlier);
        self.end_journal(commit);
        self.vigil.look_at_all = false;
        self.vigil.last_full_pass = Some((commit, clock::uptime()));
        if told {
            let changed =
                self.pass.outcomes.iter().filter(|(id, outcome)| {
                    matches!(outcome, Outcome::Changed(_)) && !unsettled.contains(id)
                });
            let missed: Vec<String> = changed.map(|(id, _)| id.to_string()).collect();
            self.trouble.extend(missed_problem(&missed));
        }
    }

    /// Whether every change since the last full pass should have been told.
    fn is_watched_whole(&self, commit: ObjectId) -> bool {
        let Vigil { watch, watched, unwatched, last_full_pass, look_at_all, .. } = &self.vigil;
        watch.is_some()
            && *watched == Some(commit)
            && unwatched.is_none()
            && !look_at_all
            && last_full_pass.is_some_and(|(of, _)| of == commit)
    }

    /// Deals with what was told so far.
    async fn catch_up(&mut self, stop: &Stop) {
        while let Ok(touched) = tokio::time::timeout(CATCH_UP, self.drifted()).await {
            self.mend(&touched, stop).await;
        }
    }

    /// Watches what the revision in force manages.
    pub(super) fn keep_watch(&mut self) {
        let (Some(watch), Some(applied)) = (&mut self.vigil.watch, &self.memory.applied) else { return };
        let commit = applied.record.commit;
        if self.vigil.watched == Some(commit) && self.vigil.unwatched.is_none() {
            return;
        }
        let unwatched = watch.set(engine::watched(&applied.record.state)).err();
        if let Some(unwatched) = unwatched.as_ref().filter(|now| Some(*now) != self.vigil.unwatched.as_ref())
        {
            tracing::warn!("{unwatched}");
        }
        self.vigil.watched = Some(commit);
        self.vigil.unwatched = unwatched;
    }

    /// What it means for the whole that not everything is watched.
    pub(super) fn unwatched(&self) -> Option<StatusProblem> {
        self.vigil.unwatched.as_ref().map(|unwatched| problem("E_UNWATCHED", unwatched.to_string()))
    }
}

/// What a full pass found although it should have been told: a defect to report, or a way to change things that nobody tells.
fn missed_problem(missed: &[String]) -> Option<StatusProblem> {
    let first = missed.first()?;
    let more = if missed.len() > 1 { format!(" and {} more", missed.len() - 1) } else { String::new() };
    tracing::warn!(missed = missed.join(", "), "nobody told of what a full pass had to repair");
    Some(problem(
        "E_DRIFT_MISSED",
        format!("{first}{more} had changed, and nobody told of it before the full pass"),
    ))
}
