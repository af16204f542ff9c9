//! What the operator set in `/etc/holdfast`: the configuration, the introduction and the credentials that they name.
#![expect(clippy::disallowed_methods, reason = "this module is the room of the configuration files")]

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use holdfast_protocol::fetch::{Credential, Remote, Secret, Ssh};
use holdfast_schema::{
    AbsolutePath, HostName, Sha256, agent_config, agent_config::AgentConfig, problem::Problems,
};
use holdfast_trust::{Introduction, sign::SecretKey};

use crate::ceiling::Ceiling;

/// How trust begins usually.
const INTRODUCTION: &str = "introduction";

/// Where an agent's files are.
#[derive(Debug, Clone)]
pub struct Paths {
    /// Configuration: `/etc/holdfast`.
    pub config: PathBuf,
    /// Memory: `/var/lib/holdfast`.
    pub state: PathBuf,
    /// Sockets: `/run/holdfast`.
    pub run: PathBuf,
}

impl Paths {
    /// Where an installed agent has them.
    pub fn installed() -> Self {
        Self {
            config: "/etc/holdfast".into(),
            state: "/var/lib/holdfast".into(),
            run: "/run/holdfast".into(),
        }
    }

    /// The configuration file.
    pub fn agent_toml(&self) -> PathBuf {
        self.config.join("agent.toml")
    }

    /// The one line that trust begins with.
    pub fn introduction(&self) -> PathBuf {
        self.config.join("introduction")
    }

    /// How trust began, if otherwise than by an introduction that somebody brought: `tofu` or `local-reset`.
    pub fn trust_origin(&self) -> PathBuf {
        self.config.join("trust_origin")
    }

    /// What no revision may do on this host; there need not be such a file.
    pub fn ceiling(&self) -> PathBuf {
        self.config.join("ceiling.toml")
    }

    /// The host's private status key.
    pub fn host_key(&self) -> PathBuf {
        self.config.join("host_key")
    }

    /// Reads the host's private status key.
    ///
    /// # Errors
    /// [`SettingsError`] if there is none that only root can read.
    pub fn read_host_key(&self) -> Result<SecretKey, SettingsError> {
        let path = self.host_key();
        let text = secret(&path)?;
        SecretKey::parse(text.as_bytes()).map_err(|source| SettingsError::HostKey { path, source })
    }

    /// The socket of the running agent.
    pub fn control_socket(&self) -> PathBuf {
        self.run.join("control.sock")
    }

    /// The socket of the fetcher.
    pub fn fetch_socket(&self) -> PathBuf {
        self.run.join("fetch.sock")
    }
}

/// Everything that the agent was told to be.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This host's name in the fleet.
    pub host: HostName,
    /// The fleet repository.
    pub fleet: Remote,
    /// The branch that holds what should be, such as `main`.
    pub branch: String,
    /// The repository of the status branch.
    pub status: Remote,
    /// The status branch, such as `status/web-1`.
    pub status_branch: String,
    /// How often to poll.
    pub poll: Duration,
    /// How often everything is looked at again.
    pub full_pass: Duration,
    /// How often to publish though nothing changed.
    pub heartbeat: Duration,
    /// Where trust begins.
    pub introduction: Introduction,
    /// How it began, for the status: `introduction`, `tofu`, `local-reset`.
    pub trust_origin: String,
    /// What no revision may do on this host.
    pub ceiling: Ceiling,
    /// Which machine this is, if it says so.
    pub machine: Option<String>,
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The configuration has mistakes.
    #[error("{path} cannot be used: {problems}")]
    Config {
        /// The configuration file.
        path: PathBuf,
        /// All of them.
        problems: Problems,
    },
    /// A file that holds a secret can be read by others.
    #[error("{path} holds a secret but others than root may read it")]
    Exposed {
        /// Which.
        path: PathBuf,
    },
    /// The host's key is not one.
    #[error("{path} does not hold a usable private key")]
    HostKey {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: holdfast_trust::sign::SecretKeyError,
    },
    /// The ceiling has a mistake.
    #[error("{path} cannot be used")]
    Ceiling {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// The introduction is not one.
    #[error("{path} does not hold an introduction")]
    Introduction {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: holdfast_trust::introduction::InvalidIntroduction,
    },
}

impl SettingsError {
    /// The stable, documented code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => "E_NOT_ENROLLED",
            Self::Read { .. } | Self::Config { .. } | Self::HostKey { .. } | Self::Ceiling { .. } => {
                "E_CONFIG"
            }
            Self::Exposed { .. } => "E_CONFIG_EXPOSED",
            Self::Introduction { .. } => "E_INTRODUCTION",
        }
    }

    /// What mends it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "enrol this host: `holdfast enrol INTRODUCTION URL --host NAME`"
            }
            Self::Read { .. } => "make it readable for root",
            Self::Config { .. } => "correct it; `man 5 holdfast-agent.toml` lists what it may hold",
            Self::HostKey { .. } => {
                "enrol this host anew with `holdfast enrol --force`, and register its new key"
            }
            Self::Ceiling { .. } => "correct it; holdfast-trust(7) lists what it may hold",
            Self::Exposed { .. } => "chown it to root and chmod it to 0600",
            Self::Introduction { .. } => "put the line that `holdfast trust intro` prints into it",
        }
    }
}

