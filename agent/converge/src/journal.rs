//! The place of the journal: intent before an effect, done after it, so that recovery knows what to look at first.
//!
//! Nothing writes one yet. Until then a crash is healed by observing again: every step is idempotent and carries what it
//! expects, and [`crate::ledger`] is saved before whatever depends on it.
