//! The part of the cycle that asks Git for revisions and decides which one is in force.

use std::{collections::BTreeSet, sync::Arc};

use holdfast_converge::host::clock;
use holdfast_protocol::fetch::{Failure, Known, Remote as Server, Reply, Request as Question};
use holdfast_schema::{Resolved, Sha256, status::StatusProblem};
use holdfast_trust::{IndexedObjects, Limits, ObjectId, Request, UnixTime, Verified};

use super::{Agent, now};
use crate::{
    applied::{Applied, Slot},
    memory::Attempt,
    remote::Remote,
    revision::{self, StreamObjects, one_line},
    store::Store,
    trial::{self, Phase, Trial},
};

/// The file that a stream from the fetcher lies in while it is judged.
const INCOMING: &str = "incoming.new";

/// What came of asking for a branch.
enum Polled {
    Unchanged,
    At(Seen, StreamObjects),
    Diverged(Seen),
}

/// Where the branch is, and the name of the list of tags there were.
struct Seen {
    tip: ObjectId,
    tags: String,
}

impl Agent {
    /// Asks for something new and takes it in. Whether Git was reached.
    pub(super) async fn poll(&mut self) -> bool {
        self.look_back().await;
        let attempt = self.memory.attempt.as_ref().filter(|_| !self.is_outdated());
        // What was good once has to be looked at again if the status branch says that there was more.
        let attempt = attempt.filter(|attempt| self.memory.floor.is_none() || !attempt.problems.is_empty());
        let known = attempt.map(|attempt| Known {
            tip: attempt.tip,
            // What waits for people's approval waits for their tags, and beats are tags.
            tags: (!attempt.problems.is_empty() || self.memory.freshness.is_some())
                .then(|| attempt.tags.clone()),
        });
        match self.ask(known, None).await {
            Ok(Polled::Unchanged) => self.reached(),
            Ok(Polled::At(seen, objects)) => {
                self.reached();
                self.tell(|| format!("fetched {}", seen.tip.short()));
                self.take(seen, objects).await;
            }
            Ok(Polled::Diverged(seen)) => {
                self.reached();
                let problem = revision::diverged(seen.tip, self.base());
                self.conclude_attempt(seen, vec![problem]);
            }
            Err(failure) => {
                let news = self.unreachable.as_ref().is_none_or(|old| old.message != failure.message);
                if news {
                    tracing::warn!(code = failure.code, "{failure}");
                }
                self.tell(|| failure.to_string());
                self.unreachable = Some(problem(failure));
            }
        }
        self.unreachable.is_none()
    }

    fn reached(&mut self) {
        self.unreachable = None;
        if let Some(trial) = self.memory.trial.as_ref().filter(|_| self.is_confirming()) {
            self.reached_under = Some(trial.commit);
        }
    }

    /// What a revision is judged by beside itself.
    fn basis(&self) -> Sha256 {
        let basis = (&self.facts, env!("CARGO_PKG_VERSION"), &self.settings.host);
        Sha256::of(&serde_json::to_vec(&basis).unwrap_or_default())
    }

    /// Whether the newest revision was judged by another agent or by other facts, and must be judged again.
    fn is_outdated(&self) -> bool {
        self.memory.attempt.as_ref().is_none_or(|attempt| attempt.basis != self.basis())
    }

    /// Judges a tip and, if it holds something newer that is good, makes that the revision in force.
    async fn take(&mut self, seen: Seen, objects: StreamObjects) {
        let tip = seen.tip;
        let (introduction, ratchet) = (self.settings.introduction.clone(), self.memory.ratchet.clone());
        let (floor, halts) = (self.memory.floor, self.memory.halts.clone());
        let clock = clock::is_synchronised().unwrap_or(false).then(|| UnixTime::from_seconds(now()));
        let (judging, reference) = (Arc::clone(&objects), self.settings.reference());
        let judged = tokio::task::spawn_blocking(move || {
            let request = Request {
                tip,
                reference: &reference,
                introduction: &introduction,
                ratchet: ratchet.as_ref(),
                floor,
                halts: &halts,
                clock,
                limits: &Limits::default(),
            };
            revision::judge(&judging, &request)
        });
        let Ok(mut judgement) = judged.await else { return };
        if let Some(halts) = judgement.halts
            && let Err(why) = self.memory.halted(halts)
        {
            self.meet("remember what stops the rollout", &why);
            return;
        }
        if let Some(verified) = judgement.verified {
            if let Err(why) = self.memory.heard(verified.expects_beat(), judgement.beat) {
                self.meet("remember the beat", &why);
                return;
            }
            match self.adopt(tip, objects, &verified).await {
                Ok(problems) => judgement.problems.extend(problems),
                // Not the revision's fault: it is asked for again at the next poll.
                Err(()) => return,
            }
        }
        self.conclude_attempt(seen, judgement.problems);
    }

