//! How `enrol` and `trust reset` reach the Git server: through the unprivileged fetcher where it is installed.

use holdfast_agent::{
    remote::Remote,
    settings::{Paths, Settings},
};

use crate::{
    failure::{Code, Failure},
    host::{settings, systemctl::Systemctl},
    in_process::InProcess,
};

/// The fetcher behind its socket; in this process if `/` is not this machine's.
pub(in crate::host) fn remote(
    paths: &Paths,
    fleet: &Settings,
    systemctl: Option<&Systemctl>,
) -> Result<Box<dyn Remote>, Failure> {
    let Some(systemctl) = systemctl else {
        let directory = tempfile::tempdir()
            .map_err(|why| Failure::new(Code::Write, "cannot make a directory to fetch into").because(why))?;
        return Ok(Box::new(InProcess::within(directory)));
    };
    systemctl.run(&["start", "holdfast-fetch.socket"])?;
    Ok(Box::new(settings::fetcher(paths, fleet)))
}
