//! The socket that the root service connects to.
#![expect(clippy::disallowed_methods, reason = "this module makes a socket in the file system")]

use std::{
    fs,
    os::{
        fd::{AsFd as _, FromRawFd as _},
        unix::{
            fs::PermissionsExt as _,
            net::{UnixListener, UnixStream},
        },
    },
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{getsockopt, sockopt::PeerCredentials},
    unistd::geteuid,
};

/// A socket that listens.
pub(crate) struct Listener(UnixListener);

impl Listener {
    /// Takes the socket that systemd made; see `sd_listen_fds(3)`.
    pub(crate) fn from_systemd() -> Result<Self> {
        let mut sockets = sd_notify::listen_fds().context("take the socket from systemd")?;
        let (Some(socket), None) = (sockets.next(), sockets.next()) else {
            bail!("this service is started by holdfast-fetch.socket, or with --socket PATH");
        };
        // SAFETY: systemd hands this descriptor over to this process, and nothing else here owns it.
        #[expect(unsafe_code, reason = "an inherited descriptor has no owner that Rust knows of")]
        let listener = unsafe { UnixListener::from_raw_fd(socket) };
        listener.local_addr().context("what systemd handed over is no socket")?;
        Self::new(listener)
    }

    /// Makes a socket that only this user can reach.
    pub(crate) fn bind(path: &Path) -> Result<Self> {
        // One that a killed fetcher left.
        drop(fs::remove_file(path));
        let listener = UnixListener::bind(path).with_context(|| format!("listen on {}", path.display()))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        Self::new(listener)
    }

    fn new(listener: UnixListener) -> Result<Self> {
        // A peer that is gone before it is accepted must not make `accept` wait.
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }

    /// Waits for root, or for this user, to connect; `None` if nobody does.
    pub(crate) fn accept(&self, idle: Duration) -> Result<Option<UnixStream>> {
        let idle = PollTimeout::try_from(idle).unwrap_or(PollTimeout::MAX);
        loop {
            match poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], idle) {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(error).context("wait for a connection"),
            }
            let Ok((connection, _)) = self.0.accept() else { continue };
            let peer = getsockopt(&connection, PeerCredentials).context("ask who connected")?.uid();
            if peer == 0 || peer == geteuid().as_raw() {
                connection.set_nonblocking(false)?;
                return Ok(Some(connection));
            }
            tracing::warn!(uid = peer, "refused a connection that is not root's");
        }
    }
}
