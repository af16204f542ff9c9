//! The package managers that hosts of tests have, so that a timeline is written once for all of them.

use std::path::Path;

use anyhow::Result;

use crate::{AptRepository, Host, Package, RpmRepository, deb, rpm_repository::RELEASE};

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

    /// Installs Holdfast's own package.
    pub fn install_holdfast(self, host: &Host) -> Result<String> {
        match self {
            Self::Apt => host.install_deb(&deb::path()?),
            Self::Dnf | Self::Zypper => self.install_rpm(host, &deb::rpm_path()?),
        }
    }

    /// Installs an .rpm of the test machine, which also checks what it depends on.
    pub fn install_rpm(self, host: &Host, rpm: &Path) -> Result<String> {
        let on_host = "/var/tmp/package.rpm";
        host.copy(rpm, on_host)?;
        match self {
            Self::Zypper => host.run(&[
                "zypper",
                "--non-interactive",
                "--no-gpg-checks",
                "install",
                "--allow-unsigned-rpm",
                on_host,
            ]),
            Self::Apt | Self::Dnf => host.run(&["dnf", "--assumeyes", "install", on_host]),
        }
    }
}
