//! What can go wrong between Holdfast and a host.

use std::io;

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
    /// The package manager knows no such package or version.
    #[error("no package {package} can be installed from this host's sources")]
    PackageNotFound {
        /// Name, with `=version` if one was asked.
        package: String,
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
            Self::Changed { .. } => "E_CONCURRENT_EDIT",
            Self::InTheWay { .. } => "E_IN_THE_WAY",
            Self::NoSuchAccount { .. } => "E_NO_ACCOUNT",
            Self::Invalid { .. } => "E_VALIDATE",
            Self::Command { .. } => "E_COMMAND",
            Self::Busy { .. } => "E_BUSY",
            Self::Package { .. } => "E_PACKAGE",
            Self::PackageNotFound { .. } => "E_PACKAGE_NOT_FOUND",
            Self::ManagerGone { .. } => "E_SYSTEMD_GONE",
            Self::Unit { .. } => "E_UNIT",
            Self::Unhealthy { .. } => "E_UNHEALTHY",
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
            | Self::PackageNotFound { .. }
            | Self::Unit { .. }
            | Self::Unhealthy { .. }
            | Self::NoSuchAccount { .. }
            | Self::Command { .. } => Retry::Soon,
            Self::Invalid { .. } => Retry::NextRevision,
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
                _ => None,
            },
            Self::Changed { .. } => Some("nothing to do: the next pass looks again"),
            Self::InTheWay { .. } => Some("move it away, or declare what it is"),
            Self::NoSuchAccount { .. } => Some("create it, or let `needs` name the package that brings it"),
            Self::Invalid { .. } => Some("correct the file in Git; the old one stays in place"),
            Self::Busy { .. } => Some("nothing to do: the next pass tries again"),
            Self::PackageNotFound { .. } => {
                Some("check the name, the version and the host's package sources")
            }
            Self::ManagerGone { .. } => Some("check that dbus and systemd run"),
            Self::Unit { .. } => Some("see `systemctl status` and `journalctl -u` for the unit"),
            Self::Unhealthy { .. } => Some("see the unit's journal; the probe is asked again at every pass"),
            Self::Command { .. } | Self::Package { .. } | Self::Unsupported { .. } => None,
        }
    }
}
