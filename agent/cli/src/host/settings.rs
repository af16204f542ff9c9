//! What this host was enrolled with.

use std::{path::Path, time::Duration};

use holdfast_agent::{
    memory::Memory,
    remote::FetcherSocket,
    settings::{Paths, Settings, SettingsError},
    store::{Store, StoreError},
};

use holdfast_trust::Limits;

use crate::failure::{Code, Failure};

/// Where the files of the host whose `/` is at `root` are.
pub(crate) fn paths(root: &Path) -> Paths {
    Paths {
        config: root.join("etc/holdfast"),
        state: root.join("var/lib/holdfast"),
        run: root.join("run/holdfast"),
    }
}

/// Whether `root` is this machine's `/`: then there is a service manager, and a fetcher behind a socket.
pub(crate) fn is_installed(root: &Path) -> bool {
    root == Path::new("/")
}

/// The fetcher of this host.
pub(crate) fn fetcher(paths: &Paths, settings: &Settings) -> FetcherSocket {
    FetcherSocket {
        path: paths.fetch_socket(),
        // The fetcher gives up by itself before this; the rest is for one that hangs.
        patience: Duration::from_secs(u64::from(settings.fleet.total_seconds) + 30),
        limit: Limits::default().total_bytes,
    }
}

/// The settings, for commands that make no sense without.
pub(crate) fn load(paths: &Paths) -> Result<Settings, Failure> {
    Settings::load(paths).map_err(|why| unusable(&why))
}

/// Why they cannot be used.
pub(crate) fn unusable(why: &SettingsError) -> Failure {
    let denied = matches!(why, SettingsError::Read { source, .. }
        if source.kind() == std::io::ErrorKind::PermissionDenied);
    if denied {
        return Failure::new(Code::NotRoot, "only root may read this host's settings");
    }
    Failure::coded(why.code(), holdfast_agent::revision::one_line(why), Some(why.remedy()))
}

/// What the agent remembers; `None` if it never ran here.
pub(crate) fn memory(paths: &Paths) -> Result<Option<Memory>, Failure> {
    match paths.state.try_exists() {
        Ok(true) => Store::open(&paths.state).and_then(Memory::recall).map(Some).map_err(|why| lost(&why)),
        Ok(false) => Ok(None),
        Err(why) => Err(Failure::read(&paths.state, why)),
    }
}

/// Why its memory cannot be read.
pub(crate) fn lost(why: &StoreError) -> Failure {
    match why {
        StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            Failure::new(Code::NotRoot, "only root may read what the agent remembers")
        }
        _ => Failure::coded(why.code(), holdfast_agent::revision::one_line(why), None),
    }
}
