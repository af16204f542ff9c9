//! What can go wrong between Holdfast and a host.

use std::{collections::BTreeMap, io, time::Duration};

use super::secrets::SecretError;

mod codes;
#[cfg(test)]
mod tests;
mod trouble;

pub use codes::CODES;
pub use trouble::{PullTrouble, RepositoryTrouble};

/// When trying again makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// At the next pass: the cause may go away by itself.
    Soon,
    /// Only with another revision.
    NextRevision,
    /// Never without somebody's hand.
    Never,
}

/// A failed look or change.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A system call failed.
    #[error("{tried}")]
    Io {
        /// What was tried on what, such as `write /etc/motd`.
        tried: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// What was there was not what the plan had seen.
    #[error("{what} changed while Holdfast was about to change it")]
    Changed {
        /// What it is about.
        what: String,
    },
    /// The thing in the way is not of a kind that Holdfast replaces.
    #[error("{path} is {found}, which Holdfast does not replace")]
    InTheWay {
        /// Where.
        path: String,
        /// What was found there, with its article: `a directory`, `a socket`.
        found: &'static str,
    },
    /// The file or its directory is marked immutable or append-only, see chattr(1).
    #[error("{path} is marked {mark}")]
    Immutable {
        /// What is marked: the path itself or its directory.
        path: String,
        /// `immutable` or `append-only`.
        mark: &'static str,
    },
    /// Following a symlink in a parent could lead where somebody other than root wants.
    #[error("{path} leads through the symbolic link {link}, which others than root control")]
    UnsafePath {
        /// The managed path.
        path: String,
        /// The link in it.
        link: String,
    },
    /// A named user or group does not exist.
    #[error("there is no {what} {name:?} on this host")]
    NoSuchAccount {
        /// `user` or `group`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A validate command refused a staged file.
    #[error("validating {path} with {command} failed: {reason}")]
    Invalid {
        /// The file that keeps its old content.
        path: String,
        /// The program that was run.
        command: String,
        /// How it ended, and the last of what it said unless the file is sensitive.
        reason: String,
    },
    /// A program ended badly.
    #[error("{command} failed: {reason}")]
    Command {
        /// The program and what for.
        command: String,
        /// Exit status and the last KiB of what it said.
        reason: String,
    },
    /// Something outside Holdfast must finish first.
    #[error("waiting for {what}")]
    Busy {
        /// What is waited for and who holds it, such as `the dpkg lock, held by apt-get (pid 812)`.
        what: String,
    },
    /// The package manager could not do its part of a transaction.
    #[error("package {package}: {reason}")]
    Package {
        /// Which package.
        package: String,
        /// Why, in one line.
        reason: String,
    },
    /// A maintainer script ran for too long and was stopped.
    #[error("the {script} of package {package} was stopped, for it ran for more than {limit:?}")]
    PackageScript {
        /// Whose it is.
        package: String,
        /// Which, such as `postinst`.
        script: String,
        /// How long it may run.
        limit: Duration,
    },
    /// A program was killed from outside.
    #[error("{program} was killed by the signal {signal}")]
    Killed {
        /// Which.
        program: &'static str,
        /// The signal's name without `SIG`.
        signal: String,
    },
    /// The package manager knows no such package or version.
    #[error("no package {package} can be installed from this host's sources")]
    PackageNotFound {
        /// Name, with `=version` if one was asked.
        package: String,
    },
    /// Some packages of a transaction could not be brought in order, each for its own reason.
    #[error("{}", list(failed))]
    Packages {
        /// The reason for each package.
        failed: BTreeMap<String, HostError>,
    },
    /// The lists of a package source could not be fetched.
    #[error("repository {repository}: {why}: {reason}")]
    Repository {
        /// Which source.
        repository: String,
        /// What keeps them from being taken.
        why: RepositoryTrouble,
        /// The package manager's own words.
        reason: String,
    },
    /// The service manager could not be asked.
    #[error("systemd cannot be reached over D-Bus")]
    ManagerGone {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The service manager refused or failed a job.
    #[error("unit {unit}: {reason}")]
    Unit {
        /// Which unit.
        unit: String,
        /// What happened, in one line.
        reason: String,
    },
    /// A unit started but is not healthy.
    #[error("unit {unit} is not healthy: {reason}")]
    Unhealthy {
        /// Which unit.
        unit: String,
        /// What the probe said.
        reason: String,
    },
    /// The way back from an upgrade of Holdfast itself could not be prepared or taken.
    #[error("{verb} the rescue of the old agent: {reason}")]
    Rescue {
        /// `arm`, `disarm` or `fire`.
        verb: String,
        /// Why not.
        reason: String,
    },
    /// The Docker engine could not be asked.
    #[error("the Docker engine cannot be reached at {socket}")]
    DockerGone {
        /// Where it should listen.
        socket: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A secret cannot be used. Neither this nor its cause tells anything of what it is.
    #[error("{what} cannot be used")]
    Secret {
        /// Which secret.
        what: String,
        /// Why not.
        #[source]
        source: SecretError,
    },
    /// The Docker engine refused or failed to do something.
    #[error("{tried}: {reason}")]
    Docker {
        /// What was tried.
        tried: String,
        /// What the engine said.
        reason: String,
    },
    /// A registry of images refused a login.
    #[error("the registry {server} refuses the login of {user}")]
    LoginRefused {
        /// Which registry.
        server: String,
        /// Whose login.
        user: String,
    },
    /// An image could not be brought from its registry.
    #[error("pull the image {image}: {reason}")]
    ImagePull {
        /// Which image.
        image: String,
        /// What that means.
        why: PullTrouble,
        /// What the engine said.
        reason: String,
    },
    /// A container does not run as it should.
    #[error("container {container}: {reason}")]
    Container {
        /// Which container.
        container: String,
        /// How it ended, or what its health check says.
        reason: String,
    },
    /// The engine is in no Swarm.
    #[error("this host's Docker engine is in no Swarm: {reason}")]
    NoSwarm {
        /// What the engine says.
        reason: String,
    },
    /// The Swarm has no leader.
    #[error("the Swarm has no leader: {reason}")]
    NoQuorum {
        /// What the engine says.
        reason: String,
    },
    /// The tasks of a service did not become what it says.
    #[error("service {service}: {what}: {said}")]
    Service {
        /// Which service.
        service: String,
        /// What came of it, such as `the Swarm took the change back`.
        what: String,
        /// The Swarm's own words.
        said: String,
    },
    /// This host has no such facility.
    #[error("{what} is not supported on this host")]
    Unsupported {
        /// What is missing.
        what: String,
    },
}

impl HostError {
    /// The stable, documented code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "E_DISK_FULL",
                io::ErrorKind::ReadOnlyFilesystem => "E_READ_ONLY",
                _ => "E_IO",
            },
            Self::Immutable { .. } => "E_IMMUTABLE",
            Self::UnsafePath { .. } => "E_UNSAFE_PATH",
            Self::Changed { .. } => "E_CONCURRENT_EDIT",
            Self::InTheWay { .. } => "E_IN_THE_WAY",
            Self::NoSuchAccount { .. } => "E_NO_ACCOUNT",
            Self::Invalid { .. } => "E_VALIDATE",
            Self::Command { .. } => "E_COMMAND",
            Self::Busy { .. } => "E_BUSY",
            Self::Package { .. } | Self::Packages { .. } => "E_PACKAGE",
            Self::PackageScript { .. } => "E_PACKAGE_SCRIPT",
            Self::Killed { .. } => "E_KILLED",
            Self::PackageNotFound { .. } => "E_PACKAGE_NOT_FOUND",
            Self::Repository { why, .. } => match why {
                RepositoryTrouble::Signature => "E_REPOSITORY_KEY",
                RepositoryTrouble::Expired => "E_REPOSITORY_EXPIRED",
                RepositoryTrouble::Other => "E_REPOSITORY",
            },
            Self::ManagerGone { .. } => "E_SYSTEMD_GONE",
            Self::Unit { .. } => "E_UNIT",
            Self::Unhealthy { .. } => "E_UNHEALTHY",
            Self::Secret { .. } => "E_SECRET",
            Self::DockerGone { .. } => "E_DOCKER_GONE",
            Self::Docker { .. } => "E_DOCKER",
            Self::ImagePull { why: PullTrouble::DiskFull, .. } => "E_DISK_FULL",
            Self::ImagePull { why: PullTrouble::Denied, .. } | Self::LoginRefused { .. } => {
                "E_REGISTRY_LOGIN"
            }
            Self::ImagePull { .. } => "E_IMAGE_PULL",
            Self::Container { .. } => "E_CONTAINER",
            Self::NoSwarm { .. } => "E_NO_SWARM",
            Self::NoQuorum { .. } => "E_NO_QUORUM",
            Self::Service { .. } => "E_SERVICE",
            Self::Rescue { .. } => "E_RESCUE",
            Self::Unsupported { .. } => "E_UNSUPPORTED",
        }
    }

    /// When trying again makes sense.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Io { .. }
            | Self::Changed { .. }
            | Self::Busy { .. }
            | Self::ManagerGone { .. }
            | Self::Package { .. }
            | Self::PackageScript { .. }
            | Self::Killed { .. }
            | Self::Packages { .. }
            | Self::Immutable { .. }
            | Self::UnsafePath { .. }
            | Self::PackageNotFound { .. }
            | Self::Repository { .. }
            | Self::Unit { .. }
            | Self::Unhealthy { .. }
            | Self::Rescue { .. }
            | Self::DockerGone { .. }
            | Self::Docker { .. }
            | Self::ImagePull { .. }
            | Self::LoginRefused { .. }
            | Self::Container { .. }
            | Self::NoSwarm { .. }
            | Self::NoQuorum { .. }
            | Self::Service { .. }
            | Self::NoSuchAccount { .. }
            | Self::Command { .. } => Retry::Soon,
            Self::Invalid { .. } | Self::Secret { .. } => Retry::NextRevision,
            Self::InTheWay { .. } | Self::Unsupported { .. } => Retry::Never,
        }
    }

    /// What mends it, in one line.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull => Some("free some space on that filesystem"),
                io::ErrorKind::QuotaExceeded => Some("raise the quota"),
                io::ErrorKind::ReadOnlyFilesystem => {
                    Some("remount the filesystem read-write, or manage another path")
                }
                io::ErrorKind::NotFound => Some("declare the directory that holds it, or name another path"),
                _ => None,
            },
            Self::Immutable { .. } => Some("lift the mark with `chattr -i -a`, or stop managing it"),
            Self::UnsafePath { .. } => {
                Some("name the real path, or make the link and the directory that holds it root's own")
            }
            Self::Changed { .. } => Some("nothing to do: the next pass looks again"),
            Self::InTheWay { .. } => Some("move it away, or declare what it is"),
            Self::NoSuchAccount { .. } => Some("create it, or let `needs` name the package that brings it"),
            Self::Invalid { .. } => Some("correct the file in Git; the old one stays in place"),
            Self::Busy { .. } => Some("nothing to do: the next pass tries again"),
            Self::Killed { .. } => {
                Some("see the kernel's log for a lack of memory; what was left half-done is set right first")
            }
            Self::PackageScript { .. } => {
                Some("see what it waits for, or give it more time: `package_script_limit` in `[apply]`")
            }
            Self::PackageNotFound { .. } => {
                Some("check the name, the version and the host's package sources")
            }
            Self::Repository { why, .. } => Some(match why {
                RepositoryTrouble::Signature => {
                    "if it has changed its key, see that the new one is its own and declare that; if not, somebody else answers"
                }
                RepositoryTrouble::Expired => {
                    "check the host's clock, and whether a mirror has been left behind"
                }
                RepositoryTrouble::Other => "check its address, and whether the host reaches it",
            }),
            Self::ManagerGone { .. } => Some("check that dbus and systemd run"),
            Self::Unit { .. } => Some("see `systemctl status` and `journalctl -u` for the unit"),
            Self::Unhealthy { .. } => Some("see the unit's journal; the probe is asked again at every pass"),
            Self::Secret { source, .. } => Some(source.remedy()),
            Self::DockerGone { .. } => {
                Some("check `systemctl status docker`, or declare the package that brings the engine")
            }
            Self::Docker { .. } => Some("its words are in the agent's journal; the next pass tries again"),
            Self::LoginRefused { .. } | Self::ImagePull { why: PullTrouble::Denied, .. } => {
                Some("declare the login with `[registry]`, or correct its user and its secret")
            }
            Self::ImagePull { why: PullTrouble::DiskFull, .. } => {
                Some("free some space where the Docker engine keeps images, usually /var/lib/docker")
            }
            Self::ImagePull { .. } => Some(
                "check the reference, the registry, and that the host may read it; see the agent's journal",
            ),
            Self::Container { .. } => Some("see `docker logs` and `docker inspect` for the container"),
            Self::NoSwarm { .. } => {
                Some("`docker swarm init` or `docker swarm join`, or do not declare it for this host")
            }
            Self::NoQuorum { .. } => Some("bring the other managers back; see `docker node ls` on each"),
            Self::Service { .. } => Some("see `docker service ps --no-trunc` for the service"),
            Self::Rescue { .. } => Some(
                "see the journal of holdfast-rescue.service, and try /usr/libexec/holdfast/rescue by hand",
            ),
            Self::Command { .. }
            | Self::Package { .. }
            | Self::Packages { .. }
            | Self::Unsupported { .. } => None,
        }
    }

    /// Whether what it is about only has to be waited for: something outside Holdfast must end or come back.
    pub fn is_waiting(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. }
                | Self::ManagerGone { .. }
                | Self::DockerGone { .. }
                | Self::NoSwarm { .. }
                | Self::NoQuorum { .. }
        )
    }

    /// The names of the packages that this error is about, without the versions that were asked for.
    pub fn packages(&self) -> Vec<&str> {
        match self {
            Self::Packages { failed } => failed.keys().map(|package| bare(package)).collect(),
            Self::Package { package, .. }
            | Self::PackageScript { package, .. }
            | Self::PackageNotFound { package } => vec![bare(package)],
            _ => Vec::new(),
        }
    }

    /// The part of this error that is about `package`: its own reason if a transaction has one for each, else all of it.
    pub fn for_package(&self, package: &str) -> &HostError {
        match self {
            Self::Packages { failed } => failed.get(package).unwrap_or(self),
            other => other,
        }
    }
}

/// A package's name without the version that was asked for.
fn bare(package: &str) -> &str {
    package.split_once('=').map_or(package, |(name, _)| name)
}

/// The failed packages' names, for a line that stays short.
fn list(failed: &BTreeMap<String, HostError>) -> String {
    if let (1, Some(only)) = (failed.len(), failed.values().next()) {
        return only.to_string();
    }
    let names: Vec<&str> = failed.keys().map(String::as_str).take(5).collect();
    let more = if failed.len() > names.len() { ", …" } else { "" };
    format!("{} packages failed: {}{more}", failed.len(), names.join(", "))
}
