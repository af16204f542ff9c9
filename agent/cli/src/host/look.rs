//! This host, to look at only.

use std::path::Path;

use holdfast_agent::revision::one_line;
use holdfast_converge::host::{HostError, ReadOnlyHost};
use holdfast_schema::Facts;
use tokio::{runtime::Runtime, task::LocalSet};

use crate::{
    failure::{Code, Failure},
    host::settings,
};

/// A host, and what runs the questions to it.
pub(crate) struct Host {
    host: ReadOnlyHost,
    runtime: Runtime,
}

impl Host {
    /// The host whose `/` is at `root`.
    pub(crate) fn at(root: &Path) -> Result<Self, Failure> {
        let host =
            if settings::is_installed(root) { ReadOnlyHost::new() } else { ReadOnlyHost::scratch(root) };
        Ok(Self { host: host.map_err(|why| failed(&why))?, runtime: runtime()? })
    }

    /// Asks it something.
    pub(crate) fn ask<T>(&self, question: impl AsyncFnOnce(&ReadOnlyHost) -> T) -> T {
        LocalSet::new().block_on(&self.runtime, question(&self.host))
    }

    /// What it is.
    pub(crate) fn facts(&self) -> Result<Facts, Failure> {
        self.ask(ReadOnlyHost::facts).map_err(|why| failed(&why))
    }
}

/// Runs one thing after another, on this thread.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|why| Failure::new(Code::Host, "cannot start the runtime").because(why))
}

/// Why it does not answer.
pub(crate) fn failed(why: &HostError) -> Failure {
    Failure::coded(why.code(), one_line(why), why.remedy())
}
