//! What resources share: one package transaction, one reload of the service manager, starts that wait side by side.
//!
//! Every resource goes on until it needs one of these. When nothing else can go on, the first barrier that somebody waits
//! at is passed by all who wait there, in the order of [`Barrier`]: packages bring files and accounts that others wait for;
//! what stops makes room before the manager reads again and before anything starts.

use std::collections::BTreeSet;

use futures_util::future::{self, Either};
use holdfast_schema::{KindName, UnitName, spec::Spec};

use super::{
    Failure, Outcome,
    run::Run,
    work::{Place, Trouble},
};
use crate::{
    host::{ConfigFile, Expected, HostError, Write},
    kinds::unit::{is_running, level},
    ledger::Lesson,
    plan::{
        Action, Difference, DockerAction, Step,
        order::Item,
        step::{PackageTransaction, UnitVerb},
    },
};

/// How many units are started or stopped at once.
const SIDE_BY_SIDE: usize = 32;

/// How many images are pulled at once.
const PULLS: usize = 4;

/// A point at which resources wait for each other. The order is the order in which they are passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Barrier {
    /// Sources of packages whose lists are fetched.
    Repositories,
    /// One transaction of the package manager.
    Packages,
    /// Images that come from registries.
    Pulls,
    /// Units, containers and services that stop.
    Stops,
    /// One reload of the service manager.
    Reload,
    /// Units, containers and services that start, restart, reload or have yet to show that they are healthy.
    Starts,
    /// The transaction that changes Holdfast's own package: the agent is restarted in the middle of it.
    Own,
}

impl Barrier {
    /// Where this action has to wait for others, if it has to.
    pub(super) fn of(action: &Action) -> Option<Self> {
        match action {
            Action::Packages(transaction) if transaction.is_own() => Some(Self::Own),
            Action::Packages(_) => Some(Self::Packages),
            Action::RefreshRepository { .. } => Some(Self::Repositories),
            Action::ReloadManager => Some(Self::Reload),
            Action::ControlUnit { verb: UnitVerb::Stop, .. } => Some(Self::Stops),
            Action::ControlUnit { .. } | Action::AwaitHealth { .. } => Some(Self::Starts),
            Action::Docker(action) => match action {
                DockerAction::PullImage { .. } => Some(Self::Pulls),
                DockerAction::StopContainer { .. }
                | DockerAction::RemoveContainer { .. }
                | DockerAction::RemoveService { .. } => Some(Self::Stops),
                DockerAction::PutContainer(_)
                | DockerAction::StartContainer { .. }
                | DockerAction::AwaitContainer { .. }
                | DockerAction::PutService(_)
                | DockerAction::AwaitService { .. } => Some(Self::Starts),
                DockerAction::RemoveImage { .. }
                | DockerAction::CreateNetwork { .. }
                | DockerAction::RemoveNetwork { .. }
                | DockerAction::CreateVolume { .. }
                | DockerAction::RemoveVolume { .. }
                | DockerAction::UpdateContainer { .. }
                | DockerAction::ConnectNetwork { .. }
                | DockerAction::DisconnectNetwork { .. }
                | DockerAction::CreateConfig { .. }
                | DockerAction::RemoveConfig { .. }
                | DockerAction::CreateSecret { .. }
                | DockerAction::RemoveSecret { .. }
                | DockerAction::LabelConfig { .. }
                | DockerAction::LabelSecret { .. }
                | DockerAction::UpdateNode { .. } => None,
            },
            Action::WriteFile { .. }
            | Action::WriteSecret { .. }
            | Action::SetLogin { .. }
            | Action::RemoveLogin { .. }
            | Action::TrustKey { .. }
            | Action::DistrustKey { .. }
            | Action::SetAccess { .. }
            | Action::MakeDirectory { .. }
            | Action::MakeSymlink { .. }
            | Action::RemovePath { .. }
            | Action::RemoveTree { .. }
            | Action::EnableUnit { .. }
            | Action::MaskUnit { .. } => None,
        }
    }
}

