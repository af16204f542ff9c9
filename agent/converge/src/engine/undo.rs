//! Takes back what a journal says was changed.
//!
//! The same care as a pass: look, compare with what was written down, change only what differs, through [`Write`] alone. So it
//! can be cut off anywhere and begun anew. What was not running stops first, then contents, then sources of packages and
//! packages, then contents once more, for packages bring and take files; in the end what was running runs again, with what it
//! read before, and after that the containers, for the engine is a unit too.

use std::collections::BTreeMap;

use holdfast_schema::ContentSource;

use super::Failure;
use crate::{
    host::{Expected, HostError, Wanted, Write},
    journal::{Before, Recorded},
    plan::Action,
};

mod docker;
mod packages;
mod paths;
mod repositories;
mod swarm;
mod units;

/// What came of taking a revision back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Undone {
    /// How many changes were made to put everything back.
    pub changes: u32,
    /// Whether Holdfast's own package is another one, which is left to [`crate::host::Rescue`].
    pub own: bool,
    /// Whether something outside Holdfast must end first, such as another run of the package manager: then it has to be
    /// taken back again.
    pub waits: bool,
    /// What could not be put back, by its name: `/etc/motd`, `nginx.service`, `package nginx`.
    pub left: BTreeMap<String, Failure>,
}

/// Puts everything back to what it was before, as far as that is possible. `originals` has the bytes that were kept.
pub async fn undo(recorded: &Recorded, originals: &dyn ContentSource, host: &impl Write) -> Undone {
    let units = recorded.befores.iter().filter_map(|before| match before {
        Before::Unit { unit, .. } => Some(unit.clone()),
        _ => None,
    });
    let wanted = Wanted { packages: recorded.packages.keys().cloned().collect(), units: units.collect() };
    if let Err(error) = host.prepare(&wanted).await {
        tracing::debug!(error = &error as &dyn std::error::Error, "the host could not be asked in one go");
    }
    let mut undo = Undo { recorded, originals, host, undone: Undone::default() };
    // These are large, and seldom needed.
    Box::pin(undo.remove_from_swarm()).await;
    Box::pin(undo.remove_from_docker()).await;
    undo.stop_units().await;
    undo.put_paths_back().await;
    undo.put_repositories_back().await;
    if undo.put_packages_back().await {
        undo.put_paths_back().await;
    }
    undo.put_units_back().await;
    Box::pin(undo.put_docker_back()).await;
    host.finish();
    undo.undone
}

/// A revision being taken back.
struct Undo<'a, H> {
    recorded: &'a Recorded,
    originals: &'a dyn ContentSource,
    host: &'a H,
    undone: Undone,
}

impl<H: Write> Undo<'_, H> {
    async fn run(&mut self, action: &Action, expects: &Expected) -> Result<(), HostError> {
        self.host.run(action, expects, self.originals).await?;
        self.undone.changes += 1;
        Ok(())
    }

    /// Runs an action that is for `name`, and notes it if that fails.
    async fn try_run(&mut self, name: &str, action: &Action) {
        if let Err(error) = self.run(action, &Expected::Anything).await {
            self.fail(name, &error);
        }
    }

    fn fail(&mut self, name: &str, error: &HostError) {
        self.undone.waits |= error.is_waiting();
        self.leave(name, Failure::from(error));
    }

    fn leave(&mut self, name: &str, failure: Failure) {
        tracing::warn!(code = failure.code, "{name} could not be put back: {}", failure.detail);
        self.undone.left.insert(name.to_owned(), failure);
    }
}
