//! The journal: what passes are about to change, and what was there before.
//!
//! A pass that changes nothing writes nothing here. One that does writes, before its first change and durably, what it
//! foresees: each thing that it will touch as it is, and each step. What was not foreseen is written before its own step. A
//! step that is done is noted without waiting for the disk: a crash may forget that, and whoever goes on looks again anyway.
//!
//! With that a revision can be taken back ([`crate::engine::undo`]), and whoever comes after a crash knows what to look at
//! first. The bytes that will be overwritten are kept beside the journal, by their digest: see [`JournalStore::keep`].

use std::{collections::BTreeMap, io};

use holdfast_schema::{ResourceId, Sha256};

use crate::{
    host::Stat,
    plan::{Action, Step},
};

mod line;
mod record;
mod recorded;
#[cfg(test)]
mod tests;

pub use line::{Damage, encode, parse};
pub use record::{Before, Record, Target, Was};
pub use recorded::Recorded;

/// Keeps a journal where a crash cannot take it.
pub trait JournalStore {
    /// Keeps bytes that are about to be overwritten, under their digest. They are durable once [`JournalStore::append`]
    /// has returned.
    ///
    /// # Errors
    /// Whatever the store's I/O says. What could not be kept is not overwritten.
    fn keep(&mut self, bytes: &[u8]) -> io::Result<Sha256>;

    /// Appends records, durably: all of them and whatever was kept so far.
    ///
    /// # Errors
    /// Whatever the store's I/O says. Nothing is changed then that the records speak of.
    fn append(&mut self, records: &[Record]) -> io::Result<()>;

    /// Appends a record that may get lost.
    fn note(&mut self, record: &Record);
}

/// When something that is about to be touched was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// In an earlier pass, or there was nothing that could be told apart later.
    Sometime,
    /// In this pass, and this was there.
    As(Stat),
}

impl Seen {
    pub(crate) fn of(stat: Option<Stat>) -> Self {
        stat.map_or(Self::Sometime, Self::As)
    }

    /// Whether what is there now is for certain what was seen.
    pub(crate) fn is_still(self, stat: Option<Stat>) -> bool {
        matches!((self, stat), (Self::As(was), Some(is)) if was == is)
    }
}

/// A journal while passes write to it.
pub struct Journal<'a> {
    store: &'a mut dyn JournalStore,
    touched: BTreeMap<Target, Seen>,
    intents: BTreeMap<ResourceId, Vec<(u32, Action)>>,
    next: u32,
    /// Something could not be written. What was to be written with it counts as touched here and is not on the disk, so that
    /// nothing more is believed to be.
    broken: bool,
}

impl<'a> Journal<'a> {
    /// Goes on with a journal that holds `recorded`.
    pub fn new(store: &'a mut dyn JournalStore, recorded: &Recorded) -> Self {
        let touched = recorded.befores.iter().map(|before| (before.target(), Seen::Sometime)).collect();
        let next = u32::try_from(recorded.intents.len()).unwrap_or(u32::MAX);
        Self { store, touched, intents: BTreeMap::new(), next, broken: false }
    }

    /// When something was written down, if it was.
    pub(crate) fn touched(&self, target: &Target) -> Option<Seen> {
        self.touched.get(target).copied()
    }

    /// Takes note that something is being written down.
    pub(crate) fn touch(&mut self, target: Target, stat: Option<Stat>) {
        self.touched.insert(target, Seen::of(stat));
    }

    /// Whether a step is written down already.
    pub(crate) fn intends(&self, step: &Step) -> bool {
        self.number(step).is_some()
    }

    /// The record for a step that is to be run.
    pub(crate) fn intend(&mut self, step: &Step) -> Record {
        self.intents.entry(step.resource.clone()).or_default().push((self.next, step.action.clone()));
        self.next += 1;
        Record::Intent(Box::new(step.clone()))
    }

    /// Notes that a step was run.
    pub(crate) fn done(&mut self, step: &Step) {
        if let Some(number) = self.number(step) {
            self.store.note(&Record::Done(number));
        }
    }

    pub(crate) fn keep(&mut self, bytes: &[u8]) -> io::Result<Sha256> {
        self.store.keep(bytes)
    }

    /// Writes records, durably. Without any, says whether all that came before was written.
    pub(crate) fn append(&mut self, records: &[Record]) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("it could not be written before in this pass"));
        }
        if records.is_empty() {
            return Ok(());
        }
        self.store.append(records).inspect_err(|_| self.broken = true)
    }

    fn number(&self, step: &Step) -> Option<u32> {
        let intents = self.intents.get(&step.resource)?;
        intents.iter().rev().find(|(_, action)| *action == step.action).map(|(number, _)| *number)
    }
}
