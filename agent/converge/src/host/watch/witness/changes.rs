//! Who changes what lies in a directory.

use std::{collections::HashMap, os::fd::AsFd, time::Duration};

use tokio::time::Instant;

use super::group::{Group, handle};
use crate::host::watch::{Culprit, Interest};

/// Of a directory itself: the kernel tells these with the name `.`, also where it tells of entries.
const ITSELF: u64 = libc::FAN_ATTRIB | libc::FAN_DELETE_SELF | libc::FAN_MOVE_SELF | libc::FAN_ONDIR;

/// Of its entries too.
const ENTRIES: u64 = ITSELF
    | libc::FAN_CREATE
    | libc::FAN_DELETE
    | libc::FAN_MOVED_FROM
    | libc::FAN_MOVED_TO
    | libc::FAN_CLOSE_WRITE
    | libc::FAN_EVENT_ON_CHILD;

/// For so long a process is remembered: the kernel does not give its number to another one sooner.
const KNOWN: Duration = Duration::from_secs(2);

/// Changes with those who made them.
#[derive(Debug)]
pub(in crate::host::watch) struct Changes {
    group: Group,
    /// The paths of the directories by what the kernel calls them.
    directories: HashMap<Vec<u8>, String>,
    /// Who has changed anything of late, and since when that is known: many end with their last change.
    known: HashMap<u32, (Option<Culprit>, Instant)>,
}

impl Changes {
    pub(super) fn new(group: Group) -> Self {
        Self { group, directories: HashMap::new(), known: HashMap::new() }
    }

    /// Witnesses what happens to this directory from now on, and in it if that is of interest.
    pub(in crate::host::watch) fn mark(&mut self, directory: impl AsFd, path: &str, interest: Interest) {
        let Some(handle) = handle(&directory) else { return };
        let changes = if interest == Interest::Entries { ENTRIES } else { ITSELF };
        if self.group.mark(&directory, changes) {
            self.directories.insert(handle, path.to_owned());
        }
    }

    /// Witnesses it no more.
    pub(in crate::host::watch) fn unmark(&mut self, directory: impl AsFd) {
        if let Some(handle) = handle(&directory) {
            self.directories.remove(&handle);
            self.group.unmark(&directory, ENTRIES);
        }
    }

    /// Who changed what since this was last asked, by path; changes of this very process are left out.
    pub(in crate::host::watch) fn testimony(&mut self) -> HashMap<String, Culprit> {
        let (mut told, now) = (HashMap::new(), Instant::now());
        let Self { group, directories, known } = self;
        known.retain(|_, (_, since)| now.duration_since(*since) < KNOWN);
        group.each(|event| {
            if event.pid == std::process::id() {
                return;
            }
            let Some(directory) = directories.get(&event.directory) else { return };
            let path = match event.name.as_str() {
                "." => directory.clone(),
                name => format!("{directory}/{name}"),
            };
            let (culprit, _) = known.entry(event.pid).or_insert_with(|| (Culprit::of(event.pid), now));
            if let Some(culprit) = culprit {
                told.insert(path, culprit.clone());
            }
        });
        told
    }
}