impl Settings {
    /// Reads everything below `paths.config`, and the files that it names.
    ///
    /// # Errors
    /// [`SettingsError`] with the first file that cannot be used.
    pub fn load(paths: &Paths) -> Result<Self, SettingsError> {
        let path = paths.agent_toml();
        let text = read(&path)?;
        let config = agent_config::parse(&text, &path.display().to_string())
            .map_err(|problems| SettingsError::Config { path, problems })?;
        let path = paths.introduction();
        let introduction =
            read(&path)?.trim().parse().map_err(|source| SettingsError::Introduction { path, source })?;
        let origin = read_if_there(&paths.trust_origin())?;
        let ceiling = match read_if_there(&paths.ceiling())? {
            Some(text) => Ceiling::parse(&text)
                .map_err(|source| SettingsError::Ceiling { path: paths.ceiling(), source: source.into() })?,
            None => Ceiling::default(),
        };
        Ok(Self {
            trust_origin: origin.map_or(INTRODUCTION.to_owned(), |origin| origin.trim().to_owned()),
            ceiling,
            machine: machine(),
            ..Self::from_config(&config, introduction)?
        })
    }

    /// Reads the files that a configuration names.
    ///
    /// # Errors
    /// [`SettingsError`] with the first file that cannot be used.
    pub fn from_config(config: &AgentConfig, introduction: Introduction) -> Result<Self, SettingsError> {
        Ok(Self {
            host: config.host.clone(),
            fleet: remote(&config.fleet, config)?,
            branch: config.branch.clone(),
            status: remote(&config.status, config)?,
            status_branch: config.status_branch.clone(),
            poll: config.poll,
            full_pass: config.full_pass,
            heartbeat: config.heartbeat,
            introduction,
            trust_origin: INTRODUCTION.to_owned(),
            ceiling: Ceiling::default(),
            machine: None,
        })
    }

    /// The full name of the branch that holds what should be.
    pub fn reference(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }

    /// The full name of the status branch.
    pub fn status_reference(&self) -> String {
        format!("refs/heads/{}", self.status_branch)
    }
}

/// A name for this machine that does not give its machine-id away, which is confidential; see machine-id(5).
fn machine() -> Option<String> {
    let id = fs::read_to_string("/etc/machine-id").ok()?;
    let id = id.trim();
    // What an image holds that was made to be cloned.
    let is_one = !id.is_empty() && id != "uninitialized";
    is_one.then(|| Sha256::of(format!("holdfast {id}").as_bytes()).to_string())
}

/// A configured remote with the texts of the files that it names.
fn remote(remote: &agent_config::Remote, config: &AgentConfig) -> Result<Remote, SettingsError> {
    let credential = match &remote.credential {
        agent_config::Credential::None => Credential::None,
        agent_config::Credential::Basic { user, password_file } => {
            Credential::Basic { user: user.clone(), password: secret_line(password_file)? }
        }
        agent_config::Credential::Bearer { token_file } => {
            Credential::Bearer { token: secret_line(token_file)? }
        }
    };
    let ssh = remote.ssh.as_ref().map(|ssh| {
        let key = Secret::new(secret(ssh.key_file.as_str().as_ref())?);
        Ok(Ssh { key, known_hosts: read(ssh.known_hosts_file.as_str().as_ref())? })
    });
    let seconds = |duration: Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
    Ok(Remote {
        fresh: false,
        url: remote.url.clone(),
        credential,
        ca: remote.ca_file.as_ref().map(|path| read(path.as_str().as_ref())).transpose()?,
        proxy: remote.proxy.as_ref().map(|proxy| Secret::new(proxy.expose().to_owned())),
        ssh: ssh.transpose()?,
        stall_seconds: seconds(config.stall_timeout),
        total_seconds: seconds(config.total_timeout),
    })
}

fn read(path: &Path) -> Result<String, SettingsError> {
    fs::read_to_string(path).map_err(|source| SettingsError::Read { path: path.to_owned(), source })
}

/// A file's text; `None` if there is no such file.
fn read_if_there(path: &Path) -> Result<Option<String>, SettingsError> {
    match read(path) {
        Ok(text) => Ok(Some(text)),
        Err(SettingsError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(why),
    }
}

/// A file's text, if nobody but its owner may read it and the owner is root or whoever we are.
fn secret(path: &Path) -> Result<String, SettingsError> {
    use std::os::unix::fs::MetadataExt as _;
    let found = fs::metadata(path).map_err(|source| SettingsError::Read { path: path.to_owned(), source })?;
    let ours = found.uid() == 0 || found.uid() == nix::unistd::geteuid().as_raw();
    if !ours || found.mode() & 0o077 != 0 {
        return Err(SettingsError::Exposed { path: path.to_owned() });
    }
    read(path)
}

/// The first line of a secret file.
fn secret_line(path: &AbsolutePath) -> Result<Secret, SettingsError> {
    let text = secret(path.as_str().as_ref())?;
    Ok(Secret::new(text.lines().next().unwrap_or_default().to_owned()))
}
