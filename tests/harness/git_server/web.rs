//! `git http-backend` behind nginx: over http, https with an own authority, with and without a password.
#![expect(clippy::disallowed_methods, reason = "the harness writes nginx's files")]

use std::{fs, net::IpAddr, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use anyhow::Result;
use tempfile::TempDir;

use super::{Relay, Repository, Server, relay::Target};
use crate::{Command, wait};

/// Who may use what is below `private/`.
pub const USER: &str = "web-1";
/// Its password.
pub const PASSWORD: &str = "canary-password-Zx9";

/// The script that answers in place of Git, if there is one.
const HOSTILE: &str = "hostile";

/// A running web server.
#[derive(Debug)]
pub struct WebServer {
    // Ended in this order.
    https: Relay,
    http: Relay,
    _nginx: Server,
    _cgi: Vec<Server>,
    dir: TempDir,
    ca: String,
    name: String,
}

impl WebServer {
    /// Starts it without repositories.
    pub fn start() -> Result<Self> {
        Self::start_on("127.0.0.1", "localhost")
    }

    /// The same for others than this machine: on one of its addresses, known by that.
    pub fn start_for_hosts(address: &str) -> Result<Self> {
        Self::start_on(address, address)
    }

    /// The same, known by a name that whoever asks has to find the address of.
    pub fn start_with_name(address: &str, name: &str) -> Result<Self> {
        Self::start_on(address, name)
    }

    fn start_on(address: &str, name: &str) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("holdfast-web-").tempdir()?;
        let path = dir.path().display().to_string();
        fs::create_dir_all(dir.path().join("srv/private"))?;
        fs::create_dir_all(dir.path().join("tmp"))?;
        make_certificates(dir.path(), name)?;
        fs::write(dir.path().join("users"), format!("{USER}:{{PLAIN}}{PASSWORD}\n"))?;
        let backend = Command::new(["git", "--exec-path"]).run()?;
        let backend = format!("{}/git-http-backend", backend.trim_end());
        let config = include_str!("nginx.conf").replace("@DIR@", &path).replace("@BACKEND@", &backend);
        fs::write(dir.path().join("nginx.conf"), config)?;
        let script = format!(
            "#!/bin/sh\nexport BACKEND={backend}\n[ -e {path}/{HOSTILE} ] && exec sh {path}/{HOSTILE}\nexec $BACKEND\n"
        );
        fs::write(dir.path().join("backend"), script)?;
        fs::set_permissions(dir.path().join("backend"), fs::Permissions::from_mode(0o755))?;
        let socket = |name: &str| dir.path().join(name);
        // One that forks would leave its children behind.
        let cgi = |name: &String| {
            Server::start(&["fcgiwrap", "-f", "-s", &format!("unix:{path}/{name}")], &socket("cgi.log"))
        };
        let sockets: Vec<_> = (0..4).map(|number| format!("cgi-{number}.sock")).collect();
        let cgi = sockets.iter().map(cgi).collect::<Result<_>>()?;
        let nginx =
            ["nginx", "-p", &path, "-e", &format!("{path}/error.log"), "-c", &format!("{path}/nginx.conf")];
        let nginx = Server::start(&nginx, &socket("nginx.log"))?;
        for name in sockets.iter().map(String::as_str).chain(["http.sock", "https.sock"]) {
            wait::until(&format!("{name} of the web server"), Duration::from_secs(20), || {
                Ok(socket(name).exists())
            })?;
        }
        Ok(Self {
            https: Relay::start_on(address, Target::Socket(socket("https.sock")))?,
            http: Relay::start_on(address, Target::Socket(socket("http.sock")))?,
            _nginx: nginx,
            _cgi: cgi,
            ca: fs::read_to_string(socket("ca.pem"))?,
            dir,
            name: name.to_owned(),
        })
    }

    /// Makes a repository; one whose name begins with `private/` asks for [`USER`] and [`PASSWORD`].
    pub fn repository(&self, name: &str) -> Result<Repository> {
        Repository::make(self.dir.path().join("srv").join(name))
    }

    /// Lets one more user in, with the same password.
    pub fn admit(&self, user: &str) -> Result<()> {
        let users = self.dir.path().join("users");
        let all = fs::read_to_string(&users)? + &format!("{user}:{{PLAIN}}{PASSWORD}\n");
        Ok(fs::write(users, all)?)
    }

    /// From now on a shell script answers in place of Git, as a CGI program; `$BACKEND` is what Git would do. `None` lets
    /// Git answer again.
    pub fn answer_with(&self, script: Option<&str>) -> Result<()> {
        let path = self.dir.path().join(HOSTILE);
        match script {
            Some(script) => Ok(fs::write(path, script)?),
            None => Ok(fs::remove_file(path)?),
        }
    }

    /// The https URL of a repository.
    pub fn https_url(&self, name: &str) -> String {
        format!("https://{}:{}/{name}", self.name, self.https.address().port())
    }

    /// The http URL of a repository.
    pub fn http_url(&self, name: &str) -> String {
        format!("http://{}:{}/{name}", self.name, self.http.address().port())
    }

    /// What https goes through.
    pub fn https(&self) -> &Relay {
        &self.https
    }

    /// What http goes through.
    pub fn http(&self) -> &Relay {
        &self.http
    }

    /// The authority that signed its certificate, in PEM.
    pub fn ca(&self) -> &str {
        &self.ca
    }
}

/// An authority and a certificate of `name`, a host name or an address.
fn make_certificates(dir: &Path, name: &str) -> Result<()> {
    let file = |name: &str| dir.join(name).display().to_string();
    let openssl =
        |arguments: &[&str]| Command::new(["openssl"].into_iter().chain(arguments.iter().copied())).run();
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"];
    let ca =
        ["req", "-x509", "-subj", "/CN=test authority", "-keyout", &file("ca.key"), "-out", &file("ca.pem")];
    openssl(&[&ca[..], &key[..]].concat())?;
    let own =
        ["req", "-x509", "-subj", &format!("/CN={name}"), "-CA", &file("ca.pem"), "-CAkey", &file("ca.key")];
    let kind = if name.parse::<IpAddr>().is_ok() { "IP" } else { "DNS" };
    let names = ["-addext", &format!("subjectAltName={kind}:{name}"), "-addext", "basicConstraints=CA:FALSE"];
    let out = ["-keyout", &file("tls.key"), "-out", &file("tls.pem")];
    openssl(&[&own[..], &names, &out, &key[..]].concat())?;
    Ok(())
}
