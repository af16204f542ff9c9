//! The package managers that hosts of tests have, so that a timeline is written once for all of them.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{AptRepository, Host, Package, RpmRepository, deb, rpm_repository::RELEASE};

/// Where an .rpm lies on a host that it is installed on.
const RPM: &str = "/var/tmp/package.rpm";

/// What manages a host's packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// apt and dpkg.
    Apt,
    /// dnf and rpm.
    Dnf,
    /// zypper and rpm.
    Zypper,
}

impl Manager {
    /// Boots a host that it manages, with a repository of these packages. The host's name tells it too.
    pub fn boot(self, hostname: &str, packages: &[Package]) -> Result<Host> {
        let suffix = match self {
            Self::Apt => "apt",
            Self::Dnf => "dnf",
            Self::Zypper => "zypper",
        };
        let host = Host::boot_managed_by(self, &format!("{hostname}-{suffix}"))?;
        self.serve(&host, packages)?;
        Ok(host)
    }

    /// Makes these packages the only ones that a host can be given.
    pub fn serve(self, host: &Host, packages: &[Package]) -> Result<()> {
        match self {
            Self::Apt => AptRepository::of(packages)?.serve_to(host),
            Self::Dnf | Self::Zypper => RpmRepository::of(packages)?.serve_to(host),
        }
    }

    /// The same with packages that were built elsewhere.
    pub fn serve_built(self, host: &Host, packages: &[&Path]) -> Result<()> {
        match self {
            Self::Apt => {
                let repository = AptRepository::of(&[])?;
                packages.iter().try_for_each(|package| repository.add(package))?;
                repository.serve_to(host)
            }
            Self::Dnf | Self::Zypper => {
                let repository = RpmRepository::of(&[])?;
                packages.iter().try_for_each(|package| repository.add(package))?;
                repository.serve_to(host)
            }
        }
    }

    /// The version of a package made for a test, as this package manager tells it.
    pub fn version(self, version: &str) -> String {
        match self {
            Self::Apt => version.to_owned(),
            Self::Dnf | Self::Zypper => format!("{version}-{RELEASE}"),
        }
    }

    /// The command by which an administrator installs packages.
    pub fn install<'a>(self, packages: &[&'a str]) -> Vec<&'a str> {
        let command: &[&str] = match self {
            Self::Apt => &["apt-get", "--yes", "install"],
            Self::Dnf => &["dnf", "--assumeyes", "install"],
            Self::Zypper => &["zypper", "--non-interactive", "install"],
        };
        command.iter().copied().chain(packages.iter().copied()).collect()
    }

    /// The same that removes them.
    pub fn remove<'a>(self, packages: &[&'a str]) -> Vec<&'a str> {
        let command: &[&str] = match self {
            Self::Apt => &["apt-get", "--yes", "remove"],
            Self::Dnf => &["dnf", "--assumeyes", "remove"],
            Self::Zypper => &["zypper", "--non-interactive", "remove"],
        };
        command.iter().copied().chain(packages.iter().copied()).collect()
    }

    /// How many transactions the package manager itself has written down.
    pub fn transactions(self, host: &Host) -> Result<usize> {
        Ok(match self {
            Self::Apt => host.read_file("/var/log/apt/history.log")?.matches("Commandline:").count(),
            Self::Dnf => {
                let history = host.run(&["dnf", "--quiet", "history", "list"])?;
                let is_row = |line: &&str| line.trim_start().starts_with(|c: char| c.is_ascii_digit());
                history.lines().filter(is_row).count()
            }
            Self::Zypper => host.read_file("/var/log/zypp/history")?.matches("|command|").count(),
        })
    }

    /// What a package's own configuration file is called where the changed one stayed, and a changed one that was replaced.
    pub fn beside(self) -> [&'static str; 2] {
        match self {
            Self::Apt => ["dpkg-dist", "dpkg-old"],
            Self::Dnf | Self::Zypper => ["rpmnew", "rpmsave"],
        }
    }

    /// What is in the middle of something: nothing, on a host that is in order.
    pub fn half_done(self, host: &Host) -> Result<String> {
        match self {
            Self::Apt => host.run(&["dpkg", "--audit"]),
            Self::Dnf | Self::Zypper => {
                let names = host.run(&["rpm", "--query", "--all", "--queryformat", "%{NAME}.%{ARCH}\\n"])?;
                let mut names: Vec<&str> =
                    names.lines().filter(|name| !name.starts_with("gpg-pubkey")).collect();
                names.sort_unstable();
                let twice = names.windows(2).filter_map(|pair| match pair {
                    [one, other] if one == other => Some(*one),
                    _ => None,
                });
                Ok(twice.collect::<Vec<_>>().join(" "))
            }
        }
    }

    /// Holdfast's own package.
    pub fn holdfast(self) -> Result<PathBuf> {
        if self == Self::Apt { deb::path() } else { deb::rpm_path() }
    }

    /// The same under another version, to upgrade to, with one program of `/usr/libexec/holdfast` as told: its name and what it is.
    pub fn holdfast_with(
        self,
        version: &str,
        program: Option<(&str, &str)>,
    ) -> Result<(tempfile::TempDir, PathBuf)> {
        let (folder, deb) = deb::made_anew(version, program)?;
        let package = if self == Self::Apt { deb } else { deb::to_rpm(folder.path())? };
        Ok((folder, package))
    }

    /// Installs Holdfast's own package.
    pub fn install_holdfast(self, host: &Host) -> Result<String> {
        self.install_built(host, &self.holdfast()?)
    }

    /// Installs a package of the test machine, which also checks what it depends on.
    pub fn install_built(self, host: &Host, package: &Path) -> Result<String> {
        if self == Self::Apt {
            return host.install_deb(package);
        }
        host.copy(package, RPM)?;
        host.run(&self.install_file(RPM))
    }

    /// The command that installs a package file that is on the host.
    pub fn install_file(self, path: &str) -> Vec<&str> {
        let command: &[&str] = match self {
            Self::Apt => &["apt-get", "--yes", "--quiet", "-o", "Dpkg::Use-Pty=0", "install"],
            Self::Dnf => &["dnf", "--assumeyes", "install"],
            Self::Zypper => {
                &["zypper", "--non-interactive", "--no-gpg-checks", "install", "--allow-unsigned-rpm"]
            }
        };
        command.iter().copied().chain([path]).collect()
    }
}
