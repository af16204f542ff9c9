//! The unprivileged service that speaks to the Git server for `holdfast-agent`.
//!
//! systemd starts it when the root service connects to its socket, and it ends by itself when nothing more comes, so
//! that nothing is resident between two polls. A kill at any instant leaves nothing that the next start does not mend.

mod logging;
mod options;
mod private;
mod socket;
mod watchdog;

use std::{env, ffi::OsString, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result};
use holdfast_git::{Fetcher, Place};
use sd_notify::NotifyState;

use crate::{options::Options, socket::Listener};

/// How long the root service may take to send a request, or to take in a piece of an answer.
const PATIENCE: Duration = Duration::from_mins(1);

fn main() -> ExitCode {
    // systemd sets it when standard error goes to the journal.
    logging::start(variable("JOURNAL_STREAM").is_some());
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the fetcher can not work: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let options = Options::read(env::args_os().skip(1))?;
    let place = Place {
        mirrors: directory("STATE_DIRECTORY")?.join("mirrors"),
        private: directory("RUNTIME_DIRECTORY")?,
    };
    private::sweep(&place.private).context("remove what a killed fetcher left in RUNTIME_DIRECTORY")?;
    let listener = match &options.socket {
        Some(path) => Listener::bind(path)?,
        None => Listener::from_systemd()?,
    };
    let mut fetcher = Fetcher::new(place);
    watchdog::start(fetcher.activity());
    tell(&[NotifyState::Ready]);
    while let Some(connection) = listener.accept(options.idle)? {
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_write_timeout(Some(PATIENCE))?;
        if let Err(error) = fetcher.serve(&connection) {
            tracing::warn!("the connection to the root service broke: {error}");
        }
    }
    tell(&[NotifyState::Stopping]);
    Ok(())
}

/// The directory that systemd made for this service.
fn directory(name: &str) -> Result<PathBuf> {
    variable(name).map(PathBuf::from).with_context(|| format!("{name} is not set: systemd sets it"))
}

#[expect(clippy::disallowed_methods, reason = "main reads the environment for all")]
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name)
}

fn tell(state: &[NotifyState<'_>]) {
    // Without systemd there is nobody to tell.
    drop(sd_notify::notify(state));
}
