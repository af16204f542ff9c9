//! What the agent remembers between starts, one record a concern.

use std::collections::BTreeSet;

use holdfast_converge::ledger::{FORMAT, Ledger, LedgerStore};
use holdfast_protocol::control::Pause;
use holdfast_schema::{Sha256, status::StatusProblem};
use holdfast_trust::{Beat, Object, ObjectId, ObjectKind, Ratchet};
use serde::{Deserialize, Serialize};

use crate::{
    applied::{Applied, Slot},
    freshness::Freshness,
    publish::Published,
    store::{Store, StoreError},
    trial::{self, Phase, Quarantine, Trial},
};

/// Everything that is remembered.
#[derive(Debug)]
pub struct Memory {
    store: Store,
    /// The last verified revision: nothing that is not on top of it is believed again.
    pub ratchet: Option<Ratchet>,
    /// A commit that this host's own status branch says it has verified, though its memory does not reach that far: a
    /// snapshot was restored. Nothing that does not lead over it is believed.
    pub floor: Option<ObjectId>,
    /// The tags that stop the rollout, each a whole object: no server can make them forgotten.
    pub halts: Vec<Object>,
    /// How fresh the branch is known to be; `None` if the policy has nobody say so.
    pub freshness: Option<Freshness>,
    /// The tip that was seen last.
    pub attempt: Option<Attempt>,
    /// The revision in force.
    pub applied: Option<Applied>,
    /// The revision on trial, if there is a trial.
    pub candidate: Option<Applied>,
    /// The trial.
    pub trial: Option<Trial>,
    /// What failed and is not tried again.
    pub quarantine: Option<Quarantine>,
    /// What the status branch holds.
    pub published: Published,
    /// Whether an operator paused the agent.
    pub pause: Option<Pause>,
    /// What Holdfast owns on the host.
    pub ledger: Ledger,
    /// Whether the ledger was damaged, and is made anew from what is declared and found.
    pub rebuilt: bool,
}

/// A tip and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The branch's tip.
    pub tip: ObjectId,
    /// The tags that were listed then, as the fetcher names them; it is only compared.
    #[serde(default)]
    pub tags: String,
    /// What else it was judged by: the host's name and facts and the agent's version. With others it is judged again.
    pub basis: Sha256,
    /// Why it is not in force; empty when it is.
    pub problems: Vec<StatusProblem>,
}

/// The records' names.
const RATCHET: &str = "ratchet";
/// A second copy, for a file that a disk has lost is no reason to forget what was verified.
const RATCHET_COPY: &str = "ratchet.copy";
const FLOOR: &str = "floor";
const FRESHNESS: &str = "freshness";
const HALTS: &str = "halts";
const MACHINE: &str = "machine";
const ATTEMPT: &str = "attempt";
const PUBLISHED: &str = "published";
const PAUSE: &str = "pause";
const LEDGER: &str = "ledger";
/// What was owned before the trial.
const LEDGER_BEFORE: &str = "ledger.before";
const TRIAL: &str = "trial";
const QUARANTINE: &str = "quarantine";
const HISTORY: &str = "history.jsonl";

/// Stands for what a revision says of this host when that is lost: nothing is like it.
const UNKNOWN: Sha256 = Sha256::from_bytes([0; 32]);

/// How long the history grows before its older half is dropped, in bytes.
const HISTORY_LIMIT: u64 = 1 << 20;

/// One line of the history: a pass that changed something or ended otherwise than the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When: RFC 3339, UTC.
    pub time: String,
    /// The status commit's subject, such as `converged 3fa2c1d: 2 changed`.
    pub subject: String,
    /// What changed, failed or was removed, a line each.
    pub lines: Vec<String>,
}

