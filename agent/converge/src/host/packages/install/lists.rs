//! The package lists: when they are refreshed, and what became of it.
#![expect(clippy::disallowed_methods, reason = "part of the room that owns package transactions")]

use std::{
    fs::{self, File},
    path::PathBuf,
    time::Duration,
};

use super::{Installer, Session, busy};
use crate::host::{HostError, clock, packages::complaint::Complaint};

/// The package lists are not refreshed more often than this because something is missing.
const REFRESH_AGAIN: Duration = Duration::from_mins(10);

/// Whether the package lists were refreshed for this transaction.
#[derive(Debug)]
pub(super) enum Refreshed {
    No,
    Whole,
    /// Not all of them: why.
    Partly(String),
}

impl Refreshed {
    pub(super) fn why_not(&self) -> Option<&str> {
        if let Self::Partly(why) = self { Some(why) } else { None }
    }
}

impl Installer {
    /// Whether it is time to refresh the package lists again.
    pub(super) fn may_refresh(&self) -> bool {
        let last = fs::metadata(self.refreshed()).and_then(|metadata| metadata.modified());
        // A time in the future is from before the clock was set right.
        !last.is_ok_and(|last| clock::now().duration_since(last).is_ok_and(|since| since < REFRESH_AGAIN))
    }

    /// The file whose age tells when the package lists were last refreshed.
    fn refreshed(&self) -> PathBuf {
        self.state.join("packages.refreshed")
    }

    /// Refreshes the package lists. If that does not go well, older lists are used.
    pub(super) async fn refresh(&self, session: &Session) -> Result<Refreshed, HostError> {
        if let Err(error) = File::create(self.refreshed()) {
            return Err(HostError::Io {
                tried: format!("make {}", self.refreshed().display()),
                source: error,
            });
        }
        let manager = &*session.manager;
        let (Ok(said) | Err(said)) = self.unit(session, &manager.refresh()).await?;
        let found = manager.complaints(&said);
        busy(manager, &found, &said)?;
        let why = found.into_iter().find_map(|complaint| match complaint {
            Complaint::NotRefreshed(why) | Complaint::Other(why) => Some(why),
            _ => None,
        });
        Ok(why.map_or(Refreshed::Whole, Refreshed::Partly))
    }
}