    /// Notes what became of a tip.
    fn conclude_attempt(&mut self, Seen { tip, tags }: Seen, problems: Vec<StatusProblem>) {
        for problem in &problems {
            tracing::error!(
                code = problem.code,
                commit = problem.commit,
                at = problem.at,
                "revision refused: {}",
                problem.message
            );
            self.tell(|| format!("refused: {} ({})", problem.message, problem.code));
        }
        let attempt = Attempt { tip, tags, basis: self.basis(), problems };
        if let Err(why) = self.memory.attempted(attempt) {
            self.meet("remember the revision", &why);
        }
    }

    /// Moves the ratchet to a verified revision and puts it in force. What is wrong with it; `Err` if it could not be tried.
    async fn adopt(
        &mut self,
        tip: ObjectId,
        objects: StreamObjects,
        verified: &Verified,
    ) -> Result<Vec<StatusProblem>, ()> {
        let commit = verified.commit();
        let ratchet = verified.ratchet();
        if self.memory.ratchet.as_ref() != Some(&ratchet) {
            // Before anything of it is applied: a crash in between only means that it is applied later.
            if let Err(why) = self.memory.verified(ratchet) {
                return self.give_up("remember the verified revision", &why);
            }
            tracing::info!(
                revision = %commit,
                signer = people(verified),
                "revision {} verified, signed by {}",
                commit.short(),
                people(verified)
            );
            self.tell(|| format!("verified {}, signed by {}", commit.short(), people(verified)));
        }
        let is_it = |known: Option<ObjectId>| known == Some(commit);
        let settled = is_it(self.memory.applied.as_ref().map(|applied| applied.record.commit))
            || is_it(self.memory.trial.as_ref().map(|trial| trial.commit))
            || is_it(self.memory.quarantine.as_ref().map(|quarantine| quarantine.commit));
        if settled && !self.is_outdated() {
            return Ok(Vec::new());
        }
        let objects = if commit == tip { objects } else { self.ask_at(commit).await? };
        let resolving = {
            let (verified, host, facts) = (verified.clone(), self.settings.host.clone(), self.facts.clone());
            let ceiling = self.settings.ceiling.clone();
            tokio::task::spawn_blocking(move || {
                let resolved = revision::resolve(&objects, &verified, &host, &facts)?;
                let over = ceiling.problems(&resolved.state, &commit.to_string());
                if over.is_empty() { Ok(resolved) } else { Err(over) }
            })
        };
        match resolving.await {
            Ok(Ok(resolved)) => self.take_up(verified, resolved).await,
            Ok(Err(problems)) => Ok(problems),
            Err(_cancelled) => Err(()),
        }
    }

    /// Begins the trial of a resolved revision, unless it says of this host what is in force or in quarantine.
    async fn take_up(&mut self, verified: &Verified, resolved: Resolved) -> Result<Vec<StatusProblem>, ()> {
        let digest = trial::digest(&resolved.state);
        let quarantine = self.memory.quarantine.as_ref();
        if quarantine.is_some_and(|quarantine| quarantine.digest == digest) && self.memory.trial.is_none() {
            tracing::warn!(revision = %verified.commit(), "revision {} says what failed before", verified.commit().short());
            return Ok(Vec::new());
        }
        let applied = self.memory.applied.as_ref().map(|applied| &applied.record.state);
        // Nothing to try out: what it says of this host is in force, and only the commit is another.
        let slot = match applied {
            Some(state) if self.memory.trial.is_none() && trial::digest(state) == digest => Slot::InForce,
            _ => Slot::Candidate,
        };
        let told = self.status.as_ref().or(self.memory.published.status.as_ref());
        let tolerated = match (applied, told, &self.memory.trial) {
            (_, _, Some(trial)) => trial.tolerated.clone(),
            (Some(old), Some(told), None) => trial::failing_before(&told.resource, old, &resolved.state),
            _ => BTreeSet::new(),
        };
        if self.memory.trial.is_some() {
            Box::pin(self.give_place(&resolved.state)).await;
        }
        let saving = {
            let (store, facts) = (self.memory.store().clone(), self.facts.clone());
            let (commit, signer) = (verified.commit(), people(verified));
            tokio::task::spawn_blocking(move || {
                Applied::save(&store, slot, commit, signer, facts, resolved.state, &resolved.contents)
            })
        };
        let saved = match saving.await {
            Ok(Ok(saved)) => saved,
            Ok(Err(why)) => return self.give_up("keep the verified revision", &why),
            Err(_cancelled) => return Err(()),
        };
        let begun = if slot == Slot::InForce {
            self.memory.applied = Some(saved);
            self.memory.pardoned_by_newer()
        } else {
            let trial = Trial { commit: verified.commit(), digest, phase: Phase::Applying, tolerated };
            self.memory.try_out(saved, trial)
        };
        match begun {
            Ok(()) => Ok(Vec::new()),
            Err(why) => self.give_up("begin the trial of the revision", &why),
        }
    }

