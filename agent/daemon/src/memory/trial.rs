//! What is remembered of a trial and of what is in quarantine.

use std::collections::BTreeSet;

use holdfast_converge::ledger::Ledger;
use holdfast_schema::Sha256;

use super::{
    Memory,
    records::{ATTEMPT, LEDGER, LEDGER_BEFORE, QUARANTINE, TRIAL, or_forget},
};
use crate::{
    applied::{Applied, Slot},
    store::StoreError,
    trial::{self, Phase, Quarantine, Trial},
};

/// Stands for what a revision says of this host when that is lost: nothing is like it.
const UNKNOWN: Sha256 = Sha256::from_bytes([0; 32]);

impl Memory {
    pub(super) fn recall_trial(&mut self) -> Result<(), StoreError> {
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
        if self.quarantine.is_some() {
            self.store.remove(QUARANTINE)?;
            self.quarantine = None;
        }
        Ok(())
    }

    fn forget_trial(&mut self) -> Result<(), StoreError> {
        // The record goes first: without it the rest is only litter.
        self.store.remove(TRIAL)?;
        self.trial = None;
        self.store.remove_all(&[Slot::Candidate.file(), LEDGER_BEFORE])
    }
}
