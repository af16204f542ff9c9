//! What a pass intends to do, as values that can be printed, compared and tested.

pub mod step;

pub use step::{Action, Difference, Disruption, Step, Undo};
