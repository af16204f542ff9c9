//! Starts and stops the agent's units.
#![expect(clippy::disallowed_methods, reason = "the one place of the command that starts systemctl")]

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    failure::{Code, Failure},
    host::settings,
};

/// The service manager of this machine.
#[derive(Debug)]
pub(crate) struct Systemctl(());

impl Systemctl {
    /// The service manager of the host whose `/` is at `root`; another root than this machine's has none that runs.
    pub(crate) fn of(root: &Path) -> Option<Self> {
        settings::is_installed(root).then_some(Self(()))
    }

    /// Runs `systemctl` with these arguments.
    #[expect(clippy::unused_self, reason = "there is no systemctl to run for another root")]
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<(), Failure> {
        let fail =
            || Failure::new(Code::Systemctl, format!("cannot run `systemctl {}`", arguments.join(" ")));
        let output = Command::new("systemctl")
            .arg("--no-ask-password")
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(|why| fail().because(why))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(fail().because(said.trim().lines().last().unwrap_or("it said nothing").to_owned()))
    }
}
