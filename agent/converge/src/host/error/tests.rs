use std::{collections::BTreeMap, io, time::Duration};

use super::{CODES, HostError, RepositoryTrouble};

fn io_error(kind: io::ErrorKind) -> HostError {
    HostError::Io { tried: "write /etc/motd".into(), source: kind.into() }
}

fn package(package: &str, reason: &str) -> HostError {
    HostError::Package { package: package.into(), reason: reason.into() }
}

fn repository(why: RepositoryTrouble) -> HostError {
    HostError::Repository { repository: "shop".into(), why, reason: String::new() }
}

#[test]
fn every_code_is_explained() {
    let text = String::new;
    let errors = [
        io_error(io::ErrorKind::NotFound),
        io_error(io::ErrorKind::StorageFull),
        io_error(io::ErrorKind::ReadOnlyFilesystem),
        HostError::Immutable { path: text(), mark: "immutable" },
        HostError::UnsafePath { path: text(), link: text() },
        HostError::Changed { what: text() },
        HostError::InTheWay { path: text(), found: "a socket" },
        HostError::NoSuchAccount { what: "user", name: text() },
        HostError::Invalid { path: text(), command: text(), reason: text() },
        HostError::Command { command: text(), reason: text() },
        HostError::Busy { what: text() },
        package("a", "b"),
        HostError::Packages { failed: BTreeMap::new() },
        HostError::PackageScript { package: text(), script: text(), limit: Duration::ZERO },
        HostError::Killed { program: "apt-get", signal: text() },
        HostError::PackageNotFound { package: text() },
        repository(RepositoryTrouble::Signature),
        repository(RepositoryTrouble::Expired),
        repository(RepositoryTrouble::Other),
        HostError::ManagerGone { source: "gone".into() },
        HostError::Unit { unit: text(), reason: text() },
        HostError::Unhealthy { unit: text(), reason: text() },
        HostError::Secret { what: text(), source: super::SecretError::NoKey },
        HostError::DockerGone { socket: text(), source: io::ErrorKind::NotFound.into() },
        HostError::Docker { tried: text(), reason: text() },
        HostError::ImagePull { image: text(), why: super::PullTrouble::Other, reason: text() },
        HostError::LoginRefused { server: text(), user: text() },
        HostError::Container { container: text(), reason: text() },
        HostError::NoSwarm { reason: text() },
        HostError::NoQuorum { reason: text() },
        HostError::Service { service: text(), what: text(), said: text() },
        HostError::Rescue { verb: text(), reason: text() },
        HostError::Unsupported { what: text() },
    ];
    let explained: Vec<&str> = CODES.iter().map(|(code, ..)| *code).collect();
    for error in &errors {
        assert!(explained.contains(&error.code()), "{} is not explained", error.code());
    }
    for code in explained {
        assert!(errors.iter().any(|error| error.code() == code), "no error has {code}");
    }
}

#[test]
fn a_transaction_knows_each_packages_own_reason() {
    let failed = BTreeMap::from([
        ("nginx".to_owned(), package("nginx", "post-installation script failed")),
        ("nope".to_owned(), HostError::PackageNotFound { package: "nope".into() }),
    ]);
    let error = HostError::Packages { failed };
    assert_eq!(error.to_string(), "2 packages failed: nginx, nope");
    assert_eq!(error.for_package("nope").code(), "E_PACKAGE_NOT_FOUND");
    assert_eq!(error.for_package("other").code(), "E_PACKAGE");
}
