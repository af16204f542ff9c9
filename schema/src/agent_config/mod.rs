//! `/etc/holdfast/agent.toml`: who this host is, where its fleet is, and how to get there.

mod table;
mod write;

#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

pub use table::parse;
pub(crate) use table::{AgentTable, CredentialTable, Reach, SshTable, StatusTable};
pub use write::write;

use crate::{AbsolutePath, HostName};

/// The agent's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentConfig {
    /// This host's name in the fleet.
    pub host: HostName,
    /// The fleet repository.
    pub fleet: Remote,
    /// The branch that holds what should be, such as `main`.
    pub branch: String,
    /// The repository that the status is written to; the fleet's own unless another is named.
    pub status: Remote,
    /// The branch that the status is written to, such as `status/web-1`.
    pub status_branch: String,
    /// How often the fleet repository is asked for something new.
    pub poll: Duration,
    /// How often everything is looked at again, whatever was heard of changes.
    pub full_pass: Duration,
    /// How often a status is written though nothing changed.
    pub heartbeat: Duration,
    /// How long a Git server may say nothing.
    pub stall_timeout: Duration,
    /// How long one exchange with a Git server may take.
    pub total_timeout: Duration,
}

impl AgentConfig {
    /// The configuration of a host that has only just been named, everything else by default.
    pub fn new(host: HostName, fleet: Remote) -> Self {
        Self {
            status_branch: format!("status/{host}"),
            host,
            branch: "main".to_owned(),
            status: fleet.clone(),
            fleet,
            poll: Duration::from_mins(1),
            full_pass: Duration::from_hours(1),
            heartbeat: Duration::from_hours(6),
            stall_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_mins(5),
        }
    }
}

/// A Git server's repository and how to reach it. Secrets are named by the file that holds them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remote {
    /// `https://`, `ssh://`, `user@host:path`, `file://`, an absolute path, or `http://` without a credential.
    pub url: String,
    /// How the host proves who it is, over https.
    pub credential: Credential,
    /// The only certificate authorities to trust, a PEM file; `None` takes the public ones.
    pub ca_file: Option<AbsolutePath>,
    /// A proxy for https.
    pub proxy: Option<Proxy>,
    /// How the host proves who it is, and who the server must be, over ssh.
    pub ssh: Option<Ssh>,
}

/// How a host proves who it is, over https.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Credential {
    /// It does not.
    #[default]
    None,
    /// With a user name and a password.
    Basic {
        /// The user's name.
        user: String,
        /// The file whose first line is the password or access token.
        password_file: AbsolutePath,
    },
    /// With a token.
    Bearer {
        /// The file whose first line is the token.
        token_file: AbsolutePath,
    },
}

/// The files for a remote over ssh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssh {
    /// The private key.
    pub key_file: AbsolutePath,
    /// The servers' public keys, in OpenSSH's `known_hosts` format.
    pub known_hosts_file: AbsolutePath,
}

/// A proxy's address, which may hold a password and so is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(String);

impl Proxy {
    /// The address itself: `http://[user:password@]host:port`.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proxy(…)")
    }
}
