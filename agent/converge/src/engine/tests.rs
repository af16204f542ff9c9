//! Passes on a host in memory.

mod barriers;
mod drift;
mod dry;
mod faults;
mod fights;
mod found;
mod levels;
mod properties;
mod prune;
mod secrets;
mod timeline;
mod undo;
