//! The way back from an upgrade of Holdfast itself: a program and a timer that need neither the old agent nor the new one.
//!
//! See `packaging/rescue`. It is armed before the transaction that upgrades Holdfast; whoever finds that the new agent works
//! disarms it.

use std::{cell::Cell, time::Duration};

use super::{
    HostError,
    command::one_line,
    outside::{Outside, Unsuccessful},
};

/// The program of the installed package.
const PROGRAM: &str = "/usr/libexec/holdfast/rescue";

/// How long one of its steps may take.
const LIMIT: Duration = Duration::from_mins(2);

/// How long a new agent has to show that it works, unless somebody says otherwise.
const PATIENCE: Duration = Duration::from_mins(6);

/// Puts an old agent back where a new one does not come up.
#[derive(Debug)]
pub struct Rescue {
    patience: Cell<Duration>,
    /// Whether it is putting the old agent back, which ends this one.
    fired: Cell<bool>,
}

impl Default for Rescue {
    fn default() -> Self {
        Self { patience: Cell::new(PATIENCE), fired: Cell::new(false) }
    }
}

impl Rescue {
    /// How long a new agent has from now on, when it is armed the next time.
    pub fn give(&self, patience: Duration) {
        self.patience.set(patience);
    }

    pub(super) async fn arm(&self, outside: &Outside) -> Result<(), HostError> {
        let seconds = self.patience.get().as_secs().to_string();
        run(outside, "arm", &[PROGRAM, "arm", &seconds]).await
    }

    /// Not once it was fired: this agent would take from it what it is putting back.
    pub(super) async fn disarm(&self, outside: &Outside) -> Result<(), HostError> {
        if self.fired.get() {
            return Ok(());
        }
        run(outside, "disarm", &[PROGRAM, "disarm"]).await
    }

    pub(super) async fn fire(&self, outside: &Outside) -> Result<(), HostError> {
        run(outside, "fire", &["/usr/bin/systemctl", "start", "--no-block", "holdfast-rescue.service"])
            .await?;
        self.fired.set(true);
        Ok(())
    }
}

async fn run(outside: &Outside, verb: &str, argv: &[&str]) -> Result<(), HostError> {
    let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
    let ran =
        outside.run(&format!("{verb}-rescue"), "Prepares the way back from an upgrade", &argv, LIMIT).await;
    ran.map_err(|unsuccessful| match unsuccessful {
        Unsuccessful::Host(error) => error,
        Unsuccessful::Failure(failure) => HostError::Rescue {
            verb: verb.to_owned(),
            reason: one_line(format!("{} {}", failure.how, failure.said).as_bytes()),
        },
    })
}
