//! Puts units back: whether they are enabled, masked and running, and with what they run.

use holdfast_schema::UnitName;

use super::Undo;
use crate::{
    host::{UnitNow, Write},
    journal::Before,
    kinds::unit::{is_at_rest, is_masked, is_running},
    plan::{Action, step::UnitVerb},
};

impl<H: Write> Undo<'_, H> {
    fn units(&self) -> Vec<(UnitName, UnitNow)> {
        let unit = |before: &Before| match before {
            Before::Unit { unit, was } => Some((unit.clone(), was.clone())),
            _ => None,
        };
        self.recorded.befores.iter().filter_map(unit).collect()
    }

    async fn unit_now(&mut self, unit: &UnitName) -> Option<UnitNow> {
        match self.host.unit(unit).await {
            Ok(now) => Some(now),
            Err(error) => {
                self.fail(unit.as_str(), &error);
                None
            }
        }
    }

    /// Stops what did not run, and disables and unmasks what was not so, while its files are still there.
    pub(super) async fn stop_units(&mut self) {
        for (unit, was) in self.units() {
            let Some(now) = self.unit_now(&unit).await else { continue };
            let failed = |unit: &UnitNow| unit.active == "failed";
            if is_at_rest(&was) && (!is_at_rest(&now) || (failed(&now) && !failed(&was))) {
                self.try_run(unit.as_str(), &control(&unit, UnitVerb::Stop)).await;
            }
            if is_enabled(&now.file_state) && !is_enabled(&was.file_state) {
                self.try_run(unit.as_str(), &Action::EnableUnit { unit: unit.clone(), enable: false }).await;
            }
            if is_masked(&now) && !is_masked(&was) {
                self.try_run(unit.as_str(), &Action::MaskUnit { unit: unit.clone(), mask: false }).await;
            }
        }
    }

    /// With all files back: enables and masks again, and starts what ran, with what it read then.
    pub(super) async fn put_units_back(&mut self) {
        let units = self.units();
        let files = self.recorded.befores.iter().any(
            |before| matches!(before, Before::Path { path, .. } if path.as_str().starts_with("/etc/systemd/")),
        );
        if units.is_empty() && !files {
            return;
        }
        self.try_run("the service manager", &Action::ReloadManager).await;
        for (unit, was) in &units {
            let Some(now) = self.unit_now(unit).await else { continue };
            if is_masked(was) && !is_masked(&now) {
                self.try_run(unit.as_str(), &Action::MaskUnit { unit: unit.clone(), mask: true }).await;
            }
            if is_enabled(&was.file_state) && !is_enabled(&now.file_state) {
                self.try_run(unit.as_str(), &Action::EnableUnit { unit: unit.clone(), enable: true }).await;
            }
        }
        for (unit, was) in &units {
            if !is_running(was) {
                continue;
            }
            let Some(now) = self.unit_now(unit).await else { continue };
            let verb = if !is_running(&now) {
                UnitVerb::Start
            } else if now.invocation != was.invocation {
                UnitVerb::Restart
            } else if self.was_reloaded(unit) {
                UnitVerb::Reload
            } else {
                continue;
            };
            self.try_run(unit.as_str(), &control(unit, verb)).await;
        }
    }

    /// Whether the unit was told to read its configuration again, which does not show.
    fn was_reloaded(&self, unit: &UnitName) -> bool {
        self.recorded.intents.iter().any(|step| {
            matches!(&step.action, Action::ControlUnit { unit: named, verb: UnitVerb::Reload, .. } if named == unit)
        })
    }
}

/// Whether a unit with this `UnitFileState` was enabled by somebody, and not by what it is.
fn is_enabled(state: &str) -> bool {
    matches!(state, "enabled" | "enabled-runtime")
}

fn control(unit: &UnitName, verb: UnitVerb) -> Action {
    Action::ControlUnit { unit: unit.clone(), verb, health: None }
}