impl Memory {
    /// Recalls everything below `store`.
    ///
    /// # Errors
    /// [`StoreError`] if a record that cannot be done without is damaged: the ratchet, the ledger.
    pub fn recall(store: Store) -> Result<Self, StoreError> {
        let mut memory = Self {
            ratchet: ratchet(&store)?,
            floor: store.load(FLOOR)?,
            halts: Vec::new(),
            freshness: None,
            ledger: Ledger::default(),
            rebuilt: false,
            pause: store.load(PAUSE)?,
            trial: None,
            quarantine: None,
            attempt: None,
            applied: None,
            candidate: None,
            published: Published::default(),
            store,
        };
        match ledger(&memory.store) {
            Ok(ledger) => memory.ledger = ledger.unwrap_or_default(),
            Err(why @ (StoreError::Io { .. } | StoreError::Newer { .. })) => return Err(why),
            // Whatever is declared is looked at anyway. Nothing is taken for Holdfast's own any more, so nothing is removed.
            Err(StoreError::Damaged { .. }) => memory.rebuilt = true,
        }
        memory.ledger.shrink_to_fit();
        let halts: Option<Vec<Vec<u8>>> = or_forget(HALTS, memory.store.load(HALTS)).flatten();
        memory.freshness = or_forget(FRESHNESS, memory.store.load(FRESHNESS)).flatten();
        memory.halts = halts.unwrap_or_default().into_iter().map(tag).collect();
        // These are only copies of what Git has: without them it is asked again.
        memory.applied = or_forget("applied", Applied::load(&memory.store, Slot::InForce)).flatten();
        memory.quarantine = or_forget(QUARANTINE, memory.store.load(QUARANTINE)).flatten();
        memory.attempt = or_forget(ATTEMPT, memory.store.load(ATTEMPT)).flatten();
        memory.published = or_forget(PUBLISHED, memory.store.load(PUBLISHED)).flatten().unwrap_or_default();
        memory.recall_trial()?;
        if memory.applied.is_none() && memory.trial.is_none() && memory.quarantine.is_none() {
            memory.attempt = None;
        }
        Ok(memory)
    }

    fn recall_trial(&mut self) -> Result<(), StoreError> {
        let trial = match self.store.load::<Trial>(TRIAL) {
            Ok(None) => return Ok(()),
            Ok(Some(trial)) => Some(trial),
            Err(StoreError::Damaged { .. }) => None,
            Err(why) => return Err(why),
        };
        let candidate = Applied::load(&self.store, Slot::Candidate);
        self.candidate = or_forget(Slot::Candidate.file(), candidate).flatten();
        self.trial = trial.or_else(|| {
            // How far it had come is lost, so back it goes. If even what it said is lost, it was the newest.
            let candidate = self.candidate.as_ref().map(|candidate| &candidate.record);
            let commit =
                candidate.map(|record| record.commit).or_else(|| Some(self.ratchet.as_ref()?.commit))?;
            let digest = candidate.map_or(UNKNOWN, |record| trial::digest(&record.state));
            let message = format!("how far the trial of revision {} had come is lost", commit.short());
            let phase = Phase::TakingBack(vec![trial::own("E_STORE_DAMAGED", message, commit)]);
            Some(Trial { commit, digest, phase, tolerated: BTreeSet::new() })
        });
        Ok(())
    }

    /// Finishes what a crash left of a trial that was beginning or ending. For the agent alone.
    ///
    /// # Errors
    /// [`StoreError`] if that cannot be written down now, on a full disk for example: the next start does it again.
    pub fn settle(&mut self) -> Result<(), StoreError> {
        let put_aside =
            if self.rebuilt { self.store.rename(LEDGER, &format!("{LEDGER}.damaged")) } else { Ok(()) };
        put_aside.and(self.settle_trial())
    }

    fn settle_trial(&mut self) -> Result<(), StoreError> {
        let Some(trial) = self.trial.clone() else {
            return self.store.remove_all(&[Slot::Candidate.file(), LEDGER_BEFORE]);
        };
        let commit = trial.commit;
        if self.candidate.as_ref().is_some_and(|candidate| candidate.record.commit == commit) {
            return Ok(());
        }
        if self.applied.as_ref().is_some_and(|applied| applied.record.commit == commit) {
            self.trial = None;
            self.pardoned_by_newer()?;
            return self.forget_trial();
        }
        let message = format!("what revision {} says cannot be read any more", commit.short());
        let phase = Phase::TakingBack(vec![trial::own("E_STORE_DAMAGED", message, commit)]);
        self.trial = Some(Trial { phase: phase.clone(), ..trial });
        self.tried(phase)
    }

    /// Begins the trial of a candidate that was just kept. What a trial before it changed will be taken back with it.
    ///
    /// # Errors
    /// [`StoreError`]; there is no new trial then.
    pub fn try_out(&mut self, candidate: Applied, trial: Trial) -> Result<(), StoreError> {
        if self.trial.is_none() {
            self.store.save(LEDGER_BEFORE, &self.ledger)?;
        }
        self.store.save(TRIAL, &trial)?;
        (self.candidate, self.trial) = (Some(candidate), Some(trial));
        Ok(())
    }

    /// Notes how far the trial has come.
    ///
    /// # Errors
    /// [`StoreError`]; it has not come that far then.
    pub fn tried(&mut self, phase: Phase) -> Result<(), StoreError> {
        let Some(trial) = &self.trial else { return Ok(()) };
        let trial = Trial { phase, ..trial.clone() };
        self.store.save(TRIAL, &trial)?;
        self.trial = Some(trial);
        Ok(())
    }