impl<'a, H: Write> Run<'a, '_, H> {
    /// Passes the first barrier that anything waits at. Whether there was one.
    pub(super) async fn pass_barrier(&mut self) -> bool {
        let waiting = self.places.iter().filter_map(|place| match place {
            Place::At(barrier) => Some(*barrier),
            Place::Open | Place::Good | Place::Bad => None,
        });
        let Some(barrier) = waiting.min() else { return false };
        let at_it = self.places.iter().enumerate().filter(|(_, place)| **place == Place::At(barrier));
        let waiting: Vec<(usize, &'a Item<'a>)> =
            at_it.filter_map(|(at, _)| Some((at, self.items.get(at)?))).collect();
        if let Err(failure) = self.secure(barrier, &waiting).await {
            for (at, _) in waiting {
                self.end(at, Outcome::Failed(failure.clone()));
            }
            return true;
        }
        match barrier {
            Barrier::Packages | Barrier::Own => self.packages(waiting).await,
            // One at a time, for they share a lock.
            Barrier::Repositories => {
                for waiting in waiting.chunks(1) {
                    self.control(barrier, waiting).await;
                }
            }
            Barrier::Reload => self.reload(&waiting).await,
            Barrier::Pulls => {
                for waiting in waiting.chunks(PULLS) {
                    self.control(barrier, waiting).await;
                }
            }
            Barrier::Stops | Barrier::Starts => {
                for waiting in waiting.chunks(SIDE_BY_SIDE) {
                    self.control(barrier, waiting).await;
                }
            }
        }
        true
    }

    /// Notes durably what is about to be touched, and what a start will owe, before it is begun.
    async fn secure(&mut self, barrier: Barrier, waiting: &[(usize, &'a Item<'a>)]) -> Result<(), Failure> {
        for (at, item) in waiting.iter().filter(|_| barrier == Barrier::Starts) {
            let step = self.work.get(at).and_then(|work| work.pending.as_ref());
            if let Some(Action::ControlUnit { health: Some(_), .. }) = step.map(|step| &step.action)
                && let Some(lesson) = self.with_unit(item, level::before)
            {
                self.keeper.promise(|ledger| ledger.learn(item.id, lesson));
            }
        }
        for (at, item) in waiting {
            if self
                .pending(*at)
                .is_some_and(|step| matches!(&step.action, Action::Docker(action) if action.makes()))
            {
                self.keeper.promise(|ledger| ledger.learn(item.id, Lesson::Made(true)));
            }
        }
        self.keeper.secure()?;
        let steps: Vec<Step> = waiting.iter().filter_map(|(at, _)| self.pending(*at).cloned()).collect();
        self.write_down(&steps.iter().collect::<Vec<_>>()).await
    }

    /// Waits for `action`, unless the pass is stopped first.
    async fn unless_stopped<T>(&self, action: impl Future<Output = T>) -> Option<T> {
        match future::select(Box::pin(action), Box::pin(self.stop.wait())).await {
            Either::Left((result, _)) => Some(result),
            Either::Right(_) => None,
        }
    }

    /// Runs one transaction for all, and judges each package by looking at it. Those that are in the way of the rest are
    /// left out and the rest is tried again.
    async fn packages(&mut self, mut waiting: Vec<(usize, &'a Item<'a>)>) {
        while !waiting.is_empty() {
            let mut transaction = PackageTransaction {
                not_yet: self.not_yet().await,
                script_limit: Some(self.task.state.apply.package_script_limit),
                ..PackageTransaction::default()
            };
            for (at, _) in &waiting {
                if let Some(Step { action: Action::Packages(own), .. }) = self.pending(*at) {
                    transaction.merge(own.clone());
                }
            }
            let action = Action::Packages(transaction);
            let before = self.host.packages().await.unwrap_or_default();
            let run = self.host.run(&action, &Expected::Anything, self.task.contents);
            let Some(result) = self.unless_stopped(run).await else { return };
            let error = result.err();
            self.note_config_files(&waiting);
            if let Err(failure) = self.write_down_packages(&before).await {
                tracing::warn!(
                    code = failure.code,
                    "what the packages were is not written down: {}",
                    failure.detail
                );
            }
            let culprit = |item: &Item<'_>| {
                error.as_ref().is_some_and(|error| error.packages().contains(&item.id.name.as_str()))
            };
            let mut left = Vec::new();
            for (at, item) in std::mem::take(&mut waiting) {
                if let Some(error) = error.as_ref().filter(|_| culprit(item))
                    && self.looks_in_order(item).await
                {
                    // rpm takes a package whose last script failed for installed.
                    if let Some(step) = self.work.entry(at).or_default().pending.take() {
                        self.keeper.journal.done(&step);
                    }
                    let own = error.for_package(&item.id.name);
                    self.end(at, Trouble::from(own).into());
                } else if let Some(step) = self.after_transaction(at, item).await {
                    left.push((at, item, step));
                }
            }
            let mut retry = left.iter().any(|(_, item, _)| culprit(item));
            retry &= left.iter().any(|(_, item, _)| !culprit(item));
            for (at, item, step) in left {
                let Some(error) = &error else {
                    let failure = Failure::not_converged(&step);
                    self.end(at, Outcome::Failed(failure));
                    continue;
                };
                if retry && !culprit(item) {
                    self.work.entry(at).or_default().pending = Some(step);
                    waiting.push((at, item));
                } else {
                    let own = error.for_package(&item.id.name);
                    self.end(at, Trouble::from(own).into());
                }
            }
        }
    }

    /// Declared units that do not run and wait for more than packages: whatever starts them before that is there, starts
    /// them with the wrong configuration.
    async fn not_yet(&self) -> BTreeSet<UnitName> {
        let mut not_yet = BTreeSet::new();
        for resource in self.task.state.resources.values() {
            let Spec::Unit(unit) = &resource.spec else { continue };
            let waits_for = resource.needs.iter().chain(unit.inputs());
            let waits = unit.content.is_some()
                || !unit.drop_ins.is_empty()
                || waits_for.into_iter().any(|need| need.kind != KindName::Package);
            if waits
                && unit.active.is_some()
                && self.host.unit(&unit.name).await.is_ok_and(|now| !is_running(&now))
            {
                not_yet.insert(unit.name.clone());
            }
        }
        not_yet
    }

    /// Tells of configuration files over which the packages' own and this host's ways differ.
    fn note_config_files(&mut self, waiting: &[(usize, &'a Item<'a>)]) {
        for ConfigFile { package, path, kept, beside } in self.host.config_files() {
            tracing::info!(package, path, kept, "a configuration file was changed here and in the package");
            let whose = waiting.iter().find(|(_, item)| item.id.name.split(':').next() == Some(&*package));
            let Some((at, _)) = whose else { continue };
            let to = if kept {
                format!("kept; the package's own is beside it as {beside}")
            } else {
                format!("replaced by the package's own; it is beside it as {beside}")
            };
            self.work.entry(*at).or_default().did.push(Difference {
                field: path,
                from: "changed on this host and in the package".to_owned(),
                to,
            });
        }
    }

    /// Whether nothing is left to do about a package.
    async fn looks_in_order(&mut self, item: &'a Item<'a>) -> bool {
        self.examine(item).await.is_ok_and(|verdict| verdict.plan.is_ok_and(|steps| steps.is_empty()))
    }

    /// Looks at a package after its transaction, and ends it if it is in order or cannot be looked at. Gives the step that is
    /// left.
    async fn after_transaction(&mut self, at: usize, item: &'a Item<'a>) -> Option<Step> {
        let verdict = match self.examine(item).await {
            Ok(verdict) => verdict,
            Err(error) => {
                self.end(at, Trouble::from(&error).into());
                return None;
            }
        };
        let work = self.work.entry(at).or_default();
        let done = verdict.plan.as_ref().is_ok_and(Vec::is_empty);
        if let Some(step) = work.pending.take().filter(|_| done) {
            self.keeper.journal.done(&step);
            work.did.push(step.because);
        }
        work.complete = false;
        self.judge(at, item, verdict)?.into_iter().next()
    }

    /// Makes the service manager read its files again, once for all.
    async fn reload(&mut self, waiting: &[(usize, &'a Item<'a>)]) {
        let run = self.host.run(&Action::ReloadManager, &Expected::Anything, self.task.contents);
        let result = run.await;
        for (at, _) in waiting {
            let work = self.work.entry(*at).or_default();
            let step = work.pending.take();
            match &result {
                Ok(()) => work.did.extend(step.map(|step| step.because).filter(|_| work.did.is_empty())),
                Err(error) => work.error = Some(Trouble::from(error)),
            }
            work.passed.insert(Barrier::Reload);
            self.place(*at, Place::Open);
        }
    }

    /// Starts or stops units and containers, or pulls images, side by side.
    async fn control(&mut self, barrier: Barrier, waiting: &[(usize, &'a Item<'a>)]) {
        let steps: Vec<Option<Step>> =
            waiting.iter().map(|(at, _)| self.work.entry(*at).or_default().pending.take()).collect();
        let runs = steps.iter().map(|step| async {
            match step {
                Some(step) => self.host.run(&step.action, &step.expects, self.task.contents).await,
                None => Ok(()),
            }
        });
        // What the service manager was asked to do it goes on doing; the next pass sees how that ended.
        let Some(results) = self.unless_stopped(future::join_all(runs)).await else { return };
        for (((at, item), step), result) in waiting.iter().zip(steps).zip(results) {
            let Some(step) = step else { continue };
            if let Some(lesson) = self.after_control(item, &step.action, result.as_ref().err()) {
                self.keeper.learn(|ledger| ledger.learn(item.id, lesson));
            }
            let work = self.work.entry(*at).or_default();
            match result {
                Ok(()) => {
                    self.keeper.journal.done(&step);
                    self.keeper.learn(|ledger| ledger.did(item.id, &step.action, &step.expects));
                    work.did.push(step.because);
                }
                Err(error) => {
                    work.error = Some(Trouble::from(&error));
                    // A container that ends and is started again, over and over, looks well every now and then.
                    work.error_lasts = matches!(step.action, Action::Docker(_));
                }
            }
            work.passed.insert(barrier);
            self.place(*at, Place::Open);
        }
    }

    /// What to remember of a unit after it was started, stopped or waited for.
    fn after_control(
        &self,
        item: &'a Item<'a>,
        action: &Action,
        error: Option<&HostError>,
    ) -> Option<Lesson> {
        let unhealthy = matches!(error, Some(HostError::Unhealthy { .. }));
        if error.is_some() && !unhealthy {
            return None;
        }
        self.with_unit(item, |subject| match (action, subject.want) {
            (Action::ControlUnit { verb, .. }, Some(want)) => {
                Some(level::after(subject, want, *verb, !unhealthy))
            }
            (Action::AwaitHealth { .. }, Some(want)) if !unhealthy => level::healthy(subject, want),
            _ => None,
        })
    }

    fn pending(&self, at: usize) -> Option<&Step> {
        self.work.get(&at)?.pending.as_ref()
    }
}
