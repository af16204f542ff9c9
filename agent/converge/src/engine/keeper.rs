//! What a pass keeps on disk: the ledger, saved when it must be and only then, and the journal.

use super::failure::Failure;
use crate::{
    journal::Journal,
    ledger::{Ledger, LedgerStore},
};

/// The ledger and the journal during a pass.
pub(super) struct Keeper<'a, 'j> {
    ledger: &'a mut Ledger,
    store: &'a mut dyn LedgerStore,
    pub(super) journal: Journal<'j>,
    unsaved: Unsaved,
    /// Why saving failed. It is not tried for every resource again.
    failed: Option<Failure>,
}

/// What would be lost in a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Unsaved {
    Nothing,
    /// What the next pass would learn again.
    Knowledge,
    /// What the next change depends on.
    Promise,
}

impl<'a, 'j> Keeper<'a, 'j> {
    pub(super) fn new(ledger: &'a mut Ledger, store: &'a mut dyn LedgerStore, journal: Journal<'j>) -> Self {
        Self { ledger, store, journal, unsaved: Unsaved::Nothing, failed: None }
    }

    pub(super) fn ledger(&self) -> &Ledger {
        self.ledger
    }

    /// What is known, and where to write down what will be touched.
    pub(super) fn both(&mut self) -> (&Ledger, &mut Journal<'j>) {
        (self.ledger, &mut self.journal)
    }

    /// Changes the ledger by what was learned; to be saved at the end of the pass.
    pub(super) fn learn(&mut self, change: impl FnOnce(&mut Ledger) -> bool) {
        if change(self.ledger) {
            self.unsaved = self.unsaved.max(Unsaved::Knowledge);
        }
    }

    /// Changes the ledger by what is about to happen; to be saved before anything changes on the host.
    pub(super) fn promise(&mut self, change: impl FnOnce(&mut Ledger) -> bool) {
        if change(self.ledger) {
            self.unsaved = Unsaved::Promise;
        }
    }

    /// Saves what the next change depends on.
    pub(super) fn secure(&mut self) -> Result<(), Failure> {
        if self.unsaved == Unsaved::Promise { self.save() } else { Ok(()) }
    }

    /// Saves what was learned.
    pub(super) fn finish(mut self) -> Option<Failure> {
        if self.unsaved == Unsaved::Nothing {
            return None;
        }
        self.failed = None;
        self.save().err()
    }

    fn save(&mut self) -> Result<(), Failure> {
        if let Some(failure) = &self.failed {
            return Err(failure.clone());
        }
        match self.store.save(self.ledger) {
            Ok(()) => {
                self.unsaved = Unsaved::Nothing;
                Ok(())
            }
            Err(error) => {
                let failure = Failure::unsaved(&error);
                self.failed = Some(failure.clone());
                Err(failure)
            }
        }
    }
}
