//! The Docker daemon that hosts run on.

use std::{env, time::Duration};

use anyhow::{Context as _, Result};
use nix::ifaddrs::getifaddrs;

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

/// The address of this machine as hosts see it: that of Docker's bridge. The daemon itself does not know the gateway of a network
/// that it has only just made, so the kernel is asked.
pub fn gateway() -> Result<String> {
    let format = r#"{{index .Options "com.docker.network.bridge.name"}}"#;
    let bridge = docker(["network", "inspect", "bridge", "--format", format]).run()?;
    let mut interfaces = getifaddrs().context("list the network interfaces")?;
    let address = interfaces.find_map(|interface| {
        let address = interface.address.filter(|_| interface.interface_name == bridge.trim())?;
        Some(address.as_sockaddr_in()?.ip().to_string())
    });
    address.with_context(|| format!("the bridge {:?} has no address", bridge.trim()))
}

/// The value of [`LABEL`] for containers of this test run: `tests/run` removes what a killed test left.
#[expect(clippy::disallowed_methods, reason = "the harness takes its settings from tests/run")]
pub(crate) fn run_label() -> String {
    format!("{LABEL}={}", env::var("HOLDFAST_TEST_RUN").unwrap_or_else(|_| "manual".into()))
}
