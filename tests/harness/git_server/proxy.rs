//! tinyproxy, which wants a user and a password.
#![expect(clippy::disallowed_methods, reason = "the harness writes tinyproxy's files")]

use std::{
    fs,
    net::{TcpListener, TcpStream},
    time::Duration,
};

use anyhow::Result;
use tempfile::TempDir;

use super::Server;
use crate::wait;

/// A running proxy.
#[derive(Debug)]
pub struct ProxyServer {
    _tinyproxy: Server,
    dir: TempDir,
    port: u16,
}

impl ProxyServer {
    /// Who may use it, with the password.
    pub const CREDENTIAL: &str = "proxy-user:canary-proxy-Yw7";

    /// Starts it.
    pub fn start() -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("holdfast-proxy-").tempdir()?;
        // tinyproxy can not choose a port by itself.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = dir.path().join("tinyproxy.conf");
        let log = dir.path().join("proxy.log");
        let credential = Self::CREDENTIAL.replace(':', " ");
        let text = format!(
            "Port {port}\nListen 127.0.0.1\nTimeout 60\nLogFile \"{}\"\nLogLevel Connect\nBasicAuth {credential}\n",
            log.display()
        );
        fs::write(&config, text)?;
        let tinyproxy = ["tinyproxy", "-d", "-c", &config.display().to_string()];
        let tinyproxy = Server::start(&tinyproxy, &dir.path().join("stderr.log"))?;
        wait::until("the proxy listens", Duration::from_secs(20), || {
            Ok(TcpStream::connect(("127.0.0.1", port)).is_ok())
        })?;
        Ok(Self { _tinyproxy: tinyproxy, dir, port })
    }

    /// Its URL, with `credential` or without one.
    pub fn url(&self, credential: Option<&str>) -> String {
        let user = credential.map_or(String::new(), |credential| format!("{credential}@"));
        format!("http://{user}127.0.0.1:{}", self.port)
    }

    /// What it wrote down.
    pub fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.dir.path().join("proxy.log"))?)
    }
}
