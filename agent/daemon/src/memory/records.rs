//! What the records are called, and how those are read that may be damaged.

use holdfast_converge::ledger::{FORMAT, Ledger};
use holdfast_trust::Ratchet;
use serde::Deserialize;

use crate::store::{Store, StoreError};

pub(super) const RATCHET: &str = "ratchet";
/// A second copy, for a file that a disk has lost is no reason to forget what was verified.
pub(super) const RATCHET_COPY: &str = "ratchet.copy";
pub(super) const FLOOR: &str = "floor";
pub(super) const FRESHNESS: &str = "freshness";
pub(super) const HALTS: &str = "halts";
pub(super) const MACHINE: &str = "machine";
pub(super) const ATTEMPT: &str = "attempt";
pub(super) const PUBLISHED: &str = "published";
pub(super) const PAUSE: &str = "pause";
pub(super) const LEDGER: &str = "ledger";
/// What was owned before the trial.
pub(super) const LEDGER_BEFORE: &str = "ledger.before";
pub(super) const TRIAL: &str = "trial";
pub(super) const QUARANTINE: &str = "quarantine";
pub(super) const HISTORY: &str = "history.jsonl";

/// The ratchet, from whichever copy is whole.
pub(super) fn ratchet(store: &Store) -> Result<Option<Ratchet>, StoreError> {
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
pub(super) fn ledger(store: &Store) -> Result<Option<Ledger>, StoreError> {
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
pub(super) fn or_forget<T>(name: &str, loaded: Result<T, StoreError>) -> Option<T> {
    loaded
        .inspect_err(
            |why| tracing::warn!(record = name, %why, "a record is damaged and is made anew from Git"),
        )
        .ok()
}
