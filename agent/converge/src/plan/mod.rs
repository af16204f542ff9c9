//! What a pass intends to do, as values that can be printed, compared and tested.

pub mod docker;
pub mod found;
pub(crate) mod inventory;
pub mod lifeline;
pub(crate) mod order;
pub mod preview;
pub mod render;
mod sort;
pub mod step;

pub use docker::DockerAction;
pub use preview::Preview;
pub use step::{Action, Difference, Disruption, Step};