    /// Puts the candidate in force.
    ///
    /// # Errors
    /// [`StoreError`]; the trial may be over all the same, which the next start finds out.
    pub fn promoted(&mut self) -> Result<(), StoreError> {
        self.store.rename(Slot::Candidate.file(), Slot::InForce.file())?;
        self.applied = self.candidate.take();
        self.pardoned_by_newer()?;
        self.forget_trial()
    }

    /// Ends a trial whose changes have been taken back: what was owned before is owned again.
    ///
    /// # Errors
    /// [`StoreError`]; the trial is not over then.
    pub fn taken_back(&mut self, quarantine: Quarantine) -> Result<(), StoreError> {
        if let Some(before) = self.store.load::<Ledger>(LEDGER_BEFORE)? {
            self.store.save(LEDGER, &before)?;
            self.ledger = before;
        }
        self.store.save(QUARANTINE, &quarantine)?;
        self.quarantine = Some(quarantine);
        self.candidate = None;
        self.forget_trial()
    }

    /// Lets what is in quarantine be tried again.
    ///
    /// # Errors
    /// [`StoreError`]; it stays there then.
    pub fn pardoned(&mut self) -> Result<(), StoreError> {
        self.store.remove(ATTEMPT)?;
        self.store.remove(QUARANTINE)?;
        (self.attempt, self.quarantine) = (None, None);
        Ok(())
    }

    /// Forgets what is in quarantine, for a newer revision is in force.
    ///
    /// # Errors
    /// [`StoreError`]; it stays there then.
    pub fn pardoned_by_newer(&mut self) -> Result<(), StoreError> {
        if self.quarantine.take().is_some() { self.store.remove(QUARANTINE) } else { Ok(()) }
    }

    fn forget_trial(&mut self) -> Result<(), StoreError> {
        // The record goes first: without it the rest is only litter.
        self.store.remove(TRIAL)?;
        self.trial = None;
        self.store.remove_all(&[Slot::Candidate.file(), LEDGER_BEFORE])
    }

    /// Finishes what a killed process had begun. Only for whoever has the agent's lock.
    ///
    /// # Errors
    /// [`StoreError`] if that cannot be done now; nothing of it is urgent.
    pub fn mend(&self) -> Result<(), StoreError> {
        self.store.sweep()?;
        // A copy that stayed behind would one day take the host back to where it stands.
        let copy = self.store.load::<Ratchet>(RATCHET_COPY);
        match &self.ratchet {
            Some(ratchet) if !copy.is_ok_and(|copy| copy.as_ref() == Some(ratchet)) => {
                self.store.save(RATCHET_COPY, ratchet)
            }
            _ => Ok(()),
        }
    }

    /// Where the records are.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Moves the ratchet, durably.
    ///
    /// # Errors
    /// [`StoreError`]; the ratchet is then where it was.
    pub fn verified(&mut self, ratchet: Ratchet) -> Result<(), StoreError> {
        self.store.save(RATCHET, &ratchet)?;
        self.store.save(RATCHET_COPY, &ratchet)?;
        self.ratchet = Some(ratchet);
        if self.floor.take().is_some() {
            // It was led over, for the ratchet never moves otherwise.
            self.store.remove(FLOOR)?;
        }
        Ok(())
    }

    /// Forgets the last verified revision, so that trust begins anew at the introduction. What is in force stays so until
    /// then, and what is owned stays owned.
    ///
    /// # Errors
    /// [`StoreError`] if a record stays.
    pub fn introduced_anew(&mut self) -> Result<(), StoreError> {
        self.store.remove(ATTEMPT)?;
        self.store.remove(FLOOR)?;
        self.halted(Vec::new())?;
        self.store.remove(RATCHET_COPY)?;
        self.store.remove(RATCHET)?;
        (self.attempt, self.floor, self.ratchet) = (None, None, None);
        // Whoever does this as root knows which machine this is.
        self.store.remove(MACHINE)?;
        self.published(Published { cloned: false, ..self.published.clone() })
    }

    /// Notes what the status branch knows, though this memory does not.
    ///
    /// # Errors
    /// [`StoreError`]; nothing changes then.
    pub fn reminded(&mut self, floor: ObjectId) -> Result<(), StoreError> {
        self.store.save(FLOOR, &floor)?;
        self.floor = Some(floor);
        Ok(())
    }

    /// Notes which tags stop the rollout.
    ///
    /// # Errors
    /// [`StoreError`]; nothing changes then.
    pub fn halted(&mut self, halts: Vec<Object>) -> Result<(), StoreError> {
        if halts == self.halts {
            return Ok(());
        }
        let tags: Vec<&[u8]> = halts.iter().map(|halt| halt.data.as_slice()).collect();
        if tags.is_empty() {
            self.store.remove(HALTS)?;
        } else {
            self.store.save(HALTS, &tags)?;
        }
        self.halts = halts;
        Ok(())
    }

