//! What the agent remembers between starts, one record a concern.

use holdfast_converge::ledger::{Ledger, LedgerStore};
use holdfast_protocol::control::Pause;
use holdfast_schema::{Sha256, status::StatusProblem};
use holdfast_trust::{Beat, Object, ObjectId, ObjectKind, Ratchet};
use serde::{Deserialize, Serialize};

use crate::{
    applied::{Applied, Slot},
    freshness::Freshness,
    publish::Published,
    store::{Store, StoreError},
    trial::{Quarantine, Trial},
};

mod records;
mod trial;

use records::{
    ATTEMPT, FLOOR, FRESHNESS, HALTS, HISTORY, LEDGER, MACHINE, PAUSE, PUBLISHED, QUARANTINE, RATCHET,
    RATCHET_COPY, ledger, or_forget, ratchet,
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

/// Keeps the ledger beside the other records.
#[derive(Debug, Clone)]
pub struct LedgerRecord(pub Store);

impl LedgerStore for LedgerRecord {
    fn save(&mut self, ledger: &Ledger) -> std::io::Result<()> {
        self.0.save(LEDGER, ledger).map_err(std::io::Error::other)
    }
}
