//! Talks to the running agent over its control socket.

use std::{
    io,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use holdfast_protocol::{
    control::{Local, Reply, Request},
    frame,
};
use holdfast_schema::status::Status;

use crate::failure::{Code, Failure};

/// The agent behind its socket.
#[derive(Debug)]
pub(crate) struct Agent {
    socket: PathBuf,
}

/// What the agent says of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// The status document.
    pub(crate) status: Status,
    /// What only this host knows.
    pub(crate) local: Local,
}

impl Agent {
    /// The agent of the host whose `/` is at `root`.
    pub(crate) fn of(root: &Path) -> Self {
        Self { socket: root.join("run/holdfast/control.sock") }
    }

    /// Asks for one thing; `progress` hears each line until the answer comes.
    pub(crate) fn ask(
        &self,
        request: &Request,
        progress: &mut dyn FnMut(&str) -> io::Result<()>,
    ) -> Result<Report, Failure> {
        let mut socket = UnixStream::connect(&self.socket).map_err(|why| self.unreachable(why))?;
        frame::write(&mut socket, request).map_err(silent)?;
        loop {
            match frame::read(&mut socket).map_err(silent)? {
                Reply::Progress { line } => progress(&line)?,
                Reply::Status { document, .. } if document.is_empty() => {
                    return Err(Failure::new(
                        Code::NoStatus,
                        "the agent has not finished its first pass yet",
                    )
                    .busy());
                }
                Reply::Status { document, local } => {
                    let status = parse_status(&document)?;
                    return Ok(Report { status, local });
                }
                Reply::Failed { code, message, remedy } => {
                    return Err(Failure::coded(code, message, remedy.as_deref()));
                }
            }
        }
    }

    fn unreachable(&self, why: io::Error) -> Failure {
        let code = match why.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Code::AgentGone,
            io::ErrorKind::PermissionDenied => Code::NotRoot,
            _ => Code::AgentSilent,
        };
        let message = match code {
            Code::NotRoot => "only root may speak to the agent".to_owned(),
            _ => format!("cannot reach the agent at {}", self.socket.display()),
        };
        Failure::new(code, message).because(why)
    }
}

/// The agent took the request and went away.
fn silent(why: io::Error) -> Failure {
    let cause: Box<dyn std::error::Error + Send + Sync> = match why.kind() {
        io::ErrorKind::UnexpectedEof => "it closed the connection without an answer".into(),
        _ => why.into(),
    };
    Failure::new(Code::AgentSilent, "cannot ask the agent").because(cause)
}

/// Reads a status document.
pub(crate) fn parse_status(document: &str) -> Result<Status, Failure> {
    Status::from_toml(document)
        .map_err(|why| Failure::new(Code::StatusUnreadable, "cannot read a host's status").because(why))
}

#[cfg(test)]
mod tests;
