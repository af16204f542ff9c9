//! Git over sshd, with its own configuration and keys. Whoever has the key is the user that runs the tests.
#![expect(clippy::disallowed_methods, reason = "the harness writes sshd's files")]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::{Relay, Repository, relay::Target};
use crate::Command;

/// An ssh server; one `sshd` runs for each connection.
#[derive(Debug)]
pub struct SshServer {
    relay: Relay,
    dir: TempDir,
    user: String,
}

impl SshServer {
    /// Starts it without repositories. Only a `modern` server lets the client choose the second version of the protocol.
    pub fn start(modern: bool) -> Result<Self> {
        Self::start_with(modern, "")
    }

    /// The same; every login runs `forced`, if that is not empty.
    pub fn start_with(modern: bool, forced: &str) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("holdfast-ssh-").tempdir()?;
        for name in ["host_key", "client_key", "other_key"] {
            let path = dir.path().join(name).display().to_string();
            Command::new(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", &path]).run()?;
        }
        let read =
            |name: &str| fs::read_to_string(dir.path().join(name)).with_context(|| format!("read {name}"));
        let options = if forced.is_empty() { String::new() } else { format!("command=\"{forced}\" ") };
        fs::write(dir.path().join("authorized_keys"), format!("{options}{}", read("client_key.pub")?))?;
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
        let path = dir.path().display();
        let accept = if modern { "AcceptEnv GIT_PROTOCOL\n" } else { "" };
        let config = format!(
            "HostKey {path}/host_key\nAuthorizedKeysFile {path}/authorized_keys\nPidFile none\nStrictModes no\n\
             UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n{accept}"
        );
        fs::write(dir.path().join("sshd_config"), config)?;
        // sshd insists on this directory when it runs as root.
        drop(fs::create_dir("/run/sshd"));
        let sshd = ["/usr/sbin/sshd", "-i", "-e", "-f", &format!("{path}/sshd_config")];
        let relay = Relay::start(Target::Program(sshd.map(str::to_owned).to_vec()))?;
        let user = Command::new(["id", "-un"]).run()?.trim_end().to_owned();
        Ok(Self { relay, dir, user })
    }

    /// Makes a repository.
    pub fn repository(&self, name: &str) -> Result<Repository> {
        Repository::make(self.dir.path().join(name))
    }

    /// Where its repositories are.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The URL of a repository.
    pub fn url(&self, name: &str) -> String {
        self.url_of(&self.dir.path().join(name).display().to_string())
    }

    /// The URL of a path on the server.
    pub fn url_of(&self, path: &str) -> String {
        format!(
            "ssh://{}@127.0.0.1:{}/{}",
            self.user,
            self.relay.address().port(),
            path.trim_start_matches('/')
        )
    }

    /// What the connections go through.
    pub fn relay(&self) -> &Relay {
        &self.relay
    }

    /// The private key that may log in.
    pub fn client_key(&self) -> Result<String> {
        Ok(fs::read_to_string(self.dir.path().join("client_key"))?)
    }

    /// The same, for others to log in with.
    pub fn client_public_key(&self) -> Result<String> {
        Ok(fs::read_to_string(self.dir.path().join("client_key.pub"))?)
    }

    /// A private key that may not.
    pub fn other_key(&self) -> Result<String> {
        Ok(fs::read_to_string(self.dir.path().join("other_key"))?)
    }

    /// The right `known_hosts`.
    pub fn known_hosts(&self) -> Result<String> {
        self.known_hosts_with("host_key.pub")
    }

    /// A `known_hosts` with another key.
    pub fn other_known_hosts(&self) -> Result<String> {
        self.known_hosts_with("other_key.pub")
    }

    fn known_hosts_with(&self, key: &str) -> Result<String> {
        let key = fs::read_to_string(self.dir.path().join(key))?;
        Ok(format!("[127.0.0.1]:{} {key}", self.relay.address().port()))
    }
}
