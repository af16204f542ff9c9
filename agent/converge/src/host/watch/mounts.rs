//! Mounts: the kernel tells when the list of them changes, see `proc_pid_mountinfo(5)`.
#![expect(clippy::disallowed_methods, reason = "part of the room that listens to the host")]

use std::{collections::BTreeSet, fs::File, io, os::fd::OwnedFd};

use holdfast_schema::AbsolutePath;
use tokio::io::{Interest, unix::AsyncFd};

use super::registered;
use crate::host::files::mount_points;

#[derive(Debug)]
pub(super) struct Mounts {
    list: AsyncFd<OwnedFd>,
    known: BTreeSet<AbsolutePath>,
}

impl Mounts {
    pub(super) fn new() -> io::Result<Self> {
        let list = File::open("/proc/self/mountinfo")?;
        let list = registered::register(list.into(), Interest::PRIORITY)?;
        Ok(Self { list, known: points()? })
    }

    /// Waits until something is mounted or unmounted: where. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> BTreeSet<AbsolutePath> {
        loop {
            match self.list.ready(Interest::PRIORITY).await {
                Ok(mut ready) => ready.clear_ready(),
                Err(error) => {
                    tracing::error!("mounts are not seen any more: {error}");
                    std::future::pending::<()>().await;
                }
            }
            let now = points().unwrap_or_default();
            let changed: BTreeSet<AbsolutePath> = self.known.symmetric_difference(&now).cloned().collect();
            self.known = now;
            if !changed.is_empty() {
                return changed;
            }
        }
    }
}

/// The mount points whose names are text.
fn points() -> io::Result<BTreeSet<AbsolutePath>> {
    Ok(mount_points()?.iter().filter_map(|point| point.to_str()?.parse().ok()).collect())
}
