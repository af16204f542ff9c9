//! Health of units.

use holdfast_schema::{UnitName, spec::Health};

use super::{
    super::{
        HostError,
        outside::{Outside, Unsuccessful},
        probe,
    },
    Systemd,
};

impl Systemd {
    /// Waits until `unit` is healthy.
    pub(in crate::host) async fn await_health(
        &self,
        unit: &UnitName,
        health: &Health,
        outside: &Outside,
    ) -> Result<(), HostError> {
        let unhealthy = |reason| HostError::Unhealthy { unit: unit.to_string(), reason };
        let before = self.generation(unit).await?;
        let task = probe::arguments(health);
        let description = format!("Health probe of {unit}");
        let probed = outside.probe(&format!("probe-{unit}"), &description, task, health.within).await;
        probed.map_err(|unsuccessful| match unsuccessful {
            Unsuccessful::Host(error) => error,
            Unsuccessful::Failure(failure) if failure.said.is_empty() => unhealthy(failure.how),
            Unsuccessful::Failure(failure) => unhealthy(format!("{}: {}", failure.how, failure.said)),
        })?;
        // A service that keeps dying can answer in between.
        match self.generation(unit).await?.1.saturating_sub(before.1) {
            0 => Ok(()),
            times => Err(unhealthy(format!("systemd had to restart it {times} times while it was probed"))),
        }
    }
}
