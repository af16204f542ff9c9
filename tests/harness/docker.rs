//! The Docker daemon that hosts run on.

use std::{env, time::Duration};

use anyhow::{Context as _, Result};

use crate::Command;

/// The label of every container that a test starts; its value tells one test run from another.
pub const LABEL: &str = "holdfast-test";

/// A `docker` command.
pub fn docker<S: Into<String>>(arguments: impl IntoIterator<Item = S>) -> Command {
    Command::new(std::iter::once("docker".to_owned()).chain(arguments.into_iter().map(Into::into)))
}

/// Fails with what to do unless a daemon answers.
pub fn ensure() -> Result<()> {
    docker(["version"])
        .limit(Duration::from_secs(20))
        .run()
        .map(drop)
        .context("no Docker daemon answers; `tests/run machine` installs and starts one")
}

/// The address of this machine as hosts see it.
pub fn gateway() -> Result<String> {
    let format = "{{(index .IPAM.Config 0).Gateway}}";
    Ok(docker(["network", "inspect", "bridge", "--format", format]).run()?.trim().to_owned())
}

/// The value of [`LABEL`] for containers of this test run: `tests/run` removes what a killed test left.
#[expect(clippy::disallowed_methods, reason = "the harness takes its settings from tests/run")]
pub(crate) fn run_label() -> String {
    format!("{LABEL}={}", env::var("HOLDFAST_TEST_RUN").unwrap_or_else(|_| "manual".into()))
}