    /// Notes a beat, if the policy `expects` any.
    ///
    /// # Errors
    /// [`StoreError`]; nothing changes then.
    pub fn heard(&mut self, expects: bool, beat: Option<Beat>) -> Result<(), StoreError> {
        let new = expects.then(|| self.freshness.clone().unwrap_or_default().heard(beat));
        if new == self.freshness {
            return Ok(());
        }
        match &new {
            Some(freshness) => self.store.save(FRESHNESS, freshness)?,
            None => self.store.remove(FRESHNESS)?,
        }
        self.freshness = new;
        Ok(())
    }

    /// Whether this memory was made on this machine. The first machine to ask is it.
    ///
    /// # Errors
    /// [`StoreError`] if that cannot be told.
    pub fn is_of(&self, machine: &str) -> Result<bool, StoreError> {
        if let Some(known) = self.store.load::<String>(MACHINE)? {
            return Ok(known == machine);
        }
        self.store.save(MACHINE, &machine)?;
        Ok(true)
    }

    /// Notes what became of a tip.
    ///
    /// # Errors
    /// [`StoreError`] if it could not be written; it is remembered until the next start all the same.
    pub fn attempted(&mut self, attempt: Attempt) -> Result<(), StoreError> {
        let saved = self.store.save(ATTEMPT, &attempt);
        self.attempt = Some(attempt);
        saved
    }

    /// Notes what the status branch holds.
    ///
    /// # Errors
    /// [`StoreError`] if it could not be written; it is remembered until the next start all the same.
    pub fn published(&mut self, published: Published) -> Result<(), StoreError> {
        let saved = self.store.save(PUBLISHED, &published);
        self.published = published;
        saved
    }

    /// Pauses or, with `None`, resumes.
    ///
    /// # Errors
    /// [`StoreError`]; nothing changes then.
    pub fn paused(&mut self, pause: Option<Pause>) -> Result<(), StoreError> {
        match &pause {
            Some(pause) => self.store.save(PAUSE, pause)?,
            None => self.store.remove(PAUSE)?,
        }
        self.pause = pause;
        Ok(())
    }

    /// Writes one line of history.
    ///
    /// # Errors
    /// [`StoreError`] if it could not be written.
    pub fn happened(&self, event: &Event) -> Result<(), StoreError> {
        let line = serde_json::to_string(event).unwrap_or_default();
        self.store.append(HISTORY, &line, HISTORY_LIMIT)
    }
}

fn tag(data: Vec<u8>) -> Object {
    Object { kind: ObjectKind::Tag, data }
}

/// The ratchet, from whichever copy is whole.
fn ratchet(store: &Store) -> Result<Option<Ratchet>, StoreError> {
    let why = match store.load(RATCHET) {
        Ok(Some(ratchet)) => return Ok(Some(ratchet)),
        // The copy alone is no accident of a crash: the other one is written first and removed last.
        Ok(None) => None,
        Err(why) => Some(why),
    };
    match (store.load::<Ratchet>(RATCHET_COPY), why) {
        (Ok(Some(copy)), _) => {
            tracing::warn!("the ratchet is missing or damaged and is made anew from its copy");
            store.save(RATCHET, &copy)?;
            Ok(Some(copy))
        }
        (_, Some(why)) | (Err(why), None) => Err(why),
        (Ok(None), None) => Ok(None),
    }
}

/// The ledger, unless it is a newer agent's.
fn ledger(store: &Store) -> Result<Option<Ledger>, StoreError> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let loaded = store.load::<Ledger>(LEDGER);
    let found = match &loaded {
        Ok(Some(ledger)) => ledger.format(),
        // The head alone only explains a failure.
        Err(StoreError::Damaged { .. }) => match store.load::<Head>(LEDGER) {
            Ok(Some(head)) => head.format,
            _ => return loaded,
        },
        _ => return loaded,
    };
    if found == FORMAT { loaded } else { Err(StoreError::Newer { path: store.path(LEDGER), found }) }
}

/// What was loaded, or nothing of it.
fn or_forget<T>(name: &str, loaded: Result<T, StoreError>) -> Option<T> {
    loaded
        .inspect_err(
            |why| tracing::warn!(record = name, %why, "a record is damaged and is made anew from Git"),
        )
        .ok()
}

/// Keeps the ledger beside the other records.
#[derive(Debug, Clone)]
pub struct LedgerRecord(pub Store);

impl LedgerStore for LedgerRecord {
    fn save(&mut self, ledger: &Ledger) -> std::io::Result<()> {
        self.0.save(LEDGER, ledger).map_err(std::io::Error::other)
    }
}
