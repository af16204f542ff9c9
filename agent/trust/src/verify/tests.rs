//! Chains of commits and what a host says of them. Graphs show first parents as straight lines, newest right.

#![expect(clippy::many_single_char_names, reason = "the commits of a drawn graph have one letter each")]

use super::*;
use crate::{
    MemoryObjects,
    testing::{
        fleet::{Fleet, MAIN, START, State, fleet_id, key, line, outcome, policy, request, unsigned},
        git::Git,
    },
};

mod agreement;
mod beat;
mod beginning;
mod chain;
mod dates;
mod differential;
mod halt;
mod malleability;
mod objects;
mod real;
mod reset;
mod rules;
mod vouch;

/// Alice alone may sign.
fn alice() -> State {
    State::of(&["alice"])
}

/// A host that was introduced at `first`, which alice signed, sees `tip`.
fn see(fleet: &Fleet, first: ObjectId, tip: ObjectId) -> (Option<ObjectId>, Option<&'static str>) {
    outcome(&fleet.verify((first, "alice"), None, tip, None))
}

/// What the host keeps after it has verified `tip`.
fn ratchet(fleet: &Fleet, first: ObjectId, tip: ObjectId) -> Ratchet {
    let got = fleet.verify((first, "alice"), None, tip, None);
    assert!(got.refused.is_none(), "{:?}", got.refused);
    got.verified.unwrap().ratchet()
}

/// A host that has verified `ratchet` sees `tip`.
fn see_after(
    fleet: &Fleet,
    first: ObjectId,
    ratchet: &Ratchet,
    tip: ObjectId,
) -> (Option<ObjectId>, Option<&'static str>) {
    outcome(&fleet.verify((first, "alice"), Some(ratchet), tip, None))
}
