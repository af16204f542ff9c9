//! Real Git servers: nginx with TLS before `git http-backend`, and sshd. They listen behind a [`Relay`], which counts
//! and, if asked to, breaks what goes over the wire; no port is fixed and nothing of the machine's own is used.
#![expect(clippy::disallowed_methods, reason = "the harness starts servers and writes their files")]

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result};

mod pack;
mod proxy;
mod relay;
mod repository;
mod ssh;
mod web;

pub use pack::Pack;
pub use proxy::ProxyServer;
pub use relay::{Fault, Relay};
pub use repository::Repository;
pub use ssh::SshServer;
pub use web::{PASSWORD, USER, WebServer};

/// A server that ends with its owner.
#[derive(Debug)]
struct Server(Child);

impl Server {
    /// Starts a program in the foreground; what it writes goes to `log`.
    fn start<S: AsRef<std::ffi::OsStr>>(arguments: &[S], log: &Path) -> Result<Self> {
        let log = std::fs::File::create(log)?;
        // A test that is killed takes its servers with it.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn();
        Ok(Self(child.context("start a server: setpriv is in util-linux")?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its own children end when it is asked to, but not when it is killed.
        drop(Command::new("kill").arg(self.0.id().to_string()).status());
        drop(self.0.wait());
    }
}