    fn give_up<T>(&mut self, tried: &str, why: &crate::store::StoreError) -> Result<T, ()> {
        self.meet(tried, why);
        Err(())
    }

    /// The whole tree of an older commit on the branch, when the tip itself was refused.
    async fn ask_at(&mut self, commit: ObjectId) -> Result<StreamObjects, ()> {
        match self.ask(None, Some(commit)).await {
            Ok(Polled::At(_, objects)) => Ok(objects),
            Ok(Polled::Unchanged | Polled::Diverged(_)) => Err(()),
            Err(failure) => {
                tracing::warn!(code = failure.code, "{failure}");
                self.trouble.push(problem(failure));
                Err(())
            }
        }
    }

    /// The last verified commit, or the introduced one.
    fn base(&self) -> ObjectId {
        self.memory.ratchet.as_ref().map_or(self.settings.introduction.commit, |ratchet| ratchet.commit)
    }

    /// One question to the fetcher, on a thread of its own.
    async fn ask(&mut self, known: Option<Known>, at: Option<ObjectId>) -> Result<Polled, Failure> {
        let request = Question::Poll {
            remote: Server { fresh: self.is_confirming(), ..self.settings.fleet.clone() },
            reference: self.settings.reference(),
            known,
            base: self.base(),
            at,
        };
        let (remote, store) = (Arc::clone(&self.remote), self.memory.store().clone());
        let asked = tokio::task::spawn_blocking(move || exchange(&*remote, &store, &request));
        self.attend(asked)
            .await
            .unwrap_or_else(|gone| Err(broken("E_FETCHER", format!("ask for a revision: {gone}"))))
    }
}

/// Asks, and indexes the stream that comes back.
fn exchange(remote: &dyn Remote, store: &Store, request: &Question) -> Result<Polled, Failure> {
    let stored = |why: &dyn std::error::Error| broken("E_STORE", one_line(why));
    let mut incoming = Lazy { store, file: None };
    match remote.exchange(request, &[], &mut incoming)? {
        Reply::Unchanged => Ok(Polled::Unchanged),
        Reply::Changed { tip, tags } => {
            let file =
                incoming.file.ok_or_else(|| broken("E_FETCHER", "no objects came with a new tip".into()))?;
            let objects = IndexedObjects::open(file, &Limits::default())
                .map_err(|why| broken(why.code(), one_line(&why)))?;
            store.remove(INCOMING).map_err(|why| stored(&why))?;
            Ok(Polled::At(Seen { tip, tags }, Arc::new(objects)))
        }
        Reply::Diverged { tip, tags } => Ok(Polled::Diverged(Seen { tip, tags })),
        Reply::Failed(failure) => Err(failure),
        Reply::Pushed | Reply::Moved { .. } => {
            Err(broken("E_FETCHER", "the fetcher answered a poll with something else".into()))
        }
    }
}

/// Who signed a revision.
fn people(verified: &Verified) -> String {
    verified.people().join(", ")
}

/// A question that came to nothing, for the status.
fn problem(failure: Failure) -> StatusProblem {
    let Failure { code, message, remedy } = failure;
    StatusProblem { code, message, remedy, commit: None, at: None }
}

fn broken(code: &str, message: String) -> Failure {
    Failure { code: code.to_owned(), message, remedy: None }
}

/// A scratch file that is only made when something is written, so that an unchanged poll touches no disk.
struct Lazy<'a> {
    store: &'a Store,
    file: Option<std::fs::File>,
}

impl std::io::Write for Lazy<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.file.is_none() {
            self.file = Some(self.store.scratch(INCOMING).map_err(std::io::Error::other)?);
        }
        self.file.as_mut().map_or(Ok(0), |file| file.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
