//! How the agent reaches Git: one exchange with whoever speaks to the server for it.
//!
//! The root service asks the unprivileged fetcher over a socket ([`FetcherSocket`]); `holdfast try` brings its own
//! [`Remote`] that runs in the same process. Either way nothing that comes back is believed before it is verified.

use std::{
    error::Error,
    io::{self, Read as _, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
    time::Duration,
};

use holdfast_protocol::{
    fetch::{Failure, Reply, Request},
    frame,
};
use holdfast_trust::{Limits, Object, stream};

/// Speaks to a Git server.
pub trait Remote: std::fmt::Debug + Send + Sync + 'static {
    /// Does one request; blocks. `objects` go along with a push; an object stream that comes back goes into `received`.
    ///
    /// # Errors
    /// [`Failure`] if the server or whoever speaks to it could not be asked. An answered failure is a [`Reply`].
    fn exchange(
        &self,
        request: &Request,
        objects: &[Object],
        received: &mut dyn Write,
    ) -> Result<Reply, Failure>;
}

/// The fetcher behind its socket.
#[derive(Debug, Clone)]
pub struct FetcherSocket {
    /// Where it listens, such as `/run/holdfast/fetch.sock`.
    pub path: PathBuf,
    /// How long it may say nothing: longer than it may itself wait for the server.
    pub patience: Duration,
    /// The most bytes of object stream that are taken from it.
    pub limit: u64,
}

impl FetcherSocket {
    fn failure(&self, tried: &str, why: &dyn Error) -> Failure {
        Failure {
            code: "E_FETCHER".into(),
            message: format!("{tried} the fetcher at {}: {why}", self.path.display()),
            remedy: Some("see `systemctl status holdfast-fetch.socket holdfast-fetch.service`".into()),
        }
    }
}

impl Remote for FetcherSocket {
    fn exchange(
        &self,
        request: &Request,
        objects: &[Object],
        received: &mut dyn Write,
    ) -> Result<Reply, Failure> {
        let mut socket = UnixStream::connect(&self.path).map_err(|why| self.failure("connect to", &why))?;
        let ask = |socket: &mut UnixStream| -> Result<Reply, Box<dyn Error>> {
            socket.set_read_timeout(Some(self.patience))?;
            socket.set_write_timeout(Some(self.patience))?;
            frame::write(&mut *socket, request)?;
            if matches!(request, Request::Push { .. }) {
                let mut stream = stream::Writer::new(io::BufWriter::new(&mut *socket), &Limits::default())?;
                objects.iter().try_for_each(|object| stream.write(object.kind, &object.data))?;
                stream.finish()?;
            }
            Ok(frame::read(&mut *socket)?)
        };
        let reply = ask(&mut socket).map_err(|why| self.failure("ask", &*why))?;
        if matches!(reply, Reply::Changed { .. } | Reply::Moved { .. }) {
            let mut stream = socket.take(self.limit.saturating_add(1));
            let length =
                io::copy(&mut stream, received).map_err(|why| self.failure("read objects from", &why))?;
            if length > self.limit {
                return Err(Failure {
                    code: "E_LIMIT".into(),
                    message: format!("the fetcher sent more than {} bytes of objects", self.limit),
                    remedy: Some("make the fleet repository smaller".into()),
                });
            }
        }
        Ok(reply)
    }
}
